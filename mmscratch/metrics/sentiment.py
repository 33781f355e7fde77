"""Scores of sentiment scores: as CMU-MOSI and MOSEI are judged (Zadeh et al., 2017; Tsai et al., 2019)."""

from __future__ import annotations

import numpy as np

from .classification import accuracy, per_class
from .correlation import pearson

__all__ = ["sentiment_scores"]


def sentiment_scores(predictions, targets) -> dict[str, float]:
    """How near predicted sentiment of −3 … 3 is to the true one.

    Forward    MAE = 1/N Σ |p − y|;  Corr: Pearson's, 0 where all p are equal;
               Acc-2: p ≥ 0 as often as y ≥ 0, the zeros among the positive; Acc-2 non-zero: rows of y ≠ 0
               only, p > 0 against y > 0; Acc-7: p and y brought into −3 … 3 and rounded are equal (½ to the
               even number, as NumPy does); F1 of each Acc-2: both classes' F1, weighted by their rows
    Shapes     p, y (N,) → floats; NaN for what needs a row of y ≠ 0 where there is none
    Errors     ValueError for different numbers of rows, fewer than two, or values that are not finite
    Note       which Acc-2 a paper means is often not said; they differ by what the zeros are
    """
    p, y = np.asarray(predictions, np.float64), np.asarray(targets, np.float64)
    if p.shape != y.shape or p.ndim != 1 or len(p) < 2:
        raise ValueError(
            f"sentiment_scores: predictions, targets: expected two (N,) with N > 1, got {p.shape}, {y.shape}"
        )
    if not (np.isfinite(p).all() and np.isfinite(y).all()):
        raise ValueError("sentiment_scores: predictions, targets: expected finite numbers")
    some = y != 0
    seven = [np.clip(v, -3, 3).round() for v in (p, y)]
    corr = pearson(p, y)
    return {
        "MAE": float(np.abs(p - y).mean()),
        "Corr": 0.0 if np.isnan(corr) else corr,
        "Acc-2": accuracy(p >= 0, y >= 0),
        "Acc-2 non-zero": accuracy(p[some] > 0, y[some] > 0) if some.any() else float("nan"),
        "Acc-7": accuracy(*seven),
        "F1": _weighted_f1(p >= 0, y >= 0),
        "F1 non-zero": _weighted_f1(p[some] > 0, y[some] > 0) if some.any() else float("nan"),
    }


def _weighted_f1(said, true):
    table = per_class(said, true)
    return float((table.f1 * table.support).sum() / table.support.sum())
