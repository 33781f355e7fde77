"""Sums of bytes picked by half bytes, against a look-up by NumPy."""

import numpy as np
import pytest
from judge import pass_on_vectors

from mmscratch.kernels.cpu import simd_bytes
from mmscratch.kernels.jit import njit

ROWS = simd_bytes.ROWS


@njit
def pick(codes, i, pairs, table, least, sums):
    return simd_bytes.pick_sums(codes, i, pairs, table, least, sums)


@njit
def lowest(mask):
    return simd_bytes.lowest(mask)


def expected(codes, table):
    return sum(
        t[c % 16] + t[16 + c // 16] for c, t in zip(codes, table.reshape(-1, 32).astype(int), strict=True)
    )


@pytest.mark.parametrize("pairs", [0, 1, 2, 5, 128])
@pytest.mark.parametrize("start", [0, 7])
def test_sums_and_the_rows_that_reach_a_limit(pairs, start):
    rng = np.random.default_rng(pairs)
    codes = rng.integers(0, 256, start + pairs * ROWS, dtype=np.uint8)
    table = rng.integers(0, 256, pairs * 32, dtype=np.uint8)
    wanted = expected(codes[start:].reshape(pairs, ROWS), table) + np.zeros(ROWS, int)
    for least in {0, 1, int(np.median(wanted)), int(wanted.max()), int(wanted.max()) + 1, 65535}:
        sums = np.full(ROWS, 9, np.uint16)
        mask = pick(codes, start, pairs, table, least, sums)
        np.testing.assert_array_equal(sums, wanted)
        assert mask == sum(1 << r for r in range(ROWS) if wanted[r] >= least)


def test_no_sum_of_the_most_bytes_is_too_large():
    pairs = simd_bytes.MOST // 2
    codes, sums = np.full(pairs * ROWS, 0x5A, np.uint8), np.zeros(ROWS, np.uint16)
    assert pick(codes, 0, pairs, np.full(pairs * 32, 255, np.uint8), 65280, sums) == 2**ROWS - 1
    assert (sums == 65280).all()


def test_the_halves_of_a_byte_belong_to_tables_of_their_own():
    sums = np.zeros(ROWS, np.uint16)
    table = np.arange(32, dtype=np.uint8)
    pick(np.full(ROWS, 0x21, np.uint8), 0, 1, table, 0, sums)
    assert (sums == 1 + 18).all()


def test_lowest_bit():
    assert [lowest(1 << r) for r in range(ROWS)] == list(range(ROWS))
    assert lowest(0b101000) == 3


@pytest.mark.slow
@pytest.mark.parametrize("width", [16, 0])
def test_narrower_vectors(width):
    """The same with registers of 16 bytes, and by numbers."""
    pass_on_vectors(width, "not narrower", __file__)
