"""Compiled loops over indices. In the adding ones a thread owns a range of columns, so that every entry
is added up by one thread and in the order of the index."""

from ..jit import njit, prange

_COLUMNS = 64


@njit(parallel=True)
def take(x, index, y):
    for i in prange(index.size):
        source, target = x[index[i]], y[i]
        for d in range(target.size):  # a loop: assigning whole rows costs twice as much
            target[d] = source[d]


@njit(parallel=True)
def take_add(dy, index, dx):
    width = dx.shape[1]
    for strip in prange((width + _COLUMNS - 1) // _COLUMNS):
        low, high = strip * _COLUMNS, min(width, (strip + 1) * _COLUMNS)
        for i in range(index.size):
            target, source = dx[index[i], low:high], dy[i, low:high]
            for d in range(target.size):
                target[d] += source[d]


@njit(parallel=True)
def take_along_add(dy, index, dx):
    outer, count, inner = dy.shape
    strips = (inner + _COLUMNS - 1) // _COLUMNS
    for work in prange(outer * strips):
        o, low = work // strips, work % strips * _COLUMNS
        for j in range(count):
            for d in range(low, min(inner, low + _COLUMNS)):
                dx[o, index[o, j, d], d] += dy[o, j, d]
