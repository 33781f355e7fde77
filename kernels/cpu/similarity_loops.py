"""Compiled loops over rows: lengths, unit vectors, the k best of a block of scores."""

import math

import numpy as np

from ..jit import njit, prange
from .row_loops import dot
from .topk_loops import insert


@njit(parallel=True)
def lengths(x):
    """‖x‖ of each row, in float64."""
    norm = np.empty(x.shape[0])
    for n in prange(x.shape[0]):
        norm[n] = math.sqrt(dot(x[n], x[n]))
    return norm


@njit(parallel=True)
def l2_normalize(x, eps, y, norm):
    for n in prange(x.shape[0]):
        row, out = x[n], y[n]
        norm[n] = math.sqrt(dot(row, row))
        length = norm[n] if not norm[n] < eps else eps
        for d in range(row.size):
            out[d] = row[d] / length


@njit(parallel=True)
def l2_normalize_backward(dy, y, norm, eps, dx):
    for n in prange(y.shape[0]):
        g, unit, out = dy[n], y[n], dx[n]
        if norm[n] < eps:
            for d in range(g.size):
                out[d] = g[d] / eps
        else:
            along = norm.dtype.type(dot(unit, g))
            for d in range(g.size):
                out[d] = (g[d] - unit[d] * along) / norm[n]


@njit(parallel=True)
def keep_best(tile, queries, lengths, rows, norms, first, slack, kept, score, index):
    """Put the best of this block (its first row is number ``first``) into each query's sorted list.

    tile (Q, N) is q·d / ‖q‖, rounded: it only says which rows are worth an exact look.
    """
    for q in prange(tile.shape[0]):
        best, where, count = score[q], index[q], kept[q]
        for n in range(norms.size):
            length = norms[n]
            enough = (best[-1] - slack) * length if count == best.size else -np.inf
            if tile[q, n] < enough:
                continue
            product = lengths[q] * length
            exact = dot(queries[q], rows[n]) / product if product != 0 else 0.0
            count = insert(best, where, count, tile.dtype.type(exact), first + n)
        kept[q] = count
