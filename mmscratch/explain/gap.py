"""The modality gap: two towers put their two senses into two separate cones of one space."""

from dataclasses import dataclass

import numpy as np

__all__ = ["ModalityGap", "mean_cosine", "modality_gap", "shift_towards"]


@dataclass(frozen=True)
class ModalityGap:
    """What was measured of N pairs.

    vector      (E,) Δ = mean of x̂ − mean of ŷ
    distance    ‖Δ‖: 0 where the clouds have one centre, at most 2
    pairs       the mean cosine of the N pairs
    within      the mean cosine of two different x, and of two different y: the width of each cone
    between     the mean cosine of an x with the y of another pair
    """

    vector: np.ndarray
    distance: float
    pairs: float
    within: tuple[float, float]
    between: float


def modality_gap(x, y):
    """How far the centres of two modalities lie apart, and how narrow each one's cone is.

    Forward    Δ = (1/N) Σ x̂_i − (1/N) Σ ŷ_i,  x̂ = x/‖x‖
    Shapes     x, y (N, E), row i of one belonging to row i of the other → ``ModalityGap``
    Errors     ValueError for other shapes, fewer than two pairs, or a row of zeros
    Source     Liang, Zhang, Kwon, Yeung & Zou, 2022, §2 (cones) and §4.1 (Δ)

    There is a gap before the first step, since a random network already maps everything into a narrow cone,
    and two networks into two. A contrastive loss closes what keeps a pair from being told from others, and no
    more: scores are compared along a row, so what Δ adds to all of them alike cancels.
    """
    x, y = (_unit("modality_gap", name, rows) for name, rows in (("x", x), ("y", y)))
    if x.shape != y.shape:
        raise ValueError(
            f"modality_gap: x, y: expected pairs of one shape (N, E), got {x.shape} and {y.shape}"
        )
    n, delta = len(x), x.mean(0) - y.mean(0)
    pairs = float((x * y).sum(1).mean())
    between = float((n * n * (x.mean(0) @ y.mean(0)) - n * pairs) / (n * (n - 1)))
    return ModalityGap(delta, float(np.linalg.norm(delta)), pairs, (mean_cosine(x), mean_cosine(y)), between)


def mean_cosine(x):
    """The mean cosine of two different rows: 0 of directions drawn anywhere, near 1 in a narrow cone.

    Forward    Σ_{i ≠ j} x̂_i · x̂_j / (N (N − 1)) = (‖Σ x̂_i‖² − N) / (N (N − 1))
    Shapes     x (N, E), N > 1 → a number
    """
    x = _unit("mean_cosine", "x", x)
    n = len(x)
    return float((np.square(x.sum(0)).sum() - n) / (n * (n - 1)))


def shift_towards(x, y, amount=0.5):
    """Both clouds moved along Δ, and back onto the sphere: is the gap needed?

    Forward    x' = normalise(x̂ − amount Δ),  y' = normalise(ŷ + amount Δ);  ½ brings the centres together
               (nearly: the sphere bends), 1 exchanges them, below 0 widens the gap
    Shapes     x, y (N, E) → x', y' (N, E)
    Source     Liang et al., 2022, §4.2
    """
    delta = modality_gap(x, y).vector
    x, y = _unit("shift_towards", "x", x), _unit("shift_towards", "y", y)
    return (_unit("shift_towards", "x", x - amount * delta), _unit("shift_towards", "y", y + amount * delta))


def _unit(title, name, rows):
    rows = np.asarray(rows, np.float64)
    if rows.ndim != 2 or len(rows) < 2:
        raise ValueError(f"{title}: {name}: expected (N, E) with N > 1, got {rows.shape}")
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    if not (np.isfinite(norm) & (norm > 0)).all():
        wrong = int(np.argmin(np.isfinite(norm) & (norm > 0)))
        raise ValueError(f"{title}: {name}: row {wrong} is zero or not finite, and has no direction")
    return rows / norm
