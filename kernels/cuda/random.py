"""Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror & Shaw, 2011).

A thread computes blocks of four words; nothing is kept between calls, so any number of threads gives
the same bits, which are those of ``reference.random``.
"""

import math as host_math

import numpy as np

from .. import scalar
from .elementwise import full
from .launch import cached, cuda, device, kernel, launch_each
from .memory import empty

__all__ = ["dropout", "random_bits"]

_philox = device(scalar.philox)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


@kernel
def _bits(out, count, offset, first, blocks, k0, k1):
    for i in range(cuda.grid(1), blocks, cuda.gridsize(1)):
        counter = np.uint64(first + i)
        words = _philox(counter & _LOW, counter >> _HALF, k0, k1)
        for j in range(4):
            at = (first + i) * 4 + j - offset
            if at >= 0 and at < count:
                out[at] = np.uint32(words[j])


@cached
def _dropout_kernel(dtype):
    T = dtype.type

    @kernel
    def drop(y, x, count, offset, first, blocks, k0, k1, threshold, kept):
        """u ≥ p, with u = word / 2³², is word ≥ p · 2³²."""
        for i in range(cuda.grid(1), blocks, cuda.gridsize(1)):
            counter = np.uint64(first + i)
            words = _philox(counter & _LOW, counter >> _HALF, k0, k1)
            for j in range(4):
                at = (first + i) * 4 + j - offset
                if at >= 0 and at < count:
                    y[at] = x[at] / kept if words[j] >= threshold else T(0)

    return drop


def _blocks(count, seed, offset):
    """first block, number of blocks, and the two words of the key."""
    first = offset // 4
    last = (offset + count + 3) // 4
    return first, last - first, np.uint64(seed & 0xFFFFFFFF), np.uint64((seed >> 32) & 0xFFFFFFFF)


def random_bits(count, seed, offset):
    """Words offset … offset + count − 1 of the stream of seed, uint32; the same bits as on every floor."""
    out = empty((count,), np.uint32)
    if count:
        first, blocks, k0, k1 = _blocks(count, seed, offset)
        launch_each(_bits, blocks, out, count, offset, first, blocks, k0, k1)
    return out


def dropout(x, p, seed, offset):
    """y = x / (1 − p) where u ≥ p, else 0. Nothing is kept: the gradient draws the same words again."""
    if p >= 1:
        return full(x.shape, 0, x.dtype)
    y = empty(x.shape, x.dtype)
    first, blocks, k0, k1 = _blocks(x.size, seed, offset)
    threshold = np.uint64(host_math.ceil(p * 2.0**32))
    kept = x.dtype.type(1.0 - p)
    if x.size:
        run = _dropout_kernel(x.dtype)
        launch_each(run, blocks, y, x, x.size, offset, first, blocks, k0, k1, threshold, kept)
    return y
