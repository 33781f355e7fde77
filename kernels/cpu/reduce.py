"""Reductions: NumPy's are one pass over memory already; the k largest by a compiled loop."""

import numpy as np

from .. import reference
from ..reference import argreduce, reduce, scan
from .threads import LARGE

__all__ = ["reduce", "argreduce", "scan", "topk"]

_FEW = 64
"""Up to this k an entry is inserted into a short sorted list; beyond it sorting the row is quicker."""


def topk(x, k):
    """The k largest of each row, falling; lower index first on ties; NaN counts as the largest."""
    if x.size < LARGE or not 0 < k <= _FEW:
        return reference.topk(x, k)
    from . import topk_loops as loops

    values = np.empty((*x.shape[:-1], k), x.dtype)
    index = np.empty(values.shape, np.int64)
    loops.topk(x.reshape(-1, x.shape[-1]), values.reshape(-1, k), index.reshape(-1, k))
    return values, index
