"""The gradients of a normalization's weight and bias: sums over batch and positions, one a channel.

    dweight[c] = Σ dy · x̂,   dbias[c] = Σ dy,   x̂ = (x − μ) · r

Where a channel's positions lie together, a block sums a channel; else neighbouring threads take neighbouring
channels, a chunk of entries each, and the chunks are added in their order. Sums are in float64.
"""

import numpy as np

from .launch import BLOCK, SIMULATOR, cuda, kernel, launch_blocks, launch_each, row_sum, smaller
from .memory import empty
from .reduce import reduce_rows_into
from .stride import divisors, quotient

__all__ = ["channel_sums"]

LONG = BLOCK
"""So many positions of a channel are worth a block; of fewer, neighbouring threads take channels."""

SERIAL_CHUNK = 4 if SIMULATOR else 256
"""Entries of a channel that one thread sums, where a channel's entries do not lie together."""


@kernel
def _channel_blocks(dweight, dbias, dy, x, mean, rstd, width, count, channels, positions, by, shared):
    """A block a channel, for positions that lie together. width = G·K; shared: one statistic for all b."""
    scratch = cuda.shared.array(BLOCK, np.float64)
    groups = width // channels
    for c in range(cuda.blockIdx.x, width, cuda.gridDim.x):
        along, total = np.float64(0), np.float64(0)
        for i in range(cuda.threadIdx.x, count, cuda.blockDim.x):
            b = quotient(i, by, 0)
            at = (b * width + c) * positions + i - b * positions
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
    dweight, dbias, dy, x, mean, rstd, width, count, channels, positions, by, shared, parts, chunk
):
    """A thread a channel and chunk, for positions that lie apart: neighbours read neighbours."""
    groups = width // channels
    for item in range(cuda.grid(1), width * parts, cuda.gridsize(1)):
        part = item // width
        c = item - part * width
        along, total = np.float64(0), np.float64(0)
        for i in range(part * chunk, smaller(count, (part + 1) * chunk)):
            b = quotient(i, by, 0)
            at = (b * width + c) * positions + i - b * positions
            r = c // channels if shared else b * groups + c // channels
            g = np.float64(dy[at])
            along += g * (np.float64(x[at]) - np.float64(mean[r])) * np.float64(rstd[r])
            total += g
        dweight[item] = along
        dbias[item] = total


def channel_sums(dy, x, mean, rstd, across_batch):
    """→ dweight, dbias (G·K,)."""
    batch, groups, channels, positions = x.shape
    width, count = groups * channels, batch * positions
    dweight, dbias = (empty((width,), x.dtype) for _ in range(2))
    arguments = (
        dy,
        x,
        mean,
        rstd,
        width,
        count,
        channels,
        positions,
        divisors(positions),
        bool(across_batch),
    )
    if positions >= LONG:
        launch_blocks(_channel_blocks, width, count, dweight, dbias, *arguments)
        return dweight, dbias
    parts = max(1, -(-count // SERIAL_CHUNK))
    sums = [empty((parts, width), np.float64) for _ in range(2)]
    launch_each(_channel_threads, width * parts, *sums, *arguments, parts, SERIAL_CHUNK)
    for target, partial in zip((dweight, dbias), sums, strict=True):
        reduce_rows_into(target, partial, parts)
    return dweight, dbias
