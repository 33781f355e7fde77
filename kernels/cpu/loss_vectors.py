"""Cross-entropy of float32 rows in vectors: equals ``reference/loss.py``, without ever storing a softmax.

Forward is a walk for the maximum and one for Σ exp, the row being in cache by then; backward computes
exp(x − lse) again, for reading it back would cost as much: two readings and one writing of the logits in all.
Largest error against float64: 2e-7 of the largest entry, in ℓ, lse and the gradient.
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .rows import load_or, load_some, store_some
from .simd import lanes, largest, splat, total, where, widen
from .simd_math import exp
from .threads import PIECE

_LOW = np.float32(-np.inf)
_f = np.float32


def tasks(x):
    """Into how many tasks rows are divided."""
    return -(-len(x) // _rows(x.shape[1]))


@njit
def _rows(classes):
    """Rows of one task."""
    return max(1, PIECE // max(1, classes))


@njit(forceinline=True)
def _largest(x, start, stop):
    top = splat(x, _LOW)
    for i in range(start, stop, lanes(x)):
        v = load_or(x, i, stop - i, _LOW)
        top = where(v > top, v, top)
    top = largest(top)
    return top if top > _LOW else _f(0)


@njit(forceinline=True)
def _log_sum_exp(x, start, stop):
    """top + log Σ exp(x − top), the sum in float64."""
    top = _largest(x, start, stop)
    low, high = widen(splat(x, 0))
    for i in range(start, stop, lanes(x)):
        a, b = widen(exp(load_or(x, i, stop - i, _LOW) - top))
        low, high = low + a, high + b
    return top + np.log(total(low + high))


@njit(forceinline=True)
def _spread(x, start, stop, weight, lse):
    """Σ_v w_v (lse − x_v)."""
    low, high = widen(splat(x, 0))
    for i in range(start, stop, lanes(x)):
        a, b = widen(load_some(weight, i - start, stop - i) * (lse - load_or(x, i, stop - i, lse)))
        low, high = low + a, high + b
    return total(low + high)


@parallel
def forward(task, x, classes, target, weight, ignore_index, smoothing, loss, row_weight, lse):
    """Fills loss, row_weight and lse for the rows of a task."""
    height = _rows(classes)
    for n in range(task * height, min(target.size, (task + 1) * height)):
        start, t = n * classes, target[n]
        exact = _log_sum_exp(x, start, start + classes)
        lse[n] = exact
        if t == ignore_index:
            loss[n], row_weight[n] = 0, 0
            continue
        value = weight[t] * (1 - smoothing) * (exact - x[start + t])
        if smoothing != 0:
            value += smoothing / classes * _spread(x, start, start + classes, weight, lse[n])
        loss[n], row_weight[n] = value, weight[t]


@parallel
def backward(task, dloss, x, classes, target, lse, weight, all_weight, ignore_index, smoothing, dx):
    """dx = p · dℓ (w_t (1−ε) + ε/V Σ w) − dℓ ε/V w_v, and at t − dℓ w_t (1−ε) besides."""
    height = _rows(classes)
    for n in range(task * height, min(target.size, (task + 1) * height)):
        start, t = n * classes, target[n]
        stop = start + classes
        if t == ignore_index:
            dx[start:stop] = 0
            continue
        sharp, flat = dloss[n] * weight[t] * (1 - smoothing), dloss[n] * smoothing / classes
        scale, shift = _f(sharp + flat * all_weight), lse[n]
        for i in range(start, stop, lanes(x)):
            d = exp(load_some(x, i, stop - i) - shift) * scale
            if smoothing != 0:
                d = d - load_some(weight, i - start, stop - i) * _f(flat)
            store_some(dx, i, stop - i, d)
        dx[start + t] -= _f(sharp)
