"""Matrix products: our own blocks on all threads where they are large and float32, BLAS where not."""

import functools
import math

import numpy as np

from ..reference import matmul as _by_blas
from . import simd
from .elementwise import map
from .microkernels import DOT
from .shared_tile import AHEAD, COLUMNS, ROWS

__all__ = ["matmul", "linear"]

SMALL = 1 << 17
"""Below so many multiplications a call of BLAS, on its one thread, is the quickest."""

ALONE = 1 << 18
"""Below so many one thread computes a product (waking the others would take longer), or a task of a stack."""

UNPACKED = 1 << 23
"""Products of fewer multiplications are computed where the matrices lie, if B lies by rows."""

FEW = 48
"""Up to so many rows, x Wᵀ is computed as dot products, W where it lies: copying it would cost more."""

THIN = 12
"""Up to so many rows, x W is computed in slabs of W, read from end to end."""

LEAST = 2
"""Up to so many rows, W is read row by row there, from the nearest cache for the second."""

SLAB = 1 << 20
"""Numbers in a slab, at least."""

APART, SEVERAL = 512, 8
"""Rows of B that lie a multiple of APART numbers apart fight for few lines of the first cache. B is copied
then, if a block has so many panels of A's rows, and its columns are no other block's."""

NEAR = 1 << 16
"""Numbers that stay in the second cache while a task reads them again and again."""

HEIGHT = 66 * ROWS
"""Rows of a block of C, at most: with AVX-512 the panels of A take 800 kB of the second cache."""

TASKS = {1 << 31: 16, 1 << 28: 8, 0: 4}
"""Into how many blocks a product of so many multiplications is cut, at least."""

DEPTH = 384
"""Steps of the sum taken at a time, at most: with AVX-512 a panel of A is 12 kB, one of B 72 kB."""


def matmul(a, b, transpose_a, transpose_b):
    """a b, either of them stored transposed; leading axes broadcast. Equals ``reference.matmul``.

    Algorithm: ``gemm.py``. float32 error: below 2e-7 · √K of the largest entry of |a| |b| (tested).
    """
    m, k = a.shape[:-3:-1] if transpose_a else a.shape[-2:]
    n = b.shape[-2] if transpose_b else b.shape[-1]
    shape_a, shape_b = a.shape[:-2], b.shape[:-2]
    lead = shape_a if shape_a == shape_b else np.broadcast_shapes(shape_a, shape_b)
    count = math.prod(lead) if lead else 1
    if k == 1 and count * m * n < SMALL:
        return _outer(a, b, transpose_a, transpose_b)
    if not _is_ours(a, count * m * n * k):
        return _by_blas(a, b, transpose_a, transpose_b)
    if count > 1 and not transpose_a and shape_a == lead and math.prod(shape_b) == 1:
        count, m = 1, count * m  # one product of more rows
    steps_a, steps_b = (1, m) if transpose_a else (k, 1), (1, k) if transpose_b else (n, 1)
    c = np.empty((*lead, a.shape[-1] if transpose_a else a.shape[-2], n), np.float32)
    starts = _ZERO, _ZERO
    if count > 1:
        starts = _starts(shape_a, lead, m * k), _starts(shape_b, lead, k * n)
    _product(_flat(a), starts[0], steps_a, _flat(b), starts[1], steps_b, _flat(c), (m, n, k), _NONE, 0)
    return c


def _outer(a, b, transpose_a, transpose_b):
    """Columns times rows: nothing is to be added, and BLAS takes ten times as long as a multiplication."""
    a = a.swapaxes(-1, -2) if transpose_a else a
    b = b.swapaxes(-1, -2) if transpose_b else b
    with np.errstate(all="ignore"):
        return np.asarray(np.multiply(a, b), order="C")


def linear(x, weight, bias, activation=None):
    """y = φ(x Wᵀ + b). Equals ``reference.linear``; algorithm and error as ``matmul``."""
    m, k = x.shape
    n = len(weight)
    if not _is_ours(x, m * n * k):
        return _plain(x, weight, bias, activation)
    y = np.empty((m, n), np.float32)
    bias, kind = _NONE if bias is None else bias, _compiled().ACTIVATIONS[activation]
    _product(_flat(x), _ZERO, (k, 1), _flat(weight), _ZERO, (1, k), _flat(y), (m, n, k), bias, kind)
    return y


def _plain(x, weight, bias, activation):
    with np.errstate(all="ignore"):
        y = np.matmul(x, weight.T, out=np.empty((len(x), len(weight)), x.dtype))
        if bias is not None:
            y += bias  # in place: no second array
    return y if activation is None else map(activation, y)


_NONE = np.empty(0, np.float32)
_ZERO = np.zeros(1, np.int64)


def _is_ours(x, work):
    return work >= SMALL and simd.LANES > 0 and x.dtype == np.float32


@functools.cache
def _compiled():
    """``gemm.py``, imported when it is first needed: with it comes the compiler."""
    from . import gemm

    return gemm


def _product(a, a_starts, steps_a, b, b_starts, steps_b, c, sizes, bias, kind):
    """C = φ(A B + bias) for each product of a stack, in the way that suits its sizes; flat arrays."""
    gemm = _compiled()
    m, n, k = sizes
    count, by_rows = a_starts.size, steps_b[1] == 1
    if m <= FEW and steps_a[1] == steps_b[0] == 1:
        share = min(n, max(2 * DOT, -(-n // 64 // 16) * 16, ALONE // (m * k) // 16 * 16))
        gemm.dots(-(-n // share) * count, a, a_starts, b, b_starts, c, m, n, k, bias, kind, share)
    elif m <= THIN and by_rows and count == 1 and k * n >= 2 * SLAB:
        _by_slabs(a, steps_a, b, c, sizes)
    else:
        tasks, share, *plan = _plan(count, m, n, k, by_rows)
        gemm.blocks(
            tasks, share, a, a_starts, *steps_a, b, b_starts, *steps_b, c, m, n, k, k, *plan, bias, kind
        )


@functools.lru_cache(1024)
def _plan(count, m, n, k, by_rows):
    """Tasks, blocks a task, blocks down, across, steps at a time, are A and B copied?"""
    packed = not by_rows or (m * n * k >= UNPACKED and m > THIN)
    down, across, share = _cut(m, n, k, packed)
    depth = -(-k // -(-k // DEPTH)) if m > THIN else 2 * AHEAD
    depth = depth if packed or k * n > NEAR else k
    copied = packed or (down == 1 < across and m >= SEVERAL * ROWS and n % APART == 0)
    return -(-count * down * across // share), share, down, across, depth, packed, copied


def _cut(m, n, k, packed):
    """Into how many blocks C is cut, from top to bottom and from left to right, and how many are a task.

    Each block copies its rows of A and its columns of B: of the ways the one that copies least is taken.
    """
    work, panels = m * n * k, -(-n // COLUMNS)
    if work < 2 * ALONE:
        return 1, 1, max(1, ALONE // work)
    if not packed:
        tasks, wide, high = min(16, work // (2 * ALONE)), max(1, panels // 4), -(-m // ROWS)
        downs = (min(tasks, high), 1) if k * n <= NEAR else (1,)  # from top to bottom each reads all of B
        ways = [(down, min(wide, tasks // down)) for down in downs]
        return *min(ways, key=lambda way: -(-high // way[0]) * -(-panels // way[1])), 1  # the largest block
    tasks = next(count for least, count in TASKS.items() if work >= least)
    least, most = -(-m // HEIGHT), -(-m // ROWS)
    ways = [
        (min(most, max(least, tasks // across)), across) for across in (1, 2, 4, 8, 16) if across <= panels
    ]
    return *min(ways, key=lambda way: (n * way[0] + m * way[1], way)), 1


def _by_slabs(a, steps_a, b, c, sizes):
    """C of few rows: the sum in slabs of B that lie one after the other in memory, added in their order."""
    m, n, k = sizes
    share = -(-k // max(2, min(16, k * n // SLAB)))
    slabs = -(-k // share)
    parts = np.empty((slabs, m, n), np.float32)
    if m <= LEAST:
        _compiled().slabs(slabs, a, *steps_a, b, _flat(parts), m, n, k, share)
        np.add.reduce(parts, axis=0, out=c.reshape(m, n))
        return
    number = np.arange(slabs)
    _compiled().blocks(
        slabs, 1, a, number * (share * steps_a[1]), *steps_a, b, number * (share * n), n, 1, _flat(parts),
        m, n, share, k - (slabs - 1) * share, 1, 1, 2 * AHEAD, False, False, _NONE, 0,
    )  # fmt: skip
    np.add.reduce(parts, axis=0, out=c.reshape(m, n))


def _flat(x):
    return x.reshape(-1)


def _starts(shape, lead, size):
    """Where in a flat array each matrix of the broadcast stack begins, matrices of ``size`` entries."""
    number = np.arange(0, math.prod(shape) * size, size)
    return number if shape == lead else np.broadcast_to(number.reshape(shape), lead).reshape(-1)
