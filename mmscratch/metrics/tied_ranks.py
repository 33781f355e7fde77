"""Ranks where scores tie: what a ranking is worth on average over all ways to break its ties.

    optimistic    of equal scores the relevant ones stand first: the best that tie-breaking could make of it
    expected      the mean over all orders of the equal ones, exactly, with no sampling (McSherry & Najork,
                  2008). A model that says the same of everything gets chance to the last digit
    pessimistic   the relevant ones stand last: no luck at all. Constant scores get 0

Several relevant items a query are allowed everywhere. Of a query whose best relevant item has the score b:

    a   items scored above b;   t   items scored b, of which r are relevant
    rank of the first relevant    optimistic a + 1;  pessimistic a + t − r + 1;  expected a + (t + 1)/(r + 1)
    P(it is in the first k)       1 − C(t − r, k − a) / C(t, k − a)
    E 1/rank                      Σ_j C(t − j, r − 1) / C(t, r) / (a + j)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .gain import best_dcg, discounts, gains

__all__ = ["TIES", "FirstRelevant", "average_precision", "first_relevant", "ndcg_at"]

TIES = ("optimistic", "expected", "pessimistic")


@dataclass(frozen=True)
class FirstRelevant:
    """Where the best relevant item of each query stands: above, tied, relevant (Q,), see the module."""

    above: np.ndarray
    tied: np.ndarray
    relevant: np.ndarray

    def rank(self, ties: str = "expected") -> np.ndarray:
        """(Q,) rank from 1; the expected one need not be whole."""
        check_ties(ties)
        if ties == "expected":
            return self.above + (self.tied + 1) / (self.relevant + 1)
        return self.above + 1.0 + (self.tied - self.relevant) * (ties == "pessimistic")

    def within(self, k: int, ties: str = "expected") -> np.ndarray:
        """(Q,) 1 where a relevant item is in the first k, else 0; "expected": the probability of it."""
        if k < 1:
            raise ValueError(f"within: k: expected at least 1, got {k}")
        if ties != "expected":
            return (self.rank(ties) <= k).astype(np.float64)
        room = np.clip(k - self.above, 0, self.tied)
        missed = np.ones(len(self.above))
        for i in range(int(room.max())):  # none of the first i + 1 places of the tied ones is relevant
            left = np.maximum(self.tied - self.relevant - i, 0) / np.maximum(self.tied - i, 1)
            missed = np.where(i < room, missed * left, missed)
        return 1 - missed

    def reciprocal(self, ties: str = "expected") -> np.ndarray:
        """(Q,) 1 / rank of the first relevant item, or its mean."""
        if ties != "expected":
            return 1 / self.rank(ties)
        total = np.zeros(len(self.above))
        chance = self.relevant / self.tied  # that the first relevant of the tied ones is the j-th
        for j in range(1, int((self.tied - self.relevant).max()) + 2):
            total += chance / (self.above + j)
            chance = chance * np.maximum(self.tied - self.relevant - j + 1, 0) / np.maximum(self.tied - j, 1)
        return total


def first_relevant(scores: np.ndarray, relevant: np.ndarray) -> FirstRelevant:
    """Counts around the best relevant item. Shapes: scores, relevant (bool) (Q, N) → three of (Q,)."""
    best = np.where(relevant, scores, -np.inf).max(1, keepdims=True)
    tied = scores == best
    return FirstRelevant((scores > best).sum(1), tied.sum(1), (tied & relevant).sum(1))


def average_precision(scores: np.ndarray, relevant: np.ndarray, ties: str = "expected") -> float:
    """AP of one query: Σ over the relevant items of (relevant ones up to it) / rank, over their number.

    Expected   of t equal scores from rank a + 1 on, r relevant, n relevant before them, the j-th gives
               r/t · (n + 1 + (j − 1)(r − 1)/(t − 1)) / (a + j)
    Shapes     scores, relevant (bool) (N,); at least one is relevant
    """
    y, group, start, size = _in_order(scores, relevant.astype(np.float64), ties)
    here = np.add.reduceat(y, start)
    before, others = np.cumsum(here) - here, (here - 1) / np.maximum(size - 1, 1)
    place = np.arange(len(y)) - start[group]
    found = before[group] + 1 + place * others[group]
    return float((here[group] / size[group] * found / np.arange(1, len(y) + 1)).sum() / here.sum())


def ndcg_at(
    scores: np.ndarray,
    grades: np.ndarray,
    k: int | None = None,
    gain: str = "exponential",
    ties: str = "expected",
) -> float:
    """NDCG@k of one query (Järvelin & Kekäläinen, 2002); equal scores share their mean gain when expected.

    gain       "exponential" 2^y − 1 or "linear" y; of grades 0 and 1 both say the same
    Shapes     scores, grades (N,); at least one grade is above 0
    """
    y, group, start, size = _in_order(scores, grades, ties)
    mean = np.add.reduceat(gains(y, gain), start) / size
    read = mean[group[:k]]
    return float((read * discounts(len(read))).sum() / best_dcg(grades, k, gain))


def check_ties(ties: str) -> None:
    """ValueError for an unknown rule."""
    if ties not in TIES:
        raise ValueError(f"ties: expected one of {', '.join(TIES)}, got {ties!r}")


def _in_order(scores, labels, ties):
    """Labels by score, and the groups of equal ones: each place's group, each group's start and size."""
    check_ties(ties)
    if ties != "expected":  # the labels themselves break ties: every group is of one
        order = np.lexsort((labels if ties == "pessimistic" else -labels, -scores))
        places = np.arange(len(scores))
        return labels[order], places, places, np.ones(len(scores), np.int64)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    new = np.concatenate([[True], ranked[1:] != ranked[:-1]])
    start = np.flatnonzero(new)
    return labels[order], np.cumsum(new) - 1, start, np.diff(start, append=len(scores))
