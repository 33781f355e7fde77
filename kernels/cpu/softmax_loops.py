"""Compiled loops of softmax: one thread a row, a row in cache for all its passes."""

import numpy as np

from ..jit import njit, prange
from . import vector_math as math
from .row_loops import dot, largest, total

NO_MASK = np.empty((0, 0), np.bool_)
"""Stands for "no mask": one compiled function serves both."""


@njit
def _shift(row, seen, out):
    """out = row − its maximum, −∞ where masked. (A row of −∞ alone is left as it is.)"""
    if seen.size:
        for v in range(row.size):
            out[v] = row[v] if seen[v] else row.dtype.type(-np.inf)
    else:
        for v in range(row.size):
            out[v] = row[v]
    top = largest(out)
    if top > -np.inf:
        for v in range(row.size):
            out[v] -= top


@njit
def _seen(mask, n):
    return mask[n] if mask.size else mask.reshape(-1)


# Each formula is a plain function of a row; the parallel loop around it is two lines, and compiles faster so.
@njit
def _softmax(row, seen, out):
    _shift(row, seen, out)
    for v in range(out.size):
        out[v] = math.exp(out[v])
    scale = out.dtype.type(1 / total(out))
    for v in range(out.size):
        out[v] *= scale
    if seen.size and not scale < np.inf:  # nothing takes part, or NaN does: 0 · scale is not 0
        for v in range(out.size):
            out[v] = out[v] if seen[v] else out.dtype.type(0)


@njit(parallel=True)
def softmax(x, mask, y):
    for n in prange(x.shape[0]):
        _softmax(x[n], _seen(mask, n), y[n])


@njit
def _softmax_backward(dy, y, dx):
    along = dy.dtype.type(dot(y, dy))
    for v in range(y.size):
        dx[v] = y[v] * (dy[v] - along)


@njit(parallel=True)
def softmax_backward(dy, y, dx):
    for n in prange(y.shape[0]):
        _softmax_backward(dy[n], y[n], dx[n])


@njit
def _log_softmax(row, seen, out):
    _shift(row, seen, out)
    share = np.empty_like(out)
    for v in range(out.size):
        share[v] = math.exp(out[v])
    log_total = out.dtype.type(np.log(total(share)))
    for v in range(out.size):
        out[v] -= log_total
    if seen.size and not log_total > -np.inf:  # nothing takes part, or NaN does
        for v in range(out.size):
            out[v] = out[v] if seen[v] else out.dtype.type(-np.inf)


@njit(parallel=True)
def log_softmax(x, mask, y):
    for n in prange(x.shape[0]):
        _log_softmax(x[n], _seen(mask, n), y[n])


@njit
def _log_softmax_backward(dy, y, dx):
    for v in range(y.size):
        dx[v] = dy[v] if y[v] > -np.inf or y[v] != y[v] else dy.dtype.type(0)
    along = dy.dtype.type(total(dx))
    for v in range(y.size):
        dx[v] -= math.exp(y[v]) * along


@njit(parallel=True)
def log_softmax_backward(dy, y, dx):
    for n in prange(y.shape[0]):
        _log_softmax_backward(dy[n], y[n], dx[n])
