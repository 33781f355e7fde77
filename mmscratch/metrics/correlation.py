"""Do two scores put things in the same order?"""

from __future__ import annotations

import numpy as np

__all__ = ["ranks", "spearman"]


def ranks(x) -> np.ndarray:
    """1 for the smallest; equal values share the mean of their places: (N,) → (N,) float64."""
    x = np.asarray(x)
    _, place, count = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (last - (count - 1) / 2)[place]


def spearman(a, b) -> float:
    """Spearman's ρ (1904): the correlation of the ranks; NaN where all values of one are equal.

    Shapes     a, b (N,) → float
    Errors     ValueError for fewer than two values, different numbers of them, or NaN
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"spearman: a, b: expected two (N,) with N > 1, got {a.shape} and {b.shape}")
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("spearman: a, b: expected numbers, got NaN among them")
    x, y = (r - r.mean() for r in (ranks(a), ranks(b)))
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm else float("nan")
