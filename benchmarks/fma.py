"""The most multiply-adds that this machine can do: the kernels' tile on panels that stay in cache."""

import time

import numpy as np

from mmscratch.kernels.cpu import simd
from mmscratch.kernels.cpu.microkernels import COLUMNS, ROWS, VECTORS, tile
from mmscratch.kernels.jit import njit, prange

__all__ = ["flops_per_second"]

DEPTH, TILES = 128, 16384
"""Both panels of a tile lie in the nearest cache; a run takes some hundredths of a second."""


@njit(parallel=True, cache=False)
def _tiles(a, b, c, parts):
    for part in prange(parts):
        at = part * ROWS * COLUMNS
        for _ in range(TILES):
            tile(ROWS, VECTORS, a, 0, 1, ROWS, b, 0, COLUMNS, c, at, COLUMNS, DEPTH, False, None)


def flops_per_second(threads, times=8):
    """float32 FLOP/s of all threads together, the best of ``times``; None without our vectors."""
    if not simd.LANES:
        return None
    a, b = np.ones(ROWS * DEPTH, np.float32), np.ones(COLUMNS * DEPTH, np.float32)
    c = np.zeros(threads * ROWS * COLUMNS, np.float32)
    best = float("inf")
    for i in range(times + 1):
        time.sleep(0.03)
        began = time.perf_counter()
        _tiles(a, b, c, threads)
        best = min(best, time.perf_counter() - began) if i else best  # the first compiles
    return 2.0 * DEPTH * TILES * ROWS * COLUMNS * threads / best
