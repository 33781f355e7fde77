"""Moving data: NumPy's copies are one pass already, except when transposing against the grain."""

import numpy as np

from .. import reference
from ..reference import concatenate, expand, place, slice
from .threads import LARGE

__all__ = ["permute", "expand", "slice", "place", "concatenate"]


def permute(x, axes):
    """Axis j of the result is axis axes[j] of x."""
    split = _swapped_blocks(axes)
    if split is None or x.size < LARGE:
        return reference.permute(x, axes)
    from . import layout_loops as loops

    kept, middle = split
    lead = int(np.prod(x.shape[:kept]))
    rows = int(np.prod(x.shape[kept:middle]))
    y = np.empty([x.shape[a] for a in axes], x.dtype)
    loops.transpose(x.reshape(lead, rows, -1), y.reshape(lead, -1, rows))
    return y


def _swapped_blocks(axes):
    """(k, m) if axes is 0 … k−1, m … n−1, k … m−1: a batch of matrix transposes; else None."""
    n = len(axes)
    kept = 0
    while kept < n and axes[kept] == kept:
        kept += 1
    if kept == n:
        return None
    middle = axes[kept]
    if tuple(axes[kept:]) != (*range(middle, n), *range(kept, middle)):
        return None
    return kept, middle
