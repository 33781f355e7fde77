"""Links between two sequences judged against the truth: alignment error rate, precision, recall, pointing.

Och & Ney (2000; 2003) let the truth have two kinds of links: S, the sure ones, which must be found, and
P ⊇ S, the possible ones, which may be. A word of a phrase that fits two objects has no sure link and two
possible ones.

    precision = |A ∩ P| / |A|      recall = |A ∩ S| / |S|      AER = 1 − (|A ∩ S| + |A ∩ P|) / (|A| + |S|)

over the links A of a whole corpus. With S = P, AER is 1 − F1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .attention import AttentionScore

__all__ = ["alignment_scores", "best_threshold", "pointing"]


def alignment_scores(predicted: Sequence, sure: Sequence, possible: Sequence | None = None) -> dict:
    """AER, precision and recall of a corpus, as the module has them.

    Shapes     of each pair of sequences bool (J, I): does unit j of one side belong to unit i of the other?
    Errors     ValueError where shapes differ, a sure link is not possible, or no link is sure
    Note       possible: None for S = P. Who links nothing has AER 1 and no precision (NaN)
    """
    a, s, p = _pooled("alignment_scores", predicted, sure, possible)
    if a.dtype != bool:
        raise TypeError(f"alignment_scores: predicted: expected True and False, got {a.dtype}")
    found, allowed, links, wanted = (a & s).sum(), (a & p).sum(), a.sum(), s.sum()
    return {
        "AER": float(1 - (found + allowed) / (links + wanted)),
        "precision": float(allowed / links) if links else float("nan"),
        "recall": float(found / wanted),
    }


def pointing(weights: Sequence, sure: Sequence) -> AttentionScore:
    """Of the units that have a sure link: does the largest weight lie on it?

    Forward    1 if argmax_i w_ji is sure, else 0; of several equally large, the share that is
    Chance     sure links of the unit / units it could be linked to
    Shapes     of each pair of sequences weights (J, I), sure bool (J, I) → (units with a sure link,)
    Note       no opinion (all weights of a unit equal) scores chance to the last digit
    """
    values, chance = [], []
    for k, (w, s) in enumerate(zip(weights, sure, strict=True)):
        w, s = np.asarray(w), np.asarray(s)
        if w.shape != s.shape or w.ndim != 2:
            raise ValueError(f"pointing: weights[{k}] {w.shape} and sure[{k}] {s.shape}: expected one (J, I)")
        w, s = w[s.any(1)], s[s.any(1)]
        if np.isnan(w).any():
            raise ValueError(f"pointing: weights[{k}] has NaN")
        if len(w):
            top = w == w.max(1, keepdims=True)
            values.append((top & s).sum(1) / top.sum(1))
            chance.append(s.mean(1))
    if not values:
        raise ValueError("pointing: no unit has a sure link")
    return AttentionScore(np.concatenate(values), np.concatenate(chance))


def best_threshold(weights: Sequence, sure: Sequence, possible: Sequence | None = None) -> float:
    """The τ for which the links A = {w ≥ τ} have the lowest AER; of several, the highest (fewest links).

    Shapes     as ``alignment_scores``, weights (J, I) of real numbers
    Note       exact: every weight is tried, in one pass over all of them sorted
    """
    w, s, p = _pooled("best_threshold", weights, sure, possible)
    order = np.argsort(-w, kind="stable")
    w, hits = w[order], np.cumsum(s[order].astype(int) + p[order])
    error = 1 - hits / (np.arange(1, len(w) + 1) + s.sum())
    last = np.append(w[1:] != w[:-1], True)  # equal weights are linked together
    return float(w[last][error[last].argmin()])


def _pooled(who, first, sure, possible):
    """All entries of all pairs in one row each."""
    possible = sure if possible is None else possible
    if not len(first) == len(sure) == len(possible):
        raise ValueError(
            f"{who}: {len(first)} pairs, {len(sure)} of sure and {len(possible)} of possible links"
        )
    for k, parts in enumerate(zip(first, sure, possible, strict=True)):
        if len({np.shape(x) for x in parts}) > 1:
            shapes = ", ".join(str(np.shape(x)) for x in parts)
            raise ValueError(f"{who}: pair {k}: expected three matrices of one shape, got {shapes}")
    rows = [np.concatenate([np.ravel(x) for x in parts] or [[]]) for parts in (first, sure, possible)]
    s, p = rows[1].astype(bool), rows[2].astype(bool)
    if not s.any():
        raise ValueError(f"{who}: sure: no link is sure, so nothing can be found")
    if (s & ~p).any():
        raise ValueError(f"{who}: possible: expected every sure link among the possible ones")
    return rows[0], s, p
