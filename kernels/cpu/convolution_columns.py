"""Convolution as one matrix product, any dtype: the input unrolled to columns (im2col), slab by slab.

``columns`` (groups, C/groups · J, n · p) holds for n images and p neighbouring output positions every
input entry that a kernel meets. A slab is as many images, or as much of one image, as fit into
``SLAB`` bytes, so memory stays bounded whatever the input. 1 and 2 spatial axes are 3 of which some
have length 1.
"""

import math

import numpy as np

from ..jit import njit, prange
from .elementwise import map
from .linear import matmul

__all__ = ["conv", "conv_input_gradient", "conv_weight_gradient"]

SLAB = 1 << 24

SMALL = 1 << 14
"""Below so many entries of columns one thread is quicker than waking the others."""


def conv(x, weight, bias, stride, padding, dilation, groups, activation=None):
    """y[b, k, o] = φ(bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o·stride + j·dilation − padding₀])."""
    y = _before_activation(x, weight, bias, stride, padding, dilation, groups)
    return y if activation is None else map(activation, y)


def _before_activation(x, weight, bias, stride, padding, dilation, groups):
    axes = zip(x.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    out = tuple((n + sum(pads) - d * (j - 1) - 1) // s + 1 for n, j, s, pads, d in axes)
    batch, channels = x.shape[0], weight.shape[0]
    rows = weight.reshape(groups, channels // groups, -1)
    bias = np.zeros(channels, x.dtype) if bias is None else bias
    bias = bias.reshape(groups, -1, 1)
    if _is_pointwise(weight, stride, padding):
        y = matmul(rows, x.reshape(batch, groups, x.shape[1] // groups, math.prod(out)), False, False)
        y += bias
        return y.reshape(batch, channels, *out)
    y = np.empty((batch, channels, *out), x.dtype)
    target = y.reshape(batch, groups, channels // groups, math.prod(out))
    plan = _plan(weight.shape[2:], stride, padding, dilation, out)
    for images, positions in _slabs(y, weight, groups):
        product = matmul(rows, _columns(x, images, positions, plan, groups), False, False)
        product = product.reshape(*product.shape[:2], len(images), len(positions))
        where = _part(target, images, positions)
        np.add(product.transpose(2, 0, 1, 3), bias, out=where)
    return y


def conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups):
    """dx[b, c, i] = Σ_{k, j, o: o·stride + j·dilation − padding₀ = i} weight[k, c, j] · dy[b, k, o]."""
    batch, channels, *out = dy.shape
    rows = weight.reshape(groups, channels // groups, -1)
    source = dy.reshape(batch, groups, channels // groups, math.prod(out))
    if _is_pointwise(weight, stride, padding):
        return matmul(rows, source, True, False).reshape(x_shape)
    dx = np.zeros(x_shape, dy.dtype)
    plan = _plan(weight.shape[2:], stride, padding, dilation, out)
    for images, positions in _slabs(dy, weight, groups):
        columns = matmul(rows, _by_group(source, images, positions), True, False)
        back = _col2im if columns.size < SMALL else _col2im_wide
        columns = columns.reshape(-1, columns.shape[-1])
        back(_three(dx)[images.start : images.stop], positions.start, positions.stop, plan, columns)
    return dx


def conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o·stride + j·dilation − padding₀]."""
    batch, channels, *out = dy.shape
    source = dy.reshape(batch, groups, channels // groups, math.prod(out))
    dweight = np.zeros(weight_shape, dy.dtype)
    rows = dweight.reshape(groups, channels // groups, -1)
    plan = _plan(weight_shape[2:], stride, padding, dilation, out)
    for images, positions in _slabs(dy, dweight, groups):
        columns = _columns(x, images, positions, plan, groups)
        rows += matmul(_by_group(source, images, positions), columns, False, True)
    return dweight


def _is_pointwise(weight, stride, padding):
    """1×1, every position: the input is its own columns."""
    return math.prod(weight.shape[2:]) == 1 == math.prod(stride) and not any(any(pair) for pair in padding)


def _slabs(y, weight, groups):
    """(images, positions): ranges whose columns take at most SLAB bytes, or one position of one image."""
    batch, _, *out = y.shape
    size = math.prod(out)
    fit = max(1, SLAB // max(1, weight[:1].size * groups * y.itemsize))
    if fit >= size:
        step = max(1, fit // max(1, size))
        for b in range(0, batch, step):
            yield range(b, min(batch, b + step)), range(size)
        return
    for b in range(batch):
        for p in range(0, size, fit):
            yield range(b, b + 1), range(p, min(size, p + fit))


def _part(array, images, positions):
    """The view (n, groups, K/groups, p) of (B, groups, K/groups, P)."""
    return array[images.start : images.stop, :, :, positions.start : positions.stop]


def _by_group(source, images, positions):
    """(B, groups, K/groups, P) → (groups, K/groups, n · p) of a slab."""
    part = _part(source, images, positions).transpose(1, 2, 0, 3)
    return np.ascontiguousarray(part).reshape(*part.shape[:2], -1)


def _columns(x, images, positions, plan, groups):
    """(groups, C/groups · J, n · p) of a slab."""
    taps = int(plan[0].prod())
    columns = np.empty((x.shape[1] * taps, len(images) * len(positions)), x.dtype)
    im2col = _im2col if columns.size < SMALL else _im2col_wide
    im2col(_three(x)[images.start : images.stop], positions.start, positions.stop, plan, columns)
    return columns.reshape(groups, -1, columns.shape[1])


def _three(x):
    """(B, C, S…) → (B, C, S₀, S₁, S₂)."""
    return x.reshape(*x.shape[:2], *(1,) * (5 - x.ndim), *x.shape[2:])


def _plan(kernel, stride, padding, dilation, out):
    """Rows: J, stride, padding₀, dilation, O for three axes."""
    rank = len(kernel)
    plan = np.array([[1, 1, 0, 1, 1]] * (3 - rank) + [
        [kernel[a], stride[a], padding[a][0], dilation[a], out[a]] for a in range(rank)
    ], np.int64)  # fmt: skip
    return np.ascontiguousarray(plan.T)


@njit
def _span(offset, stride, size, start, stop):
    """The o of [start, stop) with 0 ≤ o·stride + offset < size, as [low, high)."""
    low = -(offset // stride) if offset < 0 else 0
    high = (size - 1 - offset) // stride + 1
    low = min(max(low, start), stop)
    return low, min(max(high, low), stop)


@njit
def _tap(row, plan):
    """Row → (c, j₀, j₁, j₂)."""
    n0, n1, n2 = plan[0]
    return row // (n0 * n1 * n2), row // (n1 * n2) % n0, row // n2 % n1, row % n2


@njit
def _unroll(row, x, start, stop, plan, line):
    """Row (c, j) of the columns: what tap j meets in channel c, image by image."""
    c, j0, j1, j2 = _tap(row, plan)
    o1, o2, stride = plan[4, 1], plan[4, 2], plan[1, 2]
    offset = j2 * plan[3, 2] - plan[2, 2]
    at = 0
    for b in range(len(x)):
        for run in range(start // o2, -(-stop // o2)):  # positions lie in runs of o2 along the last axis
            left, right = max(start - run * o2, 0), min(stop - run * o2, o2)
            i0 = run // o1 * plan[1, 0] + j0 * plan[3, 0] - plan[2, 0]
            i1 = run % o1 * plan[1, 1] + j1 * plan[3, 1] - plan[2, 1]
            low = high = left
            if 0 <= i0 < x.shape[2] and 0 <= i1 < x.shape[3]:
                low, high = _span(offset, stride, x.shape[4], left, right)
            for o in range(left, low):
                line[at + o - left] = 0
            if low < high:
                source = x[b, c, i0, i1]
                for o in range(low, high):
                    line[at + o - left] = source[o * stride + offset]
            for o in range(high, right):
                line[at + o - left] = 0
            at += right - left


@njit
def _roll(c, dx, start, stop, plan, columns):
    """The converse for channel c: every entry of its rows of columns is added where it came from."""
    taps = plan[0, 0] * plan[0, 1] * plan[0, 2]
    o1, o2, stride = plan[4, 1], plan[4, 2], plan[1, 2]
    for row in range(c * taps, (c + 1) * taps):
        _, j0, j1, j2 = _tap(row, plan)
        offset = j2 * plan[3, 2] - plan[2, 2]
        at = 0
        for b in range(len(dx)):
            for run in range(start // o2, -(-stop // o2)):
                left, right = max(start - run * o2, 0), min(stop - run * o2, o2)
                i0 = run // o1 * plan[1, 0] + j0 * plan[3, 0] - plan[2, 0]
                i1 = run % o1 * plan[1, 1] + j1 * plan[3, 1] - plan[2, 1]
                if 0 <= i0 < dx.shape[2] and 0 <= i1 < dx.shape[3]:
                    low, high = _span(offset, stride, dx.shape[4], left, right)
                    target = dx[b, c, i0, i1]
                    for o in range(low, high):
                        target[o * stride + offset] += columns[row, at + o - left]
                at += right - left


# ── all rows, all channels: by one thread, and by several ────────────────────────────────────────
@njit
def _im2col(x, start, stop, plan, columns):
    for row in range(len(columns)):
        _unroll(row, x, start, stop, plan, columns[row])


@njit(parallel=True)
def _im2col_wide(x, start, stop, plan, columns):
    for row in prange(len(columns)):
        _unroll(row, x, start, stop, plan, columns[row])


@njit
def _col2im(dx, start, stop, plan, columns):
    for c in range(dx.shape[1]):
        _roll(c, dx, start, stop, plan, columns)


@njit(parallel=True)
def _col2im_wide(dx, start, stop, plan, columns):
    for c in prange(dx.shape[1]):
        _roll(c, dx, start, stop, plan, columns)
