"""Max pooling of float32 with LANES windows side by side. Equals ``pool("max", …)`` where it serves.

Along the last axis neighbouring windows are 1 or 2 pixels apart; then a tap of LANES windows is one load, or
every other number of two. Tap by tap the larger is kept, and with it its flat position, as a number: exact
up to 2²⁴. Windows that hang over an end are computed one by one. Nothing is rounded, so results are the
reference's to the bit.
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .simd import LANES, deinterleave, load, load_part, splat, store_part, store_whole, where

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


@njit
def _several(x, base, size, o0, o1, o2, first, inside, step, apart, count, numbers, y, index, to):
    """``count`` ≤ LANES windows from o2 on, none of which hangs over along the last axis or is empty."""
    best, winner = splat(x, -np.inf), splat(x, -1)
    for j0 in range(inside[0, o0]):
        for j1 in range(inside[1, o1]):
            row = (first[0, o0] + j0 * step[0]) * size[1] + first[1, o1] + j1 * step[1]
            for j2 in range(inside[2, o2]):
                at = row * size[2] + first[2, o2] + j2 * step[2]
                if apart == 1:
                    value = load_part(x, base + at, count)
                elif base + at + 2 * LANES <= len(x):  # also numbers that no window needs
                    value, _ = deinterleave(load(x, base + at), load(x, base + at + LANES))
                else:
                    known = 2 * count - 1
                    near = load_part(x, base + at, known)
                    far = load_part(x, base + at + LANES, known - LANES)
                    value, _ = deinterleave(near, far)
                better = (value > best) | (winner < _f(0)) | ((value != value) & (best == best))
                best, winner = where(better, value, best), where(better, numbers + _f(at), winner)
    store_part(y, to, best, count)
    store_whole(index, to, winner, count)


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
                for o2 in range(left, right, LANES):
                    n = min(LANES, right - o2)
                    _several(
                        x, base, size, o0, o1, o2, first, inside, step, apart, n, numbers, y, index, to + o2
                    )  # fmt: skip
                for o2 in range(left):
                    y[to + o2], index[to + o2] = _one(x, base, size, o0, o1, o2, first, inside, step)
                for o2 in range(right, out[2]):
                    y[to + o2], index[to + o2] = _one(x, base, size, o0, o1, o2, first, inside, step)
