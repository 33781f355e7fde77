"""Softmax and log-softmax along the last axis, masked or not."""

import numpy as np


def _shifted(x, mask):
    """x − max x, masked entries −∞. Subtracting the maximum changes nothing and keeps exp ≤ 1."""
    if mask is not None:
        x = np.where(mask, x, -np.inf)
    top = np.max(x, axis=-1, keepdims=True, initial=-np.inf)
    return x - np.where(top == -np.inf, 0.0, top)


def softmax(x, mask):
    """exp(x − max x) / Σ; masked entries 0."""
    with np.errstate(all="ignore"):
        e = np.exp(_shifted(x, mask))
        y = e / np.sum(e, axis=-1, keepdims=True)
    return y if mask is None else np.where(mask, y, 0.0)


def softmax_backward(dy, y):
    """dx = y ⊙ (dy − Σ y ⊙ dy)."""
    with np.errstate(all="ignore"):
        return y * (dy - np.sum(y * dy, axis=-1, keepdims=True))


def log_softmax(x, mask):
    """x − max x − log Σ exp(x − max x); masked entries −∞."""
    with np.errstate(all="ignore"):
        s = _shifted(x, mask)
        y = s - np.log(np.sum(np.exp(s), axis=-1, keepdims=True))
    return y if mask is None else np.where(mask, y, -np.inf)


def log_softmax_backward(dy, y):
    """dx = dy − exp(y) Σ dy, over the entries with y > −∞."""
    with np.errstate(all="ignore"):
        dy = np.where(y == -np.inf, 0.0, dy)
        return dy - np.exp(y) * np.sum(dy, axis=-1, keepdims=True)
