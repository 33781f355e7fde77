"""Warps between landmarks, and laying a warped picture over another: the geometry of virtual try-on."""

from __future__ import annotations

import numpy as np

__all__ = ["AffineMap", "ThinPlateSpline", "composite", "sample"]


def _points(title, name, points, rows=None):
    points = np.asarray(points, np.float64)
    wanted = "(N, 2)" if rows is None else f"({rows}, 2)"
    if points.ndim != 2 or points.shape[1] != 2 or (rows is not None and len(points) != rows):
        raise ValueError(f"{title}: {name}: expected {wanted}, got {points.shape}")
    if not np.isfinite(points).all():
        raise ValueError(f"{title}: {name}: expected finite numbers")
    return points


def _beside_one(points):
    return np.concatenate([np.ones((len(points), 1)), points], axis=1)


class AffineMap:
    """The affine map that fits landmarks best.

    Forward    f(x) = a + A x,  Σ_i ‖y_i − f(x_i)‖² least
    Shapes     source x_i, target y_i (N, 2); points (M, 2) → (M, 2)
    Errors     ValueError for other shapes, fewer than three landmarks, or landmarks on one line
    """

    def __init__(self, source, target):
        title = type(self).__name__
        self.source = _points(title, "source", source)
        self.target = _points(title, "target", target, len(self.source))
        if len(self.source) < 3 or np.linalg.matrix_rank(_beside_one(self.source), tol=1e-9) < 3:
            raise ValueError(f"{title}: source: expected three landmarks that are not on one line, or more")
        self._fit()

    def _fit(self):
        self.affine = np.linalg.lstsq(_beside_one(self.source), self.target, rcond=None)[0]

    def __call__(self, points):
        return _beside_one(_points(type(self).__name__, "points", points)) @ self.affine


class ThinPlateSpline(AffineMap):
    """The map through landmarks that bends least.

    Forward    f(x) = a + A x + Σ_i w_i U(‖x − x_i‖),  U(r) = r² ln r²;
               [K + λI  P; Pᵀ  0] [W; a Aᵀ] = [Y; 0],  K_ij = U(‖x_i − x_j‖), P = [1 x_i]
               The lower rows say Σ w_i = 0 and Σ w_i x_i = 0: far away f is the affine map alone
    Shapes     source x_i, target y_i (N, 2); points (M, 2) → (M, 2)
    Errors     as ``AffineMap``; ValueError for two landmarks in one place, or λ below 0
    Source     Bookstein, 1989, p. 568–569; λ > 0 (landmarks that are not exact): Wahba, 1990, §2.4. With
               λ → ∞ it is the affine map of least squares

    ``bending`` is tr(Wᵀ K W), proportional to ∬ f_xx² + 2 f_xy² + f_yy² of both coordinates.
    """

    def __init__(self, source, target, smoothing=0.0):
        if not smoothing >= 0:
            raise ValueError(f"ThinPlateSpline: smoothing: expected at least 0, got {smoothing!r}")
        self.smoothing = float(smoothing)
        super().__init__(source, target)

    @staticmethod
    def kernel(a, b):
        """U of all distances: (M, 2), (N, 2) → (M, N); 0 at distance 0, its limit."""
        square = ((a[:, None] - b[None]) ** 2).sum(-1)
        return square * np.log(np.where(square > 0, square, 1))

    def _fit(self):
        n, k = len(self.source), self.kernel(self.source, self.source)
        apart = ((self.source[:, None] - self.source[None]) ** 2).sum(-1) + np.eye(n)
        if apart.min() < 1e-18:
            raise ValueError("ThinPlateSpline: source: expected landmarks apart, got two in one place")
        p = _beside_one(self.source)
        whole = np.block([[k + self.smoothing * np.eye(n), p], [p.T, np.zeros((3, 3))]])
        solved = np.linalg.solve(whole, np.concatenate([self.target, np.zeros((3, 2))]))
        self.weights, self.affine = solved[:n], solved[n:]
        self.bending = float(np.trace(self.weights.T @ k @ self.weights))

    def __call__(self, points):
        return (
            super().__call__(points) + self.kernel(np.asarray(points, np.float64), self.source) @ self.weights
        )


def sample(picture, points):
    """A picture between its pixels, bilinearly; 0 outside.

    Forward    Σ_{ij} (1 − |y − i|)₊ (1 − |x − j|)₊ p[i, j], pixel (i, j) being centred at (x, y) = (j + ½, i
               + ½)
    Shapes     picture (H, W, C), points (…, 2) as (x, y) → (…, C)
    Errors     ValueError for other shapes
    """
    picture, points = np.asarray(picture, np.float64), np.asarray(points, np.float64)
    if picture.ndim != 3 or points.shape[-1] != 2:
        raise ValueError(f"sample: expected (H, W, C) and (…, 2), got {picture.shape} and {points.shape}")
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)))
    height, width = padded.shape[:2]
    x, y = points[..., 0] + 0.5, points[..., 1] + 0.5  # pixel centres of the padded picture are whole
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    j, i = np.minimum(x.astype(int), width - 2), np.minimum(y.astype(int), height - 2)
    u, v = (x - j)[..., None], (y - i)[..., None]
    top = (1 - u) * padded[i, j] + u * padded[i, j + 1]
    return (1 - v) * top + v * ((1 - u) * padded[i + 1, j] + u * padded[i + 1, j + 1])


def composite(under, over, alpha):
    """One picture over another (Porter & Duff, 1984): alpha · over + (1 − alpha) · under.

    Shapes     under, over (H, W, C), alpha (H, W) in [0, 1] → (H, W, C)
    Errors     ValueError where shapes do not fit or alpha leaves [0, 1]
    """
    under, over, alpha = (np.asarray(v, np.float64) for v in (under, over, alpha))
    if under.shape != over.shape or alpha.shape != under.shape[:2]:
        raise ValueError(f"composite: expected one size, got {under.shape}, {over.shape}, {alpha.shape}")
    if alpha.min() < 0 or alpha.max() > 1:
        raise ValueError(f"composite: alpha: expected [0, 1], got {alpha.min()} … {alpha.max()}")
    return alpha[..., None] * over + (1 - alpha[..., None]) * under
