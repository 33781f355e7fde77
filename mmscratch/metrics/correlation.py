"""Do two scores go together, or put things in the same order?"""

from __future__ import annotations

import numpy as np

__all__ = ["pearson", "ranks", "spearman"]


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
    return _cosine(*(r - r.mean() for r in map(ranks, _two("spearman", a, b))))


def pearson(a, b) -> float:
    """Pearson's r (1896): Σ (a − ā)(b − b̄) / √(Σ (a − ā)² Σ (b − b̄)²); NaN where all values of one are equal.

    Shapes     a, b (N,) → float
    Errors     ValueError for fewer than two values, different numbers of them, or NaN
    """
    a, b = _two("pearson", a, b)
    return _cosine(a - a.mean(), b - b.mean())


def _two(name, a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1 or len(a) < 2:
        raise ValueError(f"{name}: a, b: expected two (N,) with N > 1, got {a.shape} and {b.shape}")
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError(f"{name}: a, b: expected numbers, got NaN among them")
    return a, b


def _cosine(x, y):
    norm = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / norm) if norm else float("nan")
