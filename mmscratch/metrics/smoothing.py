"""How alike the nodes of a graph have become: what over-smoothing is measured by."""

from __future__ import annotations

import numpy as np

__all__ = ["dirichlet_energy"]


def dirichlet_energy(x: np.ndarray, adjacency: np.ndarray) -> float:
    """How much of a signal on the nodes differs along the edges: 0 where a graph convolution would leave it.

    Forward    E(X)/‖X‖² = ½ Σ_ij A_ij ‖x_i/√(1 + d_i) − x_j/√(1 + d_j)‖² / Σ_i ‖x_i‖²
                         = tr(Xᵀ (I − Â) X) / tr(Xᵀ X),  Â = D̃^−½ (A + I) D̃^−½,  D̃ = D + I
    Shapes     x X (N, D), adjacency A (N, N) symmetric, no entry below 0 → a number in 0 … 2
    Errors     ValueError for other shapes, an A that is not symmetric or negative, or an X of zeros
    Source     Cai & Wang, 2020, definition 3.1, over ‖X‖² as Rayleigh's quotient: where X itself fades, so
               does its energy, and that says nothing of smoothness
    """
    x, a = np.asarray(x, np.float64), np.asarray(adjacency, np.float64)
    if x.ndim != 2 or a.shape != (len(x), len(x)):
        raise ValueError(
            f"dirichlet_energy: expected x (N, D) and adjacency (N, N), got {x.shape} and {a.shape}"
        )
    if not np.allclose(a, a.T) or (a < 0).any():
        raise ValueError("dirichlet_energy: adjacency: expected a symmetric matrix without negative entries")
    size = float(np.square(x).sum())
    if not (np.isfinite(size) and size > 0):
        raise ValueError(f"dirichlet_energy: x: expected finite numbers that are not all 0, got ‖x‖² {size}")
    y = x / np.sqrt(1 + a.sum(1))[:, None]
    own = np.square(y).sum(1)
    return float((a.sum(1) @ own - np.einsum("ij,id,jd->", a, y, y, optimize=True)) / size)
