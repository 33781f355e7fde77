"""Philox: the published known answers, the stream's arithmetic, uniformity; dropout on top of it."""

import numpy as np
import pytest
from judge import agree, draw
from scipy import stats

from mmscratch import kernels
from mmscratch.kernels import scalar

reference = kernels.floor("reference")
KNOWN = {  # counter, key → words: the three vectors published with the generator (Random123)
    "zeros": ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    "ones": ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    "digits of pi": (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
}


@pytest.mark.parametrize("counter, key, words", KNOWN.values(), ids=KNOWN)
def test_published_vectors(counter, key, words):
    import importlib

    philox = importlib.import_module("mmscratch.kernels.reference.random")._philox
    got = philox([np.array([c], np.uint64) for c in counter], key)
    assert [int(w[0]) for w in got] == [int(w, 16) for w in words.split()]


def test_first_block_of_the_stream(served):
    words = served.random_bits(4, 0, 0)
    assert words.dtype == np.uint32
    assert [f"{w:08x}" for w in words] == KNOWN["zeros"][2].split()


def test_the_shared_block_is_the_reference_one():
    rng = np.random.default_rng(0)
    for _ in range(20):
        seed, block = (int(v) for v in rng.integers(0, 2**63, 2))
        halves = [np.uint64(v) for n in (block, seed) for v in (n & 0xFFFFFFFF, n >> 32)]
        assert [int(w) for w in scalar.philox(*halves)] == reference.random_bits(4, seed, 4 * block).tolist()


@pytest.mark.parametrize("seed", [0, 1, 2**32, 2**64 - 1])
def test_the_stream_is_one_sequence(served, seed):
    """Any part of it, wherever it starts (in a block, past 2³² blocks), is that part of the whole."""
    for start in (0, 2**34 - 6):
        whole = reference.random_bits(40, seed, start)
        for offset, count in [(0, 40), (1, 1), (2, 5), (3, 0), (5, 35), (39, 1)]:
            part = served.random_bits(count, seed, start + offset)
            np.testing.assert_array_equal(part, whole[offset : offset + count])


def test_long_streams_agree(floor, threads):
    for offset in (0, 3):
        np.testing.assert_array_equal(
            floor.random_bits(70_001, 7, offset), reference.random_bits(70_001, 7, offset)
        )


def test_uniform_and_independent():
    words = reference.random_bits(200_000, 5, 0)
    u = words / 2.0**32
    assert stats.kstest(u, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(u[:-1], u[1:])[0, 1]) < 0.01
    ones = [(words >> np.uint32(b) & 1).mean() for b in range(32)]
    assert np.abs(np.array(ones) - 0.5).max() < 0.006
    assert abs(np.corrcoef(u, reference.random_bits(200_000, 6, 0))[0, 1]) < 0.01


@pytest.mark.parametrize("shape", [(), (0,), (1,), (5, 7), (300, 211)], ids=str)
@pytest.mark.parametrize("p", [0.0, 0.3, 0.5, 1.0])
def test_dropout_is_its_formula(served, dtype, shape, p):
    x = np.asarray(draw(np.random.default_rng(1), shape, dtype))
    u = reference.random_bits(x.size, 9, 6).reshape(shape) / 2.0**32
    wanted = np.where(u >= p, x / dtype(1 - p) if p < 1 else 0, 0).astype(dtype)
    y = served.dropout(x, p, 9, 6)
    np.testing.assert_array_equal(y, wanted)
    assert type(y) is np.ndarray and y.shape == shape and y.dtype == dtype
    assert not np.shares_memory(x, y)


def test_dropout_keeps_the_mean_and_repeats_itself(floor):
    x = np.ones(100_000)
    y = floor.dropout(x, 0.2, 3, 11)
    assert abs(y.mean() - 1) < 0.01 and abs((y == 0).mean() - 0.2) < 0.01
    np.testing.assert_array_equal(y, floor.dropout(x, 0.2, 3, 11))
    agree(floor.dropout(2 * x, 0.2, 3, 11), 2 * y)  # the gradient sees the same places
    assert (y != floor.dropout(x, 0.2, 3, 12)).any()
