"""Pooling: the largest, or the mean, of each window; over 1, 2 or 3 spatial axes."""

import math

from .. import kernels
from ..autograd import primitive
from . import arithmetic, comparison, convolution, elementary, reduction
from .check import check_arrays, check_number, integers
from .constants import full_beside
from .indexing import checked_index
from .pool_rules import adaptive_avg_pool, adaptive_max_pool, avg_pool, max_pool
from .shape import reshape
from .windows import floor_size, pairs_of, sizes_of

__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d",
    "adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d",
    "avg_pool1d", "avg_pool2d", "avg_pool3d",
    "global_avg_pool", "global_max_pool", "lp_pool",
    "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool",
]  # fmt: skip


def max_pool1d(x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Max pooling over one axis, composed: the values of ``max_pool``, and with return_indices the winners.

    Forward    y[b,c,o] = max_j x[b,c,o·stride − padding + j·dilation]; outside x counts as −∞
    Shapes     x (B, C, S) → y (B, C, O)
    Note       stride None: the kernel's size. ceil_mode: a last window may hang over the end
    """
    y, index = max_pool(
        x, op="max_pool1d", n=1, kernel_size=kernel_size, stride=stride,
        padding=padding, dilation=dilation, ceil_mode=ceil_mode,
    )  # fmt: skip
    return (y, index) if return_indices else y


def max_pool2d(x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Max pooling over two axes, composed: the values of ``max_pool``, and with return_indices the winners.

    Forward    y[b,c,o] = max_j x[b,c,o·stride − padding + j·dilation]; outside x counts as −∞
    Shapes     x (B, C, H, W) → y (B, C, O, P)
    Note       stride None: the kernel's size. ceil_mode: a last window may hang over the end
    """
    y, index = max_pool(
        x, op="max_pool2d", n=2, kernel_size=kernel_size, stride=stride,
        padding=padding, dilation=dilation, ceil_mode=ceil_mode,
    )  # fmt: skip
    return (y, index) if return_indices else y


def max_pool3d(x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """Max pooling over three axes, composed: the values of ``max_pool``, and with return_indices the winners.

    Forward    y[b,c,o] = max_j x[b,c,o·stride − padding + j·dilation]; outside x counts as −∞
    Shapes     x (B, C, T, H, W) → y (B, C, O, P, Q)
    Note       stride None: the kernel's size. ceil_mode: a last window may hang over the end
    """
    y, index = max_pool(
        x, op="max_pool3d", n=3, kernel_size=kernel_size, stride=stride,
        padding=padding, dilation=dilation, ceil_mode=ceil_mode,
    )  # fmt: skip
    return (y, index) if return_indices else y


def avg_pool1d(
    x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, count_include_pad=True
):
    """Average pooling over one axis, composed: ``avg_pool``.

    Forward    y[b,c,o] = mean_j x[b,c,o·stride − padding + j·dilation]; see ``avg_pool`` for what counts
    Shapes     x (B, C, S) → y (B, C, O)
    """
    return avg_pool(
        x, op="avg_pool1d", n=1, kernel_size=kernel_size, stride=stride, padding=padding,
        dilation=dilation, ceil_mode=ceil_mode, count_include_pad=count_include_pad,
    )  # fmt: skip


def avg_pool2d(
    x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, count_include_pad=True
):
    """Average pooling over two axes, composed: ``avg_pool``.

    Forward    y[b,c,o] = mean_j x[b,c,o·stride − padding + j·dilation]; see ``avg_pool`` for what counts
    Shapes     x (B, C, H, W) → y (B, C, O, P)
    """
    return avg_pool(
        x, op="avg_pool2d", n=2, kernel_size=kernel_size, stride=stride, padding=padding,
        dilation=dilation, ceil_mode=ceil_mode, count_include_pad=count_include_pad,
    )  # fmt: skip


def avg_pool3d(
    x, *, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, count_include_pad=True
):
    """Average pooling over three axes, composed: ``avg_pool``.

    Forward    y[b,c,o] = mean_j x[b,c,o·stride − padding + j·dilation]; see ``avg_pool`` for what counts
    Shapes     x (B, C, T, H, W) → y (B, C, O, P, Q)
    """
    return avg_pool(
        x, op="avg_pool3d", n=3, kernel_size=kernel_size, stride=stride, padding=padding,
        dilation=dilation, ceil_mode=ceil_mode, count_include_pad=count_include_pad,
    )  # fmt: skip


def adaptive_max_pool1d(x, *, output_size, return_indices=False):
    """Max pooling to a given size over one axis, composed: ``adaptive_max_pool``.

    Forward    y[b,c,o] = max of x[b,c,⌊o·S/O⌋ … ⌈(o+1)·S/O⌉ − 1]
    Shapes     x (B, C, S) → y (B, C, O)
    """
    y, index = adaptive_max_pool(x, op="adaptive_max_pool1d", n=1, output_size=output_size)
    return (y, index) if return_indices else y


def adaptive_max_pool2d(x, *, output_size, return_indices=False):
    """Max pooling to a given size over two axes, composed: ``adaptive_max_pool``.

    Forward    y[b,c,o] = max of x[b,c,⌊o·S/O⌋ … ⌈(o+1)·S/O⌉ − 1]
    Shapes     x (B, C, H, W) → y (B, C, O, P)
    """
    y, index = adaptive_max_pool(x, op="adaptive_max_pool2d", n=2, output_size=output_size)
    return (y, index) if return_indices else y


def adaptive_max_pool3d(x, *, output_size, return_indices=False):
    """Max pooling to a given size over three axes, composed: ``adaptive_max_pool``.

    Forward    y[b,c,o] = max of x[b,c,⌊o·S/O⌋ … ⌈(o+1)·S/O⌉ − 1]
    Shapes     x (B, C, T, H, W) → y (B, C, O, P, Q)
    """
    y, index = adaptive_max_pool(x, op="adaptive_max_pool3d", n=3, output_size=output_size)
    return (y, index) if return_indices else y


def adaptive_avg_pool1d(x, *, output_size):
    """Average pooling to a given size over one axis, composed: ``adaptive_avg_pool``.

    Forward    y[b,c,o] = mean of x[b,c,⌊o·S/O⌋ … ⌈(o+1)·S/O⌉ − 1]
    Shapes     x (B, C, S) → y (B, C, O)
    """
    return adaptive_avg_pool(x, op="adaptive_avg_pool1d", n=1, output_size=output_size)


def adaptive_avg_pool2d(x, *, output_size):
    """Average pooling to a given size over two axes, composed: ``adaptive_avg_pool``.

    Forward    y[b,c,o] = mean of x[b,c,⌊o·S/O⌋ … ⌈(o+1)·S/O⌉ − 1]
    Shapes     x (B, C, H, W) → y (B, C, O, P)
    """
    return adaptive_avg_pool(x, op="adaptive_avg_pool2d", n=2, output_size=output_size)


def adaptive_avg_pool3d(x, *, output_size):
    """Average pooling to a given size over three axes, composed: ``adaptive_avg_pool``.

    Forward    y[b,c,o] = mean of x[b,c,⌊o·S/O⌋ … ⌈(o+1)·S/O⌉ − 1]
    Shapes     x (B, C, T, H, W) → y (B, C, O, P, Q)
    """
    return adaptive_avg_pool(x, op="adaptive_avg_pool3d", n=3, output_size=output_size)


def global_avg_pool(x):
    """The mean of each channel, composed.

    Forward    y[b,c] = mean over all positions of x[b,c]
    Shapes     x (B, C, S…) → y (B, C, 1…)
    """
    return reduction.mean(x, axis=_space("global_avg_pool", x), keepdims=True)


def global_max_pool(x):
    """The largest entry of each channel, composed.

    Forward    y[b,c] = max over all positions of x[b,c]
    Shapes     x (B, C, S…) → y (B, C, 1…)
    """
    return reduction.max(x, axis=_space("global_max_pool", x), keepdims=True)


def _space(op, x):
    check_arrays(op, x=x)
    if x.ndim < 3 or 0 in x.shape[2:]:
        raise ValueError(
            f"{op}: x must be (batch, channels, space…) with something in it, got shape {tuple(x.shape)}"
        )
    return tuple(range(2, x.ndim))


def lp_pool(x, *, p, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """The p-norm of each window (Sermanet et al., 2012), composed; over 1, 2 or 3 axes, by the rank of x.

    Forward    y[b,c,o] = (Σ_j |x[b,c,o·stride − padding + j·dilation]|^p)^(1/p), the sum by a convolution
    Shapes     x (B, C, S…) → y (B, C, O…)
    Errors     ValueError where p is not positive, or as in ``max_pool1d``
    Note       a window of zeros gets the gradient 0, where the formula has 0/0
    """
    check_arrays("lp_pool", x=x)
    n = x.ndim - 2
    if x.dtype.kind != "f":
        raise TypeError(f"lp_pool: x must hold floats, got {x.dtype}")
    check_number("lp_pool", "p", p)
    if not p > 0 or n not in (1, 2, 3):
        raise ValueError(f"lp_pool: needs p > 0 and x with 3 to 5 axes, got p={p}, shape {tuple(x.shape)}")
    kernel = sizes_of("lp_pool", "kernel_size", kernel_size, n)
    stride = kernel if stride is None else sizes_of("lp_pool", "stride", stride, n)
    dilation = sizes_of("lp_pool", "dilation", dilation, n)
    extent = tuple(d * (j - 1) for d, j in zip(dilation, kernel, strict=True))
    pads = []
    for size, pair, reach, step in zip(
        x.shape[2:], pairs_of("lp_pool", padding, extent, stride), extent, stride, strict=True
    ):
        count = floor_size("lp_pool", size, pair, reach, step, ceil_mode)
        pads.append((pair[0], max(pair[1], (count - 1) * step + reach + 1 - size - pair[0])))
    ones = full_beside(x, (1, 1, *kernel), 1)
    one_channel = reshape(arithmetic.pow(elementary.abs(x), p), shape=(-1, 1, *x.shape[2:]))
    conv = (convolution.conv1d, convolution.conv2d, convolution.conv3d)[n - 1]
    total = conv(one_channel, ones, stride=stride, padding=pads, dilation=dilation)
    total = reshape(total, shape=(*x.shape[:2], *total.shape[2:]))
    positive = comparison.greater(total, 0)
    return arithmetic.where(positive, arithmetic.pow(arithmetic.where(positive, total, 1.0), 1 / p), 0.0)


@primitive
def max_unpool(x, index, *, output_size):
    """Maxima back at the places they came from, zeros elsewhere (Zeiler & Fergus, 2014).

    Forward    y[b,c,index[b,c,o]] += x[b,c,o]
    Backward   ∂L/∂x[b,c,o] = ∂L/∂y[b,c,index[b,c,o]]
    Shapes     x (B, C, O…), index (B, C, O…) → y (B, C, S…), S… = output_size
    Errors     ValueError where x and index differ in shape, or output_size has another number of axes
    """
    check_arrays("max_unpool", x=x, index=index)
    output_size = integers("max_unpool", "output_size", output_size)
    if tuple(index.shape) != tuple(x.shape) or len(output_size) != x.ndim - 2:
        raise ValueError(
            f"max_unpool: x {tuple(x.shape)} and index {tuple(index.shape)} must have one shape, "
            f"and output_size one entry for each axis of space, got {output_size}"
        )
    if index.dtype != "int64":
        raise TypeError(f"max_unpool: index must be int64, got {index.dtype}")
    k = kernels.of(x)
    lead, space = tuple(x.shape[:2]), sizes_of("max_unpool", "output_size", output_size, x.ndim - 2)
    flat = index.reshape(*lead, math.prod(x.shape[2:]))
    flat = checked_index("max_unpool", flat, x, math.prod(space), wrap=False)
    y = k.take_along_add(x.reshape(flat.shape), flat, 2, math.prod(space)).reshape(*lead, *space)

    def backward(dy):
        return k.take_along(dy.reshape(*lead, math.prod(space)), flat, 2).reshape(x.shape), None

    return y, backward
