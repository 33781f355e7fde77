"""One normalization for batch, layer, group, instance and RMS norm. Equal to ``reference.normalization``.

A block owns all entries that share a mean. It walks over them three times (mean, variance about the
mean, result); sums are in float64, so y has one rounding beyond those of its own arithmetic.
"""

import numpy as np

from .launch import BLOCK, SIMULATOR, cached, cuda, kernel, launch_blocks, launch_each, math, row_sum, smaller
from .memory import empty
from .reduce import reduce_rows_into

__all__ = ["normalize", "normalize_backward"]

LONG = BLOCK
"""So many positions of a channel are worth a block; of fewer, neighbouring threads take channels."""

SERIAL_CHUNK = 4 if SIMULATOR else 256
"""Entries of a channel that one thread sums, where a channel's entries do not lie together."""


@cached
def _kernels(dtype, weighted, biased):
    # Entry i of statistic r lies at ((i // KL) · G + r) · KL + i % KL: within its own batch entry i < KL.
    # Its channel is (r % G) · K + (i % KL) // L.
    T, F = dtype.type, np.float64

    @kernel
    def forward(y, mean, rstd, x, weight, bias, rows, count, groups, channels, positions, eps, center):
        scratch = cuda.shared.array(BLOCK, F)
        t = cuda.threadIdx.x
        span = channels * positions
        for r in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            middle = F(0)
            if center:
                total = F(0)
                for i in range(t, count, cuda.blockDim.x):
                    total += F(x[(i // span * groups + r) * span + i % span])
                middle = row_sum(scratch, total) / F(count)
            total = F(0)
            for i in range(t, count, cuda.blockDim.x):
                d = F(x[(i // span * groups + r) * span + i % span]) - middle
                total += d * d
            scale = F(1) / math.sqrt(row_sum(scratch, total) / F(count) + eps)
            if t == 0:
                mean[r] = middle
                rstd[r] = scale
            for i in range(t, count, cuda.blockDim.x):
                at = (i // span * groups + r) * span + i % span
                c = r % groups * channels + i % span // positions
                v = (F(x[at]) - middle) * scale
                if weighted:
                    v *= F(weight[c])
                if biased:
                    v += F(bias[c])
                y[at] = v

    @kernel
    def backward(dx, dy, x, weight, mean, rstd, rows, count, groups, channels, positions, center):
        scratch = cuda.shared.array(BLOCK, F)
        t = cuda.threadIdx.x
        span = channels * positions
        for r in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            middle, scale = F(mean[r]), F(rstd[r])
            total, along = F(0), F(0)
            for i in range(t, count, cuda.blockDim.x):
                at = (i // span * groups + r) * span + i % span
                g = F(dy[at])
                if weighted:
                    g *= F(weight[r % groups * channels + i % span // positions])
                total += g
                along += g * (F(x[at]) - middle) * scale
            total = row_sum(scratch, total) / F(count)
            along = row_sum(scratch, along) / F(count)
            if not center:
                total = F(0)
            for i in range(t, count, cuda.blockDim.x):
                at = (i // span * groups + r) * span + i % span
                g = F(dy[at])
                if weighted:
                    g *= F(weight[r % groups * channels + i % span // positions])
                dx[at] = T(scale * (g - total - (F(x[at]) - middle) * scale * along))

    return forward, backward


@kernel
def _channel_blocks(dweight, dbias, dy, x, mean, rstd, width, count, channels, positions, shared):
    """A block a channel, for positions that lie together. width = G·K; shared: one statistic for all b."""
    scratch = cuda.shared.array(BLOCK, np.float64)
    groups = width // channels
    for c in range(cuda.blockIdx.x, width, cuda.gridDim.x):
        along, total = np.float64(0), np.float64(0)
        for i in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            b = i // positions
            at = (b * width + c) * positions + i % positions
            r = c // channels if shared else b * groups + c // channels
            g = np.float64(dy[at])
            along += g * (np.float64(x[at]) - np.float64(mean[r])) * np.float64(rstd[r])
            total += g
        along = row_sum(scratch, along)
        total = row_sum(scratch, total)
        if cuda.threadIdx.x == 0:
            dweight[c] = along
            dbias[c] = total


@kernel
def _channel_threads(
    dweight, dbias, dy, x, mean, rstd, width, count, channels, positions, shared, parts, chunk
):
    """A thread a channel and chunk, for positions that lie apart: neighbours read neighbours."""
    groups = width // channels
    for item in range(cuda.grid(1), width * parts, cuda.gridsize(1)):
        part = item // width
        c = item - part * width
        along, total = np.float64(0), np.float64(0)
        for i in range(part * chunk, smaller(count, (part + 1) * chunk)):
            b = i // positions
            at = (b * width + c) * positions + i % positions
            r = c // channels if shared else b * groups + c // channels
            g = np.float64(dy[at])
            along += g * (np.float64(x[at]) - np.float64(mean[r])) * np.float64(rstd[r])
            total += g
        dweight[item] = along
        dbias[item] = total


def normalize(x, weight, bias, eps, across_batch, center):
    """y = (x − μ) · r · weight + bias with r = 1/√(σ² + eps) → y, mean, rstd."""
    batch, groups, channels, positions = x.shape
    y = empty(x.shape, x.dtype)
    mean, rstd = (empty((1 if across_batch else batch, groups), x.dtype) for _ in range(2))
    count = channels * positions * (batch if across_batch else 1)
    forward, _ = _kernels(x.dtype, weight is not None, bias is not None)
    parameters = (x if weight is None else weight, x if bias is None else bias)
    sizes = (mean.size, count, groups, channels, positions)
    launch_blocks(forward, mean.size, count, y, mean, rstd, x, *parameters, *sizes, float(eps), bool(center))
    return y, mean, rstd


def normalize_backward(dy, x, weight, mean, rstd, across_batch, center):
    """x̂ = (x−μ)·r;  g = dy ⊙ weight;  dx = r · (g − mean(g) − x̂ · mean(g ⊙ x̂)) → dx, dweight, dbias."""
    batch, groups, channels, positions = x.shape
    dx = empty(x.shape, x.dtype)
    count = channels * positions * (batch if across_batch else 1)
    _, backward = _kernels(x.dtype, weight is not None, False)
    sizes = (mean.size, count, groups, channels, positions, bool(center))
    launch_blocks(backward, mean.size, count, dx, dy, x, x if weight is None else weight, mean, rstd, *sizes)
    width, count = groups * channels, batch * positions
    dweight, dbias = (empty((width,), x.dtype) for _ in range(2))
    arguments = (dy, x, mean, rstd, width, count, channels, positions, bool(across_batch))
    if positions >= LONG:
        launch_blocks(_channel_blocks, width, count, dweight, dbias, *arguments)
        return dx, dweight, dbias
    parts = max(1, -(-count // SERIAL_CHUNK))
    sums = [empty((parts, width), np.float64) for _ in range(2)]
    launch_each(_channel_threads, width * parts, *sums, *arguments, parts, SERIAL_CHUNK)
    for target, partial in zip((dweight, dbias), sums, strict=True):
        reduce_rows_into(target, partial, parts)
    return dx, dweight, dbias
