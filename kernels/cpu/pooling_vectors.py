"""Max pooling of float32 with LANES windows side by side. Equals ``pool("max", …)`` where it serves.

Along the last axis neighbouring windows are 1 or 2 pixels apart; then a tap of LANES windows is one load,
or every other number of two (the numbers between are the next tap's). Tap by tap the larger is kept, and
with it its flat position, as a number: exact up to 2²⁴. Windows that hang over an end are computed one by
one. Nothing is rounded, so results are the reference's to the bit.
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .simd import LANES, bare, deinterleave, load, load_part, splat, store_part, store_whole, where

__all__ = ["max_pool", "serves"]

TASKS = 64
"""Into at most so many tasks the planes are divided."""

_f = np.float32


def serves(x, stride):
    """float32, neighbouring windows at most 2 apart, and positions that float32 can count."""
    apart = 0 if stride is None else stride[-1]
    return LANES > 0 and x.dtype == _f and apart in (1, 2) and x[:1, :1].size < 1 << 24


def max_pool(x, tables, kernel, stride, y, index):
    """x (R, S₀, S₁, S₂) → y, index (R, O₀, O₁, O₂); tables as ``pooling._tables`` makes them."""
    first, inside, _, step = tables
    whole = np.flatnonzero(inside[2, : y.shape[3]] == kernel[-1])
    ends = (int(whole[0]), int(whole[-1]) + 1) if len(whole) else (0, 0)
    tasks = min(TASKS, len(x))
    sizes = x.shape[1:], y.shape[1:]
    x, y, index = (a.reshape(-1) for a in (x, y, index))
    _planes(tasks, tasks, len(y) // max(1, int(np.prod(sizes[1]))), x, *sizes, first, inside, step, ends,
            stride[-1], y, index)  # fmt: skip


@njit
def _one(x, base, size, o0, o1, o2, first, inside, step):
    """The winner of one window: its value and its position; −∞ and −1 where the window is empty."""
    best, winner = _f(-np.inf), -1
    for j0 in range(inside[0, o0]):
        for j1 in range(inside[1, o1]):
            row = (first[0, o0] + j0 * step[0]) * size[1] + first[1, o1] + j1 * step[1]
            for j2 in range(inside[2, o2]):
                at = row * size[2] + first[2, o2] + j2 * step[2]
                value = x[base + at]
                # not (value <= best): a NaN wins; best != best: and stays
                if winner < 0 or not (value <= best or best != best):
                    best, winner = value, at
    return best, winner


@njit(forceinline=True)
def _alternate(x, at, count):
    """x[at], x[at + 2], …, count of them, and as many of x[at + 1], x[at + 3], … as there are."""
    if at + 2 * LANES <= len(x):  # also numbers that no window needs
        return deinterleave(load(x, at), load(x, at + LANES))
    known = min(2 * count, len(x) - at)
    return deinterleave(load_part(x, at, known), load_part(x, at + LANES, known - LANES))


@njit(forceinline=True)
def _larger(best, winner, value, place):
    """The larger one and where it lies: the first of equals, the first NaN of all."""
    stays = (value <= best) | (best != best)
    return where(stays, best, value), where(stays, winner, place)


@njit
def _row(x, base, size, o0, o1, first, inside, step, ends, apart, numbers, y, index, to):
    """Windows [ends₀, ends₁) of a row, none of which hangs over along the last axis or is empty."""
    x, y, index, first, inside, step = bare(x), bare(y), bare(index), bare(first), bare(inside), bare(step)
    left, right = ends
    taps, pairs = inside[2, left], apart == 2 and step[2] == 1
    for start in range(left, right, LANES):
        o2 = max(left, min(start, right - LANES))  # some twice, so that the last ones need no mask
        count = min(LANES, right - o2)
        corner = (first[0, o0] * size[1] + first[1, o1]) * size[2] + first[2, o2]
        best, winner = splat(x, -np.inf), numbers + _f(corner)
        for j0 in range(inside[0, o0]):
            for j1 in range(inside[1, o1]):
                at = corner + (j0 * step[0] * size[1] + j1 * step[1]) * size[2]
                for j2 in range(0, taps, 2 if pairs else 1):
                    if apart == 1:
                        value = load_part(x, base + at, count)
                        best, winner = _larger(best, winner, value, numbers + _f(at))
                    else:
                        value, beside = _alternate(x, base + at, count)
                        best, winner = _larger(best, winner, value, numbers + _f(at))
                        if pairs and j2 + 1 < taps:
                            best, winner = _larger(best, winner, beside, numbers + _f(at + 1))
                    at += 2 * step[2] if pairs else step[2]
        store_part(y, to + o2, best, count)
        store_whole(index, to + o2, winner, count)


@parallel
def _planes(task, tasks, planes, x, size, out, first, inside, step, ends, apart, y, index):
    """Some planes (b, c)."""
    numbers = np.empty(LANES, np.float32)
    for lane in range(LANES):
        numbers[lane] = lane * apart
    numbers = load(numbers, 0)
    for plane in range(task * planes // tasks, (task + 1) * planes // tasks):
        base = plane * size[0] * size[1] * size[2]
        for o0 in range(out[0]):
            for o1 in range(out[1]):
                to = ((plane * out[0] + o0) * out[1] + o1) * out[2]
                left, right = ends if inside[0, o0] * inside[1, o1] > 0 else (0, 0)
                _row(x, base, size, o0, o1, first, inside, step, (left, right), apart, numbers, y, index, to)
                for o2 in range(left):
                    y[to + o2], index[to + o2] = _one(x, base, size, o0, o1, o2, first, inside, step)
                for o2 in range(right, out[2]):
                    y[to + o2], index[to + o2] = _one(x, base, size, o0, o1, o2, first, inside, step)
