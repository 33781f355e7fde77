"""Compiled loops over blocks of four random words."""

import numpy as np

from .. import scalar
from ..jit import njit, prange
from .threads import PIECE

_philox = njit(scalar.philox)
_BLOCKS = PIECE // 4
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)


@njit
def _block(first, block, k0, k1):
    counter = first + np.uint64(block)
    return _philox(counter & _LOW, counter >> _HALF, k0, k1)


@njit(parallel=True)
def bits(first, skip, k0, k1, y):
    """y[i] = word skip + i, counted from block first."""
    blocks = (skip + y.size + 3) // 4
    for piece in prange((blocks + _BLOCKS - 1) // _BLOCKS):
        for block in range(piece * _BLOCKS, min(blocks, (piece + 1) * _BLOCKS)):
            words = _block(first, block, k0, k1)
            for lane in range(4):
                i = 4 * block + lane - skip
                if 0 <= i < y.size:
                    y[i] = np.uint32(words[lane])


@njit(parallel=True)
def dropout(first, skip, k0, k1, x, threshold, keep, y):
    """y[i] = x[i] / keep where word skip + i ≥ threshold, else 0."""
    blocks = (skip + y.size + 3) // 4
    for piece in prange((blocks + _BLOCKS - 1) // _BLOCKS):
        for block in range(piece * _BLOCKS, min(blocks, (piece + 1) * _BLOCKS)):
            words = _block(first, block, k0, k1)
            for lane in range(4):
                i = 4 * block + lane - skip
                if 0 <= i < y.size:
                    y[i] = x[i] / keep if np.float64(words[lane]) >= threshold else x.dtype.type(0)
