"""Convolution: which algorithm serves which arrays.

winograd  3 × 3 at every position, float32, 16 channels and more (``winograd.py``)
phases    3 × 3 with dilation, J × 3 × 3: the same after planes are rearranged (``convolution_phases.py``)
pointwise 1 × 1 of float32, strided or not: products of matrices (``convolution_pointwise.py``)
depthwise channels by themselves, float32: taps on registers (``convolution_depthwise.py``; 3 × 3 at every
          position: ``convolution_planes.py``)
direct    everything else of float32 where there are vectors: products of register tiles over a padded copy
          (``convolution_direct.py``, ``convolution_weights.py``)
columns   im2col and BLAS (``convolution_columns.py``): every dtype, every machine
"""

import math

import numpy as np

from . import convolution_columns as columns
from . import simd
from .reduce import reduce

__all__ = ["conv", "conv_input_gradient", "conv_parameter_gradients", "conv_weight_gradient"]

CHANNELS = 16
"""With fewer input or output channels Winograd's transforms cost more than they save."""


def conv(x, weight, bias, stride, padding, dilation, groups, activation=None):
    """y[b, k, o] = φ(bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o·stride + j·dilation − padding₀])."""
    if _by_winograd(weight.shape, stride, dilation, groups, x.dtype):
        from . import winograd

        return winograd.conv(x, weight, bias, padding, activation, groups)
    if _has_tiles(x, weight):
        if _by_phases(weight.shape, x.shape[2:], stride, padding, dilation, groups):
            from . import convolution_phases as phases

            return phases.conv(x, weight, bias, padding, dilation, activation)
        if _is_pointwise(weight.shape, padding, x.shape[2:], stride):
            from . import convolution_pointwise as pointwise

            return pointwise.conv(x, weight, bias, stride, groups, activation)
        if len(weight) == groups == x.shape[1]:
            if _by_planes(weight.shape, x.shape[2:], stride, padding, dilation):
                from . import convolution_planes as planes

                return planes.conv(x, weight, bias, padding, activation)
            from . import convolution_depthwise as depthwise

            return depthwise.conv(x, weight, bias, stride, padding, dilation, activation)
        from . import convolution_direct as direct

        return direct.conv(x, weight, bias, stride, padding, dilation, groups, activation)
    return columns.conv(x, weight, bias, stride, padding, dilation, groups, activation)


def conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups):
    """dx[b, c, i] = Σ_{k, j, o: o·stride + j·dilation − padding₀ = i} weight[k, c, j] · dy[b, k, o]."""
    if _by_winograd(weight.shape, stride, dilation, groups, dy.dtype):
        from . import winograd

        return winograd.input_gradient(dy, weight, x_shape, padding, groups)
    if _has_tiles(dy, weight):
        if _by_phases(weight.shape, x_shape[2:], stride, padding, dilation, groups):
            from . import convolution_phases as phases

            return phases.conv_input_gradient(dy, weight, x_shape, padding, dilation)
        if _is_pointwise(weight.shape, padding, x_shape[2:], stride):
            from . import convolution_pointwise as pointwise

            return pointwise.conv_input_gradient(dy, weight, x_shape, stride, groups)
        if len(weight) == groups == x_shape[1] and math.prod(stride) == 1:
            if _by_planes(weight.shape, x_shape[2:], stride, padding, dilation):
                from . import convolution_planes as planes

                return planes.conv_input_gradient(dy, weight, x_shape, padding)
            from . import convolution_depthwise as depthwise

            return depthwise.conv_input_gradient(dy, weight, x_shape, padding, dilation)
        from . import convolution_direct as direct

        return direct.conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups)
    return columns.conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups)


def conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o·stride + j·dilation − padding₀]."""
    return _gradients(dy, x, weight_shape, stride, padding, dilation, groups, False)[0]


def conv_parameter_gradients(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW, and db[k] = Σ_{b, o} dy[b, k, o]."""
    dweight, dbias = _gradients(dy, x, weight_shape, stride, padding, dilation, groups, True)
    return dweight, reduce("sum", dy, (0, *range(2, dy.ndim)), False) if dbias is None else dbias


def _gradients(dy, x, weight_shape, stride, padding, dilation, groups, bias):
    """dW; and db, if it is wanted and the algorithm has it at hand, or None."""
    if groups == 1 and _by_winograd(weight_shape, stride, dilation, groups, dy.dtype):
        from . import winograd_weights

        return winograd_weights.weight_gradient(dy, x, weight_shape, padding), None
    if _has_tiles(dy, x):
        if _by_phases(weight_shape, x.shape[2:], stride, padding, dilation, groups):
            from . import convolution_phases as phases

            return phases.conv_weight_gradient(dy, x, weight_shape, padding, dilation), None
        if _is_pointwise(weight_shape, padding, x.shape[2:], stride):
            from . import convolution_pointwise as pointwise

            return pointwise.conv_weight_gradient(dy, x, weight_shape, stride, groups), None
        if weight_shape[0] == groups == x.shape[1]:
            if _by_planes(weight_shape, x.shape[2:], stride, padding, dilation):
                from . import convolution_planes as planes

                return planes.conv_weight_gradient(dy, x, weight_shape, padding), None
            from . import convolution_depthwise as depthwise

            return depthwise.conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation), None
        from . import convolution_weights as weights

        return weights.gradients(dy, x, weight_shape, stride, padding, dilation, groups, bias)
    return columns.conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups), None


def _by_winograd(weight_shape, stride, dilation, groups, dtype):
    """Whether ``winograd.py`` serves: 3 × 3, nothing strided or dilated, and channels enough in a group."""
    if not simd.LANES or dtype != np.float32 or weight_shape[2:] != (3, 3):
        return False
    return (
        all(s == 1 for s in (*stride, *dilation))
        and min(weight_shape[0] // groups, weight_shape[1]) >= CHANNELS
    )


def _by_phases(weight_shape, size, stride, padding, dilation, groups):
    """Whether ``convolution_phases.py`` serves, and there are channels enough."""
    if groups != 1 or weight_shape[-2:] != (3, 3) or min(weight_shape[:2]) < CHANNELS:
        return False
    from .convolution_phases import serves

    return serves(weight_shape, size, stride, padding, dilation)


def _by_planes(weight_shape, size, stride, padding, dilation):
    """Whether ``convolution_planes.py`` serves a depthwise layer."""
    if len(size) != 2 or weight_shape[2:] != (3, 3):
        return False
    from .convolution_planes import serves

    return serves(weight_shape, size, stride, padding, dilation)


def _is_pointwise(weight_shape, padding, size, stride):
    """1 × 1 and no padding, with outputs enough in an image to fill vectors."""
    if math.prod(weight_shape[2:]) != 1 or any(map(any, padding)):
        return False
    return math.prod(-(-n // s) for n, s in zip(size, stride, strict=True)) >= simd.LANES


def _has_tiles(*arrays):
    """float32 that the register tiles can work on, and not empty."""
    return simd.LANES > 0 and all(a.dtype == np.float32 and a.size > 0 for a in arrays)
