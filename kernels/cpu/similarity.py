"""Unit length, and nearest neighbours by cosine: BLAS proposes, a compiled loop decides."""

import numpy as np

from .. import reference
from .threads import LARGE

__all__ = ["l2_normalize", "l2_normalize_backward", "cosine_topk"]

TILE = 1 << 20
"""Scores held at a time: 4 MB in float32, whatever the size of the database."""


def l2_normalize(x, eps):
    """y = x / max(‖x‖, eps) for each row → y, ‖x‖."""
    if x.size < LARGE:
        return reference.l2_normalize(x, eps)
    from . import similarity_loops as loops

    y, norm = np.empty_like(x), np.empty(len(x), x.dtype)
    loops.l2_normalize(x, x.dtype.type(eps), y, norm)
    return y, norm


def l2_normalize_backward(dy, y, norm, eps):
    """dx = (dy − y Σ y ⊙ dy) / ‖x‖, or dy / eps where ‖x‖ < eps."""
    if y.size < LARGE:
        return reference.l2_normalize_backward(dy, y, norm, eps)
    from . import similarity_loops as loops

    dx = np.empty_like(y)
    loops.l2_normalize_backward(dy, y, norm, y.dtype.type(eps), dx)
    return dx


def cosine_topk(queries, database, k, normalized):
    """The k rows with the largest q·d / (‖q‖ ‖d‖), falling, lower id first on ties → score, id.

    Block by block: BLAS gives rounded scores; what could be among the k best by them is scored again in
    float64, in one fixed order of addition, and only that score counts. So neither the blocks nor the
    threads nor BLAS decide about a tie: equal rows get equal scores.
    """
    if len(queries) * database.size < LARGE:
        return reference.cosine_topk(queries, database, k, normalized)
    from . import similarity_loops as loops

    score = np.empty((len(queries), k), queries.dtype)
    index = np.empty(score.shape, np.int64)
    for first in range(0, len(queries), 256):
        part = np.s_[first : first + 256]
        _search(loops, queries[part], database, normalized, score[part], index[part])
    return score, index


def _search(loops, queries, database, normalized, score, index):
    width = queries.shape[1]
    lengths = np.ones(len(queries)) if normalized else loops.lengths(queries)
    rounded = queries / np.where(lengths == 0, 1, lengths).astype(queries.dtype)[:, None]
    # A BLAS dot product of unit vectors is off by at most about width · ε.
    slack = (width + 8) * float(np.finfo(queries.dtype).eps)
    kept = np.zeros(len(queries), np.int64)
    block = max(1, TILE // max(len(queries), width))
    for first in range(0, len(database), block):
        rows = database[first : first + block]
        norms = np.ones(len(rows)) if normalized else loops.lengths(rows)
        with np.errstate(all="ignore"):
            tile = rounded @ rows.T
        loops.keep_best(tile, queries, lengths, rows, norms, first, slack, kept, score, index)
