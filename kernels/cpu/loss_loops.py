"""Compiled loops of cross-entropy: one thread a row."""

import numpy as np

from ..jit import njit, prange
from . import vector_math as math
from .row_loops import largest, total


@njit(parallel=True)
def forward(x, target, weight, ignore_index, smoothing, loss, row_weight, lse):
    """One pass for the maximum, one for Σ exp: fills loss, row_weight and lse."""
    classes = x.shape[1]
    for n in prange(x.shape[0]):
        row = x[n]
        top = largest(row)
        if top == -np.inf:
            top = x.dtype.type(0)
        share = np.empty_like(row)
        for v in range(classes):
            share[v] = math.exp(row[v] - top)
        lse[n] = top + np.log(total(share))
        t = target[n]
        if t == ignore_index:
            loss[n], row_weight[n] = 0, 0
            continue
        value = weight[t] * (1 - smoothing) * (lse[n] - row[t])
        if smoothing != 0:
            spread = 0.0
            for v in range(classes):
                spread += weight[v] * (lse[n] - row[v])
            value += smoothing / classes * spread
        loss[n], row_weight[n] = value, weight[t]


@njit(parallel=True)
def backward(dloss, x, target, lse, weight, ignore_index, smoothing, dx):
    """exp(x − lse) is computed again rather than kept: reading it back would cost as much."""
    classes = x.shape[1]
    number = x.dtype.type
    all_weight = total(weight)
    for n in prange(x.shape[0]):
        t = target[n]
        row, out = x[n], dx[n]
        if t == ignore_index:
            out[:] = 0
            continue
        sharp = dloss[n] * weight[t] * (1 - smoothing)
        flat = dloss[n] * smoothing / classes
        scale, share, log_total = number(sharp + flat * all_weight), number(flat), lse[n]
        for v in range(classes):
            out[v] = math.exp(row[v] - log_total) * scale
        if smoothing != 0:
            for v in range(classes):
                out[v] -= share * weight[v]
        out[t] -= number(sharp)
