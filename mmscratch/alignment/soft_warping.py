"""Soft-DTW: dynamic time warping with a soft minimum, and so with a gradient (Cuturi & Blondel, 2017).

    softmin_γ(x) = −γ ln Σ exp(−x / γ)                                                    (eq. 1)
    r_ij         = d_ij + softmin_γ(r_{i−1,j−1}, r_{i−1,j}, r_{i,j−1})                    (algorithm 1)
    y = r_IJ     = −γ ln Σ_paths exp(−cost of the path / γ)

All paths take part, each by its Gibbs weight; for γ → 0 only the cheapest. Hence ∂y/∂d_ij is the probability
e_ij that a path drawn by these weights goes through (i, j): a soft alignment. It is found backwards:

    e_IJ = 1,   e_ij = Σ_{(k, l) after (i, j)} e_kl exp((r_kl − r_ij − d_kl) / γ)         (algorithm 2)

Cells of one anti-diagonal do not need each other, so each is one line of NumPy over the whole batch.

Two things to know: y may be negative (there are many paths), and y(x, x) is not its least value.
"""

import numpy as np

from ..autograd import primitive

__all__ = ["soft_alignment", "soft_dtw"]

BEFORE = ((1, 1), (1, 0), (0, 1))


@primitive
def soft_dtw(cost, *, gamma=1.0):
    """Soft cost of the best path.

    Forward    y = −γ ln Σ_paths exp(−Σ_{(i, j) on the path} d_ij / γ)
    Backward   ∂L/∂d = ∂L/∂y · e, the expected path
    Shapes     cost d (I, J) or (B, I, J) → y () or (B,)
    Errors     ValueError for other shapes, costs that are not finite, or γ ≤ 0
    """
    d = _checked("soft_dtw", cost, gamma)
    r = _forward(d, gamma)
    y = r[:, -2, -2].astype(cost.dtype)

    def backward(dy):
        e = _expected(d, r, gamma) * np.reshape(dy, (-1, 1, 1))
        return e.reshape(cost.shape).astype(cost.dtype)

    return y.reshape(cost.shape[:-2]), backward


def soft_alignment(cost, gamma=1.0):
    """e = ∂ soft_dtw / ∂d, the probability that the path goes through each cell: (I, J) → (I, J)."""
    d = _checked("soft_alignment", cost, gamma)
    return _expected(d, _forward(d, gamma), gamma).reshape(np.shape(cost))


def _forward(d, gamma):
    """r with a border: (B, I + 2, J + 2)."""
    b, rows, columns = d.shape
    r = np.full((b, rows + 2, columns + 2), np.inf)
    r[:, 0, 0] = 0
    for i, j in _diagonals(rows, columns):
        x = np.stack([r[:, i - di, j - dj] for di, dj in BEFORE]) / -gamma
        top = x.max(0)
        r[:, i, j] = d[:, i - 1, j - 1] - gamma * (top + np.log(np.exp(x - top).sum(0)))
    return r


def _expected(d, r, gamma):
    """e (B, I, J), from the last anti-diagonal to the first."""
    b, rows, columns = d.shape
    d = np.pad(d, ((0, 0), (1, 1), (1, 1)))
    r = r.copy()
    r[:, -1, :] = r[:, :, -1] = -np.inf
    r[:, -1, -1] = r[:, -2, -2]
    e = np.zeros_like(r)
    e[:, -1, -1] = 1
    for i, j in list(_diagonals(rows, columns))[::-1]:
        for di, dj in BEFORE:
            k, n = i + di, j + dj
            e[:, i, j] += e[:, k, n] * np.exp((r[:, k, n] - r[:, i, j] - d[:, k, n]) / gamma)
    return e[:, 1:-1, 1:-1]


def _diagonals(rows, columns):
    """Cells of each anti-diagonal, counted from 1: i and j arrays."""
    for s in range(2, rows + columns + 1):
        i = np.arange(max(1, s - columns), min(rows, s - 1) + 1)
        yield i, s - i


def _checked(who, cost, gamma):
    d = np.asarray(cost, np.float64)
    if d.ndim not in (2, 3) or 0 in d.shape or not np.isfinite(d).all():
        raise ValueError(f"{who}: cost: expected finite numbers (I, J) or (B, I, J), got shape {d.shape}")
    if not gamma > 0:
        raise ValueError(f"{who}: gamma: expected more than 0, got {gamma!r}; for the hard minimum see dtw")
    return d.reshape(-1, *d.shape[-2:])
