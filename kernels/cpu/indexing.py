"""Looking entries up by index, and adding at an index."""

import math

import numpy as np

from .. import reference
from .threads import LARGE, PIECE, pieces

__all__ = ["take", "take_add", "take_along", "take_along_add"]

MANY = 2000
"""np.add.at and np.take_along_axis cost this much sooner more than a compiled loop."""


def take(x, index):
    """y[i] = x[index[i]], whole rows."""
    width = math.prod(x.shape[1:])
    if index.size * width < LARGE or width < 8 or x.dtype not in (np.float32, np.float64):
        return reference.take(x, index)
    from . import indexing_loops as loops

    y = np.empty(index.shape + x.shape[1:], x.dtype)
    height = max(1, PIECE // width)
    loops.take(-(-index.size // height), height, width, x.reshape(-1), index.reshape(-1), y.reshape(-1))
    return y


def take_add(dy, index, rows):
    """dx[index[i]] += dy[i]."""
    if dy.size < MANY:
        return reference.take_add(dy, index, rows)
    from . import indexing_loops as loops

    shape = dy.shape[index.ndim :]
    dx, width = np.empty((rows, *shape), dy.dtype), math.prod(shape)
    loops.clear(pieces(dx.size), dx.reshape(-1))
    strips = -(-width // loops.COLUMNS)
    loops.take_add(strips, width, dy.reshape(-1), index.reshape(-1), dx.reshape(-1))
    return dx


def take_along(x, index, axis):
    """y[…, j, …] = x[…, index[…, j, …], …]."""
    if index.size < MANY:
        return reference.take_along(x, index, axis)
    from . import indexing_loops as loops

    y = np.empty(index.shape, x.dtype)
    index = _three(index, axis)
    loops.take_along(loops.strips(index.shape), _three(x, axis), index, y.reshape(index.shape))
    return y


def take_along_add(dy, index, axis, size):
    """dx[…, index[…, j, …], …] += dy[…, j, …]."""
    if dy.size < MANY:
        return reference.take_along_add(dy, index, axis, size)
    from . import indexing_loops as loops

    dx = np.empty(dy.shape[:axis] + (size,) + dy.shape[axis + 1 :], dy.dtype)
    loops.clear(pieces(dx.size), dx.reshape(-1))
    index = _three(index, axis)
    loops.take_along_add(loops.strips(index.shape), dy.reshape(index.shape), index, _three(dx, axis))
    return dx


def _three(x, axis):
    """x with all axes before ``axis`` joined to one, and all behind it."""
    return x.reshape(math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
