"""Looking entries up by index, and the gradients of that. Equal to ``reference.indexing``.

The gradients add many entries into one place. Atomics would do it in whatever order threads arrive; here
one thread owns each place it writes and walks through the index from front to back, so the order of
every sum, and its last bit, is always the same.
"""

import math as host_math

from .elementwise import full
from .launch import cuda, kernel, launch_each, smaller
from .memory import empty
from .stride import split_axis

__all__ = ["take", "take_add", "take_along", "take_along_add"]

RANGES = 64
"""Into how many ranges of rows take_add cuts its result: each range of each column is a thread's."""


@kernel
def _take(y, x, index, count, width):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        place = i // width
        y[i] = x[index[place] * width + (i - place * width)]


@kernel
def _take_add(dx, dy, index, places, width, rows, share, ranges):
    """Thread (range, column) zeroes its rows, then adds, in the order of the index, what falls into them."""
    for item in range(cuda.grid(1), ranges * width, cuda.gridsize(1)):
        part = item // width
        column = item - part * width
        first, last = part * share, smaller(rows, (part + 1) * share)
        for row in range(first, last):
            dx[row * width + column] = 0
        for place in range(places):
            row = index[place]
            if first <= row and row < last:
                dx[row * width + column] += dy[place * width + column]


@kernel
def _take_along(y, x, index, count, entries, size, inner):
    """x (outer, size, inner), index and y (outer, entries, inner)."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        outer = i // (entries * inner)
        y[i] = x[(outer * size + index[i]) * inner + i % inner]


@kernel
def _take_along_add(dx, dy, index, lines, entries, size, inner):
    """A thread a line: it zeroes the line, then adds the entries in their order."""
    for line in range(cuda.grid(1), lines, cuda.gridsize(1)):
        outer = line // inner
        column = line - outer * inner
        for j in range(size):
            dx[(outer * size + j) * inner + column] = 0
        for j in range(entries):
            at = (outer * entries + j) * inner + column
            dx[(outer * size + index[at]) * inner + column] += dy[at]


def take(x, index):
    """y[i] = x[index[i]], whole rows; neighbouring threads read neighbouring entries. Exact."""
    y = empty(index.shape + x.shape[1:], x.dtype)
    launch_each(_take, y.size, y, x, index, y.size, host_math.prod(x.shape[1:]))
    return y


def take_add(dy, index, rows):
    """dx[index[i]] += dy[i], in the order of i: as many roundings as entries that meet."""
    width = host_math.prod(dy.shape[index.ndim :])
    dx = empty((rows, *dy.shape[index.ndim :]), dy.dtype)
    if index.size == 0:
        return full(dx.shape, 0, dx.dtype)
    share = max(1, -(-rows // RANGES))
    ranges = -(-rows // share)
    launch_each(_take_add, ranges * width, dx, dy, index, index.size, width, rows, share, ranges)
    return dx


def take_along(x, index, axis):
    """y[…, j, …] = x[…, index[…, j, …], …]. Exact."""
    y = empty(index.shape, x.dtype)
    _, size, inner = split_axis(x.shape, axis)
    launch_each(_take_along, y.size, y, x, index, y.size, index.shape[axis], size, inner)
    return y


def take_along_add(dy, index, axis, size):
    """dx[…, index[…, j, …], …] += dy[…, j, …], in the order of j."""
    dx = empty(dy.shape[:axis] + (size,) + dy.shape[axis + 1 :], dy.dtype)
    outer, entries, inner = split_axis(index.shape, axis)
    lines = outer * inner
    launch_each(_take_along_add, lines, dx, dy, index, lines, entries, size, inner)
    return dx
