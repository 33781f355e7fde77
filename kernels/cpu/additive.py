"""Scores of additive attention: vectors for float32, NumPy item by item for the rest."""

import numpy as np

from .. import reference
from .simd import LANES
from .threads import PIECE

if LANES:
    from . import additive_vectors as vectors

__all__ = ["additive_scores", "additive_scores_backward"]


def additive_scores(query, key, weight):
    """e_ij = Σ weight ⊙ tanh(query_i + key_j)."""
    batch, queries, size = query.shape
    e = np.empty((batch, queries, key.shape[1]), query.dtype)
    if _in_vectors(e):
        tasks, height = _tasks(batch * queries, key.shape[1] * size)
        given = (query.reshape(-1), key.reshape(-1), weight, queries, key.shape[1])
        vectors.scores(tasks, height, *given, e.reshape(-1))
        return e
    for i in range(batch):
        e[i : i + 1] = reference.additive_scores(query[i : i + 1], key[i : i + 1], weight)
    return e


def additive_scores_backward(de, query, key, weight):
    """dquery_i = weight ⊙ Σ_j de_ij (1 − u²), dweight = Σ de u."""
    batch, queries, size = query.shape
    dquery = np.empty_like(query)
    if _in_vectors(de):
        tasks, height = _tasks(batch * queries, key.shape[1] * size)
        parts = np.empty((tasks, size), query.dtype)
        given = (de.reshape(-1), query.reshape(-1), key.reshape(-1), weight, queries, key.shape[1])
        vectors.gradients(tasks, height, *given, dquery.reshape(-1), parts.reshape(-1))
        return dquery, parts.sum(axis=0)
    dweight = np.zeros_like(weight)
    for i in range(batch):
        one = slice(i, i + 1)
        dquery[one], d = reference.additive_scores_backward(de[one], query[one], key[one], weight)
        dweight += d
    return dquery, dweight


def _in_vectors(e):
    return LANES and e.dtype == np.float32 and e.size > 0


def _tasks(rows, each):
    """How many tasks, and how many queries a task: PIECE numbers u, or one query."""
    height = max(1, PIECE // max(1, each))
    return -(-rows // height), height
