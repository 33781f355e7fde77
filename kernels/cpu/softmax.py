"""Softmax and log-softmax: NumPy for small arrays, vectors for large float32, compiled loops for float64."""

import numpy as np

from .. import reference
from .threads import PIECE

__all__ = ["softmax", "softmax_backward", "log_softmax", "log_softmax_backward"]

FEW = 512
"""Below so many elements NumPy's few passes are over before a compiled kernel is called."""


def softmax(x, mask):
    """exp(x − max x) / Σ; masked entries 0."""
    return reference.softmax(x, mask) if x.size < FEW else _forward(x, mask, False)


def softmax_backward(dy, y):
    """dx = y ⊙ (dy − Σ y ⊙ dy)."""
    return reference.softmax_backward(dy, y) if y.size < FEW else _backward(dy, y, False)


def log_softmax(x, mask):
    """x − max x − log Σ exp(x − max x); masked entries −∞."""
    return reference.log_softmax(x, mask) if x.size < FEW else _forward(x, mask, True)


def log_softmax_backward(dy, y):
    """dx = dy − exp(y) Σ dy, over the entries with y > −∞."""
    return reference.log_softmax_backward(dy, y) if y.size < FEW else _backward(dy, y, True)


def _forward(x, mask, logarithm):
    loops, size, y = _loops(x), x.shape[-1], np.empty_like(x)
    seen, step = _mask_of_rows(x, mask)
    loops.forward(_tasks(x), x.reshape(-1), seen, step, size, logarithm, y.reshape(-1))
    return y


def _backward(dy, y, logarithm):
    loops, dx = _loops(y), np.empty_like(y)
    loops.backward(_tasks(y), dy.reshape(-1), y.reshape(-1), y.shape[-1], logarithm, dx.reshape(-1))
    return dx


def _loops(x):
    """The compiled kernels for x."""
    from . import softmax_loops, softmax_vectors
    from .simd import LANES

    return softmax_vectors if LANES and x.dtype == np.float32 else softmax_loops


def _tasks(x):
    """A task is PIECE numbers' worth of rows."""
    height = max(1, PIECE // x.shape[-1])
    return -(-(x.size // x.shape[-1]) // height)


def _mask_of_rows(x, mask):
    """The flags, flat, and the step from one row's to the next: 0 where all rows have the same."""
    if mask is None:
        return np.empty(0, np.bool_), 0
    size = x.shape[-1]
    if mask.size == mask.shape[-1] == size:
        return mask.reshape(-1), 0
    return np.ascontiguousarray(np.broadcast_to(mask, x.shape)).reshape(-1), size
