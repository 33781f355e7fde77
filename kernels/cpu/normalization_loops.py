"""Plain loops of the five norms: float64, and float32 where there are no vectors. Sums are in float64."""

import numpy as np

from ..jit import njit
from ..pool import parallel


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


@njit
def add_up(chunk, sums, total):
    """One chunk of the columns of ``total``: Σ over the rows of ``sums``, in their order."""
    chunks, width = sums.shape
    for j in range(chunk * width // chunks, (chunk + 1) * width // chunks):
        s = 0.0
        for i in range(chunks):
            s += sums[i, j]
        total[j] = s


# ── a chunk of the sets ──────────────────────────────────────────────────────────────────────────
@parallel
def forward(chunk, chunks, shape, x, weight, bias, eps, across_batch, center, y, mean, rstd):
    """One chunk of the forward pass: rows, or groups of them, from their sums to y."""
    for s in range(chunk * mean.size // chunks, (chunk + 1) * mean.size // chunks):
        _forward_set(s, shape, x, weight, bias, eps, across_batch, center, y, mean, rstd)


@parallel
def backward(task, shape, sums, dy, x, weight, mean, rstd, across_batch, center, dx, dweight, dbias):
    """Round 0: a chunk of dx, and its share of the sums for weight and bias. Round 1: a chunk of those."""
    chunks = sums.shape[1]
    if task >= chunks:
        add_up(task - chunks, sums[0], dweight)
        add_up(task - chunks, sums[1], dbias)
        return
    dw, db = sums[0, task], sums[1, task]
    dw[:], db[:] = 0, 0
    for s in range(task * mean.size // chunks, (task + 1) * mean.size // chunks):
        _backward_set(s, shape, dw, db, dy, x, weight, mean, rstd, across_batch, center, dx)
