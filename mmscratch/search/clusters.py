"""k-means: Lloyd's iteration (1982) from seeds drawn by k-means++ (Arthur & Vassilvitskii, 2007)."""

import numpy as np

from .panel import Panel

__all__ = ["kmeans", "seeds"]

FEW = 16
"""Rows a centre from which seeds are drawn, at most."""


def kmeans(x, k, *, seed=0, iterations=10):
    """k centres that make the rows' squared distances to their nearest centre small → (k, D) float32.

    Assign     a_n = argmin_j ‖x_n − c_j‖²
    Update     c_j = mean of the rows with a_n = j          neither step can make Σ ‖x_n − c_{a_n}‖² larger
    Empty      a centre without rows moves to a row that is farthest from its own centre

    Shapes     x (N, D)
    Errors     ValueError where there are fewer rows than centres
    """
    x = np.ascontiguousarray(x, np.float32)
    if not 1 <= k <= len(x):
        raise ValueError(f"kmeans: {k} centres need at least as many rows, got {len(x)}")
    rng = np.random.default_rng(seed)
    some = x if len(x) <= FEW * k else x[np.sort(rng.choice(len(x), FEW * k, replace=False))]
    centres, before = seeds(some, k, rng), None
    for _ in range(iterations):
        label = Panel(centres).nearest(x)
        if before is not None and (label == before).all():
            break
        centres, before = _means(x, label, centres), label
    return centres


def seeds(x, k, rng):
    """k rows as first centres: each next one is row n with probability ∝ min_j ‖x_n − c_j‖² (D² sampling)."""
    square = np.einsum("nd,nd->n", x, x, dtype=np.float64)
    at = int(rng.integers(len(x)))
    chosen, gap = [at], np.full(len(x), np.inf)
    while len(chosen) < k:
        gap = np.minimum(gap, np.maximum(square - 2.0 * (x @ x[at]) + square[at], 0))
        gap[at] = 0
        sums = np.cumsum(gap)
        if sums[-1] > 0:
            at = min(int(np.searchsorted(sums, rng.random() * sums[-1], side="right")), len(x) - 1)
        else:  # only copies of what is chosen are left
            at = int(rng.integers(len(x)))
        chosen.append(at)
    return x[chosen].copy()


def _means(x, label, centres):
    k = len(centres)
    count = np.bincount(label, minlength=k)
    order = np.argsort(label, kind="stable")
    start = np.cumsum(count) - count
    full = count > 0
    sums = np.add.reduceat(x[order].astype(np.float64), start[full], axis=0)
    new = centres.copy()
    new[full] = sums / count[full, None]
    empty = np.flatnonzero(~full)
    if len(empty):
        off = x - new[label]
        far = np.argsort(-np.einsum("nd,nd->n", off, off), kind="stable")
        new[empty] = x[far[: len(empty)]]
    return new
