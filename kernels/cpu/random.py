"""Counter-based random numbers: NumPy for few, compiled loops for many. The same bits either way."""

import numpy as np

from .. import reference
from .threads import LARGE

__all__ = ["random_bits", "dropout"]


def random_bits(count, seed, offset):
    """Words offset … offset + count − 1 of the stream of seed."""
    if count < LARGE:
        return reference.random_bits(count, seed, offset)
    from . import random_loops as loops

    words = np.empty(count, np.uint32)
    loops.bits(*_counters(seed, offset), words)
    return words


def dropout(x, p, seed, offset):
    """y = x / (1 − p) where u ≥ p, else 0; u = word / 2³²."""
    if x.size < LARGE or p >= 1:
        return reference.dropout(x, p, seed, offset)
    from . import random_loops as loops

    y = np.empty_like(x)
    loops.dropout(*_counters(seed, offset), x.reshape(-1), p * 2.0**32, x.dtype.type(1 - p), y.reshape(-1))
    return y


def _counters(seed, offset):
    """Block of the first word, its place in the block, and the two words of the key."""
    key = np.uint64(seed & 0xFFFFFFFF), np.uint64((seed >> 32) & 0xFFFFFFFF)
    return np.uint64(offset // 4), offset % 4, *key
