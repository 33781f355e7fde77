"""Vector loops of the five norms in float32, one pass over memory for each that the formula needs.

Equal to ``reference.normalize`` and ``normalize_backward``. Sums are kept in float64, in the order of memory:
mean and variance in a single pass over x − x₀, x₀ the first entry of the set, by Σ(x−x₀) and Σ(x−x₀)²
(shifted data: Chan, Golub & LeVeque, 1983). Cancellation cannot harm it: as x₀ is a member of the set,
(x₀ − μ)² ≤ n σ², and n · 2⁻⁵³ is lost at most. On the way back, along a row, and for weight and bias
down the rows, BLOCK terms at a time are added in float32, and their sums in float64.
Largest error against float64: 1.2e-7 of the largest entry, in y, dx, dweight and dbias alike.

Three ways in which a set may lie in memory:
    rows      L = 1: a set is K neighbours, and the weight changes along them     layer and RMS norm
    blocks    L > 1: a set is blocks of L neighbours, with one weight each        batch, instance, group norm
    columns   L = K = 1, across the batch: in ``normalization_columns.py``        batch norm of features
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .normalization_loops import add_up
from .rows import load_or, load_some, store_some
from .simd import fma, lanes, prefetch, splat, total, widen

BLOCK = 16
"""Terms that are added in float32, in each lane, before they join a float64 sum."""

_f = np.float32


@njit(forceinline=True)
def _two(number):
    """A float64 as the sum of two float32."""
    high = _f(number)
    return high, _f(number - high)


@njit(forceinline=True)
def _layout(s, shape, across_batch):
    """Set s: its g, and where its K·L neighbours start: first, one past the last, and the step."""
    batch, groups, channels, length = shape
    block = channels * length
    if across_batch:
        return s, s * block, (batch * groups + s) * block, groups * block
    return s % groups, s * block, (s + 1) * block, block


# ── statistics, and y ────────────────────────────────────────────────────────────────────────────
@njit
def _statistics(x, first, last, step, block, eps, center):
    """μ and 1/√(σ² + eps) of the blocks that start at first, first + step, …, in float64."""
    shift = x[first] if center else _f(0)
    wide = np.float64(shift)
    zero, _ = widen(splat(x, 0))
    sum_a, sum_b, square_a, square_b = zero, zero, zero, zero
    for at in range(first, last, step):
        for i in range(at, at + block, lanes(x)):
            a, b = widen(load_or(x, i, at + block - i, shift))
            a, b = a - wide, b - wide
            sum_a, sum_b = sum_a + a, sum_b + b
            square_a, square_b = fma(a, a, square_a), fma(b, b, square_b)
    count = (last - first) // step * block
    away = total(sum_a + sum_b) / count if center else 0.0
    variance = max(total(square_a + square_b) / count - away * away, 0.0)
    return wide + away, 1 / np.sqrt(variance + eps)


@njit
def _forward_row(x, first, channels, k, weight, bias, mu, r, y):
    """y = (x − μ) · r · weight + bias with weights that change along the row."""
    high, low = _two(mu)
    for j in range(0, channels, lanes(x)):
        left = channels - j
        prefetch(x, first + channels + j)  # the next row: memory would wait while this one is written
        v = (load_some(x, first + j, left) - high) - low
        w, b = load_some(weight, k + j, left), load_some(bias, k + j, left)
        store_some(y, first + j, left, fma(v * _f(r), w, b))


@njit
def _forward_block(x, first, length, w, b, mu, r, y):
    """The same with one weight."""
    high, low = _two(mu)
    scale = _f(r * w)
    for i in range(first, first + length, lanes(x)):
        left = first + length - i
        v = (load_some(x, i, left) - high) - low
        store_some(y, i, left, fma(v, scale, b))


@parallel
def forward(chunk, chunks, shape, x, weight, bias, eps, across_batch, center, y, mean, rstd):
    """A chunk of the sets, by rows or blocks."""
    _, _, channels, length = shape
    for s in range(chunk * mean.size // chunks, (chunk + 1) * mean.size // chunks):
        g, first, last, step = _layout(s, shape, across_batch)
        mu, r = _statistics(x, first, last, step, channels * length, eps, center)
        mean[s], rstd[s] = mu, r
        k = g * channels
        for at in range(first, last, step):
            if length == 1:
                _forward_row(x, at, channels, k, weight, bias, mu, r, y)
            else:
                for c in range(channels):
                    _forward_block(x, at + c * length, length, weight[k + c], bias[k + c], mu, r, y)


# ── gradients ────────────────────────────────────────────────────────────────────────────────────
@njit
def _sums_of_row(dy, x, first, channels, k, weight, mu, r, near):
    """Σ g and Σ g ⊙ x̂ of a row; dy ⊙ x̂ and dy are added to the two rows of ``near``."""
    sum_g, sum_gx = 0.0, 0.0
    half, step = near.size // 2, lanes(x)
    for start in range(0, channels, BLOCK * step):
        sums = cross = splat(x, 0)
        for j in range(start, min(channels, start + BLOCK * step), step):
            left = channels - j
            d, w = load_some(dy, first + j, left), load_some(weight, k + j, left)
            hat = (load_or(x, first + j, left, mu) - mu) * r
            store_some(near, k + j, left, fma(d, hat, load_some(near, k + j, left)))
            store_some(near, half + k + j, left, d + load_some(near, half + k + j, left))
            g = d * w
            sums, cross = sums + g, fma(g, hat, cross)
        sum_g, sum_gx = sum_g + total(sums), sum_gx + total(cross)
    return sum_g, sum_gx


@njit
def _sums_of_block(dy, x, first, length, mu, r):
    """Σ dy and Σ dy ⊙ x̂."""
    zero, _ = widen(splat(x, 0))
    sum_a, sum_b, cross_a, cross_b = zero, zero, zero, zero
    for i in range(first, first + length, lanes(x)):
        left = first + length - i
        d, hat = load_some(dy, i, left), (load_or(x, i, left, mu) - mu) * r
        a, b = widen(d)
        sum_a, sum_b = sum_a + a, sum_b + b
        a, b = widen(d * hat)
        cross_a, cross_b = cross_a + a, cross_b + b
    return total(sum_a + sum_b), total(cross_a + cross_b)


@njit
def _dx_of_row(dy, x, first, channels, k, weight, mu, r, mean_g, mean_gx, dx):
    """dx = r · (weight ⊙ dy − mean(g) − x̂ · mean(g ⊙ x̂))."""
    for j in range(0, channels, lanes(x)):
        left = channels - j
        prefetch(dy, first + channels + j)  # as in ``_forward_row``
        prefetch(x, first + channels + j)
        d, w = load_some(dy, first + j, left), load_some(weight, k + j, left)
        hat = (load_or(x, first + j, left, mu) - mu) * r
        store_some(dx, first + j, left, fma(hat, -mean_gx, fma(d, w, -mean_g)) * r)


@njit
def _dx_of_block(dy, x, first, length, w, mu, r, mean_g, mean_gx, dx):
    """The same with one weight."""
    for i in range(first, first + length, lanes(x)):
        left = first + length - i
        d, hat = load_some(dy, i, left), (load_or(x, i, left, mu) - mu) * r
        store_some(dx, i, left, fma(hat, -mean_gx, fma(d, w, -mean_g)) * r)


@njit
def _fold(near, dweight, dbias):
    """The float32 sums of a few rows go into the float64 sums, and start again from 0."""
    half = dweight.size
    for j in range(half):
        dweight[j] += near[j]
        dbias[j] += near[half + j]
    near[:] = 0


@njit
def _backward_rows(start, stop, shape, dweight, dbias, dy, x, weight, mean, rstd, center, dx):
    """Sets start … stop − 1 with L = 1."""
    _, groups, channels, _ = shape
    near = np.zeros(2 * dweight.size, np.float32)
    for s in range(start, stop):
        k, first = s % groups * channels, s * channels
        sum_g, sum_gx = _sums_of_row(dy, x, first, channels, k, weight, mean[s], rstd[s], near)
        mean_g = _f(sum_g / channels) if center else _f(0)
        _dx_of_row(dy, x, first, channels, k, weight, mean[s], rstd[s], mean_g, _f(sum_gx / channels), dx)
        if (s + 1 - start) % (BLOCK * groups) == 0:
            _fold(near, dweight, dbias)
    _fold(near, dweight, dbias)


@njit
def _backward_blocks(start, stop, shape, dweight, dbias, dy, x, weight, mean, rstd, across_batch, center, dx):
    """Sets start … stop − 1 with L > 1."""
    _, _, channels, length = shape
    for s in range(start, stop):
        g, first, last, step = _layout(s, shape, across_batch)
        count = (last - first) // step * channels * length
        mu, r, k = mean[s], rstd[s], g * channels
        mean_g, mean_gx = 0.0, 0.0
        for at in range(first, last, step):
            for c in range(channels):
                sum_d, sum_dx = _sums_of_block(dy, x, at + c * length, length, mu, r)
                dbias[k + c] += sum_d
                dweight[k + c] += sum_dx
                mean_g += weight[k + c] * sum_d
                mean_gx += weight[k + c] * sum_dx
        mean_g, mean_gx = _f(mean_g / count) if center else _f(0), _f(mean_gx / count)
        for at in range(first, last, step):
            for c in range(channels):
                _dx_of_block(dy, x, at + c * length, length, weight[k + c], mu, r, mean_g, mean_gx, dx)


@parallel
def backward(task, shape, sums, dy, x, weight, mean, rstd, across_batch, center, dx, dweight, dbias):
    """Round 0: a chunk of dx, and its share of the sums for weight and bias. Round 1: a chunk of those."""
    chunks = sums.shape[1]
    if task >= chunks:
        add_up(task - chunks, sums[0], dweight)
        add_up(task - chunks, sums[1], dbias)
        return
    start, stop = task * mean.size // chunks, (task + 1) * mean.size // chunks
    dw, db = sums[0, task], sums[1, task]
    dw[:], db[:] = 0, 0
    if shape[3] == 1 and not across_batch:
        _backward_rows(start, stop, shape, dw, db, dy, x, weight, mean, rstd, center, dx)
    else:
        _backward_blocks(start, stop, shape, dw, db, dy, x, weight, mean, rstd, across_batch, center, dx)
