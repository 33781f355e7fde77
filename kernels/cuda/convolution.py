"""Convolution over 1 to 3 spatial axes as implicit matrix products. Equal to ``reference.convolution``.

Fewer than three spatial axes are filled up in front with axes of one entry. Each group is one matrix
product of ``tile.py``, whose matrix of windows is never written out: entries are read where they lie.

    forward           y[k, (b, o)] = Σ_{(c, j)} W[k, (c, j)] · X[(c, j), (b, o)]
    input gradient    dx[c, (b, i)] = Σ_{(k, j)} W[(k, j), c] · dY[(k, j), (b, i)]
    weight gradient   dW[k, (c, j)] = Σ_{(b, o)} dY[k, (b, o)] · X[(b, o), (c, j)]

Errors are those of the sums: as many roundings as terms, less where the sum is cut into parts.
"""

import math as host_math

from .launch import device
from .memory import empty
from .tile import product

__all__ = ["conv", "conv_input_gradient", "conv_weight_gradient"]

# Address parameters of the kernels below, after the five of tile.py:
#   5 6 7   S, the input's spatial sizes        8 9 10   J, the kernel's        11 12 13   O, the output's
#  14 15 16 stride     17 18 19 padding before     20 21 22 dilation
#  23 channels of a batch entry of the array in question (all groups)


@device
def _window(x, start, tap, place, p):
    """X[(c, j), (b, o)] = x[b, c, o·stride + j·dilation − padding], 0 outside."""
    j2 = tap % p[10]
    tap = tap // p[10]
    j1 = tap % p[9]
    tap = tap // p[9]
    j0 = tap % p[8]
    c = tap // p[8]
    o2 = place % p[13]
    place = place // p[13]
    o1 = place % p[12]
    place = place // p[12]
    o0 = place % p[11]
    b = place // p[11]
    i0 = o0 * p[14] + j0 * p[20] - p[17]
    i1 = o1 * p[15] + j1 * p[21] - p[18]
    i2 = o2 * p[16] + j2 * p[22] - p[19]
    if i0 < 0 or i0 >= p[5] or i1 < 0 or i1 >= p[6] or i2 < 0 or i2 >= p[7]:
        return x.dtype.type(0)
    return x[start + (((b * p[23] + c) * p[5] + i0) * p[6] + i1) * p[7] + i2]


@device
def _window_transposed(x, start, place, tap, p):
    """The same matrix with rows (b, o) and columns (c, j)."""
    return _window(x, start, tap, place, p)


@device
def _came_from(dy, start, tap, place, p):
    """dY[(k, j), (b, i)] = dy[b, k, o] with o·stride + j·dilation − padding = i, 0 where no o is."""
    j2 = tap % p[10]
    tap = tap // p[10]
    j1 = tap % p[9]
    tap = tap // p[9]
    j0 = tap % p[8]
    k = tap // p[8]
    i2 = place % p[7]
    place = place // p[7]
    i1 = place % p[6]
    place = place // p[6]
    i0 = place % p[5]
    b = place // p[5]
    n0 = i0 + p[17] - j0 * p[20]
    n1 = i1 + p[18] - j1 * p[21]
    n2 = i2 + p[19] - j2 * p[22]
    o0, o1, o2 = n0 // p[14], n1 // p[15], n2 // p[16]
    if n0 < 0 or o0 >= p[11] or n0 != o0 * p[14]:
        return dy.dtype.type(0)
    if n1 < 0 or o1 >= p[12] or n1 != o1 * p[15]:
        return dy.dtype.type(0)
    if n2 < 0 or o2 >= p[13] or n2 != o2 * p[16]:
        return dy.dtype.type(0)
    return dy[start + (((b * p[23] + k) * p[11] + o0) * p[12] + o1) * p[13] + o2]


@device
def _by_channel(dy, start, k, place, p):
    """dY[k, (b, o)] = dy[b, k, o]: p[5] positions, p[6] channels of a batch entry."""
    b = place // p[5]
    return dy[start + (b * p[6] + k) * p[5] + (place - b * p[5])]


@device
def _weight_columns(weight, start, c, tap, p):
    """W[(k, j), c] read as its transpose's entry (c, (k, j)): p[5] taps, p[6] channels of a group."""
    k = tap // p[5]
    return weight[start + (k * p[6] + c) * p[5] + (tap - k * p[5])]


@device
def _store_by_channel(out, start, k, place, value, extra, p):
    """out[b, k, o] from (k, (b, o)), plus extra[first channel of the group + k] where p[7]."""
    b = place // p[5]
    if p[7]:
        value += extra[start // p[5] + k]
    out[start + (b * p[6] + k) * p[5] + (place - b * p[5])] = value


def _three(values, fill):
    """Filled up in front to three spatial axes."""
    return (fill,) * (3 - len(values)) + tuple(values)


def _geometry(x_shape, weight_shape, out_shape, stride, padding, dilation):
    before = tuple(pair[0] for pair in padding)
    shapes = _three(x_shape[2:], 1) + _three(weight_shape[2:], 1) + _three(out_shape[2:], 1)
    return shapes + _three(stride, 1) + _three(before, 0) + _three(dilation, 1)


def _groups(step):
    """Address parameters of a batch of groups that lie ``step`` entries apart."""
    return (1, 1 << 62, 0, 0, step)


def conv(x, weight, bias, stride, padding, dilation, groups):
    """y[b, k, o] = bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o·stride + j·dilation − padding₀]."""
    axes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    out = tuple((n + p[0] + p[1] - d * (j - 1) - 1) // s + 1 for n, j, s, p, d in axes)
    y = empty((x.shape[0], weight.shape[0], *out), x.dtype)
    kernels, taps = weight.shape[0] // groups, host_math.prod(weight.shape[1:])
    places, inside = host_math.prod(out), host_math.prod(x.shape[2:])
    geometry = _geometry(x.shape, weight.shape, y.shape, stride, padding, dilation)
    pa = _groups(kernels * taps) + (taps, 1)
    pb = _groups(weight.shape[1] * inside) + geometry + (x.shape[1],)
    po = _groups(kernels * places) + (places, weight.shape[0], int(bias is not None))
    sizes = (groups, kernels, x.shape[0] * places, taps)
    return product(y, weight, x, sizes, pa, pb, po, bias, load_b=_window, store=_store_by_channel)


def conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups):
    """dx[b, c, i] = Σ_{k, j, o: o·stride + j·dilation − padding₀ = i} weight[k, c, j] · dy[b, k, o]."""
    dx = empty(x_shape, dy.dtype)
    kernels, channels = weight.shape[0] // groups, weight.shape[1]
    taps, places = host_math.prod(weight.shape[2:]), host_math.prod(dy.shape[2:])
    inside = host_math.prod(dx.shape[2:])
    geometry = _geometry(dx.shape, weight.shape, dy.shape, stride, padding, dilation)
    pa = _groups(kernels * channels * taps) + (taps, channels)
    pb = _groups(kernels * places) + geometry + (weight.shape[0],)
    po = _groups(channels * inside) + (inside, dx.shape[1], 0)
    sizes = (groups, channels, dx.shape[0] * inside, kernels * taps)
    loads = {"load_a": _weight_columns, "load_b": _came_from, "store": _store_by_channel}
    return product(dx, weight, dy, sizes, pa, pb, po, **loads)


def conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o·stride + j·dilation − padding₀]."""
    dweight = empty(weight_shape, dy.dtype)
    kernels, taps = weight_shape[0] // groups, host_math.prod(weight_shape[1:])
    places, inside = host_math.prod(dy.shape[2:]), host_math.prod(x.shape[2:])
    geometry = _geometry(x.shape, dweight.shape, dy.shape, stride, padding, dilation)
    pa = _groups(kernels * places) + (places, dy.shape[1])
    pb = _groups(weight_shape[1] * inside) + geometry + (x.shape[1],)
    po = _groups(kernels * taps) + (taps, 0, 0, 0)
    sizes = (groups, kernels, taps, dy.shape[0] * places)
    loads = {"load_a": _by_channel, "load_b": _window_transposed}
    return product(dweight, dy, x, sizes, pa, pb, po, **loads, b_down=True)
