"""Sums and extremes of float32 over some axes, in vectors: equal to ``reference/reduce.py``'s.

Neighbouring axes that are all reduced, or all kept, are as good as one. So an array is (…, kept, reduced) or
(…, reduced, kept), and those that lie last are reduced first, until none is left:

    rows       (A, N) → (A,)       lanes of a vector go along the row, and are joined at its end
    columns    (A, N, K) → (A, K)  lanes are columns, so that memory is read in its order

A task reduces one piece of a sum, about PIECE numbers long; the pieces' sums are added in their order, in
float64. So no sum in float32 is long: error 1e-6 of Σ |x|, whatever the length (a test measures it).
Extremes are exact. Their gradient, where what was reduced lies together, counts the winners of a set and
writes their shares while it is in the cache; counts are exact up to 2²⁴ winners.
"""

import functools
import math
import types

import numpy as np

from ..jit import njit
from ..pool import parallel
from .rows import load_or, store_some
from .simd import LANES, lanes, largest, maximum, minimum, splat, total, where
from .threads import PIECE

__all__ = ["extreme_gradient", "reduce_over"]

WIDE = 4
"""Vectors of columns that are reduced side by side."""

HEIGHT = 64
"""So many rows of columns are reduced at least, where there are as many: else the pieces would be many."""


def reduce_over(kind, x, axes, keepdims):
    """Sum, maximum or minimum over the axes."""
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    shape, reduced = _merged(x.shape, axes)
    while any(reduced):
        last = max(i for i, s in enumerate(reduced) if s)
        lead, length, width = math.prod(shape[:last]), shape[last], math.prod(shape[last + 1 :])
        x = _rows(kind, x, lead, length) if width == 1 else _columns(kind, x, lead, length, width)
        shape, reduced = shape[:last] + shape[last + 1 :], reduced[:last] + reduced[last + 1 :]
    x = x.astype(np.float32)
    return x.reshape(kept if keepdims else [n for a, n in enumerate(kept) if a not in axes])


def _merged(shape, axes):
    """The lengths with neighbours of one kind as one, and which of them are reduced."""
    lengths, reduced = [], []
    for axis, n in enumerate(shape):
        if reduced and reduced[-1] == (axis in axes):
            lengths[-1] *= n
        else:
            lengths.append(n)
            reduced.append(axis in axes)
    return lengths, reduced


def _rows(kind, x, lead, length):
    if x.dtype != np.float32:  # what an earlier round has left: few
        return _joined(kind, x.reshape(lead, length))
    pieces = -(-length // PIECE)
    together = max(1, PIECE // length)
    out = np.empty(lead * pieces, np.float32)
    _loops(kind)[0](-(-out.size // together), x.reshape(-1), length, pieces, together, out)
    return _joined(kind, out.reshape(lead, pieces))


def _columns(kind, x, lead, length, width):
    if x.dtype != np.float32 or width < LANES:
        return _joined(kind, x.reshape(lead, length, width))
    height = min(length, max(HEIGHT, PIECE // width))
    pieces, block = -(-length // height), max(WIDE * LANES, PIECE // height)
    tasks = lead * pieces * -(-width // block)
    out = np.empty((lead, pieces, width), np.float32)
    _loops(kind)[1](tasks, x.reshape(-1), length, width, pieces, height, block, out.reshape(-1))
    return _joined(kind, out)


def _joined(kind, x):
    """What NumPy makes of axis 1: in float64, so that none of it is lost and a later round knows it."""
    if x.shape[1] == 1:
        return x[:, 0].astype(np.float64)
    return x.sum(axis=1, dtype=np.float64) if kind == "sum" else _NUMPY[kind](x, axis=1).astype(np.float64)


_NUMPY = {"max": np.max, "min": np.min}

# One copy of a loop for each kind, with globals of its own: what joins two vectors, what joins the lanes of
# one, and the number that changes nothing.
join = across = start = None


def _rows_of_pieces(task, x, length, pieces, together, out):
    """``together`` results, each of a piece of a row: four vectors, so that none waits for the one before."""
    step = lanes(x)
    for i in range(task * together, min(out.size, (task + 1) * together)):
        row, first = i // pieces, i % pieces * PIECE
        at, stop = row * length + first, row * length + min(length, first + PIECE)
        a = b = c = d = splat(x, start)
        for k in range(at, stop, 4 * step):
            left = stop - k
            a = join(a, load_or(x, k, left, start))
            b = join(b, load_or(x, k + step, left - step, start))
            c = join(c, load_or(x, k + 2 * step, left - 2 * step, start))
            d = join(d, load_or(x, k + 3 * step, left - 3 * step, start))
        out[i] = across(join(join(a, b), join(c, d)))


def _columns_of_pieces(task, x, length, width, pieces, height, block, out):
    """The results of ``height`` rows of one item, of ``block`` columns."""
    blocks, step = -(-width // block), lanes(x)
    piece, begin = task // blocks, task % blocks * block
    first = piece % pieces * height
    base, rows = (piece // pieces * length + first) * width, min(height, length - first)
    for k in range(begin, min(width, begin + block), WIDE * step):
        a = b = c = d = splat(x, start)
        left = min(width, begin + block) - k
        for r in range(rows):
            i = base + r * width + k
            a = join(a, load_or(x, i, left, start))
            b = join(b, load_or(x, i + step, left - step, start))
            c = join(c, load_or(x, i + 2 * step, left - 2 * step, start))
            d = join(d, load_or(x, i + 3 * step, left - 3 * step, start))
        at = piece * width + k
        store_some(out, at, left, a)
        store_some(out, at + step, left - step, b)
        store_some(out, at + 2 * step, left - 2 * step, c)
        store_some(out, at + 3 * step, left - 3 * step, d)


@njit(forceinline=True)
def _add(a, b):
    return a + b


@njit(forceinline=True)
def _smallest(v):
    return -largest(-v)


_KINDS = {
    "sum": (_add, total, np.float32(0)),
    "max": (maximum, largest, np.float32(-np.inf)),
    "min": (minimum, _smallest, np.float32(np.inf)),
}


@functools.cache
def _loops(kind):
    """The loops of one kind, by rows and by columns."""
    words = dict(zip(("join", "across", "start"), _KINDS[kind], strict=True))
    return [_copy(f"{kind}{loop.__name__}", loop, words) for loop in (_rows_of_pieces, _columns_of_pieces)]


def _copy(name, loop, words):
    """A loop with words of its own. Its name is its key in the disk cache."""
    copy = types.FunctionType(loop.__code__, globals() | words, name)
    copy.__qualname__ = name
    return parallel(copy)


# ── the gradient of extremes ─────────────────────────────────────────────────────────────────────
def extreme_gradient(dy, x, y, axes):
    """dx = dy / n where x = y, n of these in a set; None where what was reduced does not lie together."""
    shape, reduced = _merged(x.shape, axes)
    if sum(reduced) != 1:
        return None
    at = reduced.index(True)
    lead, length, width = math.prod(shape[:at]), shape[at], math.prod(shape[at + 1 :])
    if 1 < width < LANES:
        return None
    dx = np.empty_like(x)
    flat = (dy.reshape(-1), x.reshape(-1), y.reshape(-1), dx.reshape(-1))
    if width == 1:
        together = max(1, PIECE // length)
        _gradient_of_rows(-(-lead // together), *flat, length, together)
    else:
        block = max(LANES, PIECE // length // LANES * LANES)
        _gradient_of_columns(lead * -(-width // block), *flat, length, width, block)
    return dx


@parallel
def _gradient_of_rows(task, dy, x, y, dx, length, together):
    """``together`` rows."""
    step = lanes(x)
    for row in range(task * together, min(y.size, (task + 1) * together)):
        first, stop, top = row * length, (row + 1) * length, splat(x, y[row])
        none, one, count = splat(x, 0), splat(x, 1), splat(x, 0)
        for i in range(first, stop, step):
            count = count + where(load_or(x, i, stop - i, np.nan) == top, one, none)
        share = dy[row] / total(count) if total(count) > 0 else np.float32(np.nan)
        for i in range(first, stop, step):
            won = where(load_or(x, i, stop - i, np.nan) == top, one, none)
            store_some(dx, i, stop - i, won * share)


@parallel
def _gradient_of_columns(task, dy, x, y, dx, length, width, block):
    """``block`` columns of one item, a vector at a time."""
    blocks = -(-width // block)
    item, begin = task // blocks, task % blocks * block
    end = min(width, begin + block)
    none, one = splat(x, 0), splat(x, 1)
    for k in range(begin, end, lanes(x)):
        left, first = end - k, item * length * width + k
        top, count = load_or(y, item * width + k, left, 0), none
        for i in range(first, first + length * width, width):
            count = count + where(load_or(x, i, left, 0) == top, one, none)
        share = load_or(dy, item * width + k, left, 0) / count
        for i in range(first, first + length * width, width):
            store_some(dx, i, left, where(load_or(x, i, left, 0) == top, one, none) * share)
