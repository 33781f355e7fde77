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
"""Products of fewer multiplications are computed where the matrices lie, if B lies by rows. Of others B is
copied, and A if it does not lie by rows: copying such an A took 3 to 10 % of products up to 2048 a side."""

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

PAGE = 1024
"""The few rows of A that a tile reads fight so only if they lie a multiple of PAGE numbers apart."""

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
    other, shape, stack, ours, tasks, plan = _way(a.shape, b.shape, transpose_a, transpose_b)
    if ours is None or a.dtype != _FLOAT32:
        return other(a, b, transpose_a, transpose_b)
    c = np.empty(shape, _FLOAT32)
    starts = _starts(*stack) if stack else _ZEROS
    ours(tasks, a.ravel(), b.ravel(), c.ravel(), _NONE, 0, *starts, *plan)
    return c


@functools.lru_cache(1024)  # to work it out takes longer than many a small product
def _way(shape_a, shape_b, transpose_a, transpose_b):
    """How matrices of these shapes are multiplied: other, shape, stack, ours, tasks, plan.

    other           called with the arguments of ``matmul`` if they are not float32, or ours is None
    shape, stack    of C; what ``_starts`` takes, None for a single product
    ours            called with (tasks, a, b, c, bias, kind, *starts, *plan): flat arrays, C = φ(A B + bias)
    """
    m, k = shape_a[:-3:-1] if transpose_a else shape_a[-2:]
    n = shape_b[-2] if transpose_b else shape_b[-1]
    lead_a, lead_b = shape_a[:-2], shape_b[:-2]
    lead = np.broadcast_shapes(lead_a, lead_b)
    count, shape, stack = math.prod(lead), (*lead, m, n), None
    other = _outer if k == 1 and count * m * n < SMALL else _by_blas
    if simd.LANES == 0 or count * m * n * k < SMALL:
        return other, shape, stack, None, 0, ()
    if count > 1 and not transpose_a and lead_a == lead and math.prod(lead_b) == 1:
        count, m = 1, count * m  # one product of more rows
    elif count > 1:
        stack = lead_a, lead_b, lead, m * k, k * n
    steps_a, steps_b = (1, m) if transpose_a else (k, 1), (1, k) if transpose_b else (n, 1)
    return other, shape, stack, *_kernel(count, m, n, k, steps_a, steps_b)


def _outer(a, b, transpose_a, transpose_b):
    """Columns times rows: nothing is to be added, and BLAS takes ten times as long as a multiplication."""
    a = a.swapaxes(-1, -2) if transpose_a else a
    b = b.swapaxes(-1, -2) if transpose_b else b
    with np.errstate(all="ignore"):
        return np.asarray(np.multiply(a, b), order="C")


def linear(x, weight, bias, activation=None):
    """y = φ(x Wᵀ + b). Equals ``reference.linear``; algorithm and error as ``matmul``."""
    _, shape, _, ours, tasks, plan = _way(x.shape, weight.shape, False, True)
    if ours is None or x.dtype != _FLOAT32:
        return _plain(x, weight, bias, activation)
    y = np.empty(shape, _FLOAT32)
    bias, kind = _NONE if bias is None else bias, _compiled().ACTIVATIONS[activation]
    ours(tasks, x.ravel(), weight.ravel(), y.ravel(), bias, kind, *_ZEROS, *plan)
    return y


def _plain(x, weight, bias, activation):
    with np.errstate(all="ignore"):
        y = np.matmul(x, weight.T, out=np.empty((len(x), len(weight)), x.dtype))
        if bias is not None:
            y += bias  # in place: no second array
    return y if activation is None else map(activation, y)


_FLOAT32 = np.dtype(np.float32)
_NONE = np.empty(0, np.float32)
_ZEROS = (np.zeros(1, np.int64),) * 2


@functools.cache
def _compiled():
    """``gemm.py``, imported when it is first needed: with it comes the compiler."""
    from . import gemm

    return gemm


def _kernel(count, m, n, k, steps_a, steps_b):
    """The kernel that suits a stack of products of these sizes, its tasks, and the rest of its arguments."""
    gemm = _compiled()
    by_rows, work = steps_b[1] == 1, m * n * k
    if m <= FEW and steps_a[1] == steps_b[0] == 1:
        share = min(n, max(2 * DOT, -(-n // 64 // 16) * 16, ALONE // (m * k) // 16 * 16))
        return gemm.dots, -(-n // share) * count, (m, n, k, share)
    if m <= THIN and by_rows and count == 1 and k * n >= 2 * SLAB:
        share = -(-k // max(2, min(16, k * n // SLAB)))
        return _by_slabs, -(-k // share), (m, n, k, steps_a, share)
    packed = not by_rows or (work >= UNPACKED and m > THIN)
    down, across, share = _cut(m, n, k, packed)
    depth = -(-k // -(-k // DEPTH)) if m > THIN else 2 * AHEAD
    depth = depth if packed or k * n > NEAR else k
    pack_a = packed and (steps_a[1] != 1 or k % PAGE == 0)
    pack_b = packed or (down == 1 < across and m >= SEVERAL * ROWS and n % APART == 0)
    plan = m, n, k, *steps_a, *steps_b, k, share, down, across, depth, pack_a, pack_b
    return gemm.blocks, -(-count * down * across // share), plan


def _cut(m, n, k, packed):
    """Into how many blocks C is cut, from top to bottom and from left to right, and how many are a task.

    Each block goes through its rows of A and copies its columns of B: the way that moves least is taken.
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


def _by_slabs(slabs, a, b, c, bias, kind, a_starts, b_starts, m, n, k, steps_a, share):
    """C of few rows: the sum in slabs of B that lie one after the other in memory, added in their order.

    Arguments as of the kernels of ``gemm.py``, for a single product without bias or activation.
    """
    gemm, parts = _compiled(), np.empty((slabs, m, n), np.float32)
    if m <= LEAST:
        gemm.slabs(slabs, a, *steps_a, b, parts.reshape(-1), m, n, k, share)
    else:
        number, last = np.arange(slabs), k - (slabs - 1) * share
        gemm.blocks(
            slabs, a, b, parts.reshape(-1), bias, kind, number * (share * steps_a[1]), number * (share * n),
            m, n, share, *steps_a, n, 1, last, 1, 1, 1, 2 * AHEAD, False, False,
        )  # fmt: skip
    np.add.reduce(parts, axis=0, out=c.reshape(m, n))


@functools.lru_cache(64)
def _starts(shape_a, shape_b, lead, size_a, size_b):
    """Where in flat arrays the matrices of two stacks begin, of so many entries, broadcast to ``lead``."""

    def starts(shape, size):
        number = np.arange(0, math.prod(shape) * size, size).reshape(shape)
        return np.ascontiguousarray(np.broadcast_to(number, lead)).reshape(-1)

    return starts(shape_a, size_a), starts(shape_b, size_b)
