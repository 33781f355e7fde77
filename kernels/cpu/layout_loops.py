"""Compiled loops of the strided copies of ``layout.py``: runs, and blocks turned in registers.

An axis is (size, source step, target step). ``outer`` are all axes but the inner one or two.
"""

import math

import numpy as np

from ..jit import njit
from ..pool import parallel
from .rows import store_some
from .simd import LANES, gather, lanes, load, load_part, splat, store, store_part, transpose
from .threads import PIECE, pieces

__all__ = ["copy", "fill", "pieces", "turn"]

STRIP = 64
"""Lines that are written side by side while blocks are turned: so much of a line is read at once."""


def copy(outer, last, x, x_first, y, y_first):
    """Run by run along the axis ``last``."""
    count, size = math.prod(a[0] for a in outer), last[0]
    height, width = max(1, PIECE // size), 2 * PIECE
    across = -(-size // width)  # a long run is several tasks
    tasks = -(-count // height) * across
    _copy(tasks, across, height, width, _table(outer), *last, x, x_first, y, y_first)


def turn(outer, a, b, x, x_first, y, y_first):
    """Axis a is dense in the source, axis b in the target: (…, b, a) → (…, a, b)."""
    count, strips = math.prod(axis[0] for axis in outer), -(-a[0] // STRIP)
    kernel = _turn if a[0] >= LANES * 4 // x.itemsize else _turn_few
    kernel(count * strips, strips, _table(outer), a[0], a[2], b[0], b[1], x, x_first, y, y_first)


def _table(axes):
    return np.array(axes or [(1, 0, 0)], np.int64)


@parallel
def fill(task, x, value):
    """x = value[0]."""
    for i in range(task * PIECE, min(x.size, (task + 1) * PIECE), lanes(x)):
        store_some(x, i, x.size - i, splat(x, value[0]))


# ── where a run starts ───────────────────────────────────────────────────────────────────────────
@njit
def _at(number, axes, column, first):
    """The address of place ``number`` (counted in C order over the axes) in the source (1) or target (2)."""
    for axis in range(len(axes) - 1, -1, -1):
        size = axes[axis, 0]
        first += number % size * axes[axis, column]
        number //= size
    return first


# ── runs ─────────────────────────────────────────────────────────────────────────────────────────
@njit(forceinline=True)
def _run(x, i, x_step, y, j, y_step, size):
    """y[j], y[j + y_step], … = x[i], x[i + x_step], …"""
    if y_step != 1:
        for k in range(size):
            y[j + k * y_step] = x[i + k * x_step]
        return
    whole = size // lanes(x) * lanes(x)
    if x_step == 1:
        for k in range(0, whole, lanes(x)):
            store(y, j + k, load(x, i + k))
        if whole < size:
            store_part(y, j + whole, load_part(x, i + whole, size - whole), size - whole)
    else:  # 0 where x is repeated
        for k in range(0, whole, lanes(x)):
            store(y, j + k, gather(x, i + k * x_step, x_step))
        for k in range(whole, size):
            y[j + k] = x[i + k * x_step]


@parallel
def _copy(task, across, height, width, axes, size, x_step, y_step, x, x_first, y, y_first):
    """``height`` runs, or ``width`` entries of one. Runs along the last of the axes go without counting."""
    count = 1
    for axis in range(len(axes)):
        count *= axes[axis, 0]
    number, stop = task // across * height, min(count, (task // across + 1) * height)
    start = task % across * width
    part = min(width, size - start)
    rows, x_row, y_row = axes[-1]
    while number < stop:
        i, j = _at(number, axes, 1, x_first + start * x_step), _at(number, axes, 2, y_first + start * y_step)
        here = min(stop - number, rows - number % rows)
        for row in range(here):
            _run(x, i + row * x_row, x_step, y, j + row * y_row, y_step, part)
        number += here


# ── blocks, turned ───────────────────────────────────────────────────────────────────────────────
@parallel
def _turn(task, strips, axes, a, a_to, b, b_from, x, x_first, y, y_first):
    """STRIP entries of axis a (at least a vector of them), all of axis b."""
    i, j = _at(task // strips, axes, 1, x_first), _at(task // strips, axes, 2, y_first)
    low = task % strips * STRIP
    high = min(a, low + STRIP)
    for q in range(0, b, lanes(x)):
        for p in range(low, high, lanes(x)):
            p = min(p, a - lanes(x))  # the last block overlaps the one before, and writes the same again
            transpose(x, i + q * b_from + p, b_from, b - q, y, j + p * a_to + q, a_to)


@parallel
def _turn_few(task, strips, axes, a, a_to, b, b_from, x, x_first, y, y_first):
    """The same where axis a is shorter than a vector."""
    i, j = _at(task // strips, axes, 1, x_first), _at(task // strips, axes, 2, y_first)
    for p in range(a):
        _run(x, i + p, b_from, y, j + p * a_to, 1, b)
