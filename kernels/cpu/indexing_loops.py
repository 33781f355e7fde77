"""Compiled loops over indices. In the adding ones a task owns a range of columns, so that every entry
is added up by one thread and in the order of the index."""

from ..jit import njit
from ..pool import parallel
from .rows import load_some, step, store_some
from .threads import PIECE

COLUMNS = 64
"""Columns of one task: four lines of the cache."""


@parallel
def clear(task, x):
    """x = 0: by all threads, where np.zeros is one."""
    x[task * PIECE : (task + 1) * PIECE] = 0


@parallel
def take(task, height, width, x, index, y):
    """``height`` rows of y; x and y are flat."""
    for i in range(task * height, min(index.size, (task + 1) * height)):
        source, target = index[i] * width, i * width
        for d in range(0, width, step(x)):
            store_some(y, target + d, width - d, load_some(x, source + d, width - d))


@parallel
def take_add(strip, width, dy, index, dx):
    """A strip of columns; dy and dx are flat."""
    low, high = strip * COLUMNS, min(width, (strip + 1) * COLUMNS)
    for i in range(index.size):
        source, target = i * width, index[i] * width
        for d in range(low, high, step(dx)):
            left = high - d
            v = load_some(dx, target + d, left) + load_some(dy, source + d, left)
            store_some(dx, target + d, left, v)


# ── an index for every entry ─────────────────────────────────────────────────────────────────────
# x, index and y are (outer, along, inner). A task is a few of the outer ones, or COLUMNS of the inner ones
# of one of them: no two tasks touch the same entry of x.
def strips(shape):
    """Into how many tasks an index of that shape is divided."""
    outer, _, inner = shape
    return -(-outer // _height(shape)) if inner <= COLUMNS else outer * -(-inner // COLUMNS)


@njit
def _height(shape):
    """Outer ones of a task."""
    return max(1, PIECE // max(1, shape[1] * shape[2])) if shape[2] <= COLUMNS else 1


@njit
def _bounds(task, shape):
    """The outer ones of a task, first and one past the last, and its inner ones."""
    outer, _, inner = shape
    if inner <= COLUMNS:
        height = _height(shape)
        return task * height, min(outer, (task + 1) * height), 0, inner
    across = -(-inner // COLUMNS)
    low = task % across * COLUMNS
    return task // across, task // across + 1, low, min(inner, low + COLUMNS)


@parallel
def take_along(task, x, index, y):
    first, last, low, high = _bounds(task, index.shape)
    for o in range(first, last):
        for j in range(index.shape[1]):
            for d in range(low, high):
                y[o, j, d] = x[o, index[o, j, d], d]


@parallel
def take_along_add(task, dy, index, dx):
    first, last, low, high = _bounds(task, index.shape)
    for o in range(first, last):
        for j in range(index.shape[1]):
            for d in range(low, high):
                dx[o, index[o, j, d], d] += dy[o, j, d]
