"""Pulls between the documents of a query: RankNet's, and LambdaRank's, which are RankNet's weighed.

Let P_ij = 1 / (1 + e^(σ(s_i − s_j))), how far the model is from being sure that i belongs above j, and
w_ij a weight. Over the pairs of a query with y_i > y_j:

    ℓ       = Σ w_ij ln(1 + e^(−σ(s_i − s_j)))            RankNet, w = 1  (Burges et al., 2005, eq. 3)
    ∂ℓ/∂s_i = λ_i,  each pair adding −σ w_ij P_ij to λ_i and its opposite to λ_j     (Burges, 2010, eq. 3)
    h_i     = ∂λ_i/∂s_i,  each pair adding σ² w_ij P_ij (1 − P_ij) to both

    w_ij    = |g(y_i) − g(y_j)| |d(r_i) − d(r_j)| / DCG*            LambdaRank (Burges, Ragno & Le, 2006)

where w is how much NDCG changes when i and j change places: r are the ranks under the scores of the moment,
d(r) = 1/log2(1 + r), g = 2^y − 1. w is taken as a constant: no loss is known whose gradient λ is in general.

As in LightGBM, ``truncation`` T leaves out pairs of which neither stands among the first T, and takes DCG*@T;
``norm`` is its ``lambdarank_norm``: w_ij is divided by 0.01 + |s_i − s_j| (unless all scores are equal), and
all of a query is scaled by log2(1 + Λ)/Λ, Λ = 2 Σ |λ_ij|. It is not in the papers; its default is on.
"""

from __future__ import annotations

import numpy as np

from .. import kernels
from .gain import best_dcg, discounts, gains, order

__all__ = ["pulls", "swap_scales"]


def swap_scales(y, bounds, truncation=None):
    """1 / DCG*@T of each query, 0 where it has no relevant document: float64 (Q,)."""
    best = [best_dcg(y[a:b], truncation) for a, b in zip(bounds[:-1], bounds[1:], strict=True)]
    return np.array([1 / b if b > 0 else 0.0 for b in best])


def pulls(scores, y, bounds, *, scales=None, sigma=1.0, truncation=None, norm=False, losses=True):
    """ℓ, λ and h of all queries.

    losses     whether ℓ is wanted; otherwise it may be given as 0
    scales     None: RankNet.  What ``swap_scales`` gave: LambdaRank; ℓ is then that of w as it stands
    Shapes     scores float64, y int64 (N,), bounds int64 (Q + 1,) → ℓ (), λ (N,), h (N,)
    Note       compiled where the cpu floor serves NumPy arrays; ``_pulls`` of one query is the formula
    """
    truncation = len(y) if truncation is None else truncation
    if kernels.host().__name__.endswith(".cpu"):
        from . import pair_loops

        weighed = np.zeros(len(bounds) - 1) if scales is None else scales
        return pair_loops.pulls(
            scores, gains(y), bounds, weighed, scales is not None, float(sigma), truncation, bool(norm),
            discounts(int(np.diff(bounds).max())), losses,
        )  # fmt: skip
    parts = [
        _pulls(scores[a:b], y[a:b], None if scales is None else scales[q], sigma, truncation, norm)
        for q, (a, b) in enumerate(zip(bounds[:-1], bounds[1:], strict=True))
    ]
    loss, slope, curve = zip(*parts, strict=True)
    return sum(loss), np.concatenate(slope), np.concatenate(curve)


def _pulls(scores, y, scale, sigma, truncation, norm):
    rank = np.empty(len(y), np.int64)
    rank[order(scores)] = np.arange(len(y))
    gap = scores[:, None] - scores[None]
    w = (y[:, None] > y[None]) & (np.minimum(rank[:, None], rank[None]) < truncation)
    w = w.astype(np.float64)
    if scale is not None:
        d, g = discounts(len(y))[rank], gains(y)
        w *= scale * np.abs(g[:, None] - g[None]) * np.abs(d[:, None] - d[None])
        if norm and np.ptp(scores) > 0:
            w /= 0.01 + np.abs(gap)
    p = 0.5 * (1 - np.tanh(0.5 * sigma * gap))  # 1 / (1 + e^(σ·gap)), without overflow
    pair, curve = sigma * w * p, sigma**2 * w * p * (1 - p)
    slope, curve = pair.sum(0) - pair.sum(1), curve.sum(0) + curve.sum(1)
    total = 2 * pair.sum()
    if scale is not None and norm and total > 0:
        factor = np.log2(1 + total) / total
        slope, curve = slope * factor, curve * factor
    return float((w * np.logaddexp(0, -sigma * gap)).sum()), slope, curve
