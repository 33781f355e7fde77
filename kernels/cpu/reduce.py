"""Reductions: large sums and extremes of float32 in vectors, NumPy's one pass for the rest; the k largest."""

import numpy as np

from .. import reference
from ..reference import argreduce, scan
from .simd import LANES
from .threads import LARGE

__all__ = ["reduce", "extreme_backward", "argreduce", "scan", "topk"]

_FEW = 64
"""Up to this k an entry is inserted into a short sorted list; beyond it sorting the row is quicker."""


def reduce(kind, x, axes, keepdims):
    """Sum, maximum, minimum or product over the axes."""
    if kind != "prod" and axes and _in_vectors(x):
        from .reduce_vectors import reduce_over

        return reduce_over(kind, x, axes, keepdims)
    return reference.reduce(kind, x, axes, keepdims)


def extreme_backward(dy, x, y, axes):
    """dx = dy / n where x = y, n of these in a set; else 0."""
    if _in_vectors(x):
        from .reduce_vectors import extreme_gradient

        dx = extreme_gradient(dy, x, y, axes)
        if dx is not None:
            return dx
    return reference.extreme_backward(dy, x, y, axes)


def _in_vectors(x):
    return LANES and x.dtype == np.float32 and x.size >= LARGE


def topk(x, k):
    """The k largest of each row, falling; lower index first on ties; NaN counts as the largest."""
    if x.size < LARGE or not 0 < k <= _FEW:
        return reference.topk(x, k)
    from . import topk_loops as loops

    values = np.empty((*x.shape[:-1], k), x.dtype)
    index = np.empty(values.shape, np.int64)
    loops.topk(x.reshape(-1, x.shape[-1]), values.reshape(-1, k), index.reshape(-1, k))
    return values, index
