"""The gradient of convolution's weights as a product of matrices, for float32: no columns are written.

dW[k, c, j] = Σ_o dy[k, o] · copy[table[c, j] + place[o]], summed over the outputs o of boxes of images: the
input is copied as for the outputs (``convolution_plan.py``), and dy turned, output channels side by side, so
that a tile of dW multiplies a vector of them by single numbers of the copy. Only where a group has few
output channels are they lines as well, and every entry of dW a scalar product of two.

The bias's gradient, if it is wanted too, is summed while a turned box of dy is near: memory is read once.

Equals ``conv_parameter_gradients`` of the reference floor. Algorithm: implicit matrix product (Chellapilla
2006's columns, never stored; tiles of Goto & van de Geijn 2008). Sums of DEPTH outputs are added in order,
boxes and then chunks of them too: relative to Σ |dy| |x| the error is below 1e-6 for sums of a million terms
(measured; the tests hold it to 4e-6).
"""

import math

import numpy as np

from ..jit import njit
from ..pool import parallel
from . import convolution_plan
from .convolution_boxes import copy_box
from .convolution_direct import three
from .microkernels import DOT, VECTORS, dot_tile, tile
from .rows import load_some
from .simd import BYTES, LANES, bare, load, splat, store, total, transpose
from .winograd_tiles import aligned

__all__ = ["gradients"]

ROWS = {64: 8, 32: 6, 16: 6, 0: 1}[BYTES]
"""Columns (c, j) of a tile, by VECTORS of output channels."""

PANEL = max(1, VECTORS * LANES)
"""Output channels that lie side by side."""

DEPTH = 256
"""Outputs summed at a time: a panel of dy, 16 kB of them (AVX-512: 32), stays in the first cache."""

FEW = LANES // 2
"""Up to so many output channels of a group are not worth a vector."""


def gradients(dy, x, weight_shape, stride, padding, dilation, groups, bias):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o·stride + j·dilation − padding₀],  db[k] = Σ_{b, o} dy.

    db is None where no bias is.
    """
    outputs, channels, *kernel = weight_shape
    size, kernel, stride, before, dilation = three(x.shape[2:], kernel, stride, padding, dilation)
    out = (1,) * (5 - dy.ndim) + dy.shape[2:]
    outputs //= groups
    plan = convolution_plan.weights(size, kernel, stride, before, dilation, out, channels, outputs)
    *plan, pieces = plan
    some_channels, some_outputs = plan[-2:]
    blocks = -(-channels // some_channels), -(-outputs // some_outputs)
    pieces *= len(x)
    chunks = min(pieces, -(-convolution_plan.ENOUGH // (groups * math.prod(blocks))))
    parts = np.empty((chunks, *weight_shape), dy.dtype)
    sums = np.empty((chunks if bias else 0, weight_shape[0]))
    _unit(
        chunks * groups * math.prod(blocks), dy.reshape(-1), x.reshape(-1), groups, channels, outputs,
        math.prod(kernel), *blocks, pieces, chunks, *plan, parts.reshape(-1), sums.reshape(-1),
    )  # fmt: skip
    dbias = sums.sum(axis=0).astype(dy.dtype) if bias else None
    return parts[0] if chunks == 1 else parts.sum(axis=0), dbias


@parallel
def _unit(
    task, dy, x, groups, channels, outputs, taps, c_blocks, k_blocks, pieces, chunks,
    boxes, of_dy, table, some_channels, some_outputs, parts, sums,
):  # fmt: skip
    """One block of dW over one chunk of the boxes; the blocks of the first channels also sum dy."""
    k, rest = task % k_blocks * some_outputs, task // k_blocks
    c, rest = rest % c_blocks * some_channels, rest // c_blocks
    depth, width = min(some_channels, channels - c), min(some_outputs, outputs - k)
    group, chunk = rest % groups, rest // groups
    columns = depth * taps
    few = width <= FEW
    unit = DOT if few else ROWS
    padded = -(-columns // unit) * unit
    rows = width if width == 1 else -(-width // DOT) * DOT if few else -(-width // LANES) * LANES
    offsets = np.empty(padded, np.int64)
    for i in range(padded):
        offsets[i] = table[min(i, columns - 1)]
    most = boxes.box[0] * boxes.box[1] * boxes.box[2]
    copy = aligned((depth + 1) * boxes.channel + 8 * LANES)
    lines = aligned(rows * of_dy.channel + 8 * LANES if few else -(-rows // PANEL) * PANEL * most)
    block, place = aligned(rows * padded), np.empty(most, np.int64)
    totals = np.zeros(rows if sums.size > 0 and c == 0 else 0)  # padded to vectors, as lines are
    lines[:] = 0
    block[:] = 0
    corner, end = np.empty(3, np.int64), np.empty(3, np.int64)
    inputs, results = (
        boxes.size[0] * boxes.size[1] * boxes.size[2],
        of_dy.size[0] * of_dy.size[1] * of_dy.size[2],
    )
    for piece in range(pieces * chunk // chunks, pieces * (chunk + 1) // chunks):
        b = piece
        for axis in range(2, -1, -1):
            corner[axis] = b % boxes.pieces[axis] * boxes.box[axis]
            end[axis] = min(corner[axis] + boxes.box[axis], boxes.count[axis])
            b //= boxes.pieces[axis]
        copy_box(x, ((b * groups + group) * channels + c) * inputs, depth, corner, boxes.size, boxes, copy)
        first = ((b * groups + group) * outputs + k) * results
        if few:
            copy_box(dy, first, width, corner, end, of_dy, lines)
            extent = ((end[0] - corner[0] - 1) * boxes.rows[1] + end[1] - corner[1] - 1) * boxes.rows[2]
            _scalars(rows, padded, lines, of_dy.channel, copy, offsets, block, extent + end[2] - corner[2])
            _add_up_lines(totals, lines, of_dy.channel, extent + end[2] - corner[2])
        else:
            count = _turn(dy, first, width, corner, end, of_dy.size, boxes.rows, most, lines, place)
            _products(rows, padded, lines, most, copy, offsets, place, block, count)
            _add_up(totals, lines, most, count)
    along, across = (padded, 1) if few else (1, rows)
    for r in range(width):
        at = (((chunk * groups + group) * outputs + k + r) * channels + c) * taps
        for i in range(columns):
            parts[at + i] = block[r * along + i * across]
    for r in range(min(width, totals.size)):
        sums[(chunk * groups + group) * outputs + k + r] = totals[r]


@njit
def _turn(dy, first, channels, corner, end, size, rows, pitch, lines, place):
    """lines[(k // PANEL · pitch + o) · PANEL + k % PANEL] = dy[k, o] of a box; its number of outputs.

    place[o]: how far the output is from the first one in the rows of the copy
    """
    dy, lines = bare(dy), bare(lines)
    step, wide = size[0] * size[1] * size[2], end[2] - corner[2]
    together = end[1] - corner[1] if wide == size[2] else 1  # rows that are one
    n = 0
    for o0 in range(end[0] - corner[0]):
        for o1 in range(0, end[1] - corner[1], together):
            at = first + ((corner[0] + o0) * size[1] + corner[1] + o1) * size[2] + corner[2]
            run = together * wide
            for k in range(0, channels, LANES):
                to, some = (k // PANEL * pitch + n) * PANEL + k % PANEL, min(LANES, channels - k)
                for o in range(0, run if run >= LANES else 0, LANES):
                    o = min(o, run - LANES)
                    transpose(dy, at + k * step + o, step, some, lines, to + o * PANEL, PANEL)
                for o in range(run if run < LANES else 0):
                    for i in range(some):
                        lines[to + o * PANEL + i] = dy[at + (k + i) * step + o]
            for row in range(o1, o1 + together):
                for o2 in range(wide):
                    place[n] = (o0 * rows[1] + row) * rows[2] + o2
                    n += 1
    return n


@njit
def _products(width, columns, lines, pitch, copy, table, place, block, count):
    """block[i, k] += Σ_o lines[o, k] · copy[table[i] + place[o]]."""
    lines, copy, table, place, block = bare(lines), bare(copy), bare(table), bare(place), bare(block)
    some = -(-count // -(-count // DEPTH))
    for o in range(0, count, some):
        depth, places = min(some, count - o), place[o:]
        for k in range(0, width, PANEL):
            b = (k // PANEL * pitch + o) * PANEL
            for i in range(0, columns, ROWS):
                offsets = table[i:]
                if k + PANEL <= width:
                    tile(
                        ROWS, VECTORS, copy, 0, offsets, places, lines, b, PANEL, block, i * width + k,
                        width, depth, True, None,
                    )  # fmt: skip
                else:
                    for v in range(0, width - k, LANES):
                        tile(
                            ROWS, 1, copy, 0, offsets, places, lines, b + v, PANEL, block,
                            i * width + k + v, width, depth, True, None,
                        )  # fmt: skip


@njit
def _add_up(totals, lines, pitch, count):
    """totals[k] += Σ_o lines[o, k]: of DEPTH outputs in float32, in four sums, of those in float64."""
    totals, lines, none = bare(totals), bare(lines), splat(lines, 0)
    lane = np.empty(LANES, np.float32)
    for k in range(0, totals.size, LANES):
        at = k // PANEL * pitch * PANEL + k % PANEL
        for first in range(0, count, DEPTH):
            a = b = c = d = none
            last = min(first + DEPTH, count)
            for o in range(first, last - 3, 4):
                i = at + o * PANEL
                a, b = a + load(lines, i), b + load(lines, i + PANEL)
                c, d = c + load(lines, i + 2 * PANEL), d + load(lines, i + 3 * PANEL)
            for o in range(last - (last - first) % 4, last):
                a = a + load(lines, at + o * PANEL)
            store(lane, 0, (a + b) + (c + d))
            for i in range(LANES):
                totals[k + i] += lane[i]


@njit
def _add_up_lines(totals, lines, pitch, length):
    """totals[k] += Σ_q lines[k, q], likewise."""
    totals, lines, none = bare(totals), bare(lines), splat(lines, 0)
    for k in range(totals.size):
        for first in range(k * pitch, k * pitch + length, DEPTH * LANES):
            a, end = none, min(first + DEPTH * LANES, k * pitch + length)
            for i in range(first, end, LANES):
                a = a + load_some(lines, i, end - i)
            totals[k] += total(a)


@njit
def _scalars(rows, columns, lines, pitch, copy, table, block, length):
    """block[r, i] += Σ_q lines[r, q] · copy[table[i] + q]."""
    if rows == 1:
        for i in range(0, columns, DOT):
            dot_tile(1, DOT, lines, 0, 0, copy, 0, table[i : i + DOT], block, i, 0, length, True)
        return
    for r in range(0, rows, DOT):
        for i in range(0, columns, DOT):
            dot_tile(
                DOT, DOT, lines, r * pitch, pitch, copy, 0, table[i : i + DOT],
                block, r * columns + i, columns, length, True,
            )  # fmt: skip
