"""ListNet (Cao et al., 2007): the whole list at once, as a distribution over who comes first.

P_y(i) = e^{y_i} / Σ_j e^{y_j},   P_s(i) = e^{s_i} / Σ_j e^{s_j}        (top one, eq. 8), sums over the query
ℓ       = −Σ_i P_y(i) ln P_s(i)                                         cross entropy (eq. 12)
∂ℓ/∂s_i = P_s(i) − P_y(i)
h_i     = P_s(i) (1 − P_s(i)),  the diagonal of the Hessian
"""

from __future__ import annotations

import numpy as np

__all__ = ["top_one"]


def top_one(scores, y, bounds):
    """ℓ, ∂ℓ/∂s and h, summed over queries.

    Shapes     scores float64, y int64 (N,), bounds int64 (Q + 1,) → ℓ (), (N,), (N,)
    """
    said, wanted = log_softmax(scores, bounds), np.exp(log_softmax(y.astype(np.float64), bounds))
    p = np.exp(said)
    return float(-(wanted * said).sum()), p - wanted, p * (1 - p)


def log_softmax(scores, bounds):
    """ln of the softmax of each query's scores, (N,)."""
    begin, count = bounds[:-1], np.diff(bounds)
    scores = scores - np.repeat(np.maximum.reduceat(scores, begin), count)
    return scores - np.repeat(np.log(np.add.reduceat(np.exp(scores), begin)), count)
