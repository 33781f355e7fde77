"""Feature-wise linear modulation, and a rectified bias: one pass over memory forwards, and one backwards.

Equal to ``reference/modulation.py``. A channel of an item is a row of float32 with one scale and one shift;
scaling, shifting and the positive part are applied, and both sums taken, while a vector is in a register.
The sums are of at most PIECE entries in float32, and those in float64: error 1e-6 of Σ |g x| and Σ |g|.
What is not worth it is left to the reference: small arrays, float64, rows shorter than a vector.
"""

import numpy as np

from .. import reference
from ..jit import njit
from ..pool import parallel
from .rows import load_some, store_some
from .simd import LANES
from .threads import LARGE, PIECE

if LANES:
    from .simd import fma, lanes, maximum, splat, total, where

__all__ = ["bias_relu_backward", "film", "film_backward"]


def film(x, gamma, beta, relu):
    """y = (1 + γ) x + β, and of that the positive part where relu is asked for."""
    if not _serves(x):
        return reference.film(x, gamma, beta, relu)
    y, length = np.empty_like(x), x.size // gamma.size
    _forward(_tasks(x), *(a.reshape(-1) for a in (x, gamma, beta)), bool(relu), length, y.reshape(-1))
    return y


def film_backward(dy, x, gamma, y):
    """g = dy, with y only where y > 0;  dx = (1 + γ) g;  dγ = Σ g x;  dβ = Σ g."""
    if not _serves(x):
        return reference.film_backward(dy, x, gamma, y)
    given = (dy, x, gamma, dy if y is None else y)
    results = (np.empty_like(x), np.empty_like(gamma), np.empty_like(gamma))
    length = x.size // gamma.size
    _backward(
        _tasks(x), *(a.reshape(-1) for a in given), y is not None, length, *(a.reshape(-1) for a in results)
    )
    return results


def bias_relu_backward(dy, y):
    """dx = dy where y > 0, else 0;  db = Σ dx of each channel."""
    if not _serves(y):
        return reference.bias_relu_backward(dy, y)
    dx, sums = np.empty_like(y), np.empty(y.shape[:2])
    flat = (a.reshape(-1) for a in (dy, y, dx, sums))
    _rectified(_tasks(y), *flat, y.size // sums.size)
    return dx, sums.sum(axis=0).astype(y.dtype)


def _serves(x):
    return LANES and x.dtype == np.float32 and x.size >= LARGE and x[0, 0].size >= LANES


def _tasks(x):
    return -(-x.shape[0] * x.shape[1] // _together(x[0, 0].size))


@njit
def _together(length):
    """So many rows make a task."""
    return max(1, PIECE // length)


@parallel
def _forward(task, x, gamma, beta, relu, length, y):
    """Some rows."""
    height, one = _together(length), np.float32(1)
    for row in range(task * height, min(gamma.size, (task + 1) * height)):
        scale, shift = one + gamma[row], splat(x, beta[row])
        stop = (row + 1) * length
        for i in range(row * length, stop, lanes(x)):
            v = fma(load_some(x, i, stop - i), scale, shift)
            store_some(y, i, stop - i, maximum(v, np.float32(0)) if relu else v)


@parallel
def _backward(task, dy, x, gamma, y, relu, length, dx, dgamma, dbeta):
    """Some rows, each by pieces whose sums are float32."""
    height, one, none = _together(length), np.float32(1), splat(x, 0)
    for row in range(task * height, min(gamma.size, (task + 1) * height)):
        scale, by_x, alone = one + gamma[row], 0.0, 0.0
        for first in range(row * length, (row + 1) * length, PIECE):
            stop = min(first + PIECE, (row + 1) * length)
            sum_gx = sum_g = none
            for i in range(first, stop, lanes(x)):
                left = stop - i
                g = load_some(dy, i, left)
                if relu:
                    g = where(load_some(y, i, left) > none, g, none)
                sum_gx, sum_g = fma(g, load_some(x, i, left), sum_gx), sum_g + g
                store_some(dx, i, left, g * scale)
            by_x, alone = by_x + total(sum_gx), alone + total(sum_g)
        dgamma[row], dbeta[row] = by_x, alone


@parallel
def _rectified(task, dy, y, dx, sums, length):
    """Some rows; their sums as in ``_backward``."""
    height, none = _together(length), splat(y, 0)
    for row in range(task * height, min(sums.size, (task + 1) * height)):
        alone = 0.0
        for first in range(row * length, (row + 1) * length, PIECE):
            stop, sum_g = min(first + PIECE, (row + 1) * length), none
            for i in range(first, stop, lanes(y)):
                left = stop - i
                g = where(load_some(y, i, left) > none, load_some(dy, i, left), none)
                sum_g = sum_g + g
                store_some(dx, i, left, g)
            alone += total(sum_g)
        sums[row] = alone
