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
"""Pieces in which sets go to threads."""


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
    inputs = (x.reshape(-1), weight, bias, float(eps), bool(across_batch), bool(center))
    forward = _forward if x.size < SMALL else _forward_wide
    forward(x.shape, *inputs, y.reshape(-1), mean.reshape(-1), rstd.reshape(-1))
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
    dweight, dbias = np.zeros((2, 1 if x.size < SMALL else CHUNKS, groups * channels))
    inputs = (dy.reshape(-1), x.reshape(-1), weight, mean.reshape(-1), rstd.reshape(-1))
    backward = _backward if x.size < SMALL else _backward_wide
    backward(x.shape, dweight, dbias, *inputs, bool(across_batch), bool(center), dx.reshape(-1))
    return dx, dweight.sum(axis=0).astype(x.dtype), dbias.sum(axis=0).astype(x.dtype)


def _transposed(x):
    """(B, C, 1, 1) → (1, C, 1, B) and back."""
    return np.ascontiguousarray(x.transpose(3, 1, 2, 0))


@njit
def _moment(x, start, stop, shift, square):
    """Σ (x − shift), or Σ (x − shift)², in eight running sums: one alone could not be vectorised."""
    sums = np.zeros(8)
    whole = start + (stop - start) // 8 * 8
    for i in range(start, whole, 8):
        for j in range(8):
            value = np.float64(x[i + j]) - shift
            sums[j] += value * value if square else value
    for i in range(whole, stop):
        value = np.float64(x[i]) - shift
        sums[0] += value * value if square else value
    return sums.sum()


@njit
def _blocks(s, shape, across_batch):
    """Set s: its g, and where its blocks of K·L neighbours start: first, one past the last, and the step."""
    batch, groups, channels, length = shape
    block = channels * length
    if across_batch:
        return s, s * block, (batch * groups + s) * block, groups * block
    return s % groups, s * block, (s + 1) * block, block


@njit
def _forward_set(s, shape, x, weight, bias, eps, across_batch, center, y, mean, rstd):
    """One set; x and y are flat."""
    _, _, channels, length = shape
    g, first, last, step = _blocks(s, shape, across_batch)
    block = channels * length
    count = (last - first) // step * block
    mu, variance = 0.0, 0.0
    if center:
        for at in range(first, last, step):
            mu += _moment(x, at, at + block, 0.0, False)
        mu /= count
    for at in range(first, last, step):
        variance += _moment(x, at, at + block, mu, True)
    r = 1 / np.sqrt(variance / count + eps)
    mean[s], rstd[s] = mu, r
    k = g * channels
    for at in range(first, last, step):
        if length == 1:
            for j in range(channels):
                y[at + j] = (x[at + j] - mu) * r * weight[k + j] + bias[k + j]
        else:
            for c in range(channels):
                w, a = weight[k + c], bias[k + c]
                for i in range(at + c * length, at + (c + 1) * length):
                    y[i] = (x[i] - mu) * r * w + a


@njit
def _backward_set(s, shape, dweight, dbias, dy, x, weight, mean, rstd, across_batch, center, dx):
    """One set; dy, x and dx are flat. dweight and dbias gather the sums over sets."""
    _, _, channels, length = shape
    g, first, last, step = _blocks(s, shape, across_batch)
    block = channels * length
    count = (last - first) // step * block
    mu, r = np.float64(mean[s]), np.float64(rstd[s])
    k = g * channels
    mean_g, mean_gx = 0.0, 0.0
    for at in range(first, last, step):
        for c in range(channels):
            total, total_x = 0.0, 0.0
            for i in range(at + c * length, at + (c + 1) * length):
                total += dy[i]
                total_x += dy[i] * ((x[i] - mu) * r)
            dbias[k + c] += total
            dweight[k + c] += total_x
            mean_g += weight[k + c] * total
            mean_gx += weight[k + c] * total_x
    mean_g = mean_g / count if center else 0.0
    mean_gx /= count
    for at in range(first, last, step):
        for c in range(channels):
            w = weight[k + c]
            for i in range(at + c * length, at + (c + 1) * length):
                dx[i] = r * (w * dy[i] - mean_g - (x[i] - mu) * r * mean_gx)


# ── all sets: by one thread, and by several ──────────────────────────────────────────────────────
@njit
def _forward(shape, x, weight, bias, eps, across_batch, center, y, mean, rstd):
    for s in range(mean.size):
        _forward_set(s, shape, x, weight, bias, eps, across_batch, center, y, mean, rstd)


@njit(parallel=True)
def _forward_wide(shape, x, weight, bias, eps, across_batch, center, y, mean, rstd):
    for chunk in prange(CHUNKS):
        for s in range(chunk * mean.size // CHUNKS, (chunk + 1) * mean.size // CHUNKS):
            _forward_set(s, shape, x, weight, bias, eps, across_batch, center, y, mean, rstd)


@njit
def _backward(shape, dweight, dbias, dy, x, weight, mean, rstd, across_batch, center, dx):
    for s in range(mean.size):
        _backward_set(s, shape, dweight[0], dbias[0], dy, x, weight, mean, rstd, across_batch, center, dx)


@njit(parallel=True)
def _backward_wide(shape, dweight, dbias, dy, x, weight, mean, rstd, across_batch, center, dx):
    for chunk in prange(CHUNKS):
        dw, db = dweight[chunk], dbias[chunk]
        for s in range(chunk * mean.size // CHUNKS, (chunk + 1) * mean.size // CHUNKS):
            _backward_set(s, shape, dw, db, dy, x, weight, mean, rstd, across_batch, center, dx)
