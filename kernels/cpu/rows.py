"""Rows of numbers, a vector at a time; the last one may be a part of a vector.

    for i in range(start, stop, step(x)):
        v = load_some(x, i, stop - i)            0 in the lanes behind the end
        v = load_or(x, i, stop - i, other)       ``other`` in the lanes behind the end
        store_some(y, i, stop - i, v)            nothing is written behind the end

Where the machine has no vectors, v is one number and step 1: a kernel of these words alone, of arithmetic and
``sqrt`` runs everywhere, in float32 and in float64.
"""

import numpy as np

from ..jit import njit
from . import simd
from .simd import LANES, below, load, load_part, store, store_part, where

__all__ = ["load_or", "load_some", "sqrt", "step", "store_some"]

if LANES:
    sqrt, step = simd.sqrt, simd.lanes

    @njit(forceinline=True)
    def load_some(x, i, left):
        return load(x, i) if left >= step(x) else load_part(x, i, left)

    @njit(forceinline=True)
    def load_or(x, i, left, other):
        return load(x, i) if left >= step(x) else where(below(x, left), load_part(x, i, left), other)

    @njit(forceinline=True)
    def store_some(x, i, left, v):
        if left >= step(x):
            store(x, i, v)
        else:
            store_part(x, i, v, left)

else:
    sqrt = np.sqrt

    @njit(forceinline=True)
    def step(x):
        return 1

    @njit(forceinline=True)
    def load_some(x, i, left):
        return x[i]

    @njit(forceinline=True)
    def load_or(x, i, left, other):
        return x[i]

    @njit(forceinline=True)
    def store_some(x, i, left, v):
        x[i] = v
