"""The most multiply-adds that this machine can do: the register tile of the kernels on one line of memory."""

import time

import numpy as np

from mmscratch.kernels.cpu import simd
from mmscratch.kernels.cpu.microkernels import COLUMNS, ROWS, VECTORS, tile
from mmscratch.kernels.jit import njit, prange

__all__ = ["flops_per_second"]

DEPTH, TILES = 4096, 64


@njit(parallel=True, cache=False)
def _tiles(a, b, c, parts):
    """Both operands' strides along the depth are 0, so all but the arithmetic stays in registers and L1."""
    for part in prange(parts):
        for _ in range(TILES):
            tile(ROWS, VECTORS, a, 0, 1, 0, b, 0, 0, c, part * ROWS * COLUMNS, COLUMNS, DEPTH, False, None)


def flops_per_second(threads, times=8):
    """float32 FLOP/s of all threads together, the best of ``times``; None without our vectors."""
    if not simd.LANES:
        return None
    a, b = np.ones(ROWS, np.float32), np.ones(COLUMNS, np.float32)
    c = np.zeros(threads * ROWS * COLUMNS, np.float32)
    best = float("inf")
    for i in range(times + 1):
        time.sleep(0.03)
        began = time.perf_counter()
        _tiles(a, b, c, threads)
        best = min(best, time.perf_counter() - began) if i else best  # the first compiles
    return 2.0 * DEPTH * TILES * ROWS * COLUMNS * threads / best
