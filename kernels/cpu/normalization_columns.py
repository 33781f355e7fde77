"""Vector loops of the batch norm of features (B, C) in float32: a column is a set, and has a lane of its own.

A thread takes LANES columns at a time, a line of the cache in each row, from the first row to the last: no
sums of several threads have to be put together. Formulas, sums in float64 and errors are those of
``normalization_vectors.py``.
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .rows import load_some, store_some
from .simd import LANES, fma, splat, store, widen

_f = np.float32


@njit(forceinline=True)
def _put(x, i, low, high):
    """Two halves, side by side."""
    store(x, i, low)
    store(x, i + LANES // 2, high)


@njit
def _statistics(x, j, left, width, eps, center, mean, rstd, numbers):
    """μ and 1/√(σ² + eps) of the columns j … j + left − 1; ``numbers``: space for 2 · LANES float64."""
    shift = load_some(x, j, left) if center else splat(x, 0)
    shift_a, shift_b = widen(shift)
    zero = shift_a - shift_a if center else shift_a
    sum_a, sum_b, square_a, square_b = zero, zero, zero, zero
    for i in range(j, x.size, width):
        a, b = widen(load_some(x, i, left))
        a, b = a - shift_a, b - shift_b
        sum_a, sum_b = sum_a + a, sum_b + b
        square_a, square_b = fma(a, a, square_a), fma(b, b, square_b)
    _put(numbers, 0, sum_a, sum_b)
    _put(numbers, LANES, square_a, square_b)
    count = x.size // width
    for c in range(min(left, LANES)):
        away = numbers[c] / count if center else 0.0
        variance = max(numbers[LANES + c] / count - away * away, 0.0)
        numbers[c] = np.float64(x[j + c]) + away if center else 0.0
        mean[j + c], rstd[j + c] = numbers[c], 1 / np.sqrt(variance + eps)
        numbers[LANES + c] = numbers[c] - np.float64(mean[j + c])  # what float32 cannot say of μ


@parallel
def forward(strip, width, x, weight, bias, eps, center, y, mean, rstd):
    """Columns j … j + LANES − 1, as many of them as there are."""
    j = strip * LANES
    left = width - j
    numbers, rest = np.empty(2 * LANES), np.zeros(LANES, np.float32)
    _statistics(x, j, left, width, eps, center, mean, rstd, numbers)
    for c in range(min(left, LANES)):
        rest[c] = numbers[LANES + c]
    high, low, r = load_some(mean, j, left), load_some(rest, 0, left), load_some(rstd, j, left)
    scale, b = r * load_some(weight, j, left), load_some(bias, j, left)
    for i in range(j, x.size, width):
        store_some(y, i, left, fma((load_some(x, i, left) - high) - low, scale, b))


@parallel
def backward(strip, width, dy, x, weight, mean, rstd, center, dx, dweight, dbias):
    """The same columns: dx, dweight, dbias."""
    j = strip * LANES
    left = width - j
    mu, r = load_some(mean, j, left), load_some(rstd, j, left)
    zero, _ = widen(splat(x, 0))
    sum_a, sum_b, cross_a, cross_b = zero, zero, zero, zero
    for i in range(j, x.size, width):
        d, hat = load_some(dy, i, left), (load_some(x, i, left) - mu) * r
        a, b = widen(d)
        sum_a, sum_b = sum_a + a, sum_b + b
        a, b = widen(d * hat)
        cross_a, cross_b = cross_a + a, cross_b + b
    numbers, means = np.empty(2 * LANES), np.zeros(2 * LANES, np.float32)
    _put(numbers, 0, sum_a, sum_b)
    _put(numbers, LANES, cross_a, cross_b)
    count = x.size // width
    for c in range(min(left, LANES)):
        dbias[j + c], dweight[j + c] = numbers[c], numbers[LANES + c]
        means[c] = numbers[c] * weight[j + c] / count if center else 0.0
        means[LANES + c] = numbers[LANES + c] * weight[j + c] / count
    w = load_some(weight, j, left)
    mean_g, mean_gx = load_some(means, 0, left), load_some(means, LANES, left)
    for i in range(j, x.size, width):
        d, hat = load_some(dy, i, left), (load_some(x, i, left) - mu) * r
        store_some(dx, i, left, (fma(d, w, -mean_g) - hat * mean_gx) * r)
