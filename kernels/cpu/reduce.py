"""Reductions: NumPy's are one pass over memory already; sums of channels and the k largest are compiled."""

import numpy as np

from .. import reference
from ..reference import argreduce, scan
from . import simd
from .threads import LARGE

__all__ = ["reduce", "argreduce", "scan", "topk"]

_FEW = 64
"""Up to this k an entry is inserted into a short sorted list; beyond it sorting the row is quicker."""


def reduce(kind, x, axes, keepdims):
    """Sum, maximum, minimum or product over the axes."""
    if kind == "sum" and x.ndim > 2 and axes == (0, *range(2, x.ndim)) and x.size >= LARGE:
        if simd.LANES and x.dtype == np.float32 and x.flags.c_contiguous:
            from .channel_sums import channel_sum

            y = channel_sum(x)
            return y.reshape(1, -1, *(1,) * (x.ndim - 2)) if keepdims else y
    return reference.reduce(kind, x, axes, keepdims)


def topk(x, k):
    """The k largest of each row, falling; lower index first on ties; NaN counts as the largest."""
    if x.size < LARGE or not 0 < k <= _FEW:
        return reference.topk(x, k)
    from . import topk_loops as loops

    values = np.empty((*x.shape[:-1], k), x.dtype)
    index = np.empty(values.shape, np.int64)
    loops.topk(x.reshape(-1, x.shape[-1]), values.reshape(-1, k), index.reshape(-1, k))
    return values, index
