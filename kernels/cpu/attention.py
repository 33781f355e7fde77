"""Softmax attention: two batched matrix products, and between them one pass over the scores, in place."""

import numpy as np

from ..jit import njit, prange
from . import vector_math as math
from .linear import matmul
from .row_loops import dot, largest, total

__all__ = ["attention", "attention_backward"]

SMALL = 1 << 13
"""Below so many scores one thread is quicker than waking the others."""

ROWS = 16
"""Rows of scores that a thread takes at a time."""


def attention(query, key, value, mask, causal, scale):
    """P = softmax(scale · Q Kᵀ + mask), O = P V."""
    probability = matmul(query, key, False, True)
    visible, added = np.ones((1, 1, 1, 1), bool), np.zeros((1, 1, 1, 1), query.dtype)
    if mask is not None and mask.dtype == bool:
        visible = mask
    elif mask is not None:
        added = mask.astype(query.dtype, copy=False)
    softmax = _softmax if probability.size < SMALL else _softmax_wide
    softmax(probability, visible, added, bool(causal), query.dtype.type(scale))
    return matmul(probability, value, False, False), probability


def attention_backward(dout, query, key, value, probability, scale):
    """dV = Pᵀ dO;  dP = dO Vᵀ;  dS = P ⊙ (dP − Σ P ⊙ dP);  dQ = scale · dS K;  dK = scale · dSᵀ Q."""
    dvalue = matmul(probability, dout, True, False)
    dscore = matmul(dout, value, False, True)
    softmax_backward = _softmax_backward if dscore.size < SMALL else _softmax_backward_wide
    softmax_backward(dscore, probability, query.dtype.type(scale))
    return matmul(dscore, key, False, False), matmul(dscore, query, True, False), dvalue


@njit
def _softmax_rows(start, stop, score, visible, added, causal, scale):
    """Rows [start, stop) of the scores become probabilities."""
    _, groups, queries, keys = score.shape
    for row in range(start, stop):
        b, g, i = row // (groups * queries), row // queries % groups, row % queries
        line = score[b, g, i]
        # where a mask has length 1 it is broadcast: the index stays 0
        see = visible[b % visible.shape[0], g % visible.shape[1], i % visible.shape[2]]
        add = added[b % added.shape[0], g % added.shape[1], i % added.shape[2]]
        see_step, add_step = int(see.size > 1), int(add.size > 1)
        seen = min(keys, i + 1) if causal else keys
        for j in range(seen):
            score_j = line[j] * scale + add[j * add_step]
            line[j] = score_j if see[j * see_step] else line.dtype.type(-np.inf)
        row_seen = line[:seen]
        top = largest(row_seen)
        if top == -np.inf:
            top = line.dtype.type(0)  # no key in sight: exp(−∞ − 0) = 0, where −∞ − −∞ would be NaN
        for j in range(seen):
            row_seen[j] = math.exp(row_seen[j] - top)
        weight = total(row_seen)
        factor = line.dtype.type(1 / weight if weight != 0 else 0)
        for j in range(seen):
            row_seen[j] *= factor
        line[seen:] = 0


@njit
def _softmax_backward_rows(start, stop, dscore, probability, scale):
    """Rows [start, stop): dP becomes scale · P ⊙ (dP − Σ P ⊙ dP)."""
    keys = dscore.shape[3]
    d, p = dscore.reshape(-1, keys), probability.reshape(-1, keys)
    for row in range(start, stop):
        along = d.dtype.type(dot(p[row], d[row]))
        for j in range(keys):
            d[row, j] = scale * p[row, j] * (d[row, j] - along)


@njit
def _count(score):
    return score.shape[0] * score.shape[1] * score.shape[2]


@njit
def _softmax(score, visible, added, causal, scale):
    _softmax_rows(0, _count(score), score, visible, added, causal, scale)


@njit(parallel=True)
def _softmax_wide(score, visible, added, causal, scale):
    rows = _count(score)
    for c in prange(-(-rows // ROWS)):
        _softmax_rows(c * ROWS, min(rows, (c + 1) * ROWS), score, visible, added, causal, scale)


@njit
def _softmax_backward(dscore, probability, scale):
    _softmax_backward_rows(0, _count(dscore), dscore, probability, scale)


@njit(parallel=True)
def _softmax_backward_wide(dscore, probability, scale):
    rows = _count(dscore)
    for c in prange(-(-rows // ROWS)):
        _softmax_backward_rows(c * ROWS, min(rows, (c + 1) * ROWS), dscore, probability, scale)
