"""Convolution and transposed convolution over 1, 2 or 3 spatial axes."""

import functools

from .. import kernels
from ..autograd import primitive
from .check import check_arrays, check_optional
from .epilogue import before_activation, check_activation
from .windows import floor_size, pairs_of, sizes_of, spatial_input

__all__ = ["conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


@primitive
def conv1d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1, activation=None):
    """Convolution over one axis (LeCun et al., 1998); the kernel is not flipped: a cross-correlation.

    Forward    y[b,k,o] = bias[k] + Σ_{c,j} weight[k,c,j] · x[b,c,o·stride + j·dilation − padding]
    Backward   ∂L/∂x = the transposed convolution of ∂L/∂y with weight (each dy goes back to where it read)
               ∂L/∂weight[k,c,j] = Σ_{b,o} ∂L/∂y[b,k,o] · x[b,c,o·stride + j·dilation − padding]
               ∂L/∂bias[k] = Σ_{b,o} ∂L/∂y[b,k,o]
    Shapes     x (B, C, S), weight (K, C/groups, J), bias (K,) → y (B, K, O),
               O = (S + padding − dilation·(J − 1) − 1) // stride + 1 with padding counted on both sides
    Errors     ValueError for a rank, channel, group or bias that does not fit, or a window that is too long
    Note       padding: an int, a pair a side ((before, after),), "same" (stride 1) or "valid";
               activation: None, "relu", "tanh" or "sigmoid", applied to y in the same pass, as in ``linear``
    """
    return _conv("conv1d", 1, x, weight, bias, stride, padding, dilation, groups, activation)


@primitive
def conv2d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1, activation=None):
    """Convolution over two axes; stride, padding and dilation are ints or one an axis. See ``conv1d``.

    Forward    y[b,k,o] = bias[k] + Σ_{c,j} weight[k,c,j] · x[b,c,o·stride + j·dilation − padding], o, j pairs
    Backward   ∂L/∂x, ∂L/∂weight, ∂L/∂bias as in ``conv1d``
    Shapes     x (B, C, H, W), weight (K, C/groups, J, I), bias (K,) → y (B, K, O, P)
    Errors     as in ``conv1d``
    """
    return _conv("conv2d", 2, x, weight, bias, stride, padding, dilation, groups, activation)


@primitive
def conv3d(x, weight, bias=None, *, stride=1, padding=0, dilation=1, groups=1, activation=None):
    """Convolution over three axes (Ji et al., 2013); options are ints or one an axis. See ``conv1d``.

    Forward    y[b,k,o] = bias[k] + Σ_{c,j} weight[k,c,j] · x[b,c,o·stride + j·dilation − padding]
    Backward   ∂L/∂x, ∂L/∂weight, ∂L/∂bias as in ``conv1d``
    Shapes     x (B, C, T, H, W), weight (K, C/groups, I, J, L), bias (K,) → y (B, K, O, P, Q)
    Errors     as in ``conv1d``
    """
    return _conv("conv3d", 3, x, weight, bias, stride, padding, dilation, groups, activation)


@primitive
def conv_transpose1d(x, weight, bias=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Transposed convolution over one axis (Zeiler et al., 2010): ``conv1d``'s input gradient, forwards.

    Forward    y[b,k,i] = bias[k] + Σ_{c,j,o: o·stride + j·dilation − padding = i} weight[c,k,j] · x[b,c,o]
    Backward   ∂L/∂x = convolution of ∂L/∂y with weight
               ∂L/∂weight[c,k,j] = Σ_{b,o} x[b,c,o] · ∂L/∂y[b,k,o·stride + j·dilation − padding]
               ∂L/∂bias[k] = Σ_{b,i} ∂L/∂y[b,k,i]
    Shapes     x (B, C, S), weight (C, K/groups, J), bias (K,) → y (B, K, O),
               O = (S − 1)·stride − padding + dilation·(J − 1) + 1 + output_padding
    Errors     ValueError as in ``conv1d``, and for an output_padding not below max(stride, dilation)
    """
    return _conv_transpose(
        "conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, dilation, groups
    )


@primitive
def conv_transpose2d(x, weight, bias=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Transposed convolution over two axes; see ``conv_transpose1d``.

    Forward    y[b,k,i] = bias[k] + Σ_{c,j,o: o·stride + j·dilation − padding = i} weight[c,k,j] · x[b,c,o]
    Backward   ∂L/∂x, ∂L/∂weight, ∂L/∂bias as in ``conv_transpose1d``
    Shapes     x (B, C, H, W), weight (C, K/groups, J, I), bias (K,) → y (B, K, O, P)
    Errors     as in ``conv_transpose1d``
    """
    return _conv_transpose(
        "conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, dilation, groups
    )


@primitive
def conv_transpose3d(x, weight, bias=None, *, stride=1, padding=0, output_padding=0, dilation=1, groups=1):
    """Transposed convolution over three axes; see ``conv_transpose1d``.

    Forward    y[b,k,i] = bias[k] + Σ_{c,j,o: o·stride + j·dilation − padding = i} weight[c,k,j] · x[b,c,o]
    Backward   ∂L/∂x, ∂L/∂weight, ∂L/∂bias as in ``conv_transpose1d``
    Shapes     x (B, C, T, H, W), weight (C, K/groups, I, J, L), bias (K,) → y (B, K, O, P, Q)
    Errors     as in ``conv_transpose1d``
    """
    return _conv_transpose(
        "conv_transpose3d", 3, x, weight, bias, stride, padding, output_padding, dilation, groups
    )


def _conv(op, n, x, weight, bias, stride, padding, dilation, groups, activation):
    check_activation(op, activation)
    spatial = spatial_input(op, x, n)
    stride, dilation, pads, extent = _options(op, n, x, weight, stride, padding, dilation)
    _check_groups(op, groups, weight, weight.shape[0], "weight's first axis")
    if x.shape[1] != weight.shape[1] * groups:
        raise ValueError(
            f"{op}: x {tuple(x.shape)} has {x.shape[1]} channels, but weight {tuple(weight.shape)} "
            f"with groups={groups} reads {weight.shape[1] * groups}"
        )
    _check_bias(op, bias, weight.shape[0])
    for size, pair, reach, step in zip(spatial, pads, extent, stride, strict=True):
        floor_size(op, size, pair, reach, step)
    k = kernels.of(x)
    y = k.conv(x, weight, bias, stride, pads, dilation, groups, activation)

    def backward(dy):
        dbias = None
        if bias is not None and activation == "relu":  # one pass over memory instead of two
            dy, dbias = k.bias_relu_backward(dy, y)
        else:
            dy = before_activation(k, activation, dy, y)
        where = (tuple(weight.shape), stride, pads, dilation, groups)
        if bias is None or dbias is not None:
            dweight = functools.partial(k.conv_weight_gradient, dy, x, *where)
        else:  # one pass again, whichever of the two is asked for first
            both = functools.cache(lambda: k.conv_parameter_gradients(dy, x, *where))
            dweight, dbias = lambda: both()[0], lambda: both()[1]
        return (
            lambda: k.conv_input_gradient(dy, weight, tuple(x.shape), stride, pads, dilation, groups),
            dweight,
            dbias,
        )

    return y, backward


def _conv_transpose(op, n, x, weight, bias, stride, padding, output_padding, dilation, groups):
    spatial = spatial_input(op, x, n)
    stride, dilation, pads, extent = _options(op, n, x, weight, stride, padding, dilation)
    extra = sizes_of(op, "output_padding", output_padding, n, least=0)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise ValueError(
            f"{op}: output_padding {extra} must be below stride {stride} or below dilation {dilation}"
        )
    _check_groups(op, groups, weight, x.shape[1], "x's channels")
    if x.shape[1] != weight.shape[0]:
        raise ValueError(
            f"{op}: x {tuple(x.shape)} has {x.shape[1]} channels, but weight {tuple(weight.shape)} "
            f"reads {weight.shape[0]}"
        )
    channels = weight.shape[1] * groups
    _check_bias(op, bias, channels)
    sizes = [
        (size - 1) * step - sum(pair) + reach + 1 + more
        for size, step, pair, reach, more in zip(spatial, stride, pads, extent, extra, strict=True)
    ]
    if min(sizes) < 1:
        raise ValueError(f"{op}: padding {pads} leaves nothing of the output: sizes {tuple(sizes)}")
    k = kernels.of(x)
    y = k.conv_input_gradient(x, weight, (x.shape[0], channels, *sizes), stride, pads, dilation, groups)
    if bias is not None:
        y = k.map("add", y, bias.reshape((channels,) + (1,) * n))

    def backward(dy):
        return (
            lambda: _first(k, k.conv(dy, weight, None, stride, pads, dilation, groups), spatial),
            lambda: k.conv_weight_gradient(x, dy, tuple(weight.shape), stride, pads, dilation, groups),
            None if bias is None else lambda: _channel_sum(k, dy),
        )

    return y, backward


def _options(op, n, x, weight, stride, padding, dilation):
    check_arrays(op, weight=weight)
    if x.dtype.kind != "f" or weight.dtype.kind != "f":
        raise TypeError(f"{op}: expected floats, got x {x.dtype}, weight {weight.dtype}; use .to(dtype)")
    if weight.ndim != n + 2:
        raise ValueError(f"{op}: weight must have {n + 2} axes, got shape {tuple(weight.shape)}")
    stride = sizes_of(op, "stride", stride, n)
    dilation = sizes_of(op, "dilation", dilation, n)
    extent = tuple(d * (j - 1) for d, j in zip(dilation, weight.shape[2:], strict=True))
    return stride, dilation, pairs_of(op, padding, extent, stride), extent


def _check_groups(op, groups, weight, channels, what):
    if not isinstance(groups, int) or groups < 1 or channels % groups:
        raise ValueError(
            f"{op}: groups={groups!r} must be an integer that divides {what}, {channels} "
            f"(weight {tuple(weight.shape)})"
        )


def _check_bias(op, bias, channels):
    check_optional(op, bias=bias)
    if bias is not None and tuple(bias.shape) != (channels,):
        raise ValueError(f"{op}: bias must have shape ({channels},), got {tuple(bias.shape)}")


def _channel_sum(k, dy):
    return k.reduce("sum", dy, (0, *range(2, dy.ndim)), False)


def _first(k, dx, spatial):
    """With output_padding ≥ stride (dilated kernels) one more window fits than x has positions: drop it."""
    shape = (*dx.shape[:2], *spatial)
    return dx if tuple(dx.shape) == shape else k.slice(dx, (0,) * dx.ndim, (1,) * dx.ndim, shape)
