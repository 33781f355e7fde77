"""The vector vocabulary against NumPy, its functions against float64, the tiles against matmul."""

import numpy as np
import pytest
from scipy import special

pytest.importorskip("numba")
from mmscratch.kernels.cpu import simd
from mmscratch.kernels.jit import njit

if not simd.LANES:
    pytest.skip("no vectors on this machine (simd.LANES is 0)", allow_module_level=True)

from mmscratch.kernels.cpu import microkernels, simd_math
from mmscratch.kernels.cpu.microkernels import COLUMNS, ROWS, VECTORS, dot_tile, tile
from mmscratch.kernels.cpu.simd import (
    copysign,
    deinterleave,
    exponent,
    fma,
    gather,
    interleave,
    lanes,
    largest,
    load,
    load_part,
    load_rows,
    mantissa,
    maximum,
    minimum,
    power_of_two,
    rint,
    shift_exponent,
    splat,
    sqrt,
    store,
    store_part,
    store_rows,
    total,
    transpose,
    turn_quads,
    where,
)

DTYPES = ["float32", "float64"]


def numbers(size, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(size).astype(dtype)


@pytest.fixture(params=DTYPES)
def dtype(request):
    return request.param


# ── memory ───────────────────────────────────────────────────────────────────────────────────────
@njit(cache=False)
def copy(x, y):
    for i in range(0, x.size - lanes(x) + 1, lanes(x)):
        store(y, i, load(x, i))


@njit(cache=False)
def copy_part(x, y, n):
    store_part(y, 1, load_part(x, 1, n), n)


@njit(cache=False)
def every(x, y, step):
    store(y, 0, gather(x, 1, step))


def test_load_and_store_move_neighbours(dtype):
    x = numbers(64, dtype)
    y = np.zeros_like(x)
    copy(x, y)
    assert (x == y).all()


@pytest.mark.parametrize("n", [-3, 0, 1, 2, 3, 5, 15, 16, 17, 2**40])
def test_parts_touch_nothing_behind_their_end(dtype, n):
    count = simd.BYTES // np.dtype(dtype).itemsize
    x, y = numbers(count + 1, dtype), np.full(count + 1, 7, dtype)
    copy_part(x, y, n)
    kept = min(max(n, 0), count)
    assert (y[1 : 1 + kept] == x[1 : 1 + kept]).all()
    assert (y[1 + kept :] == 7).all() and y[0] == 7


def test_gather_takes_every_step(dtype):
    x, y = numbers(200, dtype), np.zeros(simd.BYTES // np.dtype(dtype).itemsize, dtype)
    every(x, y, 3)
    assert (y == x[1::3][: y.size]).all()


@njit(cache=False)
def turn(x, y, row, rows):
    transpose(x, 1, row, rows, y, 2, lanes(x) + 1)


@pytest.mark.parametrize("missing", [0, 1])
def test_transpose_turns_a_block(dtype, missing):
    n = simd.BYTES // np.dtype(dtype).itemsize
    rows = n - missing
    x, y = numbers((rows, n + 3), dtype), np.full(2 + n * (n + 1), 7, dtype)
    turn(x.reshape(-1), y, n + 3, rows)
    np.testing.assert_array_equal(y[2:].reshape(n, n + 1)[:, :rows], x[:, 1 : 1 + n].T)
    assert (y[2:].reshape(n, n + 1)[:, rows:] == 7).all() and (y[:2] == 7).all()


@njit(cache=False)
def turn_whole(x, y, row, rows):
    transpose(x, 0, row, rows, y, 0, rows, True)


def test_transpose_of_whole_vectors_covers_itself(dtype):
    """Columns of y are shorter than a vector: the next one lies over the lanes that are too many."""
    n = simd.BYTES // np.dtype(dtype).itemsize
    for rows in range(1, n + 1):
        x, y = numbers((rows, n), dtype), np.full(n * rows + n, 7, dtype)
        turn_whole(x.reshape(-1), y, n, rows)
        np.testing.assert_array_equal(y[: n * rows].reshape(n, rows), x.T)


@njit(cache=False)
def shuffle(x, y):
    n = lanes(x)
    a, b = load(x, 0), load(x, n)
    store_rows(y, 0, n, deinterleave(a, b))
    store_rows(y, 2 * n, n, interleave(a, b))
    store_rows(y, 4 * n, n, load_rows(x, 1, 3, 3))


def test_shuffles_put_lanes_where_they_say(dtype):
    n = simd.BYTES // np.dtype(dtype).itemsize
    x, y = numbers(3 * n + 7, dtype), np.zeros(7 * n, dtype)
    shuffle(x, y)
    rows, two = y.reshape(7, n), x[: 2 * n]
    np.testing.assert_array_equal(rows[:2], [two[::2], two[1::2]])
    np.testing.assert_array_equal(rows[2:4].reshape(n, 2), two.reshape(2, n).T)
    np.testing.assert_array_equal(rows[4:], [x[i : i + n] for i in (1, 4, 7)])


@njit(cache=False)
def turn_all(x, y):
    n = lanes(x)
    store_rows(y, 0, n, turn_quads(*load_rows(x, 0, n, 4)))


def test_quads_are_turned_each_by_itself():
    n = simd.LANES
    x, y = numbers(4 * n), np.zeros(4 * n, np.float32)
    turn_all(x, y)
    np.testing.assert_array_equal(y.reshape(4, -1, 4), x.reshape(4, -1, 4).transpose(2, 1, 0))


# ── arithmetic ───────────────────────────────────────────────────────────────────────────────────
@njit(cache=False)
def arithmetic(a, b, out):
    v, w = load(a, 0), load(b, 0)
    n = lanes(a)
    store(out, 0, v + w)
    store(out, n, v - 2)
    store(out, 2 * n, 3.0 * v)
    store(out, 3 * n, v / w)
    store(out, 4 * n, -v)
    store(out, 5 * n, fma(v, w, 1.5))
    store(out, 6 * n, where((v < w) | (v > 2), v, w))
    store(out, 7 * n, maximum(v, w))
    store(out, 8 * n, minimum(v, 0.0))
    store(out, 9 * n, sqrt(v * v))
    store(out, 10 * n, rint(v * 10))
    store(out, 11 * n, copysign(v, w))
    store(out, 12 * n, power_of_two(rint(v * 9)))
    store(out, 13 * n, mantissa(v * v))
    store(out, 14 * n, exponent(v * v))
    store(out, 15 * n, splat(a, 4) + where(v != v, 1.0, splat(a, 0)))
    store(out, 16 * n, shift_exponent(v, rint(w * 9)))
    return total(v), largest(v)


def test_arithmetic_is_numpys(dtype):
    count = simd.BYTES // np.dtype(dtype).itemsize
    a, b = numbers(count, dtype), numbers(count, dtype, seed=1)
    out = np.zeros(17 * count, dtype)
    sums = arithmetic(a, b, out)
    m, e = np.frexp(a * a)
    expected = [
        a + b, a - 2, 3 * a, a / b, -a, a * b + 1.5, np.where((a < b) | (a > 2), a, b), np.maximum(a, b),
        np.minimum(a, 0), np.abs(a), np.rint(a * 10), np.copysign(a, b), 2.0 ** np.rint(a * 9),
        2 * m, e - 1, np.full(count, 4), a * 2.0 ** np.rint(b * 9),
    ]  # fmt: skip
    np.testing.assert_allclose(out.reshape(17, count), np.array(expected, dtype), rtol=3e-7)
    np.testing.assert_allclose(sums, (a.sum(), a.max()), rtol=1e-5)


def test_nan_wins_in_maximum_minimum_and_largest():
    @njit(cache=False)
    def extremes(a, b, out):
        v, w = load(a, 0), load(b, 0)
        store(out, 0, maximum(v, w))
        store(out, lanes(a), minimum(v, w))
        return largest(v)

    n = simd.LANES
    a, b = numbers(n), numbers(n, seed=1)
    a[1], b[2] = np.nan, np.nan
    out = np.zeros(2 * n, np.float32)
    assert np.isnan(extremes(a, b, out))
    np.testing.assert_array_equal(out[:n], np.maximum(a, b))
    np.testing.assert_array_equal(out[n:], np.minimum(a, b))


# ── functions ────────────────────────────────────────────────────────────────────────────────────
def apply(name):
    function = getattr(simd_math, name)

    @njit(cache=False)
    def over(x, y):
        for i in range(0, x.size, lanes(x)):
            store_part(y, i, function(load_part(x, i, x.size - i)), x.size - i)

    return over


def ulps(y, exact):
    """|y − exact| in units of the last place that float32 has there."""
    return np.abs(y.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(np.float32)).astype(
        np.float64
    )


ALL = np.concatenate([
    np.linspace(-105, 90, 400_001), np.linspace(-2, 2, 400_001),
    np.geomspace(1e-37, 3e38, 200_001), -np.geomspace(1e-37, 3e38, 200_001),
])  # fmt: skip
EXACT = {
    "exp": (np.exp, 1.0), "expm1": (np.expm1, 2.0), "log": (np.log, 1.0), "log1p": (np.log1p, 3.0),
    "sigmoid": (special.expit, 3.0), "tanh": (np.tanh, 2.0), "erf": (special.erf, 3.0),
    "erfc": (special.erfc, 10.0),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_functions_keep_their_stated_error(name):
    function, limit = EXACT[name]
    x = ALL.astype(np.float32)
    y = np.empty_like(x)
    apply(name)(x, y)
    with np.errstate(all="ignore"):
        exact = function(x.astype(np.float64))
        rounded = exact.astype(np.float32)
    normal = np.isfinite(rounded) & (np.abs(exact) > 1.2e-38)
    worst = ulps(y[normal], exact[normal])
    assert worst.max() <= limit, f"{worst.max():.2f} units at x = {x[normal][worst.argmax()]!r}"
    rest = ~normal & (np.abs(rounded) > 1.2e-38)  # NaN and ∞; what is below the normal numbers may be 0
    np.testing.assert_array_equal(y[np.isnan(rounded)], rounded[np.isnan(rounded)])
    np.testing.assert_array_equal(y[rest & ~np.isnan(rounded)], rounded[rest & ~np.isnan(rounded)])
    assert (np.abs(y[np.abs(exact) <= 1.2e-38]) <= 1.2e-38).all()


@pytest.mark.parametrize("name", EXACT)
def test_functions_at_the_ends(name):
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 200.0, -200.0], np.float32)
    y = np.empty_like(x)
    apply(name)(x, y)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(y, EXACT[name][0](x.astype(np.float64)).astype(np.float32), atol=1e-38)


# ── tiles ────────────────────────────────────────────────────────────────────────────────────────
@njit(cache=False)
def outer(a, b, c, depth, columns):
    tile(ROWS, VECTORS, a, 0, 1, ROWS, b, 0, columns, c, 0, columns, depth, False, None)


@njit(cache=False)
def outer_part(a, b, c, depth, columns):
    tile(3, VECTORS, a, 2, depth, 1, b, 1, columns, c, 0, columns, depth, True, columns)


@njit(cache=False)
def dots(a, b, c, depth):
    dot_tile(3, 2, a, 0, depth, b, 1, depth + 1, c, 0, 2, depth, False)
    dot_tile(1, 1, a, 0, depth, b, 1, depth + 1, c, 0, 2, depth, True)


@pytest.mark.parametrize("depth", [0, 1, 2, 33])
def test_tile_is_a_matrix_product(dtype, depth):
    columns = VECTORS * simd.BYTES // np.dtype(dtype).itemsize
    a, b = numbers((depth, ROWS), dtype), numbers((depth, columns), dtype, seed=1)
    c = np.full((ROWS, columns), 9, dtype)
    outer(a.reshape(-1), b.reshape(-1), c.reshape(-1), depth, columns)
    np.testing.assert_allclose(c, a.T @ b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("columns", [1, COLUMNS - 3])
def test_tile_with_strides_tail_and_sum(columns):
    depth = 5
    a, b = numbers(2 + 3 * depth), numbers(1 + depth * columns, seed=1)
    c = np.ones(3 * columns + 4, np.float32)
    outer_part(a, b, c, depth, columns)
    expected = 1 + a[2:].reshape(3, depth) @ b[1:].reshape(depth, columns)
    np.testing.assert_allclose(c[: 3 * columns], expected.reshape(-1), rtol=1e-5, atol=1e-5)
    assert (c[3 * columns :] == 1).all()


@pytest.mark.parametrize("depth", [0, 1, 15, 16, 17, 40])
def test_dot_tile_is_a_product_with_the_transpose(dtype, depth):
    a, b = numbers((3, depth), dtype), numbers(1 + 2 * (depth + 1), dtype, seed=1)
    c = np.full(6, 9, dtype)
    dots(a.reshape(-1), b, c, depth)
    rows = b[1:].reshape(2, depth + 1)[:, :depth]
    expected = a @ rows.T
    expected[0, 0] *= 2
    np.testing.assert_allclose(c.reshape(3, 2), expected, rtol=1e-4, atol=1e-5)


def test_sizes_fit_the_registers():
    registers = {64: 32, 32: 16, 16: 32}[simd.BYTES]
    assert ROWS * VECTORS + VECTORS + 1 <= registers
    assert microkernels.DOT**2 + microkernels.DOT + 1 <= registers
