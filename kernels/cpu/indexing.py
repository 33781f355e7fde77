"""Looking entries up by index, and adding at an index."""

import math

import numpy as np

from .. import reference
from ..reference import take_along
from .threads import LARGE

__all__ = ["take", "take_add", "take_along", "take_along_add"]

MANY = 2000
"""np.add.at costs this much sooner more than a compiled loop."""


def take(x, index):
    """y[i] = x[index[i]], whole rows."""
    width = math.prod(x.shape[1:])
    if index.size * width < LARGE or width < 8:
        return reference.take(x, index)
    from . import indexing_loops as loops

    y = np.empty(index.shape + x.shape[1:], x.dtype)
    loops.take(x.reshape(len(x), width), index.reshape(-1), y.reshape(index.size, width))
    return y


def take_add(dy, index, rows):
    """dx[index[i]] += dy[i]."""
    if dy.size < MANY:
        return reference.take_add(dy, index, rows)
    from . import indexing_loops as loops

    shape = dy.shape[index.ndim :]
    dx = np.zeros((rows, *shape), dy.dtype)
    width = math.prod(shape)
    loops.take_add(dy.reshape(index.size, width), index.reshape(-1), dx.reshape(rows, width))
    return dx


def take_along_add(dy, index, axis, size):
    """dx[…, index[…, j, …], …] += dy[…, j, …]."""
    if dy.size < MANY:
        return reference.take_along_add(dy, index, axis, size)
    from . import indexing_loops as loops

    outer, inner = math.prod(dy.shape[:axis]), math.prod(dy.shape[axis + 1 :])
    dx = np.zeros(dy.shape[:axis] + (size,) + dy.shape[axis + 1 :], dy.dtype)
    count = dy.shape[axis]
    loops.take_along_add(
        dy.reshape(outer, count, inner),
        index.reshape(outer, count, inner),
        dx.reshape(outer, size, inner),
    )
    return dx
