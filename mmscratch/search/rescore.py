"""The last step of every quick method: exact cosines of the candidates decide their order."""

import numpy as np

from .. import kernels

__all__ = ["best_of", "rescore"]


def best_of(queries, rows, candidates, k):
    """The k candidates of each query with the largest cosine, falling, lower id first on ties.

    Shapes     queries (Q, D), rows (N, D) of unit length, candidates (Q, R) ids, different ones, −1 for none
               → score (Q, k) float32, id (Q, k) int64; −∞ and −1 where there are fewer candidates
    """
    score, ids = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    if kernels.host().__name__.endswith(".cpu"):
        from . import rescore_loops as steps

        tasks = -(-len(queries) // steps.TASK)
    else:
        from . import rescore as steps

        tasks = 1
    steps.rescore(tasks, queries, rows, candidates, score, ids)
    return score, ids


def rescore(tasks, queries, x, candidates, score, ids):
    """In NumPy, products in float64."""
    score[:], ids[:] = -np.inf, -1
    for q, mine in enumerate(candidates):
        mine = mine[mine >= 0]
        s = (x[mine].astype(np.float64) @ queries[q].astype(np.float64)).astype(np.float32)
        order = np.lexsort((mine, -s))[: ids.shape[1]]
        score[q, : len(order)], ids[q, : len(order)] = s[order], mine[order]
