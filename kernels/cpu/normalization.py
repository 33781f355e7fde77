"""One normalization for batch, layer, group, instance and RMS norm.

A *set* is the entries that share a mean: K·L neighbours of one (b, g), or with ``across_batch`` those
of every b for one g. Sets go to threads in a fixed number of chunks, each with its own sums for the
weight and the bias, which are added in order: the result does not depend on the threads.
"""

import numpy as np

from ..jit import njit, prange

__all__ = ["normalize", "normalize_backward"]

SMALL = 1 << 15
"""Below so many entries one thread is quicker than waking the others."""

CHUNKS = 32


def normalize(x, weight, bias, eps, across_batch, center):
    """y = (x − μ) · r · weight + bias with r = 1/√(σ² + eps); sums in float64."""
    batch, groups, channels, length = x.shape
    weight = np.ones(groups * channels, x.dtype) if weight is None else weight
    bias = np.zeros(groups * channels, x.dtype) if bias is None else bias
    if across_batch and channels * length == 1:  # sets are columns: make them rows
        y, mean, rstd = normalize(_transposed(x), weight, bias, eps, True, center)
        return _transposed(y), mean, rstd
    y = np.empty_like(x)
    mean = np.empty((1 if across_batch else batch, groups), x.dtype)
    rstd = np.empty_like(mean)
    forward = _forward if x.size < SMALL else _forward_wide
    forward(_chunks(mean), x, weight, bias, float(eps), across_batch, center, y, mean, rstd)
    return y, mean, rstd


def normalize_backward(dy, x, weight, mean, rstd, across_batch, center):
    """x̂ = (x−μ)·r;  g = dy ⊙ weight;  dx = r · (g − mean(g) − x̂ · mean(g ⊙ x̂)).

    Without centring there is no mean(g).
    """
    _, groups, channels, length = x.shape
    weight = np.ones(groups * channels, x.dtype) if weight is None else weight
    if across_batch and channels * length == 1:
        dx, *rest = normalize_backward(_transposed(dy), _transposed(x), weight, mean, rstd, True, center)
        return _transposed(dx), *rest
    dx = np.empty_like(x)
    sums = np.zeros((_chunks(mean), 2, groups * channels))
    backward = _backward if x.size < SMALL else _backward_wide
    backward(sums, dy, x, weight, mean, rstd, across_batch, center, dx)
    dweight, dbias = sums.sum(axis=0).astype(x.dtype)
    return dx, dweight.copy(), dbias.copy()


def _transposed(x):
    """(B, C, 1, 1) → (1, C, 1, B) and back."""
    return np.ascontiguousarray(x.transpose(3, 1, 2, 0))


def _chunks(mean):
    return min(CHUNKS, mean.size)


@njit
def _moment(x, shift, square):
    """Σ (x − shift), or Σ (x − shift)², in eight running sums: one alone could not be vectorised."""
    sums = np.zeros(8)
    whole = x.size // 8 * 8
    for i in range(0, whole, 8):
        for j in range(8):
            value = np.float64(x[i + j]) - shift
            sums[j] += value * value if square else value
    for i in range(whole, x.size):
        value = np.float64(x[i]) - shift
        sums[0] += value * value if square else value
    return sums.sum()


@njit
def _members(s, batch, groups, across_batch):
    """Set s: the first of its b, the one past its last, and its g."""
    if across_batch:
        return 0, batch, s
    return s // groups, s // groups + 1, s % groups


@njit
def _forward_chunk(start, stop, x, weight, bias, eps, across_batch, center, y, mean, rstd):
    batch, groups, channels, length = x.shape
    for s in range(start, stop):
        first, last, g = _members(s, batch, groups, across_batch)
        count = (last - first) * channels * length
        mu = 0.0
        if center:
            for b in range(first, last):
                mu += _moment(x[b, g].reshape(-1), 0.0, False)
            mu /= count
        variance = 0.0
        for b in range(first, last):
            variance += _moment(x[b, g].reshape(-1), mu, True)
        r = 1 / np.sqrt(variance / count + eps)
        mean.reshape(-1)[s], rstd.reshape(-1)[s] = mu, r
        w, a = weight[g * channels : (g + 1) * channels], bias[g * channels : (g + 1) * channels]
        for b in range(first, last):
            if length == 1:
                for k in range(channels):
                    y[b, g, k, 0] = (x[b, g, k, 0] - mu) * r * w[k] + a[k]
            else:
                for k in range(channels):
                    for j in range(length):
                        y[b, g, k, j] = (x[b, g, k, j] - mu) * r * w[k] + a[k]


@njit
def _backward_chunk(start, stop, sums, dy, x, weight, mean, rstd, across_batch, center, dx):
    batch, groups, channels, length = x.shape
    for s in range(start, stop):
        first, last, g = _members(s, batch, groups, across_batch)
        count = (last - first) * channels * length
        mu, r = np.float64(mean.reshape(-1)[s]), np.float64(rstd.reshape(-1)[s])
        here = slice(g * channels, (g + 1) * channels)
        w, dweight, dbias = weight[here], sums[0, here], sums[1, here]
        mean_g, mean_gx = 0.0, 0.0
        for b in range(first, last):
            for k in range(channels):
                total, total_x = 0.0, 0.0
                for j in range(length):
                    total += dy[b, g, k, j]
                    total_x += dy[b, g, k, j] * ((x[b, g, k, j] - mu) * r)
                dbias[k] += total
                dweight[k] += total_x
                mean_g += w[k] * total
                mean_gx += w[k] * total_x
        mean_g = mean_g / count if center else 0.0
        mean_gx /= count
        for b in range(first, last):
            for k in range(channels):
                for j in range(length):
                    x_hat = (x[b, g, k, j] - mu) * r
                    dx[b, g, k, j] = r * (w[k] * dy[b, g, k, j] - mean_g - x_hat * mean_gx)


@njit
def _range(chunk, chunks, sets):
    return chunk * sets // chunks, (chunk + 1) * sets // chunks


@njit
def _forward(chunks, x, weight, bias, eps, across_batch, center, y, mean, rstd):
    _forward_chunk(0, mean.size, x, weight, bias, eps, across_batch, center, y, mean, rstd)


@njit(parallel=True)
def _forward_wide(chunks, x, weight, bias, eps, across_batch, center, y, mean, rstd):
    for c in prange(chunks):
        start, stop = _range(c, chunks, mean.size)
        _forward_chunk(start, stop, x, weight, bias, eps, across_batch, center, y, mean, rstd)


@njit
def _backward(sums, dy, x, weight, mean, rstd, across_batch, center, dx):
    for c in range(len(sums)):
        start, stop = _range(c, len(sums), mean.size)
        _backward_chunk(start, stop, sums[c], dy, x, weight, mean, rstd, across_batch, center, dx)


@njit(parallel=True)
def _backward_wide(sums, dy, x, weight, mean, rstd, across_batch, center, dx):
    for c in prange(len(sums)):
        start, stop = _range(c, len(sums), mean.size)
        _backward_chunk(start, stop, sums[c], dy, x, weight, mean, rstd, across_batch, center, dx)
