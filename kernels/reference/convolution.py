"""Convolution over 1 to 3 spatial axes, tap by tap.

A tap j = (j₀, …) is one position of the kernel. It meets the padded input in a strided slice as large
as the output, so every sum over j is a loop over taps, and the sums over channels are matrix products.
"""

import math

import numpy as np

from .elementwise import map
from .reduce import reduce

__all__ = ["conv", "conv_input_gradient", "conv_parameter_gradients", "conv_weight_gradient"]


def conv(x, weight, bias, stride, padding, dilation, groups, activation=None):
    """y[b, k, o] = φ(bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o·stride + j·dilation − padding₀])."""
    batch, channels = x.shape[0], weight.shape[0]
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    out = _output_shape(x.shape[2:], weight.shape[2:], stride, dilation)
    y = np.zeros((batch, groups, channels // groups, math.prod(out)), x.dtype)
    for tap in np.ndindex(weight.shape[2:]):
        y += _grouped(weight[_ALL + tap], groups) @ _channels(x[_meets(tap, out, stride, dilation)], groups)
    y = y.reshape(batch, channels, *out)
    if bias is not None:
        y += bias.reshape(-1, *(1,) * len(out))
    return y if activation is None else map(activation, y)


def conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups):
    """dx[b, c, i] = Σ_{k, j, o: o·stride + j·dilation − padding₀ = i} weight[k, c, j] · dy[b, k, o]."""
    batch, channels, *spatial = x_shape
    out = dy.shape[2:]
    dy = _channels(dy, groups)
    dx = np.zeros(
        (batch, channels, *(n + sum(pair) for n, pair in zip(spatial, padding, strict=True))), dy.dtype
    )
    for tap in np.ndindex(weight.shape[2:]):
        part = _grouped(weight[_ALL + tap], groups).swapaxes(-1, -2) @ dy
        dx[_meets(tap, out, stride, dilation)] += part.reshape(batch, channels, *out)
    inside = tuple(slice(before, before + n) for n, (before, _) in zip(spatial, padding, strict=True))
    return np.ascontiguousarray(dx[_ALL + inside])


def conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o·stride + j·dilation − padding₀]."""
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    out = dy.shape[2:]
    dy = _channels(dy, groups)
    dweight = np.zeros(weight_shape, dy.dtype)
    for tap in np.ndindex(tuple(weight_shape[2:])):
        met = _channels(x[_meets(tap, out, stride, dilation)], groups)
        dweight[_ALL + tap] = (dy @ met.swapaxes(-1, -2)).sum(axis=0).reshape(weight_shape[:2])
    return dweight


def conv_parameter_gradients(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW, and db[k] = Σ_{b, o} dy[b, k, o]."""
    dweight = conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups)
    return dweight, reduce("sum", dy, (0, *range(2, dy.ndim)), False)


_ALL = (slice(None), slice(None))
"""Both leading axes: batch and channel, or the two channel axes of the weight."""


def _output_shape(padded, kernel, stride, dilation):
    """O = (S − dilation·(J − 1) − 1) // stride + 1 an axis, S already padded."""
    axes = zip(padded, kernel, stride, dilation, strict=True)
    return tuple((n - d * (j - 1) - 1) // s + 1 for n, j, s, d in axes)


def _meets(tap, out, stride, dilation):
    """The slice of the padded input that this tap meets: positions o·stride + j·dilation, o < out."""
    axes = zip(tap, out, stride, dilation, strict=True)
    return _ALL + tuple(slice(j * d, j * d + s * (o - 1) + 1, s) for j, o, s, d in axes)


def _channels(x, groups):
    """(B, C, S…) → (B, groups, C/groups, positions)."""
    return x.reshape(x.shape[0], groups, x.shape[1] // groups, math.prod(x.shape[2:]))


def _grouped(tap_weight, groups):
    """(K, C/groups) → (groups, K/groups, C/groups)."""
    return tap_weight.reshape(groups, -1, tap_weight.shape[1])
