"""Convolution and its input gradient as products of register tiles, for float32: no columns are written.

y[k, q] = Σ_{c, j} W[k, c, j] · copy[table[c, j] + q]: the weights, packed once, against offsets into the
padded copy of a box (``convolution_plan.py`` says how it is laid out). Any number of channels, groups,
strides, dilation, 1 to 3 axes; bias and activation are applied as the outputs leave the cache.

Equals ``conv`` and ``conv_input_gradient`` of the reference floor. Algorithm: implicit matrix product
(Chellapilla 2006's columns, never stored; tiles of Goto & van de Geijn 2008). An output is one sum in order
of (c, j), each product and addition rounded once: relative to Σ |W| |x| the error is below 2e-6 for sums of
up to 5000 terms (measured; the tests hold it to 4e-6).
"""

import math

import numpy as np

from ..jit import njit
from ..pool import parallel
from . import convolution_plan
from .convolution_boxes import copy_box
from .convolution_plan import SHAPES
from .gemm import ACTIVATIONS, activate
from .microkernels import tile
from .simd import LANES, bare, interleave, load, store, store_part
from .winograd_tiles import aligned

__all__ = ["conv", "conv_input_gradient"]

(ROWS, VECTORS), (SOME, _), (FEW, _), (_, WIDE) = SHAPES


def conv(x, weight, bias, stride, padding, dilation, groups, activation=None):
    """y[b, k, o] = φ(bias[k] + Σ_{c, j} weight[k, c, j] · x[b, c, o·stride + j·dilation − padding₀])."""
    outputs, channels, *kernel = weight.shape
    size, kernel, stride, before, dilation = three(x.shape[2:], kernel, stride, padding, dilation)
    after = (0,) * (3 - len(padding)) + tuple(pair[1] for pair in padding)
    axes = zip(size, kernel, stride, before, after, dilation, strict=True)
    out = tuple((n + p + q - d * (j - 1) - 1) // s + 1 for n, j, s, p, q, d in axes)
    outputs //= groups
    plan = convolution_plan.forward(size, kernel, stride, before, dilation, out, channels, outputs)
    y = np.empty((len(x), groups * outputs, *out[3 - len(padding) :]), x.dtype)
    taps = math.prod(kernel)
    _run(x, weight, bias, ACTIVATIONS[activation], y, groups, plan, (channels * taps, taps))
    return y


def conv_input_gradient(dy, weight, x_shape, stride, padding, dilation, groups):
    """dx[b, c, i] = Σ_{k, j, o: o·stride + j·dilation − padding₀ = i} weight[k, c, j] · dy[b, k, o]."""
    outputs, channels, *kernel = weight.shape
    size, kernel, stride, before, dilation = three(x_shape[2:], kernel, stride, padding, dilation)
    out = (1,) * (5 - dy.ndim) + dy.shape[2:]
    outputs //= groups
    plan = convolution_plan.backward(size, kernel, stride, before, dilation, out, outputs, channels)
    dx = np.empty(x_shape, dy.dtype)
    taps = math.prod(kernel)
    _run(dy, weight, None, 0, dx, groups, plan, (taps, channels * taps))
    return dx


def three(size, kernel, stride, padding, dilation):
    """Three axes of which the first may have length 1; padding before only."""
    rest = 3 - len(size)
    ones, zeros = (1,) * rest, (0,) * rest
    before = zeros + tuple(pair[0] for pair in padding)
    return ones + tuple(size), ones + tuple(kernel), ones + tuple(stride), before, ones + tuple(dilation)


def _run(source, weight, bias, activation, target, groups, plan, strides):
    """Every output of target from source; strides of the weight: from output to output, input to input."""
    boxes, outputs, padded, pieces = plan
    depth, width = source.shape[1] // groups, target.shape[1] // groups
    packed = np.empty(groups * padded * len(outputs.table), np.float32)
    _pack(
        groups * len(outputs.panels),
        weight.reshape(-1),
        groups,
        depth,
        width,
        padded,
        *strides,
        outputs,
        packed,
    )
    pieces *= len(source) * groups
    blocks = min(-(-convolution_plan.ENOUGH // pieces), max(1, len(outputs.panels) // 8))
    bias = np.zeros(groups * width, np.float32) if bias is None else bias
    jobs = min(pieces * blocks, 4 * convolution_plan.ENOUGH)
    _job(
        jobs, jobs, source.reshape(-1), groups, depth, width, packed, padded, bias, activation,
        target.reshape(-1),
        boxes, outputs, pieces, blocks,
    )  # fmt: skip


@njit
def _rows(kind):
    """Output channels of that tile."""
    return (ROWS, SOME, FEW, 1)[kind]


@parallel
def _pack(task, weight, groups, depth, width, padded, by_output, by_input, outputs, packed):
    """packed: for each set, group and panel, W[output, column] with the outputs of a tile side by side."""
    panels, starts, taps = outputs.panels, outputs.starts, outputs.taps
    group, panel = task // len(panels), task % len(panels)
    first, rows = panels[panel, 0], _rows(panels[panel, 1])
    for f in range(len(starts) - 1):
        columns = starts[f + 1] - starts[f]
        at = padded * (groups * starts[f] + group * columns) + first * columns
        for r in range(rows):
            line = group * (len(weight) // groups) + (first + r) * by_output
            i = 0
            for c in range(depth):
                for t in range(columns // depth):
                    real = first + r < width
                    packed[at + i * rows + r] = (
                        weight[line + c * by_input + taps[starts[f] + t]] if real else 0
                    )
                    i += 1


@parallel
def _job(
    task, jobs, source, groups, depth, width, packed, padded, bias, activation, target, boxes, outputs,
    pieces,
    blocks,
):  # fmt: skip
    """Several pieces, one after the other in the same memory."""
    copy = aligned(depth * boxes.channel + 8 * LANES)
    copy[depth * boxes.channel :] = 0  # a tile may reach beyond, here too
    pitch = (-(-boxes.rows[1] * boxes.rows[2] // LANES) + max(VECTORS, WIDE)) * LANES
    sums = aligned((2 if outputs.step[2] == 2 else 1) * ROWS * pitch)
    corner, box = np.empty(3, np.int64), np.empty(3, np.int64)
    number = pieces * blocks
    for n in range(number * task // jobs, number * (task + 1) // jobs):
        _piece(
            n // blocks, n % blocks, blocks, source, groups, depth, width, packed, padded, bias, activation,
            target, boxes, outputs, corner, box, copy, sums, pitch,
        )  # fmt: skip


@njit
def _piece(
    n, block, blocks, source, groups, depth, width, packed, padded, bias, activation, target, boxes, outputs,
    corner, box, copy, sums, pitch,
):  # fmt: skip
    """One box of one image and group: the copy, then all its outputs (or those of one block of panels)."""
    for axis in range(2, -1, -1):
        corner[axis] = n % boxes.pieces[axis] * boxes.box[axis]
        box[axis] = min(boxes.box[axis], boxes.count[axis] - corner[axis])
        n //= boxes.pieces[axis]
    group = n % groups
    copy_box(
        source,
        n * depth * boxes.size[0] * boxes.size[1] * boxes.size[2],
        depth,
        corner,
        boxes.size,
        boxes,
        copy,
    )
    length = (box[1] - 1) * boxes.rows[2] + box[2]
    panels, sets = outputs.panels, len(outputs.starts) - 1
    both = 2 if outputs.step[2] == 2 else 1  # such sets go to neighbouring entries
    for f in range(0, sets, both):
        for panel in range(len(panels) * block // blocks, len(panels) * (block + 1) // blocks):
            first, kind = panels[panel]
            rows = min(_rows(kind), width - first)
            for o0 in range(box[0]):
                start = o0 * boxes.rows[1] * boxes.rows[2]
                for g in range(f, f + both):
                    low, columns = outputs.starts[g], outputs.starts[g + 1] - outputs.starts[g]
                    weights = padded * (groups * low + group * columns) + first * columns
                    table, to = outputs.table[low : low + columns], (g - f) * ROWS * pitch
                    _product(kind, packed, weights, copy, start, table, columns, sums, to, pitch, length)
                _deliver(
                    sums, pitch, rows, n * width + first, group * width + first, bias, activation, target,
                    corner, o0, box, boxes.rows[2], outputs.size, outputs.step, outputs.origin[f],
                )  # fmt: skip


@njit
def _product(kind, weights, w, copy, start, table, depth, sums, to, pitch, length):
    """sums[to + r · pitch + q] = Σ_p weights[p, r] · copy[start + table[p] + q] for a panel's outputs."""
    if kind == 0:
        for q in range(0, length, VECTORS * LANES):
            tile(ROWS, VECTORS, weights, w, 1, ROWS, copy, start + q, table, sums, to + q, pitch, depth,
                 False, None)  # fmt: skip
    elif kind == 1:
        for q in range(0, length, VECTORS * LANES):
            tile(SOME, VECTORS, weights, w, 1, SOME, copy, start + q, table, sums, to + q, pitch, depth,
                 False, None)  # fmt: skip
    elif kind == 2:
        for q in range(0, length, VECTORS * LANES):
            tile(FEW, VECTORS, weights, w, 1, FEW, copy, start + q, table, sums, to + q, pitch, depth,
                 False, None)  # fmt: skip
    else:
        for q in range(0, length, WIDE * LANES):
            tile(1, WIDE, weights, w, 1, 1, copy, start + q, table, sums, to + q, pitch, depth, False, None)


@njit
def _deliver(
    sums, pitch, rows, line, channel, bias, activation, target, corner, o0, box, length, size, step, origin
):
    """The sums of a plane of a box, with bias and activation, to where they belong in the target.

    If the step is 2, the sums are of two sets, and neither has a bias.
    """
    i0 = origin[0] + (corner[0] + o0) * step[0]
    if i0 >= size[0]:
        return
    last = origin[2] + corner[2] * step[2]
    count = min(box[2], (size[2] - 1 - last) // step[2] + 1)
    together = length == size[2] and step[1] * step[2] == 1  # no gaps: all rows are one
    runs = 1 if together else box[1]
    for r in range(rows):
        for o1 in range(runs):
            i1 = origin[1] + (corner[1] + o1) * step[1]
            if i1 >= size[1]:
                break
            at = (((line + r) * size[0] + i0) * size[1] + i1) * size[2] + last
            if together:
                count = box[1] * box[2]
            if step[2] == 1:
                _finish(sums, r * pitch + o1 * length, count, bias[channel + r], activation, target, at)
            elif step[2] == 2:
                _alternate(
                    sums, r * pitch + o1 * length, ROWS * pitch, min(2 * count, size[2] - last), target, at
                )
            else:
                for e in range(count):
                    target[at + e * step[2]] = sums[r * pitch + o1 * length + e]


@njit
def _alternate(sums, at, beside, count, target, to):
    """target = the sums of one set and those of the other, ``beside`` entries on, in turn."""
    sums, target = bare(sums), bare(target)
    for e in range(0, count, 2 * LANES):
        even, odd = load(sums, at + e // 2), load(sums, at + beside + e // 2)
        low, high = interleave(even, odd)
        store_part(target, to + e, low, count - e)
        store_part(target, to + e + LANES, high, count - e - LANES)


@njit
def _finish(sums, at, count, bias, activation, target, to):
    """target = φ(sums + bias)."""
    for e in range(0, count, LANES):
        v = load(sums, at + e) + bias
        if activation:
            v = activate(v, activation)
        if e + LANES <= count:
            store(target, to + e, v)
        else:
            store_part(target, to + e, v, count - e)
