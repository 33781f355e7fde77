"""The geometry of a convolution without columns: where every tap finds its numbers in a padded copy.

A *box* of outputs (some neighbouring positions of one image) reads a box of the input. That box is copied
once into a thread's own memory, with zeros where it reaches beyond the input, and with a stride s taken
apart into s phases (entries 0, s, 2s, …; entries 1, s+1, …): then a tap is nothing but an offset. For
output q of the box, counted in the rows of the copy,

    column (c, j) of the unrolled input at q  =  copy[table[c, j] + q]

so all columns exist without ever being written: im2col becomes a table of offsets (the indirection of
Dukhan 2019, over whole channels). Rows of the copy are longer than rows of outputs; what a product computes
in between is not used. Consecutive rows share their padding: the zeros after one are those before the next.

The input gradient is the same thing: dx at the positions r, r + s, r + 2s, … of an axis is a convolution of
dy with stride 1 by those taps j for which r + padding₀ − j·dilation is a multiple of s.
"""

import functools
import itertools
import math
from collections import namedtuple

import numpy as np

from . import simd

__all__ = ["SHAPES", "Boxes", "Outputs", "backward", "forward", "weights"]

L2 = 1 << 19
"""Bytes that the copy of a box may take: it is read once for every few output channels."""

POSITIONS = 1024
"""Outputs of a box: their numbers for a few channels stay in the first-level cache."""

FEW = 128
"""Outputs of a box that are worth its while even if the copy of so many channels is larger than L2."""

ENOUGH = 16
"""Pieces of work that keep all threads busy."""

SHAPES = {
    64: ((8, 3), (8, 3), (4, 3), (1, 4)),
    32: ((6, 2), (4, 2), (2, 2), (1, 4)),
    16: ((6, 4), (4, 4), (2, 4), (1, 4)),
    0: ((1, 1), (1, 1), (1, 1), (1, 1)),
}[simd.BYTES]
"""Tiles (rows, vectors): most output channels go by the first, the last few by another, one by the last."""

BLOCK_CHANNELS, BLOCK_OUTPUTS = 32, 64
"""Channels and outputs whose part of dW is computed together, so that both copies stay in L2."""

Boxes = namedtuple("Boxes", "size stride low phases rows channel box count pieces")
"""How a box is copied, axis by axis (int64 arrays of 3, but for phases and channel).

size, stride    of the input; entry e of phase u of the box at output o is input (o + e)·stride + low + u
phases          (U, 3): those that some tap reads
rows            entries of the copy along each axis;  channel: from one channel of the copy to the next
box, count      outputs of a box, outputs in all;  pieces: boxes along each axis
"""

Outputs = namedtuple("Outputs", "size step origin starts table taps panels")
"""What is computed from the copy.

size, step      of the output array: output o of set f goes to origin[f] + o·step
starts          set f owns the entries starts[f] … starts[f + 1] of table and taps
table, taps     (c, tap) → its offset in the copy, and which entry j of the kernel it is
panels          (P, 2): first output channel, which of SHAPES
"""


@functools.lru_cache(maxsize=256)
def forward(size, kernel, stride, padding, dilation, out, channels, outputs):
    """(Boxes, Outputs, rows of all panels, boxes) of y: one set of outputs, taps j at j·dil. − pad₀."""
    taps = [tuple(j * d - p for j, d, p in zip(tap, dilation, padding, strict=True)) for tap in _grid(kernel)]
    sets = [((0, 0, 0), list(enumerate(taps)))]
    return _plan(size, stride, out, (1, 1, 1), out, sets, channels, outputs)


@functools.lru_cache(maxsize=256)
def backward(size, kernel, stride, padding, dilation, out, channels, outputs):
    """The same of dx (``size``) from dy (``out``): one set of outputs for each phase of the stride."""
    sets = []
    for origin in _grid(stride):
        taps = []
        for number, tap in enumerate(_grid(kernel)):
            axes = list(zip(origin, tap, stride, padding, dilation, strict=True))
            if all((r + p - j * d) % s == 0 for r, j, s, p, d in axes):
                taps.append((number, tuple((r + p - j * d) // s for r, j, s, p, d in axes)))
        sets.append((origin, taps))
    count = tuple(-(-n // s) for n, s in zip(size, stride, strict=True))
    return _plan(out, (1, 1, 1), size, stride, count, sets, channels, outputs)


@functools.lru_cache(maxsize=256)
def weights(size, kernel, stride, padding, dilation, out, channels, outputs):
    """(Boxes of x, Boxes of dy, table, channels of a block, outputs of a block, boxes) of dW.

    The copy of dy, where there is one, has the rows of that of x, with zeros where x's copy has its padding:
    so a weight's gradient is one scalar product of two lines, whatever the rank.
    """
    some = min(channels, BLOCK_CHANNELS), min(outputs, BLOCK_OUTPUTS)
    boxes, rows, _, pieces = forward(size, kernel, stride, padding, dilation, out, *some)
    ones, zeros = np.ones(3, np.int64), np.zeros(3, np.int64)
    length = int(boxes.rows.prod())
    lines = _apart(length)
    phases = np.zeros((1, 3), np.int64)
    of_dy = Boxes(np.array(out), ones, zeros, phases, boxes.rows, lines, boxes.box, boxes.count, boxes.pieces)
    return boxes, of_dy, rows.table, *some, pieces


def _grid(shape):
    return itertools.product(*map(range, shape))


def _plan(size, stride, out, step, count, sets, channels, outputs):
    offsets = [offset for _, taps in sets for _, offset in taps] or [(0, 0, 0)]
    low = tuple(map(min, zip(*offsets, strict=True)))
    shift = tuple((max(o) - n) // s for o, n, s in zip(zip(*offsets, strict=True), low, stride, strict=True))
    split = [_split(offset, low, stride) for offset in offsets]
    phases = sorted({phase for phase, _ in split})
    box = _box(count, shift, len(phases) * channels, 4 * POSITIONS if outputs == 1 else POSITIONS)
    rows = [b + t for b, t in zip(box, shift, strict=True)]
    if box[2] == count[2]:
        rows[2] -= _shared(size[2], stride[2], low[2], shift[2], count[2])
    channel = _apart(len(phases) * math.prod(rows))
    starts, table, chosen = [0], [], []
    for _, taps in sets:
        for c in range(channels):
            for number, offset in taps:
                phase, (t0, t1, t2) = _split(offset, low, stride)
                first = ((phases.index(phase) * rows[0] + t0) * rows[1] + t1) * rows[2] + t2
                table.append(c * channel + first)
                chosen.append(number)
        starts.append(len(table))
    ints = functools.partial(np.array, dtype=np.int64)
    pieces = [-(-n // b) for n, b in zip(count, box, strict=True)]
    boxes = Boxes(*map(ints, (size, stride, low, phases, rows)), channel, *map(ints, (box, count, pieces)))
    origins = [origin for origin, _ in sets]
    panels = _panels(outputs)
    padded = sum(SHAPES[kind][0] for _, kind in panels)
    results = Outputs(*map(ints, (out, step, origins, starts, table, chosen, panels)))
    return boxes, results, padded, math.prod(pieces)


def _apart(entries):
    """From one channel to the next: room for a vector between, and not all in one set of the cache."""
    return (entries // 16 + 2 | 1) * 16


def _split(offset, low, stride):
    """Offset of a tap → the phase that it reads, and where it begins there."""
    axes = list(zip(offset, low, stride, strict=True))
    return tuple((o - n) % s for o, n, s in axes), tuple((o - n) // s for o, n, s in axes)


def _shared(size, stride, low, shift, count):
    """Zeros at the end of every row that may be left out because the next row begins with as many."""
    least = min(shift, simd.LANES)
    for phase in range(stride):
        before = -((low + phase) // stride)  # entries that lie left of the input
        after = count + shift - max(0, -((low + phase - size) // stride))
        least = min(least, before, after, (count + shift) // 2)
    return max(least, 0)


def _box(count, shift, depth, positions):
    """Outputs of a box along each axis: at most so many, the copy within L2 if they are not too few then."""
    box = [1, 1, 1]
    for axis in (2, 1, 0):
        inner = math.prod(box[axis + 1 :])
        row = depth * 4 * math.prod(box[a] + shift[a] for a in range(axis + 1, 3))
        room = max(min(positions // inner, L2 // row - shift[axis]), FEW // inner)
        box[axis] = _even(count[axis], room)
        if box[axis] < count[axis]:
            break
    return tuple(box)


def _even(count, most):
    """Pieces of at most that many, as equal as can be."""
    pieces = -(-count // max(1, most))
    return -(-count // pieces)


def _panels(outputs):
    """Output channels → (first channel, which of SHAPES) of the tiles that compute them."""
    if outputs == 1:
        return [(0, 3)]
    whole = SHAPES[0][0]
    panels = [(first, 0) for first in range(0, outputs - whole + 1, whole)]
    first = len(panels) * whole
    if first < outputs:
        kind = max(kind for kind in range(3) if SHAPES[kind][0] >= outputs - first)
        panels.append((first, kind))
    return panels
