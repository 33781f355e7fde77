"""Cross-entropy: NumPy for small logits, compiled loops that never store a softmax for large ones."""

import numpy as np

from .. import reference
from .threads import LARGE

__all__ = ["cross_entropy", "cross_entropy_backward"]


def cross_entropy(logits, target, weight, ignore_index, label_smoothing):
    """ℓ_n = w_t (1−ε)(lse − x_t) + ε/V Σ_v w_v (lse − x_v), 0 where ignored → ℓ, w_t, lse."""
    if logits.size < LARGE:
        return reference.cross_entropy(logits, target, weight, ignore_index, label_smoothing)
    from . import loss_loops as loops

    weight = np.ones(logits.shape[1], logits.dtype) if weight is None else weight
    loss = np.empty(len(logits), logits.dtype)
    row_weight, lse = np.empty_like(loss), np.empty_like(loss)
    loops.forward(logits, target, weight, ignore_index, float(label_smoothing), loss, row_weight, lse)
    return loss, row_weight, lse


def cross_entropy_backward(dloss, logits, target, lse, weight, ignore_index, label_smoothing):
    """dx_v = dℓ · (w_t (1−ε) (p_v − [v = t]) + ε/V (p_v Σ w − w_v)), p = exp(x − lse)."""
    if logits.size < LARGE:
        return reference.cross_entropy_backward(
            dloss, logits, target, lse, weight, ignore_index, label_smoothing
        )
    from . import loss_loops as loops

    weight = np.ones(logits.shape[1], logits.dtype) if weight is None else weight
    dx = np.empty_like(logits)
    loops.backward(dloss, logits, target, lse, weight, ignore_index, float(label_smoothing), dx)
    return dx
