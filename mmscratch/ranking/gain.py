"""Discounted cumulative gain: what a ranking is worth to someone who reads it from the top."""

from __future__ import annotations

import operator

import numpy as np

from ..metrics.gain import best_dcg, discounts, gains
from .queries import check_judged, check_queries

__all__ = ["best_dcg", "discounts", "gains", "ndcg", "ndcg_of_queries", "order"]


def order(scores):
    """Documents of one query, the highest score first; where scores tie, in the order of the data."""
    return np.argsort(-scores, kind="stable")


def ndcg_of_queries(y, scores, groups, k=5, gain="exponential", without="one"):
    """NDCG@k of each query (Järvelin & Kekäläinen, 2002), with the conventions of LightGBM.

    Forward    DCG@k = Σ_{r ≤ k} g(y at rank r) / log2(1 + r);   NDCG@k = DCG@k / DCG@k of the best order
    gain       "exponential": g(y) = 2^y − 1;   "linear": g(y) = y, as trec_eval has it
    without    a query that has no relevant document: "one" counts as 1, "zero" as 0, "skip" as NaN
    k          None: all ranks

    Equal scores stand in the order of the data (a stable sort), as in LightGBM: a constant score is worth
    what the data's order is worth, so shuffle the documents before you judge a ranker that ties.

    Shapes     y, scores (N,), groups (Q,) → (Q,)
    Errors     ValueError where shapes do not fit, a score is NaN, k < 1, or an option is unknown
    """
    if without not in ("one", "zero", "skip"):
        raise ValueError(f"ndcg: without: expected 'one', 'zero' or 'skip', got {without!r}")
    if k is not None and operator.index(k) < 1:
        raise ValueError(f"ndcg: k: expected at least 1, got {k}")
    y = check_judged("ndcg", y)
    scores = np.asarray(scores, np.float64)
    if scores.shape != y.shape or np.isnan(scores).any():
        nan = " with NaN" if scores.shape == y.shape else ""
        raise ValueError(f"ndcg: scores: expected numbers {y.shape} as y, got {scores.shape}{nan}")
    bounds = check_queries("ndcg", groups, len(y))
    found = np.full(len(bounds) - 1, {"one": 1.0, "zero": 0.0, "skip": np.nan}[without])
    for q, (begin, end) in enumerate(zip(bounds[:-1], bounds[1:], strict=True)):
        labels = y[begin:end]
        best = best_dcg(labels, k, gain)
        if best > 0:
            read = gains(labels[order(scores[begin:end])[:k]], gain)
            found[q] = (read * discounts(len(read))).sum() / best
    return found


def ndcg(y, scores, groups, k=5, gain="exponential", without="one"):
    """The mean of ``ndcg_of_queries``; for several k, an array of means.

    Errors     as there, and ValueError where every query is skipped
    """
    if k is not None and np.ndim(k):
        return np.array([ndcg(y, scores, groups, int(one), gain, without) for one in k])
    each = ndcg_of_queries(y, scores, groups, k, gain, without)
    counted = each[~np.isnan(each)]
    if not len(counted):
        raise ValueError("ndcg: no query has a relevant document")
    return float(counted.mean())
