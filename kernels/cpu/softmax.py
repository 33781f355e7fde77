"""Softmax and log-softmax: NumPy for small arrays, compiled loops over rows for large ones."""

import numpy as np

from .. import reference
from .threads import LARGE

__all__ = ["softmax", "softmax_backward", "log_softmax", "log_softmax_backward"]


def softmax(x, mask):
    """exp(x − max x) / Σ; masked entries 0."""
    return reference.softmax(x, mask) if x.size < LARGE else _by_rows("softmax", x, mask)


def softmax_backward(dy, y):
    """dx = y ⊙ (dy − Σ y ⊙ dy)."""
    return reference.softmax_backward(dy, y) if y.size < LARGE else _by_rows("softmax_backward", dy, y)


def log_softmax(x, mask):
    """x − max x − log Σ exp(x − max x); masked entries −∞."""
    return reference.log_softmax(x, mask) if x.size < LARGE else _by_rows("log_softmax", x, mask)


def log_softmax_backward(dy, y):
    """dx = dy − exp(y) Σ dy, over the entries with y > −∞."""
    if y.size < LARGE:
        return reference.log_softmax_backward(dy, y)
    return _by_rows("log_softmax_backward", dy, y)


def _by_rows(name, x, other):
    from . import softmax_loops as loops

    shape = x.shape[-1]
    if other is not None:
        other = np.ascontiguousarray(np.broadcast_to(other, x.shape)).reshape(-1, shape)
    elif name in ("softmax", "log_softmax"):
        other = loops.NO_MASK
    y = np.empty_like(x)
    getattr(loops, name)(x.reshape(-1, shape), other, y.reshape(-1, shape))
    return y
