"""Cross-entropy: NumPy for small logits, compiled loops that never store a softmax for large ones."""

import numpy as np

from .. import reference
from .simd import LANES
from .threads import LARGE

__all__ = ["cross_entropy", "cross_entropy_backward"]


def cross_entropy(logits, target, weight, ignore_index, label_smoothing):
    """ℓ_n = w_t (1−ε)(lse − x_t) + ε/V Σ_v w_v (lse − x_v), 0 where ignored → ℓ, w_t, lse."""
    if logits.size < LARGE:
        return reference.cross_entropy(logits, target, weight, ignore_index, label_smoothing)
    weight = np.ones(logits.shape[1], logits.dtype) if weight is None else weight
    loss = np.empty(len(logits), logits.dtype)
    row_weight, lse = np.empty_like(loss), np.empty_like(loss)
    given = (target, weight, ignore_index, float(label_smoothing), loss, row_weight, lse)
    if _in_vectors(logits):
        from . import loss_vectors as vectors

        vectors.forward(vectors.tasks(logits), logits.reshape(-1), logits.shape[1], *given)
    else:
        from . import loss_loops as plain

        plain.forward(logits, *given)
    return loss, row_weight, lse


def cross_entropy_backward(dloss, logits, target, lse, weight, ignore_index, label_smoothing):
    """dx_v = dℓ · (w_t (1−ε) (p_v − [v = t]) + ε/V (p_v Σ w − w_v)), p = exp(x − lse)."""
    if logits.size < LARGE:
        return reference.cross_entropy_backward(
            dloss, logits, target, lse, weight, ignore_index, label_smoothing
        )
    weight = np.ones(logits.shape[1], logits.dtype) if weight is None else weight
    dx = np.empty_like(logits)
    smoothing = float(label_smoothing)
    if _in_vectors(logits):
        from . import loss_vectors as vectors

        given = (dloss, logits.reshape(-1), logits.shape[1], target, lse, weight)
        all_weight = float(weight.sum(dtype=np.float64)) if smoothing else 0.0
        vectors.backward(vectors.tasks(logits), *given, all_weight, ignore_index, smoothing, dx.reshape(-1))
    else:
        from . import loss_loops as plain

        plain.backward(dloss, logits, target, lse, weight, ignore_index, smoothing, dx)
    return dx


def _in_vectors(logits):
    return LANES and logits.dtype == np.float32
