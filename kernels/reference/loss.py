"""Cross-entropy between logits and class numbers."""

import numpy as np


def cross_entropy(logits, target, weight, ignore_index, label_smoothing):
    """ℓ_n = w_t (1−ε)(lse − x_t) + ε/V Σ_v w_v (lse − x_v), 0 where ignored → ℓ, w_t, lse."""
    classes = logits.shape[1]
    kept = target != ignore_index
    t = np.where(kept, target, 0)
    if weight is None:
        weight = np.ones(classes, logits.dtype)
    with np.errstate(all="ignore"):
        top = np.max(logits, axis=1)
        top = np.where(top == -np.inf, 0.0, top)
        lse = top + np.log(np.sum(np.exp(logits - top[:, None]), axis=1))
        loss = weight[t] * (1 - label_smoothing) * (lse - logits[np.arange(len(t)), t])
        if label_smoothing:  # left out at ε = 0: there 0 · ∞ would spoil logits of −∞
            loss = loss + label_smoothing / classes * np.sum(weight * (lse[:, None] - logits), axis=1)
    return np.where(kept, loss, 0.0), np.where(kept, weight[t], 0.0), lse


def cross_entropy_backward(dloss, logits, target, lse, weight, ignore_index, label_smoothing):
    """dx_v = dℓ · (w_t (1−ε) (p_v − [v = t]) + ε/V (p_v Σ w − w_v)), p = exp(x − lse)."""
    classes = logits.shape[1]
    kept = target != ignore_index
    t = np.where(kept, target, 0)
    if weight is None:
        weight = np.ones(classes, logits.dtype)
    with np.errstate(all="ignore"):
        p = np.exp(logits - lse[:, None])
        onehot = (np.arange(classes) == t[:, None]).astype(logits.dtype)
        dx = (weight[t] * (1 - label_smoothing))[:, None] * (p - onehot)
        if label_smoothing:
            dx = dx + label_smoothing / classes * (p * np.sum(weight) - weight)
        return np.where(kept[:, None], dloss[:, None] * dx, 0.0)
