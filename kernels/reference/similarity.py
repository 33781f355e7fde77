"""Unit length, and nearest neighbours by cosine."""

import numpy as np

from .reduce import topk


def l2_normalize(x, eps):
    """y = x / max(‖x‖, eps) for each row → y, ‖x‖."""
    with np.errstate(all="ignore"):
        norm = np.sqrt(np.sum(x * x, axis=1))
        return x / np.maximum(norm, eps)[:, None], norm


def l2_normalize_backward(dy, y, norm, eps):
    """dx = (dy − y Σ y ⊙ dy) / ‖x‖, or dy / eps where ‖x‖ < eps."""
    with np.errstate(all="ignore"):
        tangent = dy - y * np.sum(y * dy, axis=1, keepdims=True)
        return np.where(norm[:, None] < eps, dy / eps, tangent / norm[:, None])


def _unit_rows(x):
    """Rows of length 1; a zero row stays zero."""
    norm = np.sqrt(np.sum(x * x, axis=1, keepdims=True))
    return x / np.where(norm == 0, 1.0, norm)


def cosine_topk(queries, database, k, normalized):
    """The k rows with the largest q·d / (‖q‖ ‖d‖), falling, lower id first on ties → score, id."""
    # In float64, and by einsum: BLAS may add up equal rows in different orders, and tear a tie.
    q, d = queries.astype(np.float64), database.astype(np.float64)
    if not normalized:
        q, d = _unit_rows(q), _unit_rows(d)
    with np.errstate(all="ignore"):
        return topk(np.einsum("qi,ni->qn", q, d).astype(queries.dtype), k)
