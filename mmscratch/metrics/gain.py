"""Discounted cumulative gain, the part that every judge of rankings shares (Järvelin & Kekäläinen, 2002).

DCG@k = Σ_{r ≤ k} g(y at rank r) / log2(1 + r)
"""

from __future__ import annotations

import numpy as np

__all__ = ["best_dcg", "discounts", "gains"]


def gains(y, gain="exponential"):
    """What a document of each label is worth: 2^y − 1 (Burges et al., 2005), or "linear": y."""
    if gain not in ("exponential", "linear"):
        raise ValueError(f"gain: expected 'exponential' or 'linear', got {gain!r}")
    return np.exp2(y) - 1 if gain == "exponential" else np.asarray(y, np.float64)


def discounts(n):
    """1 / log2(1 + rank) for the ranks 1 … n."""
    return 1 / np.log2(np.arange(2, n + 2))


def best_dcg(y, k=None, gain="exponential"):
    """DCG@k of the best order of these labels."""
    best = np.sort(gains(y, gain))[::-1][:k]
    return float((best * discounts(len(best))).sum())
