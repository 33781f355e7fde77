"""Sums of float32 over some axes, in vectors: equals ``reference/reduce.py``'s sum.

Neighbouring axes that are all summed, or all kept, are as good as one. So an array is (…, kept, summed) or
(…, summed, kept), and the sums that lie last are taken first, until none is left:

    rows       (A, N) → (A,)       lanes of a vector go along the row, and are added at its end
    columns    (A, N, K) → (A, K)  lanes are columns, so that memory is read in its order

A task adds up one piece of a sum, about PIECE numbers long; the pieces' sums are added in their order, in
float64. So no sum in float32 is long: error 1e-6 of Σ |x|, whatever the length (a test measures it).
"""

import math

import numpy as np

from ..jit import njit
from ..pool import parallel
from .simd import LANES, lanes, load_part, splat, store_part, total
from .threads import PIECE

__all__ = ["sum_over"]

WIDE = 4
"""Vectors of columns that are added up side by side."""

HEIGHT = 64
"""So many rows are added up at least, where there are as many: else the pieces' sums would be many."""


def sum_over(x, axes, keepdims):
    """Σ x over the axes."""
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    shape, summed = _merged(x.shape, axes)
    while any(summed):
        last = max(i for i, s in enumerate(summed) if s)
        lead, length, width = math.prod(shape[:last]), shape[last], math.prod(shape[last + 1 :])
        x = _rows(x, lead, length) if width == 1 else _columns(x, lead, length, width)
        shape, summed = shape[:last] + shape[last + 1 :], summed[:last] + summed[last + 1 :]
    x = x.astype(np.float32)
    return x.reshape(kept if keepdims else [n for a, n in enumerate(kept) if a not in axes])


def _merged(shape, axes):
    """The lengths with neighbours of one kind as one, and which of them are summed."""
    lengths, summed = [], []
    for axis, n in enumerate(shape):
        if summed and summed[-1] == (axis in axes):
            lengths[-1] *= n
        else:
            lengths.append(n)
            summed.append(axis in axes)
    return lengths, summed


def _rows(x, lead, length):
    if x.dtype != np.float32:  # what an earlier round has left: few
        return x.reshape(lead, length).sum(axis=1)
    pieces = -(-length // PIECE)
    together = max(1, PIECE // length)
    out = np.empty(lead * pieces, np.float32)
    rows_of_pieces(-(-out.size // together), x.reshape(-1), length, pieces, together, out)
    return out.reshape(lead, pieces).sum(axis=1, dtype=np.float64)


def _columns(x, lead, length, width):
    if x.dtype != np.float32 or width < LANES:
        return x.reshape(lead, length, width).sum(axis=1, dtype=np.float64)
    height = min(length, max(HEIGHT, PIECE // width))
    pieces, block = -(-length // height), max(WIDE * LANES, PIECE // height)
    tasks = lead * pieces * -(-width // block)
    out = np.empty((lead, pieces, width), np.float32)
    columns_of_pieces(tasks, x.reshape(-1), length, width, pieces, height, block, out.reshape(-1))
    return out.sum(axis=1, dtype=np.float64)


@njit(inline="always")
def _sum(x, at, n):
    """x[at] + … + x[at + n − 1]: four sums of vectors, so that none waits for the one before."""
    a = b = c = d = splat(x, np.float32(0))
    step = lanes(x)
    for i in range(at, at + n, 4 * step):
        left = at + n - i
        a = a + load_part(x, i, left)
        b = b + load_part(x, i + step, left - step)
        c = c + load_part(x, i + 2 * step, left - 2 * step)
        d = d + load_part(x, i + 3 * step, left - 3 * step)
    return total((a + b) + (c + d))


@parallel
def rows_of_pieces(task, x, length, pieces, together, out):
    """``together`` sums, each of a piece of a row."""
    for i in range(task * together, min(out.size, (task + 1) * together)):
        row, first = i // pieces, i % pieces * PIECE
        out[i] = _sum(x, row * length + first, min(PIECE, length - first))


@parallel
def columns_of_pieces(task, x, length, width, pieces, height, block, out):
    """The sums of ``height`` rows of one item, of ``block`` columns."""
    blocks, step = -(-width // block), lanes(x)
    piece, begin = task // blocks, task % blocks * block
    first = piece % pieces * height
    start, rows = (piece // pieces * length + first) * width, min(height, length - first)
    for k in range(begin, min(width, begin + block), WIDE * step):
        a = b = c = d = splat(x, np.float32(0))
        left = min(width, begin + block) - k
        for r in range(rows):
            i = start + r * width + k
            a = a + load_part(x, i, left)
            b = b + load_part(x, i + step, left - step)
            c = c + load_part(x, i + 2 * step, left - 2 * step)
            d = d + load_part(x, i + 3 * step, left - 3 * step)
        at = piece * width + k
        store_part(out, at, a, left)
        store_part(out, at + step, b, left - step)
        store_part(out, at + 2 * step, c, left - 2 * step)
        store_part(out, at + 3 * step, d, left - 3 * step)
