"""Stacked cross attention: loops, PyTorch's own, gradients, masks, traps."""

import math
import pathlib

import numpy as np
import pytest

from mmscratch import ops
from mmscratch.gradcheck import gradcheck
from mmscratch.models import scan
from mmscratch.models.scan import SCAN, cross_attention, pool
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

FILE = pathlib.Path(__file__).parents[1] / "goldens" / "scan.npz"
GOLDEN = dict(np.load(FILE, allow_pickle=False))
VARIANTS = sorted({name.split("/")[0] for name in GOLDEN if name.endswith("/scores")})


def unit(*shape, seed=0):
    x = np.random.default_rng(seed).normal(size=shape)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def one_pair(q, k, smooth=9.0, slope=0.1):
    """Relevance (N,) and α (N, M) of one pair of sets, entry by entry, from the paper's formulas."""
    n, m = len(q), len(k)
    s = [[sum(a * b for a, b in zip(q[j], k[i], strict=True)) for i in range(m)] for j in range(n)]
    f = [[x if x > 0 else slope * x for x in row] for row in s]
    norm = [math.sqrt(sum(f[j][i] ** 2 for j in range(n))) for i in range(m)]
    r, alpha = [], []
    for j in range(n):
        e = [math.exp(smooth * f[j][i] / norm[i]) for i in range(m)]
        alpha.append([x / sum(e) for x in e])
        a = [sum(alpha[j][i] * k[i][d] for i in range(m)) for d in range(len(q[j]))]
        dot = sum(x * y for x, y in zip(q[j], a, strict=True))
        r.append(dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(x * x for x in q[j])))
    return r, alpha


def check_loops():
    """Sets of different sizes: what is masked holds numbers that must not matter."""
    q, k = unit(3, 5, 6), unit(4, 7, 6, seed=1)
    q_sizes, k_sizes = [5, 2, 3], [7, 1, 4, 6]
    masks = [Tensor(np.arange(n) < np.array(sizes)[:, None]) for n, sizes in ((5, q_sizes), (7, k_sizes))]
    r, w = (x.detach().numpy() for x in cross_attention(Tensor(q), Tensor(k), *masks))
    for i, m in enumerate(k_sizes):
        for j, n in enumerate(q_sizes):
            wanted, alpha = one_pair(q[j][:n].tolist(), k[i][:m].tolist())
            np.testing.assert_allclose(r[i, j, :n], wanted, rtol=1e-10)
            found = w[i, j, :n] / w[i, j, :n].sum(1, keepdims=True)
            np.testing.assert_allclose(found[:, :m], alpha, rtol=1e-10)
            assert (found[:, m:] == 0).all()


def test_all_pairs_at_once_are_each_pair_alone():
    check_loops()


REAL = scan.ops
FAULTS = {
    "normalised over what is asked": (
        "normalize",
        lambda x, **o: REAL.normalize(x, axis=-2 if x.ndim == 4 else -1, **o),
    ),
    "not normalised": ("normalize", lambda x, **o: x),
    "no leak": ("leaky_relu", lambda x, **o: REAL.relu(x)),
    "no rectifier": ("leaky_relu", lambda x, **o: x),
    "smooth twice": ("exp", lambda x: REAL.exp(x * 2)),
    "a_j's length forgotten": ("rsqrt", lambda x: x * 0 + 1),
    "squared length": ("rsqrt", lambda x: 1 / x),
    "masks forgotten": ("where", lambda m, a, b: a),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    class Faulty:
        def __getattr__(self, name):
            return FAULTS[fault][1] if name == FAULTS[fault][0] else getattr(REAL, name)

    monkeypatch.setattr(scan, "ops", Faulty())
    with pytest.raises(AssertionError):
        check_loops()


def golden_model(name):
    direction, pooling, rectifier = name.split("-")
    smooth, sharpness = {"text-mean-relu": (4.0, 6.0), "image-mean-relu": (9.0, 5.0)}.get(name, (None, None))
    model = SCAN(9, 6, 7, 4, direction, pooling, rectifier, smooth, sharpness)
    for parameter, value in model.named_parameters():
        value.data = GOLDEN[f"weights/{parameter}"]
    return model


@pytest.mark.parametrize("name", VARIANTS)
def test_equal_to_a_twin_in_pytorch(name):
    model = golden_model(name)
    regions = Tensor(GOLDEN["regions"], requires_grad=True)
    scores = model(regions, Tensor(GOLDEN["tokens"]), GOLDEN["lengths"])
    np.testing.assert_allclose(scores.detach().numpy(), GOLDEN[f"{name}/scores"], rtol=1e-9)
    ops.sum(scores * Tensor(np.cos(np.arange(scores.size, dtype=float)).reshape(scores.shape))).backward()
    np.testing.assert_allclose(regions.grad, GOLDEN[f"{name}/grad/regions"], rtol=1e-7, atol=1e-10)
    for parameter, value in model.named_parameters():
        np.testing.assert_allclose(value.grad, GOLDEN[f"{name}/grad/{parameter}"], rtol=1e-7, atol=1e-10)


def test_four_variants_are_frozen():
    assert len(VARIANTS) == 4


@pytest.mark.parametrize("direction", ["text", "image", "both"])
@pytest.mark.parametrize("pooling", ["lse", "lse-mean", "mean"])
def test_gradients(direction, pooling):
    model = SCAN(5, 3, 4, 3, direction, pooling, generator=Generator(1))
    tokens, lengths = np.array([[1, 2, 3], [4, 1, 0]]), np.array([3, 2])
    mask = np.array([[True, True, True], [True, False, True]])
    v = unit(2, 3, 4, seed=3) * 1.5

    def scores(v, e):
        pictures, captions = (ops.normalize(v), Tensor(mask)), (ops.normalize(e), words)
        return model.score(pictures, captions)

    e, words = model.encode_words(Tensor(tokens), lengths)
    assert gradcheck(scores, v, unit(2, 3, 4, seed=5))
    np.testing.assert_allclose(np.linalg.norm(e.detach().numpy(), axis=2), words.detach().numpy(), atol=1e-6)


def test_padding_never_matters():
    """Longer padding, missing regions that hold NaN, other captions in the batch: the same scores."""
    r = np.random.default_rng(0)
    regions = r.normal(size=(3, 4, 6)).astype(np.float32)
    tokens = r.integers(1, 9, (2, 5))
    for direction in ("text", "image", "both"):
        model = SCAN(9, 6, 8, 4, direction, generator=Generator(0))
        plain = (
            model(Tensor(regions[:, :3].copy()), Tensor(tokens[:, :4].copy()), np.array([4, 2]))
            .detach()
            .numpy()
        )
        padded = regions.copy()
        padded[:, 3] = np.nan
        mask = np.tile([True, True, True, False], (3, 1))
        longer = model(Tensor(padded), Tensor(tokens), np.array([4, 2]), mask).detach().numpy()
        np.testing.assert_allclose(longer, plain, rtol=2e-5)
        alone = (
            model(Tensor(regions[1:2, :3].copy()), Tensor(tokens[1:, :2].copy()), np.array([2]))
            .detach()
            .numpy()
        )
        np.testing.assert_allclose(alone, plain[1:2, 1:], rtol=2e-5)
        order = [2, 0, 1]
        moved = model(Tensor(regions[order][:, [1, 2, 0]]), Tensor(tokens[:, :4].copy()), np.array([4, 2]))
        np.testing.assert_allclose(moved.detach().numpy(), plain[order], rtol=2e-5)


def test_lse_is_of_a_sum_so_longer_captions_win():
    """Equal relevance, different length: the trap of the paper's LSE, and the two poolings without it."""
    mask = Tensor(np.arange(12) < np.array([[3], [12]]))
    r = Tensor(np.full((1, 2, 12), 0.4))
    score = {p: pool(r, mask, p, 6.0).detach().numpy()[0] for p in scan.POOLINGS}
    np.testing.assert_allclose(score["lse"], 0.4 + np.log([3, 12]) / 6)
    np.testing.assert_allclose(score["lse-mean"], 0.4)
    np.testing.assert_allclose(score["mean"], 0.4)
    worse = Tensor(np.stack([np.full(12, 0.4), np.full(12, 0.2)])[None])
    assert np.diff(pool(worse, mask, "lse", 6.0).detach().numpy()[0]) > 0, "longer, and met half as well"
    assert np.diff(pool(worse, mask, "lse-mean", 6.0).detach().numpy()[0]) < 0


def test_pooling_lies_between_mean_and_largest():
    r = unit(2, 3, 5)
    for sharpness in (0.01, 6.0, 400.0):
        found = pool(Tensor(r), None, "lse-mean", sharpness).detach().numpy()
        assert (found >= r.mean(2) - 1e-9).all() and (found <= r.max(2) + 1e-9).all()
    np.testing.assert_allclose(pool(Tensor(r), None, "lse-mean", 1e-6).detach().numpy(), r.mean(2), atol=1e-5)
    np.testing.assert_allclose(pool(Tensor(r), None, "lse", 1e4).detach().numpy(), r.max(2), atol=1e-3)


def test_a_word_that_has_its_region_looks_there_and_finds_it():
    v = np.eye(4)[None]
    r, w = cross_attention(Tensor(v[:, [2, 0]]), Tensor(v), smooth=20.0)
    assert w.detach().numpy()[0, 0].argmax(1).tolist() == [2, 0] and (r.detach().numpy() > 0.99).all()


def test_a_region_that_no_word_likes_gives_no_slope_under_the_papers_rectifier():
    """[x]₊ where every cosine is negative: all s̄ are 0, attention is uniform, gradients stay finite."""
    q, k = np.abs(unit(1, 3, 4)), -np.abs(unit(1, 3, 4, seed=1))
    for rectifier in scan.RECTIFIERS:
        a, b = (Tensor(x, requires_grad=True) for x in (q, k))
        r, w = cross_attention(a, b, rectifier=rectifier)
        ops.sum(r).backward()
        assert np.isfinite(a.grad).all() and np.isfinite(b.grad).all()
        assert (w.detach().numpy() == 1).all() == (rectifier == "relu")


def test_attention_is_that_of_the_own_pair():
    r = np.random.default_rng(0)
    model = SCAN(9, 6, 8, 4, generator=Generator(0))
    pictures = model.encode_regions(Tensor(r.normal(size=(3, 4, 6)).astype(np.float32)))
    captions = model.encode_words(Tensor(r.integers(1, 9, (3, 5))), np.array([5, 2, 3]))
    alpha = model.attention(pictures, captions).detach().numpy()
    assert alpha.shape == (3, 5, 4)
    _, w = cross_attention(captions[0], pictures[0], captions[1])
    own = w.detach().numpy()[np.arange(3), np.arange(3)]
    for i, n in enumerate((5, 2, 3)):
        np.testing.assert_allclose(alpha[i, :n], (own / own.sum(2, keepdims=True))[i, :n], rtol=1e-5)


@pytest.mark.parametrize(
    "options, match",
    [
        ({"direction": "sound"}, "direction: expected text or image or both, got 'sound'"),
        ({"pooling": "max"}, "pooling: expected lse or lse-mean or mean, got 'max'"),
        ({"rectifier": "gelu"}, "rectifier: expected leaky or relu, got 'gelu'"),
        ({"smooth": 0.0}, "smooth: expected more than 0, got 0.0"),
        ({"sharpness": -1.0}, "sharpness: expected more than 0, got -1.0"),
    ],
)
def test_bad_options_are_named(options, match):
    with pytest.raises(ValueError, match=match):
        SCAN(9, 6, **options)


def test_bad_shapes_are_named():
    model = SCAN(9, 6, 8, 4, generator=Generator(0))
    good = Tensor(np.zeros((2, 3, 6), np.float32)), Tensor(np.ones((2, 4), np.int64)), np.array([4, 4])
    for i, wrong, match in (
        (0, Tensor(np.zeros((2, 3, 5), np.float32)), r"regions: expected \(P, R, 6\), got \(2, 3, 5\)"),
        (1, Tensor(np.ones(4, np.int64)), r"tokens: expected \(C, T\), got \(4,\)"),
        (2, np.array([4, 5]), "lengths must lie in 1 … 4, got 4 … 5"),
    ):
        with pytest.raises(ValueError, match=match):
            model(*(wrong if j == i else x for j, x in enumerate(good)))
    with pytest.raises(ValueError, match="mask leaves picture 1 without a region"):
        model(*good, np.array([[True] * 3, [False] * 3]))
    with pytest.raises(ValueError, match="0 < smooth ≤ 40"):
        cross_attention(good[0], good[0], smooth=41)
    with pytest.raises(ValueError, match=r"expected sets \(Q, N, D\) and \(K, M, D\)"):
        cross_attention(good[0], Tensor(np.zeros((2, 3, 5), np.float32)))


def test_scaled_regions_do_not_feel_the_size_of_features():
    """Other units for every feature: after ``scale_by`` the same scores; without ``scaled`` others."""
    r = np.random.default_rng(0)
    plain = r.normal(size=(6, 4, 6))
    other = plain * np.array([1, 100, 0.01, 5, 1, 1]) + np.arange(6)
    tokens, lengths = Tensor(r.integers(1, 9, (3, 4))), np.array([4, 2, 3])
    for scaled in (True, False):
        scores = []
        for regions in (plain, other):
            model = SCAN(9, 6, 8, 4, scaled=scaled, generator=Generator(0))
            model.scale_by(regions)
            scores.append(model(Tensor(regions.astype(np.float32)), tokens, lengths).detach().numpy())
        assert np.allclose(*scores, rtol=1e-3, atol=1e-4) == scaled
