"""Convolution: which algorithm serves which arrays.

columns   im2col and BLAS (``convolution_columns.py``): every dtype, every machine
"""

from . import convolution_columns as columns

__all__ = ["conv", "conv_input_gradient", "conv_weight_gradient"]


def conv(x, weight, bias, stride, padding, dilation, groups, activation=None):
    """y[b, k, o] = φ(bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o·stride + j·dilation − padding₀])."""
    return columns.conv(x, weight, bias, stride, padding, dilation, groups, activation)


def conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups):
    """dx[b, c, i] = Σ_{k, j, o: o·stride + j·dilation − padding₀ = i} weight[k, c, j] · dy[b, k, o]."""
    return columns.conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups)


def conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o·stride + j·dilation − padding₀]."""
    return columns.conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups)
