"""Matrix products: every transposition, broadcasting, empty and odd sizes, beside einsum."""

import numpy as np
import pytest
from judge import agree, draw

from mmscratch import kernels
from mmscratch.kernels import reference

SHAPES = {  # leading axes of a, of b, and M, K, N
    "plain": ((), (), 3, 4, 5),
    "one": ((), (), 1, 1, 1),
    "batch": ((2, 3), (2, 3), 3, 4, 5),
    "broadcast": ((2, 1), (3,), 3, 4, 5),
    "shared b": ((4,), (), 7, 3, 2),
    "no rows": ((2,), (2,), 0, 4, 5),
    "nothing to sum": ((), (), 3, 0, 5),
    "no batch": ((0,), (0,), 3, 4, 5),
    "large": ((), (), 200, 300, 100),
}


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_matmul(floor, dtype, name, transpose_a, transpose_b):
    lead_a, lead_b, m, k, n = SHAPES[name]
    rng = np.random.default_rng(0)
    a = draw(rng, (*lead_a, *((k, m) if transpose_a else (m, k))), dtype)
    b = draw(rng, (*lead_b, *((n, k) if transpose_b else (k, n))), dtype)
    letters = f"...{'km' if transpose_a else 'mk'},...{'nk' if transpose_b else 'kn'}->...mn"
    wanted = np.einsum(letters, a.astype(np.float64), b.astype(np.float64)).astype(dtype)
    agree(floor.matmul(a, b, transpose_a, transpose_b), np.ascontiguousarray(wanted))


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_linear_with_its_activation(floor, dtype, activation):
    rng = np.random.default_rng(1)
    x, weight, bias = draw(rng, (50, 40), dtype), draw(rng, (70, 40), dtype), draw(rng, 70, dtype)
    wanted = reference.map(activation, reference.linear(x, weight, bias))
    agree(floor.linear(x, weight, bias, activation), wanted)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("n", [0, 1, 5, 300])
def test_linear(floor, dtype, n, biased):
    rng = np.random.default_rng(1)
    x, weight, bias = draw(rng, (n, 40), dtype), draw(rng, (7, 40), dtype), draw(rng, 7, dtype)
    copy = bias.copy()
    wanted = np.einsum("nd,kd->nk", x.astype(np.float64), weight.astype(np.float64)) + (bias if biased else 0)
    agree(floor.linear(x, weight, bias if biased else None), wanted.astype(dtype))
    np.testing.assert_array_equal(bias, copy)


def test_nan_and_infinity_come_through(floor, dtype):
    a, b = np.array([[np.nan, 1], [np.inf, 1]], dtype), np.array([[1], [1]], dtype)
    got = floor.matmul(a, b, False, False)
    assert np.isnan(got[0, 0]) and got[1, 0] == np.inf


# ── how it is cut ────────────────────────────────────────────────────────────────────────────────
WAYS = {  # leading axes, M, K, N: one a way in which cpu computes a product
    "where they lie": ((), 45, 130, 100),
    "packed": ((), 300, 600, 270),
    "packed, small edges": ((), 389, 257, 515),
    "packed, blocks unlike each other": ((), 541, 290, 77),
    "thin": ((), 7, 300, 900),
    "slabs": ((), 3, 5001, 900),
    "one row": ((), 1, 3001, 1003),
    "two rows": ((), 2, 2999, 1001),
    "rows of B far apart": ((), 128, 64, 512),
    "few rows, cut from left to right": ((), 16, 128, 512),
    "small ones": ((130,), 13, 40, 19),
    "several": ((3,), 100, 90, 200),
    "large ones": ((2,), 210, 300, 200),
}


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("name", WAYS)
def test_float32_error_of_every_way(floor, name, transpose_a, transpose_b):
    """At most 2e-7 · √K of the largest entry of |a| |b|."""
    lead, m, k, n = WAYS[name]
    rng = np.random.default_rng(0)
    a = draw(rng, (*lead, *((k, m) if transpose_a else (m, k))), np.float32)
    b = draw(rng, (*lead, *((n, k) if transpose_b else (k, n))), np.float32)
    x, y = a.swapaxes(-1, -2) if transpose_a else a, b.swapaxes(-1, -2) if transpose_b else b
    exact, size = x.astype(np.float64) @ y.astype(np.float64), (np.abs(x) @ np.abs(y)).max()
    got = floor.matmul(a, b, transpose_a, transpose_b)
    assert got.dtype == np.float32 and got.shape == exact.shape and got.flags.c_contiguous
    assert np.abs(got - exact).max() <= 2e-7 * np.sqrt(k) * size


@pytest.mark.parametrize("name", WAYS)
def test_one_thread_gives_the_same_bits(name):
    numba = pytest.importorskip("numba")
    cpu = kernels.floor("cpu")
    lead, m, k, n = WAYS[name]
    rng = np.random.default_rng(0)
    a, b = draw(rng, (*lead, m, k), np.float32), draw(rng, (*lead, k, n), np.float32)
    given = [(a, b, False, False), (a, np.ascontiguousarray(b.swapaxes(-1, -2)), False, True)]
    shared, threads = [cpu.matmul(*g) for g in given], numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        for g, wanted in zip(given, shared, strict=True):
            np.testing.assert_array_equal(cpu.matmul(*g), wanted)
    finally:
        numba.set_num_threads(threads)


@pytest.mark.parametrize("n", [3, 40, 200])
def test_large_linear_with_bias_and_activation(floor, n):
    rng = np.random.default_rng(1)
    x, weight, bias = (
        draw(rng, (n, 300), np.float32),
        draw(rng, (211, 300), np.float32),
        draw(rng, 211, np.float32),
    )
    exact = np.maximum(x.astype(np.float64) @ weight.T.astype(np.float64) + bias, 0)
    assert np.abs(floor.linear(x, weight, bias, "relu") - exact).max() <= 2e-5 * np.abs(exact).max()


def test_nan_stays_in_its_row_and_column_of_a_packed_product(floor):
    a, b = np.ones((300, 300), np.float32), np.ones((300, 300), np.float32)
    a[7, 5] = np.nan
    got = floor.matmul(a, b, False, False)
    assert np.isnan(got[7]).all() and np.isfinite(np.delete(got, 7, 0)).all()
