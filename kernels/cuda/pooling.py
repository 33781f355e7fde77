"""Max and average pooling over 1 to 3 spatial axes. Equal to ``reference.pooling``.

Fewer than three spatial axes are filled up in front with axes of one entry. Forwards, a thread owns a
result and walks through its window. Backwards, a thread owns an input entry and walks through the
windows that hold it, so nothing is scattered and the order of every sum is fixed. Neighbouring threads own
neighbours along the last axis, so what they read and write lies together. The average has as many roundings
as its window has entries; the maximum is exact.
"""

import numpy as np

from .elementwise import full
from .launch import cached, cuda, device, kernel, larger, launch_each, smaller
from .memory import empty
from .stride import divisors, quotient

__all__ = ["pool", "pool_backward"]

# Geometry g, a tuple of integers, three an entry:
#    0 S, the input's sizes    3 O, the output's    6 J, the kernel's (0: adaptive windows)
#    9 stride   12 padding before   15 dilation   18 S + padding after
# and three times as many for divisors:   21 O   30 S   39 stride
_BY_O, _BY_S, _BY_STRIDE = 21, 30, 39


@device
def _split(i, g, at):
    """(batch entry and channel, three coordinates) of a flat index; the sizes' divisors stand at g[at]."""
    a = quotient(i, g, at + 6)
    b = quotient(a, g, at + 3)
    c = quotient(b, g, at)
    return c, b - c * g[at], a - b * g[at + 3], i - a * g[at + 6]


@device
def _first(o, d, g):
    """Position of the first entry of window o along axis d."""
    if g[6 + d] == 0:
        return quotient(o * g[d], g, _BY_O + 3 * d)
    return o * g[9 + d] - g[12 + d]


@device
def _entries(o, d, g):
    """How many entries window o has along axis d, inside x or not."""
    if g[6 + d] == 0:
        end = quotient((o + 1) * g[d] + g[3 + d] - 1, g, _BY_O + 3 * d)
        return end - quotient(o * g[d], g, _BY_O + 3 * d)
    return g[6 + d]


@device
def _counted(o, d, g, padded):
    """How many of them count towards the divisor of the average."""
    first, step, count = _first(o, d, g), g[15 + d], 0
    low, high = np.int64(0), g[d]
    if padded and g[6 + d] != 0:
        low, high = first, g[18 + d]
    for j in range(_entries(o, d, g)):
        i = first + j * step
        if i >= low and i < high:
            count += 1
    return count


@device
def _divisor(o0, o1, o2, g, padded):
    return larger(1, _counted(o0, 0, g, padded) * _counted(o1, 1, g, padded) * _counted(o2, 2, g, padded))


@device
def _first_window(i, d, g):
    """The first window of axis d that may hold position i."""
    if g[6 + d] == 0:
        return quotient(i * g[3 + d], g, _BY_S + 3 * d)
    reach = i + g[12 + d] - (g[6 + d] - 1) * g[15 + d]
    return quotient(larger(0, reach + g[9 + d] - 1), g, _BY_STRIDE + 3 * d)


@device
def _last_window(i, d, g):
    """The last one."""
    if g[6 + d] == 0:
        return quotient((i + 1) * g[3 + d] + g[d] - 1, g, _BY_S + 3 * d) - 1
    return smaller(g[3 + d] - 1, quotient(i + g[12 + d], g, _BY_STRIDE + 3 * d))


@device
def _holds(o, i, d, g):
    """Does window o hold position i of axis d? (Dilated windows have gaps.)"""
    return g[6 + d] == 0 or (i - _first(o, d, g)) % g[15 + d] == 0


@cached
def _kernels(dtype, average):
    T = dtype.type
    low = T(-np.inf)

    @kernel
    def forward(y, index, x, count, g, padded):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            channel, o0, o1, o2 = _split(item, g, _BY_O)
            base = channel * (g[0] * g[1] * g[2])
            best, place, total = low, np.int64(-1), T(0)
            for j0 in range(_entries(o0, 0, g)):
                i0 = _first(o0, 0, g) + j0 * g[15]
                if i0 < 0 or i0 >= g[0]:
                    continue
                for j1 in range(_entries(o1, 1, g)):
                    i1 = _first(o1, 1, g) + j1 * g[16]
                    if i1 < 0 or i1 >= g[1]:
                        continue
                    for j2 in range(_entries(o2, 2, g)):
                        i2 = _first(o2, 2, g) + j2 * g[17]
                        if i2 < 0 or i2 >= g[2]:
                            continue
                        here = (i0 * g[1] + i1) * g[2] + i2
                        v = x[base + here]
                        total += v
                        if place < 0 or v > best or (v != v and best == best):
                            best, place = v, here
            if average:
                y[item] = total / T(_divisor(o0, o1, o2, g, padded))
            else:
                y[item] = best
                index[item] = place

    @kernel
    def backward(dx, dy, index, count, g, padded):
        for item in range(cuda.grid(1), count, cuda.gridsize(1)):
            channel, i0, i1, i2 = _split(item, g, _BY_S)
            here = (i0 * g[1] + i1) * g[2] + i2
            base = channel * (g[3] * g[4] * g[5])
            total = T(0)
            for o0 in range(_first_window(i0, 0, g), _last_window(i0, 0, g) + 1):
                for o1 in range(_first_window(i1, 1, g), _last_window(i1, 1, g) + 1):
                    for o2 in range(_first_window(i2, 2, g), _last_window(i2, 2, g) + 1):
                        at = base + (o0 * g[4] + o1) * g[5] + o2
                        if not average:
                            if index[at] == here:
                                total += dy[at]
                        elif _holds(o0, i0, 0, g) and _holds(o1, i1, 1, g) and _holds(o2, i2, 2, g):
                            total += dy[at] / T(_divisor(o0, o1, o2, g, padded))
            dx[item] = total

    return forward, backward


def _geometry(spatial, out, kernel, stride, padding, dilation):
    def three(values, fill):
        return (fill,) * (3 - len(values)) + tuple(values)

    lead = (1,) * (3 - len(spatial))
    if kernel is None:
        windows = (0,) * 9 + (1,) * 3 + three(spatial, 1)
    else:
        before, after = zip(*padding, strict=True)
        ends = [n + p for n, p in zip(spatial, after, strict=True)]
        windows = lead + tuple(kernel) + three(stride, 1) + three(before, 0) + three(dilation, 1)
        windows += three(ends, 1)
    sizes, results = three(spatial, 1), three(out, 1)
    return sizes + results + windows + divisors(*results, *sizes, *windows[3:6])


def pool(kind, x, kernel, stride, padding, dilation, out, count_padding):
    """Max (→ y, index) or average (→ y, None) of each window. The maximum is exact."""
    y = empty(x.shape[:2] + tuple(out), x.dtype)
    index = empty(y.shape, np.int64) if kind == "max" else None
    g = _geometry(x.shape[2:], y.shape[2:], kernel, stride, padding, dilation)
    forward, _ = _kernels(x.dtype, kind == "average")
    launch_each(forward, y.size, y, y if index is None else index, x, y.size, g, bool(count_padding))
    return y, index


def pool_backward(kind, dy, index, x_shape, kernel, stride, padding, dilation, count_padding):
    """dx[b, c, i] = Σ dy over the windows that i won (max); Σ dy / divisor over the windows that hold i.

    index must come from ``pool`` with the same geometry: only windows that can hold i are asked.
    """
    dx = empty(x_shape, dy.dtype)
    if dy.size == 0:
        return full(x_shape, 0, dy.dtype)
    g = _geometry(dx.shape[2:], dy.shape[2:], kernel, stride, padding, dilation)
    _, backward = _kernels(dy.dtype, kind == "average")
    launch_each(backward, dx.size, dx, dy, dy if index is None else index, dx.size, g, bool(count_padding))
    return dx
