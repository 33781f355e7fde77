"""Documents stand in one array, query after query; ``groups`` says how many each query has."""

from __future__ import annotations

import numpy as np

__all__ = ["check_features", "check_judged", "check_queries", "pairs"]


def check_queries(where, groups, documents):
    """groups (Q,) → bounds (Q + 1,) int64: query q has the documents bounds[q] … bounds[q + 1] − 1.

    Errors     ValueError where they are not whole numbers ≥ 1 that sum to the number of documents
    """
    groups = np.asarray(groups)
    if groups.ndim != 1 or groups.dtype.kind not in "iu" or not len(groups) or groups.min() < 1:
        raise ValueError(
            f"{where}: groups: expected how many documents each query has, whole numbers ≥ 1 (Q,), "
            f"got {groups.dtype} {groups.shape}"
            + (f" with {groups.min()}" if groups.dtype.kind in "iu" and groups.size else "")
        )
    if int(groups.sum()) != documents:
        raise ValueError(f"{where}: groups: they sum to {int(groups.sum())}, there are {documents} documents")
    return np.concatenate([[0], np.cumsum(groups, dtype=np.int64)])


def check_features(where, x, width=None):
    """X → float64 (N, D), contiguous; ValueError for another shape, or a number that is not finite."""
    x = np.ascontiguousarray(x, np.float64)
    if x.ndim != 2 or 0 in x.shape or (width is not None and x.shape[1] != width):
        raise ValueError(f"{where}: X: expected numbers (N, {width or 'D'}), got shape {x.shape}")
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise ValueError(f"{where}: X: row {row}, column {column} is {x[row, column]}, expected finite")
    return x


def check_judged(where, y, documents=None):
    """y → int64 (N,): whole numbers from 0 on, the higher the more relevant."""
    y = np.asarray(y)
    if y.ndim != 1 or (documents is not None and len(y) != documents):
        raise ValueError(
            f"{where}: y: expected labels ({'N' if documents is None else documents},), got {y.shape}"
        )
    if y.dtype.kind not in "iufb" or not np.isfinite(y).all() or (y != np.floor(y)).any() or (y < 0).any():
        raise ValueError(f"{where}: y: expected whole numbers ≥ 0, got {y.dtype} with others")
    if y.size and y.max() > 1000:
        raise ValueError(f"{where}: y: expected labels up to 1000, got {y.max()}")
    return y.astype(np.int64)


def pairs(y, bounds):
    """All (i, j) of one query with y_i > y_j: two int64 arrays (P,), in the order of i, then of j."""
    first, second = [], []
    for begin, end in zip(bounds[:-1], bounds[1:], strict=True):
        i, j = np.nonzero(y[begin:end, None] > y[None, begin:end])
        first.append(i + begin), second.append(j + begin)
    return np.concatenate(first), np.concatenate(second)
