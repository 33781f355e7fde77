"""The generator: published words, distributions, and the promise that a run can be resumed."""

import numpy as np
import pytest
from scipy import stats

from mmscratch import kernels, random
from mmscratch.random import Generator

# Philox4x32-10 of the zero counter under the zero key, from the known-answer file of Random123.
PUBLISHED = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


@pytest.fixture(params=["reference", "cpu"])
def floor(request):
    with kernels.use(request.param):
        yield request.param


def test_published_words(floor):
    assert Generator(0).bits(4).tolist() == PUBLISHED


def test_the_floors_draw_the_same():
    def draw():
        g = Generator(2**40 + 17)
        wide = g.uniform(2, dtype="float64")
        return wide, g.uniform((5, 3)), g.normal(7), g.integers(0, 10, 9), g.permutation(11)

    with kernels.use("reference"):
        expected = draw()
    with kernels.use("cpu"):
        for a, b in zip(expected, draw(), strict=True):
            assert a.dtype == b.dtype and (a == b).all()


def test_pieces_make_the_whole(floor):
    whole, parts = Generator(3).bits(23), Generator(3)
    assert (np.concatenate([parts.bits(n) for n in (0, 1, 5, 6, 11)]) == whole).all()


def test_seeds_differ_also_in_their_upper_half():
    streams = [Generator(seed).bits(8).tolist() for seed in (0, 1, 2**32, 2**64 - 1)]
    assert len({tuple(s) for s in streams}) == 4


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_uniform_is_even_and_stays_inside(dtype):
    u = Generator(1).uniform(40_000, dtype=dtype)
    assert u.dtype == dtype and u.min() >= 0 and u.max() < 1
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    v = Generator(1).uniform((7, 3), low=1.0, high=1.0 + 2.0**-22, dtype=dtype)
    assert v.shape == (7, 3) and (v >= 1).all() and (v < 1.0 + 2.0**-22).all()


def test_normal_is_normal():
    z = Generator(2).normal(40_001, dtype="float64")
    assert stats.kstest(z, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(z[:-1:2], z[1::2])[0, 1]) < 0.03
    w = Generator(2).normal((3, 5), mean=4.0, std=0.5)
    assert w.dtype == np.float32
    np.testing.assert_allclose(w, (4 + 0.5 * z[:15]).reshape(3, 5), rtol=1e-6)
    assert np.isfinite(Generator(2).normal(100_000)).all()


def test_integers_are_even_and_reach_both_ends():
    n = Generator(4).integers(-2, 3, 50_000)
    assert n.dtype == np.int64
    assert stats.chisquare(np.bincount(n + 2, minlength=5)).pvalue > 1e-3
    wide = Generator(4).integers(0, 2**32, 4000)
    assert wide.min() < 2**24 and wide.max() > 2**32 - 2**24
    with pytest.raises(ValueError, match="high"):
        Generator(4).integers(3, 3)


def test_every_order_is_equally_likely():
    g = Generator(5)
    counts = {}
    for _ in range(2400):
        order = tuple(g.permutation(4).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 24 and stats.chisquare(list(counts.values())).pvalue > 1e-3
    assert Generator(5).permutation(0).shape == (0,)


def test_state_is_resumed():
    g = Generator(6)
    g.normal(5)
    state = g.state_dict()
    expected = g.uniform(10)
    h = Generator()
    h.load_state_dict(state)
    assert (h.uniform(10) == expected).all() and h.state_dict() == g.state_dict()
    with pytest.raises(ValueError, match="offset"):
        h.load_state_dict({"seed": 3})


def test_take_sets_words_aside():
    g = Generator(7)
    assert g.take(3) == 0 and g.take(0) == 3 and g.bits(2).tolist() == Generator(7).bits(5)[3:].tolist()


def test_manual_seed_begins_again():
    random.manual_seed(8)
    first = random.default_generator.normal(3)
    assert random.manual_seed(8) is random.default_generator
    assert (random.default_generator.normal(3) == first).all()


@pytest.mark.parametrize(
    "call, error, name",
    [
        (lambda: Generator(-1), ValueError, "seed"),
        (lambda: Generator(1.5), TypeError, "seed"),
        (lambda: Generator(0).uniform((2, -1)), ValueError, "shape"),
        (lambda: Generator(0).uniform(2, low=1, high=1), ValueError, "low"),
        (lambda: Generator(0).normal(2, dtype="int64"), TypeError, "dtype"),
        (lambda: Generator(0).normal(2, std=-1), ValueError, "std"),
        (lambda: Generator(0).permutation(-1), ValueError, "n"),
    ],
)
def test_errors_name_the_argument(call, error, name):
    with pytest.raises(error, match=name):
        call()
