"""The gradient of convolution's weights as scalar products of lines, for float32: no columns are written.

dW[k, c, j] = Σ_q dy[k, q] · copy[table[c, j] + q], summed over boxes: q runs along the rows of both padded
copies (``convolution_plan.py``), so every entry of dW is a product of two contiguous lines.

Equals ``conv_weight_gradient`` of the reference floor. A box's sum is made in as many parts as a vector has
lanes, and boxes are added in order: relative to Σ |dy| |x| the error is below 1e-6 for sums of a million
terms (measured; the tests hold it to 4e-6).
"""

import math

import numpy as np

from ..jit import njit
from ..pool import parallel
from . import convolution_plan
from .convolution_boxes import copy_box
from .convolution_direct import three
from .microkernels import DOT, dot_tile
from .simd import BYTES, LANES

__all__ = ["conv_weight_gradient"]

TALL = 6 if BYTES == 64 else DOT
"""Lines of dy in a tile where registers are many: a line of x, rarely aligned, serves as many products."""


def conv_weight_gradient(dy, x, weight_shape, stride, padding, dilation, groups):
    """dW[k, c, j] = Σ_{b, o} dy[b, k, o] · x[b, c, o·stride + j·dilation − padding₀]."""
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
    _unit(
        chunks * groups * math.prod(blocks), dy.reshape(-1), x.reshape(-1), groups, channels, outputs,
        math.prod(kernel), *blocks, pieces, chunks, *plan, parts.reshape(-1),
    )  # fmt: skip
    return parts[0] if chunks == 1 else parts.sum(axis=0)


@parallel
def _unit(
    task, dy, x, groups, channels, outputs, taps, c_blocks, k_blocks, pieces, chunks,
    boxes, of_dy, table, some_channels, some_outputs, parts,
):  # fmt: skip
    """One block of dW over one chunk of the boxes."""
    k, rest = task % k_blocks * some_outputs, task // k_blocks
    c, rest = rest % c_blocks * some_channels, rest // c_blocks
    depth, width = min(some_channels, channels - c), min(some_outputs, outputs - k)
    group, chunk = rest % groups, rest // groups
    columns = depth * taps
    padded = -(-columns // DOT) * DOT
    rows = width if width == 1 else -(-width // DOT) * DOT
    copy = np.zeros((depth + 1) * boxes.channel + 8 * LANES, np.float32)  # padded columns reach behind it
    lines = np.zeros(rows * of_dy.channel + 8 * LANES, np.float32)
    block = np.zeros(rows * padded, np.float32)
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
        copy_box(dy, ((b * groups + group) * outputs + k) * results, width, corner, end, of_dy, lines)
        extent = ((end[0] - corner[0] - 1) * boxes.rows[1] + end[1] - corner[1] - 1) * boxes.rows[2]
        _products(rows, padded, lines, of_dy.channel, copy, table, block, extent + end[2] - corner[2])
    for r in range(width):
        at = (((chunk * groups + group) * outputs + k + r) * channels + c) * taps
        for i in range(columns):
            parts[at + i] = block[r * padded + i]


@njit
def _products(rows, columns, lines, pitch, copy, table, block, length):
    """block[r, i] += Σ_q lines[r, q] · copy[table[i] + q]."""
    if rows == 1:
        for i in range(0, columns, DOT):
            dot_tile(1, DOT, lines, 0, 0, copy, 0, table[i : i + DOT], block, i, 0, length, True)
        return
    tall = rows // (2 * TALL) * 2 * TALL if TALL > DOT else 0  # what is left is whole tiles of DOT
    for r in range(0, tall, TALL):
        for i in range(0, columns, DOT):
            at = r * columns + i
            dot_tile(
                TALL, DOT, lines, r * pitch, pitch, copy, 0, table[i : i + DOT],
                block, at, columns, length, True,
            )  # fmt: skip
    for r in range(tall, rows, DOT):
        for i in range(0, columns, DOT):
            at = r * columns + i
            dot_tile(
                DOT, DOT, lines, r * pitch, pitch, copy, 0, table[i : i + DOT],
                block, at, columns, length, True,
            )  # fmt: skip
