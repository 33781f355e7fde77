"""Convolutions that Winograd's serves once their planes are put in another order, for float32.

Dilated    3 × 3 with dilation d meets only pixels that are d apart. So pixels are dealt to d × d small
           images, by their position modulo d: on each of these it is a convolution without dilation
           (the algorithme à trous of Holschneider et al., 1989, backwards; "space to batch").

               x[b, c, d·m + r − e] = images[b, r][c, m]        r < d, e = padding₀ modulo d

Volumes    J × 3 × 3: the 2-d images that the J taps of the first axis meet are channels of one image,

               y[b, k, o] = Σ_j W[k, ·, j] ∗ x[b, ·, o + j·d − padding₀]        ∗: 3 × 3

           a stack of J · C channels for each o; dx is the same of dy.

Equals ``conv``, ``conv_input_gradient`` and ``conv_weight_gradient`` of the reference floor; what is moved is
not rounded, so errors are those of ``winograd.py``.
"""

import math

import numpy as np

from ..jit import njit
from ..pool import parallel
from . import winograd, winograd_weights
from .simd import LANES, deinterleave, interleave, load_part, splat, store_part

__all__ = ["conv", "conv_input_gradient", "conv_weight_gradient", "serves"]

TASKS = 32
"""Pieces of work, at most."""

STACK = 1 << 26
"""Bytes of images stacked at a time."""

LEAST = 3
"""Outputs of a small image along each axis that are worth a tile of Winograd's."""


def serves(weight_shape, x_size, stride, padding, dilation):
    """Whether … × 3 × 3 is dilated 2-d, or J × 3 × 3 not dilated within planes; neither strided."""
    if math.prod(stride) != 1:
        return False
    if len(weight_shape) == 5:
        return dilation[1:] == (1, 1)
    out = _out(x_size, (3, 3), padding, dilation)
    return len(weight_shape) == 4 and all(o >= LEAST * d for o, d in zip(out, dilation, strict=True))


def conv(x, weight, bias, padding, dilation, activation=None):
    """y[b, k, o] = φ(bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o + j·dilation − padding₀])."""
    out = _out(x.shape[2:], weight.shape[2:], padding, dilation)
    y = np.empty((len(x), len(weight), *out), np.float32)
    if weight.ndim == 5:
        stacked = _stack_taps(weight, (0, 2, 1, 3, 4))
        for images in _slabs(x, weight, out[0]):
            some = _stack(x, _met(x, images, *_line(weight, padding, dilation)))
            some = winograd.conv(some, stacked, bias, padding[1:], activation)
            _unstack(some, images, y)
        return y
    lead, images, inside = _geometry(x.shape[2:], out, padding, dilation)
    small = winograd.conv(_dealt(x, dilation, lead, images), weight, bias, inside, activation)
    return _gathered(small, dilation, (0, 0), y)


def conv_input_gradient(dy, weight, x_shape, padding, dilation):
    """dx[b, c, i] = Σ_{k, j} weight[k, c, j] · dy[b, k, i − j·dilation + padding₀]."""
    dx = np.empty(x_shape, np.float32)
    if weight.ndim == 5:
        stacked = _stack_taps(weight, (2, 0, 1, 3, 4))
        first, step, taps = _line(weight, padding, dilation)
        for images in _slabs(dy, weight, x_shape[2]):
            some = _stack(dy, _met(dy, images, -first, -step, taps))
            shape = len(images[0]), x_shape[1], *x_shape[3:]
            _unstack(winograd.input_gradient(some, stacked, shape, padding[1:]), images, dx)
        return dx
    lead, images, inside = _geometry(x_shape[2:], dy.shape[2:], padding, dilation)
    small = _dealt(dy, dilation, (0, 0), _whole(dy.shape[2:], dilation))
    shape = len(small), x_shape[1], *images
    return _gathered(winograd.input_gradient(small, weight, shape, inside), dilation, lead, dx)


def conv_weight_gradient(dy, x, weight_shape, padding, dilation):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o + j·dilation − padding₀]."""
    if len(weight_shape) == 5:
        outputs, channels, taps = weight_shape[:3]
        line = -padding[0][0], dilation[0], taps
        total = np.zeros((outputs, taps * channels, 3, 3), np.float32)
        for images in _slabs(x, np.empty((1, 1, taps)), dy.shape[2]):
            some, of_dy = _stack(x, _met(x, images, *line)), _stack(dy, _met(dy, images, 0, 1, 1))
            total += winograd_weights.weight_gradient(of_dy, some, total.shape, padding[1:])
        total = total.reshape(outputs, taps, channels, 3, 3).transpose(0, 2, 1, 3, 4)
        return np.ascontiguousarray(total)
    lead, images, inside = _geometry(x.shape[2:], dy.shape[2:], padding, dilation)
    small = _dealt(dy, dilation, (0, 0), _whole(dy.shape[2:], dilation))
    return winograd_weights.weight_gradient(small, _dealt(x, dilation, lead, images), weight_shape, inside)


def _out(size, kernel, padding, dilation):
    axes = zip(size, kernel, padding, dilation, strict=True)
    return tuple(n + sum(pads) - d * (j - 1) for n, j, pads, d in axes)


# ── dilation: pixels dealt to small images ───────────────────────────────────────────────────────
def _geometry(size, out, padding, dilation):
    """(pixels e that the first small image lacks, the small images' size, their padding)."""
    lead = tuple(pads[0] % d for pads, d in zip(padding, dilation, strict=True))
    images = _whole([n + e for n, e in zip(size, lead, strict=True)], dilation)
    before = [pads[0] // d for pads, d in zip(padding, dilation, strict=True)]
    axes = zip(_whole(out, dilation), images, before, strict=True)
    return lead, images, tuple((p, o + 2 - n - p) for o, n, p in axes)


def _whole(size, dilation):
    return tuple(-(-n // d) for n, d in zip(size, dilation, strict=True))


def _dealt(x, dilation, lead, images):
    """(B, C, S) → (B · d₀ · d₁, C, M): x[b, c, d·m + r − lead]; 0 where x ends."""
    batch, channels, *size = x.shape
    small = np.empty((batch * math.prod(dilation), channels, *images), np.float32)
    jobs = min(TASKS, batch * channels)
    _deal(jobs, jobs, x.reshape(-1), batch, channels, tuple(size), dilation, lead, small.reshape(-1), images)
    return small


def _gathered(small, dilation, lead, x):
    """The converse, into x: what reaches beyond is dropped."""
    batch, channels, *size = x.shape
    jobs, images = min(TASKS, batch * channels), small.shape[2:]
    _gather(
        jobs, jobs, small.reshape(-1), images, batch, channels, dilation, lead, x.reshape(-1), tuple(size)
    )
    return x


@njit
def _lines(plane, channels, row, dilation, lead, images):
    """Row of a plane → (where its first line among the small images begins, from one to the next)."""
    b, c = plane // channels, plane % channels
    r, m = (row + lead[0]) % dilation[0], (row + lead[0]) // dilation[0]
    line = ((b * dilation[0] + r) * dilation[1] * channels + c) * images[0] + m
    return line * images[1], channels * images[0] * images[1]


@parallel
def _deal(task, jobs, x, batch, channels, size, dilation, lead, small, images):
    """Some planes of x to the small images."""
    planes, d0, d1 = batch * channels, dilation[0], dilation[1]
    for plane in range(planes * task // jobs, planes * (task + 1) // jobs):
        for row in range(-lead[0], images[0] * d0 - lead[0]):
            at, step = _lines(plane, channels, row, dilation, lead, images)
            first = (plane * size[0] + row) * size[1]
            if not 0 <= row < size[0]:
                for r in range(d1):
                    for m in range(0, images[1], LANES):
                        store_part(small, at + r * step + m, splat(small, 0), images[1] - m)
            elif d1 == 2 and lead[1] == 0:
                for m in range(0, images[1], LANES):
                    left = size[1] - 2 * m
                    low, high = (
                        load_part(x, first + 2 * m, left),
                        load_part(x, first + 2 * m + LANES, left - LANES),
                    )
                    even, odd = deinterleave(low, high)
                    store_part(small, at + m, even, images[1] - m)
                    store_part(small, at + step + m, odd, images[1] - m)
            else:
                for r in range(d1):
                    for m in range(images[1]):
                        i = m * d1 + r - lead[1]
                        small[at + r * step + m] = x[first + i] if 0 <= i < size[1] else 0


@parallel
def _gather(task, jobs, small, images, batch, channels, dilation, lead, x, size):
    """Some planes of x from the small images."""
    planes, d1 = batch * channels, dilation[1]
    for plane in range(planes * task // jobs, planes * (task + 1) // jobs):
        for row in range(size[0]):
            at, step = _lines(plane, channels, row, dilation, lead, images)
            first = (plane * size[0] + row) * size[1]
            if d1 == 2 and lead[1] == 0:
                for m in range(0, images[1], LANES):
                    left = size[1] - 2 * m
                    even = load_part(small, at + m, images[1] - m)
                    low, high = interleave(even, load_part(small, at + step + m, images[1] - m))
                    store_part(x, first + 2 * m, low, left)
                    store_part(x, first + 2 * m + LANES, high, left - LANES)
            else:
                for i in range(size[1]):
                    x[first + i] = small[at + (i + lead[1]) % d1 * step + (i + lead[1]) // d1]


# ── volumes: planes stacked as channels ──────────────────────────────────────────────────────────
def _stack_taps(weight, order):
    """(K, C, J, 3, 3) → 2-d filters, the first axis's taps among the channels."""
    moved = np.ascontiguousarray(weight.transpose(order))
    both = (len(moved), -1) if order[0] == 0 else (-1, moved.shape[2])
    return moved.reshape(*both, 3, 3)


def _line(weight, padding, dilation):
    """Tap j at output o meets the plane o + first + j · step: (first, step, taps)."""
    return -padding[0][0], dilation[0], weight.shape[2]


def _slabs(x, weight, out):
    """(numbers of images b · out + o, out), a slab at a time."""
    bytes_each = 4 * weight.shape[2] * x.shape[1] * math.prod(x.shape[3:])
    some, total = max(1, STACK // bytes_each), len(x) * out
    for first in range(0, total, some):
        yield range(first, min(total, first + some)), out


def _met(x, images, first, step, taps):
    """The number of the plane of x that is channel (j, c) of image (b, o), −1 for none: (n, J, C)."""
    numbers, out = images
    b, o = np.divmod(np.arange(numbers.start, numbers.stop), out)
    i = (o + first)[:, None] + step * np.arange(taps)
    planes = (b[:, None, None] * x.shape[1] + np.arange(x.shape[1])) * x.shape[2] + i[..., None]
    return np.where(((i >= 0) & (i < x.shape[2]))[..., None], planes, -1)


def _stack(x, planes):
    """(B, C, T, H, W) → (n, J · C, H, W)."""
    stack = np.empty((len(planes), planes[0].size, *x.shape[3:]), np.float32)
    _move_all(x, planes.reshape(-1), stack, np.arange(planes.size))
    return stack


def _unstack(stack, images, y):
    """Channel c of image (b, o) to y[b, c, o]."""
    to = _met(y, images, 0, 1, 1).reshape(-1)
    _move_all(stack, np.arange(to.size), y, to)


def _move_all(x, planes, y, to):
    jobs = min(TASKS, len(to))
    _move(jobs, jobs, x.reshape(-1), planes, y.reshape(-1), to, math.prod(x.shape[-2:]))


@parallel
def _move(task, jobs, x, planes, y, to, size):
    """Some planes: y[to[n]] = x[planes[n]], zeros where that is −1."""
    for n in range(len(to) * task // jobs, len(to) * (task + 1) // jobs):
        at, place = planes[n] * size, to[n] * size
        for i in range(0, size, LANES):
            if at < 0:
                store_part(y, place + i, splat(y, 0), size - i)
            else:
                store_part(y, place + i, load_part(x, at + i, size - i), size - i)
