"""Softmax and its logarithm, along any axis, masked or not."""

from .. import kernels
from ..autograd import primitive
from .broadcast import broadcast_shapes, normalize_axis
from .check import check_arrays
from .elementary import as_float

__all__ = ["log_softmax", "softmax"]


def _along_axis(op, x, mask, axis, forward, gradient):
    """A softmax along any axis: the kernels know the last one only."""
    axis = normalize_axis(op, axis, x.ndim)
    k = kernels.of(x)
    if mask is not None:
        check_arrays(op, mask=mask)
        if mask.dtype.kind != "b":
            raise TypeError(f"{op}: mask must be bool (True takes part), got {mask.dtype}")
        if broadcast_shapes(op, x, mask) != tuple(x.shape):
            raise ValueError(f"{op}: mask {tuple(mask.shape)} must broadcast to x {tuple(x.shape)}")
    if axis == x.ndim - 1:
        y = forward(x, mask)
        return y, lambda dy: gradient(dy, y)
    # Exchanging two axes is its own inverse.
    order = tuple({axis: x.ndim - 1, x.ndim - 1: axis}.get(i, i) for i in range(x.ndim))
    if mask is not None:
        mask = k.permute(k.expand(mask, tuple(x.shape)), order)
    y = forward(k.permute(x, order), mask)
    return k.permute(y, order), lambda dy: k.permute(gradient(k.permute(dy, order), y), order)


@primitive
def softmax(x, mask=None, *, axis=-1):
    """Positive numbers with the sum 1 (Bridle, 1990). mask: bool, True takes part.

    Forward    y_i = exp(x_i) / Σ_j exp(x_j); a masked entry is exactly 0, and a wholly masked row all 0
    Backward   ∂L/∂x = y ⊙ (∂L/∂y − Σ y ⊙ ∂L/∂y), because ∂y/∂x = diag(y) − y yᵀ
    Shapes     x (…), mask (…) → y (…)
    Errors     ValueError where mask does not broadcast to x; TypeError where it is not bool
    Note       max x is subtracted first: it changes nothing, and exp stays ≤ 1
    """
    x = as_float("softmax", x)
    k = kernels.of(x)
    y, backward = _along_axis("softmax", x, mask, axis, k.softmax, k.softmax_backward)
    return y, lambda dy: (backward(dy), None)


@primitive
def log_softmax(x, mask=None, *, axis=-1):
    """Logarithm of the softmax. mask: bool, True takes part; masked entries get −∞.

    Forward    y = x − log Σ_j exp(x_j)
    Backward   ∂L/∂x = ∂L/∂y − exp(y) Σ ∂L/∂y (over the entries that take part)
    Shapes     x (…), mask (…) → y (…)
    Errors     ValueError where mask does not broadcast to x; TypeError where it is not bool
    Note       max x is subtracted first, so that nothing overflows
    """
    x = as_float("log_softmax", x)
    k = kernels.of(x)
    y, backward = _along_axis("log_softmax", x, mask, axis, k.log_softmax, k.log_softmax_backward)
    return y, lambda dy: (backward(dy), None)
