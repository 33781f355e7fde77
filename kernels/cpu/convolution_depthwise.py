"""Depthwise convolution (Sifre & Mallat, 2014): each channel by a kernel of its own, for float32.

    y[b, c, o] = φ(bias[c] + Σ_j w[c, j] · x[b, c, o·stride + j·dilation − padding₀])

There is nothing to sum over but a few taps, so no product of matrices is worth making. A box of one channel
is copied with its padding (``convolution_plan.py``: a tap is an offset into the copy); then HEIGHT rows of
outputs, a vector of each, stay in registers while the taps go by, and are written where they belong. dx at
stride 1 is the same of dy, with the offsets turned round. A tap's dW is a sum of products of vectors,
kept lane by lane over all images of a chunk.

Equals ``conv``, ``conv_input_gradient`` and ``conv_weight_gradient`` of the reference floor where groups,
input and output channels are as many. Relative to the sum of absolute values the error is below 4e-6
(tested).
"""

import math

import numpy as np

from ..jit import njit
from ..pool import parallel
from . import convolution_plan
from .convolution_boxes import copy_box
from .convolution_direct import three
from .gemm import ACTIVATIONS, activate
from .simd import LANES, fma, load, load_part, splat, store, store_part, total
from .winograd_tiles import aligned

__all__ = ["conv", "conv_input_gradient", "conv_weight_gradient"]

HEIGHT = 4
"""Rows of outputs at once: enough sums that no multiplication waits for the one before."""

TASKS = 32
"""Pieces of work, at most."""

_NONE = np.empty(0, np.float32)


def conv(x, weight, bias, stride, padding, dilation, activation=None):
    """y[b, c, o] = φ(bias[c] + Σ_j weight[c, j] · x[b, c, o·stride + j·dilation − padding₀])."""
    boxes, outputs, out = _forward(x.shape[2:], weight.shape[2:], stride, padding, dilation)
    y = np.empty((*x.shape[:2], *out[3 - len(padding) :]), x.dtype)
    _planes(x, weight, _NONE if bias is None else bias, ACTIVATIONS[activation], boxes, outputs, y)
    return y


def conv_input_gradient(dy, weight, x_shape, padding, dilation):
    """dx[b, c, i] = Σ_{j, o: o + j·dilation − padding₀ = i} weight[c, j] · dy[b, c, o]; stride 1."""
    options = three(x_shape[2:], weight.shape[2:], (1,) * len(padding), padding, dilation)
    boxes, outputs, _, _ = convolution_plan.backward(*options, (1,) * (5 - dy.ndim) + dy.shape[2:], 1, 1)
    dx = np.empty(x_shape, dy.dtype)
    _planes(dy, weight, _NONE, 0, boxes, outputs, dx)
    return dx


def conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation):
    """dW[c, j] = Σ_{b, o} dy[b, c, o] · x[b, c, o·stride + j·dilation − padding₀]."""
    boxes, outputs, _ = _forward(x.shape[2:], weight_shape[2:], stride, padding, dilation)
    batch, channels = x.shape[:2]
    chunks = min(batch, -(-TASKS // channels))
    parts = np.empty((chunks, *weight_shape), dy.dtype)
    jobs = min(TASKS, chunks * channels)
    _weights(
        jobs, jobs, chunks, batch, channels, dy.reshape(-1), x.reshape(-1), boxes, outputs, parts.reshape(-1)
    )
    return parts[0] if chunks == 1 else parts.sum(axis=0)


def _forward(size, kernel, stride, padding, dilation):
    """Boxes, Outputs and the three sizes of the output."""
    size, kernel, stride, before, dilation = three(size, kernel, stride, padding, dilation)
    after = (0,) * (3 - len(padding)) + tuple(pair[1] for pair in padding)
    axes = zip(size, kernel, stride, before, after, dilation, strict=True)
    out = tuple((n + p + q - d * (j - 1) - 1) // s + 1 for n, j, s, p, q, d in axes)
    boxes, outputs, _, _ = convolution_plan.forward(size, kernel, stride, before, dilation, out, 1, 1)
    return boxes, outputs, out


def _planes(source, weight, bias, kind, boxes, outputs, target):
    planes = math.prod(target.shape[:2])
    jobs = min(TASKS, planes * int(boxes.pieces.prod()))
    _job(
        jobs, jobs, planes, target.shape[1], source.reshape(-1), weight.reshape(-1), bias, kind, boxes,
        outputs, target.reshape(-1),
    )  # fmt: skip


@njit
def _place(n, boxes, corner, box):
    """Piece n → its channel of its image; corner and box are set."""
    for axis in range(2, -1, -1):
        corner[axis] = n % boxes.pieces[axis] * boxes.box[axis]
        box[axis] = min(boxes.box[axis], boxes.count[axis] - corner[axis])
        n //= boxes.pieces[axis]
    return n


@parallel
def _job(task, jobs, planes, channels, source, weight, bias, kind, boxes, outputs, target):
    """Several pieces, one after the other in the same memory."""
    taps, table, size = outputs.taps, outputs.table, outputs.size
    copy = aligned(boxes.channel + 8 * LANES)
    corner, box = np.empty(3, np.int64), np.empty(3, np.int64)
    numbers = np.empty(taps.size, np.float32)
    pieces = planes * boxes.pieces[0] * boxes.pieces[1] * boxes.pieces[2]
    entries = boxes.size[0] * boxes.size[1] * boxes.size[2]
    for piece in range(pieces * task // jobs, pieces * (task + 1) // jobs):
        n = _place(piece, boxes, corner, box)
        c = n % channels
        copy_box(source, n * entries, 1, corner, boxes.size, boxes, copy)
        for t in range(taps.size):
            numbers[t] = weight[c * taps.size + taps[t]]
        shift = bias[c] if bias.size else np.float32(0)
        for o0 in range(box[0]):
            at = ((n * size[0] + corner[0] + o0) * size[1] + corner[1]) * size[2] + corner[2]
            start = o0 * boxes.rows[1] * boxes.rows[2]
            for o1 in range(0, box[1], HEIGHT):
                for o2 in range(0, box[2], LANES):
                    _block(
                        copy, start + o1 * boxes.rows[2] + o2, boxes.rows[2], table, numbers, shift, kind,
                        target, at + o1 * size[2] + o2, size[2], box[1] - o1, box[2] - o2,
                    )  # fmt: skip


@njit(forceinline=True)
def _block(copy, start, pitch, table, numbers, bias, kind, target, at, row, rows, columns):
    """HEIGHT rows of a vector: bias + Σ_t numbers[t] · copy[start + table[t] + …]; what exists is written."""
    below = pitch * (1 if rows > 1 else 0)  # rows that do not exist are others once more
    twice = pitch * min(2, rows - 1)
    thrice = pitch * min(3, rows - 1)
    a = splat(copy, bias)
    b, c, d = a, a, a
    for t in range(table.size):
        at_tap, w = start + table[t], splat(copy, numbers[t])
        a = fma(load(copy, at_tap), w, a)
        b = fma(load(copy, at_tap + below), w, b)
        c = fma(load(copy, at_tap + twice), w, c)
        d = fma(load(copy, at_tap + thrice), w, d)
    if kind:
        a, b, c, d = activate(a, kind), activate(b, kind), activate(c, kind), activate(d, kind)
    _put(target, at, a, columns)
    if rows > 1:
        _put(target, at + row, b, columns)
    if rows > 2:
        _put(target, at + 2 * row, c, columns)
    if rows > 3:
        _put(target, at + 3 * row, d, columns)


@njit(forceinline=True)
def _put(target, at, v, count):
    if count >= LANES:
        store(target, at, v)
    else:
        store_part(target, at, v, count)


@parallel
def _weights(task, jobs, chunks, batch, channels, dy, x, boxes, outputs, parts):
    """dW of several channels, over one chunk of the images each."""
    taps, table, size = outputs.taps.size, outputs.table, outputs.size
    copy = aligned(boxes.channel + 8 * LANES)
    sums = aligned(taps * LANES)
    corner, box = np.empty(3, np.int64), np.empty(3, np.int64)
    pieces = boxes.pieces[0] * boxes.pieces[1] * boxes.pieces[2]
    entries = boxes.size[0] * boxes.size[1] * boxes.size[2]
    units = chunks * channels
    for unit in range(units * task // jobs, units * (task + 1) // jobs):
        c, chunk = unit % channels, unit // channels
        sums[:] = 0
        for b in range(batch * chunk // chunks, batch * (chunk + 1) // chunks):
            plane = b * channels + c
            for piece in range(plane * pieces, (plane + 1) * pieces):
                _place(piece, boxes, corner, box)
                copy_box(x, plane * entries, 1, corner, boxes.size, boxes, copy)
                for o0 in range(box[0]):
                    at = ((plane * size[0] + corner[0] + o0) * size[1] + corner[1]) * size[2] + corner[2]
                    start = o0 * boxes.rows[1] * boxes.rows[2]
                    for t in range(taps):
                        _tap(
                            dy, at, size[2], copy, start + table[t], boxes.rows[2], box[1], box[2],
                            sums, t * LANES,
                        )  # fmt: skip
        for t in range(taps):
            parts[(chunk * channels + c) * taps + outputs.taps[t]] = total(load(sums, t * LANES))


@njit(forceinline=True)
def _tap(dy, at, row, copy, start, pitch, rows, columns, sums, place):
    """sums += Σ dy · copy over rows of a plane, each lane by itself."""
    a = load(sums, place)
    b = splat(sums, 0)
    c, d = b, b
    whole = columns // LANES * LANES
    left = columns - whole
    for r in range(rows):
        i, j = at + r * row, start + r * pitch
        for e in range(0, whole - LANES, 2 * LANES):
            a = fma(load(dy, i + e), load(copy, j + e), a)
            b = fma(load(dy, i + e + LANES), load(copy, j + e + LANES), b)
        if whole // LANES % 2:
            c = fma(load(dy, i + whole - LANES), load(copy, j + whole - LANES), c)
        if left:
            d = fma(load_part(dy, i + whole, left), load_part(copy, j + whole, left), d)
    store(sums, place, (a + b) + (c + d))
