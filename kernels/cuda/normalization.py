"""One normalization for batch, layer, group, instance and RMS norm. Equal to ``reference.normalization``.

The entries that share a mean are a row, and one walk over it gives mean and variance: each thread sums its
entries and their squares after taking away the first of them, and the results are joined in pairs (Chan,
Golub & LeVeque, 1983):

    n = n₁ + n₂,  δ = μ₂ − μ₁,  μ = μ₁ + δ n₂/n,  M = M₁ + M₂ + δ² n₁n₂/n,  M being n times the variance

Rows of up to BLOCK · HOLD entries are read once and stay in registers, short ones several a block; longer
ones are read again when the result is written. Sums are in float64, so y has one rounding beyond those of its
own arithmetic. The gradients of weight and bias are sums of columns (``columns.py``).
"""

import numpy as np

from .columns import channel_sums
from .launch import (
    BLOCK,
    HOLD,
    cached,
    cuda,
    device,
    fits,
    kernel,
    launch_rows,
    math,
    row_sum,
)  # fmt: skip
from .memory import empty
from .stride import divisors, quotient

__all__ = ["normalize", "normalize_backward"]


# Entry i of statistic r lies at ((i // KL) · G + r) · KL + i % KL: within its own batch entry i < KL.
# Its channel is (r % G) · K + (i % KL) // L. walk: divisors of KL, L and G, then K.
@device
def _at(r, i, walk):
    """Where entry i of statistic r lies, and its channel."""
    b = quotient(i, walk, 0)
    within = i - b * walk[0]
    g = r - quotient(r, walk, 6) * walk[6]
    return (b * walk[6] + r) * walk[0] + within, g * walk[9] + quotient(within, walk, 3)


@device
def _moments(count, first, sum1, sum2):
    """n, μ, M of n entries whose differences from ``first`` have the sum and the sum of squares given."""
    n = np.float64(count)
    if count == 0:
        return n, n, n
    return n, first + sum1 / n, sum2 - sum1 * sum1 / n


@device
def _joined(counts, means, squares, n, mean, square):
    """n, μ, M of a row from those of its threads: three times BLOCK entries of shared memory."""
    t = cuda.threadIdx.x
    first = cuda.threadIdx.y * cuda.blockDim.x
    cuda.syncthreads()
    counts[first + t] = n
    means[first + t] = mean
    squares[first + t] = square
    cuda.syncthreads()
    half = cuda.blockDim.x // 2
    while half > 0:
        if t < half:
            a, b = first + t, first + t + half
            total = counts[a] + counts[b]
            if counts[b] > 0.0:
                step = means[b] - means[a]
                squares[a] += squares[b] + step * step * counts[a] * counts[b] / total
                means[a] += step * counts[b] / total
            counts[a] = total
        cuda.syncthreads()
        half //= 2
    return means[first], squares[first]


@cached
def _forward_kernel(dtype, weighted, biased, center, held):
    T, F = dtype.type, np.float64

    @device
    def result(x, middle, scale, weight, bias, c):
        v = (F(x) - middle) * scale
        if weighted:
            v *= F(weight[c])
        if biased:
            v += F(bias[c])
        return T(v)

    @kernel
    def forward(y, mean, rstd, x, weight, bias, rows, count, walk, eps):
        counts = cuda.shared.array(BLOCK, F)
        means = cuda.shared.array(BLOCK, F)
        squares = cuda.shared.array(BLOCK, F)
        values = cuda.local.array(HOLD, T)
        t, width = cuda.threadIdx.x, cuda.blockDim.x
        together = cuda.blockDim.y
        for block_first in range(cuda.blockIdx.x * together, rows, cuda.gridDim.x * together):
            r = np.int64(block_first) + cuda.threadIdx.y
            end = count if r < rows else 0
            mine = (end - t + width - 1) // width if t < end else 0
            origin = F(x[_at(r, t, walk)[0]]) if mine > 0 and center else F(0)
            sum1, sum2 = F(0), F(0)
            if held:
                for s in range(HOLD):
                    i = t + s * width
                    values[s] = T(0)
                    if i < end:
                        values[s] = x[_at(r, i, walk)[0]]
                        d = F(values[s]) - origin
                        sum1 += d
                        sum2 += d * d
            else:
                for i in range(t, end, width):
                    d = F(x[_at(r, i, walk)[0]]) - origin
                    sum1 += d
                    sum2 += d * d
            middle = F(0)
            if center:
                n, own, square = _moments(mine, origin, sum1, sum2)
                middle, square = _joined(counts, means, squares, n, own, square)
            else:
                square = row_sum(squares, sum2)
            scale = F(1) / math.sqrt(square / F(count) + eps)
            if t == 0 and r < rows:
                mean[r] = middle
                rstd[r] = scale
            if held:
                for s in range(HOLD):
                    i = t + s * width
                    if i < end:
                        at, c = _at(r, i, walk)
                        y[at] = result(values[s], middle, scale, weight, bias, c)
            else:
                for i in range(t, end, width):
                    at, c = _at(r, i, walk)
                    y[at] = result(x[at], middle, scale, weight, bias, c)

    return forward


@cached
def _backward_kernel(dtype, weighted, center, held):
    T, F = dtype.type, np.float64

    @kernel
    def backward(dx, dy, x, weight, mean, rstd, rows, count, walk):
        scratch = cuda.shared.array(BLOCK, F)
        gradients = cuda.local.array(HOLD, F)
        places = cuda.local.array(HOLD, F)
        t, width = cuda.threadIdx.x, cuda.blockDim.x
        together = cuda.blockDim.y
        for block_first in range(cuda.blockIdx.x * together, rows, cuda.gridDim.x * together):
            r = np.int64(block_first) + cuda.threadIdx.y
            end = count if r < rows else 0
            middle, scale = F(0), F(0)
            if r < rows:
                middle, scale = F(mean[r]), F(rstd[r])
            total, along = F(0), F(0)
            if held:
                for s in range(HOLD):
                    i = t + s * width
                    gradients[s], places[s] = F(0), F(0)
                    if i < end:
                        at, c = _at(r, i, walk)
                        gradients[s] = F(dy[at]) * (F(weight[c]) if weighted else F(1))
                        places[s] = (F(x[at]) - middle) * scale
                        total += gradients[s]
                        along += gradients[s] * places[s]
            else:
                for i in range(t, end, width):
                    at, c = _at(r, i, walk)
                    g = F(dy[at]) * (F(weight[c]) if weighted else F(1))
                    total += g
                    along += g * (F(x[at]) - middle) * scale
            along = row_sum(scratch, along) / F(count)
            if center:
                total = row_sum(scratch, total) / F(count)
            else:
                total = F(0)
            if held:
                for s in range(HOLD):
                    i = t + s * width
                    if i < end:
                        dx[_at(r, i, walk)[0]] = T(scale * (gradients[s] - total - places[s] * along))
            else:
                for i in range(t, end, width):
                    at, c = _at(r, i, walk)
                    g = F(dy[at]) * (F(weight[c]) if weighted else F(1))
                    dx[at] = T(scale * (g - total - (F(x[at]) - middle) * scale * along))

    return backward


def _rows(x, across_batch):
    """Number of means, entries of each, and the divisors by which an entry is found."""
    batch, groups, channels, positions = x.shape
    span = channels * positions
    rows, count = (groups, span * batch) if across_batch else (batch * groups, span)
    return rows, count, (*divisors(span, positions, groups), channels)


def normalize(x, weight, bias, eps, across_batch, center):
    """y = (x − μ) · r · weight + bias with r = 1/√(σ² + eps) → y, mean, rstd."""
    y = empty(x.shape, x.dtype)
    mean, rstd = (empty((1 if across_batch else x.shape[0], x.shape[1]), x.dtype) for _ in range(2))
    rows, count, walk = _rows(x, across_batch)
    run = _forward_kernel(x.dtype, weight is not None, bias is not None, bool(center), fits(count))
    parameters = (x if weight is None else weight, x if bias is None else bias)
    launch_rows(run, rows, count, y, mean, rstd, x, *parameters, rows, count, walk, float(eps))
    return y, mean, rstd


def normalize_backward(dy, x, weight, mean, rstd, across_batch, center):
    """x̂ = (x−μ)·r;  g = dy ⊙ weight;  dx = r · (g − mean(g) − x̂ · mean(g ⊙ x̂)) → dx, dweight, dbias."""
    dx = empty(x.shape, x.dtype)
    rows, count, walk = _rows(x, across_batch)
    run = _backward_kernel(x.dtype, weight is not None, bool(center), fits(count))
    weights = x if weight is None else weight
    launch_rows(run, rows, count, dx, dy, x, weights, mean, rstd, rows, count, walk)
    return dx, *channel_sums(dy, x, mean, rstd, across_batch)
