"""Unit length, and nearest neighbours by cosine: rounded products propose, exact ones decide."""

import numpy as np

from .. import reference
from .threads import LARGE

__all__ = ["l2_normalize", "l2_normalize_backward", "cosine_topk"]

TILE = 1 << 20
"""Scores that BLAS computes at a time: 8 MB in float64, whatever the size of the database."""

QUERIES = 64
"""Queries that go through the database together."""

TASKS, LISTS = 32, 1 << 18
"""Ranges of rows searched side by side, and the places in all their lists of the best (3 MB); at most."""

RANGE = 60_000
"""Rows of such a range, if there are at least two: each begins knowing nothing, and looks at many rows."""


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

    Block by block: a fast product gives rounded scores; what could be among the k best by them is scored
    again in float64, in one fixed order of addition, and only that score counts. So neither the blocks nor
    the threads nor rounding decide about a tie: equal rows get equal scores.
    """
    if len(queries) * database.size < LARGE:
        return reference.cosine_topk(queries, database, k, normalized)
    from . import similarity_loops as loops
    from .simd import LANES

    search = _stream if LANES and queries.dtype == np.float32 else _search
    score = np.empty((len(queries), k), queries.dtype)
    index = np.empty(score.shape, np.int64)
    for first in range(0, len(queries), QUERIES):
        part = np.s_[first : first + QUERIES]
        search(loops, queries[part], database, normalized, score[part], index[part])
    return score, index


def _unit(loops, queries, normalized):
    """Lengths of the queries, and the queries divided by them, rounded; a zero query stays zero."""
    lengths = np.ones(len(queries)) if normalized else loops.lengths(queries)
    return lengths, queries / np.where(lengths == 0, 1, lengths).astype(queries.dtype)[:, None]


def _stream(loops, queries, database, normalized, score, index):
    """On vectors: see ``similarity_vectors.py``."""
    from . import similarity_vectors as vectors

    many, width = queries.shape
    lengths, operand = _unit(loops, queries, normalized)
    count = many
    if many > vectors.FEW:
        count = -(-many // vectors.COLUMNS) * vectors.COLUMNS
        panels = np.zeros((count, width), queries.dtype)
        panels[:many] = operand
        operand = np.ascontiguousarray(panels.reshape(-1, vectors.COLUMNS, width).transpose(0, 2, 1))
    k = score.shape[1]
    ranges = max(2, len(database) // RANGE)
    tasks = max(1, min(TASKS, ranges, LISTS // (many * k), len(database) // vectors.BLOCK))
    kept = np.zeros((tasks, many), np.int64)
    scores, ids = np.empty((tasks, many, k), np.float32), np.empty((tasks, many, k), np.int64)
    # A float32 dot product of unit vectors, and a length, are each off by at most about width · ε.
    slack = np.float32(2 * (width + 8) * np.finfo(np.float32).eps)
    what = queries, operand.reshape(-1), count, database, lengths, normalized, slack
    vectors.search(tasks, tasks, *what, kept, scores, ids)
    vectors.merge(kept, scores, ids, score, index)


def _search(loops, queries, database, normalized, score, index):
    """In blocks, of which BLAS takes the products: float64, and machines without vectors."""
    width = queries.shape[1]
    lengths, rounded = _unit(loops, queries, normalized)
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
