"""Looking entries up by index, and the gradients of that: adding at an index."""

import numpy as np


def take(x, index):
    """y[i] = x[index[i]], whole rows."""
    return np.asarray(np.take(x, index, axis=0), order="C")


def take_add(dy, index, rows):
    """dx[index[i]] += dy[i]."""
    dx = np.zeros((rows,) + dy.shape[index.ndim :], dy.dtype)
    np.add.at(dx, index, dy)
    return dx


def take_along(x, index, axis):
    """y[…, j, …] = x[…, index[…, j, …], …]."""
    return np.asarray(np.take_along_axis(x, index, axis), order="C")


def take_along_add(dy, index, axis, size):
    """dx[…, index[…, j, …], …] += dy[…, j, …]."""
    dx = np.zeros(dy.shape[:axis] + (size,) + dy.shape[axis + 1 :], dy.dtype)
    places = list(np.indices(index.shape, sparse=True))
    places[axis] = index
    np.add.at(dx, tuple(places), dy)
    return dx
