"""Pooling of windows by their largest entry or their mean: one rule for any number of axes.

``pooling.py`` gives each rule its names by the number of axes.
"""

from .. import kernels
from ..autograd import primitive
from .windows import floor_size, pairs_of, sizes_of, spatial_input

__all__ = ["adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "max_pool"]


@primitive
def max_pool(x, *, op, n, kernel_size, stride, padding, dilation, ceil_mode):
    """Max pooling over n axes: what ``max_pool1d`` and its like stand on; ``op`` is the name for errors.

    Forward    y[b,c,o] = max_j x[b,c,o·stride − padding + j·dilation], index the winner's flat position
    Backward   ∂L/∂x[b,c,i] = Σ ∂L/∂y[b,c,o] over the windows o that i won
    Shapes     x (B, C, S…) → y (B, C, O…), index (B, C, O…)
    Errors     ValueError for a rank, or for a window that does not fit; naming ``op``
    """
    spatial = spatial_input(op, x, n)
    options = _options(op, n, kernel_size, stride, padding, dilation)
    return _max(x, *options, _output(op, spatial, *options, ceil_mode))


@primitive
def avg_pool(x, *, op, n, kernel_size, stride, padding, dilation, ceil_mode, count_include_pad):
    """Average pooling over n axes: what ``avg_pool1d`` and its like stand on; ``op`` is the name for errors.

    Forward    y[b,c,o] = Σ_j x[b,c,o·stride − padding + j·dilation] / divisor[o]: the positions inside x, or
               with count_include_pad inside x and its padding; what hangs over them never counts
    Backward   ∂L/∂x[b,c,i] = Σ ∂L/∂y[b,c,o] / divisor[o] over the windows o that hold i
    Shapes     x (B, C, S…) → y (B, C, O…)
    Errors     ValueError for a rank, or for a window that does not fit; naming ``op``
    """
    spatial = spatial_input(op, x, n)
    options = _options(op, n, kernel_size, stride, padding, dilation)
    return _average(op, x, *options, _output(op, spatial, *options, ceil_mode), bool(count_include_pad))


@primitive
def adaptive_max_pool(x, *, op, n, output_size):
    """Max pooling over n axes into a given number of windows; ``op`` is the name for errors.

    Forward    y[b,c,o] = max of x[b,c,⌊o·S/O⌋ … ⌈(o+1)·S/O⌉ − 1], index the winner's flat position
    Backward   ∂L/∂x[b,c,i] = Σ ∂L/∂y[b,c,o] over the windows o that i won
    Shapes     x (B, C, S…) → y (B, C, O…), index (B, C, O…)
    Errors     ValueError for a rank, or an output size below 1; naming ``op``
    """
    return _max(x, None, None, None, None, _adaptive(op, spatial_input(op, x, n), output_size))


@primitive
def adaptive_avg_pool(x, *, op, n, output_size):
    """Average pooling over n axes into a given number of windows; ``op`` is the name for errors.

    Forward    y[b,c,o] = mean of x[b,c,⌊o·S/O⌋ … ⌈(o+1)·S/O⌉ − 1]
    Backward   ∂L/∂x[b,c,i] = Σ ∂L/∂y[b,c,o] / (size of o) over the windows o that hold i
    Shapes     x (B, C, S…) → y (B, C, O…)
    Errors     ValueError for a rank, or an output size below 1; naming ``op``
    """
    return _average(op, x, None, None, None, None, _adaptive(op, spatial_input(op, x, n), output_size), False)


def _max(x, kernel, stride, pads, dilation, out):
    k = kernels.of(x)
    y, index = k.pool("max", x, kernel, stride, pads, dilation, out, False)

    def backward(dy, _):
        return k.pool_backward("max", dy, index, tuple(x.shape), kernel, stride, pads, dilation, False)

    return (y, index), backward


def _average(op, x, kernel, stride, pads, dilation, out, count_padding):
    if x.dtype.kind == "b":
        raise TypeError(f"{op}: truth values have no mean, got bool; cast them first")
    k = kernels.of(x)
    y, _ = k.pool("average", x, kernel, stride, pads, dilation, out, count_padding)

    def backward(dy):
        return k.pool_backward(
            "average", dy, None, tuple(x.shape), kernel, stride, pads, dilation, count_padding
        )

    return y, backward


def _options(op, n, kernel_size, stride, padding, dilation):
    kernel = sizes_of(op, "kernel_size", kernel_size, n)
    stride = kernel if stride is None else sizes_of(op, "stride", stride, n)
    dilation = sizes_of(op, "dilation", dilation, n)
    extent = tuple(d * (j - 1) for d, j in zip(dilation, kernel, strict=True))
    return kernel, stride, pairs_of(op, padding, extent, stride), dilation


def _output(op, spatial, kernel, stride, pads, dilation, ceil_mode):
    return tuple(
        floor_size(op, size, pair, d * (j - 1), step, ceil_mode)
        for size, pair, d, j, step in zip(spatial, pads, dilation, kernel, stride, strict=True)
    )


def _adaptive(op, spatial, output_size):
    """output_size: an int, or one an axis, None keeping that axis as it is."""
    wanted = output_size if isinstance(output_size, tuple | list) else (output_size,) * len(spatial)
    if len(wanted) == len(spatial):
        wanted = tuple(size if w is None else w for w, size in zip(wanted, spatial, strict=True))
    if min(spatial) < 1:
        raise ValueError(f"{op}: nothing to pool on spatial axes of size {spatial}")
    return sizes_of(op, "output_size", wanted, len(spatial))
