"""Compiled loops of softmax: one thread a row, a row in cache for all its passes."""

import math

import numpy as np

from ..jit import njit, prange

NO_MASK = np.empty((0, 0), np.bool_)
"""Stands for "no mask": one compiled function serves both."""


@njit
def _largest(x, mask):
    top = x.dtype.type(-np.inf)
    if mask.size:
        for v in range(x.size):
            if mask[v] and x[v] > top:
                top = x[v]
    else:
        for v in range(x.size):
            top = x[v] if x[v] > top else top
    return top if top > -np.inf else x.dtype.type(0)


@njit
def _row(mask, n):
    return mask[n] if mask.size else mask.reshape(-1)


@njit(parallel=True)
def softmax(x, mask, y):
    for n in prange(x.shape[0]):
        row, out, seen = x[n], y[n], _row(mask, n)
        top = _largest(row, seen)
        total = 0.0
        for v in range(row.size):
            out[v] = math.exp(row[v] - top) if seen.size == 0 or seen[v] else row.dtype.type(0)
            total += out[v]
        scale = row.dtype.type(1 / total)
        for v in range(row.size):
            out[v] = out[v] * scale if seen.size == 0 or seen[v] else row.dtype.type(0)


@njit(parallel=True)
def softmax_backward(dy, y, dx):
    for n in prange(y.shape[0]):
        g, p, out = dy[n], y[n], dx[n]
        total = g.dtype.type(0)
        for v in range(p.size):
            total += p[v] * g[v]
        for v in range(p.size):
            out[v] = p[v] * (g[v] - total)


@njit(parallel=True)
def log_softmax(x, mask, y):
    for n in prange(x.shape[0]):
        row, out, seen = x[n], y[n], _row(mask, n)
        top = _largest(row, seen)
        total = 0.0
        for v in range(row.size):
            if seen.size == 0 or seen[v]:
                total += math.exp(row[v] - top)
        shift = row.dtype.type(math.log(total))
        for v in range(row.size):
            out[v] = row[v] - top - shift if seen.size == 0 or seen[v] else row.dtype.type(-np.inf)


@njit(parallel=True)
def log_softmax_backward(dy, y, dx):
    for n in prange(y.shape[0]):
        g, p, out = dy[n], y[n], dx[n]
        total = 0.0
        for v in range(p.size):
            if p[v] != -np.inf:
                total += g[v]
        total = g.dtype.type(total)
        for v in range(p.size):
            out[v] = g[v] - math.exp(p[v]) * total if p[v] != -np.inf else g.dtype.type(0)
