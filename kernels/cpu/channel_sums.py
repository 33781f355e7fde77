"""Σ over all axes but the second, float32: a convolution's bias gradient. Equals ``reduce("sum", …)``.

Every plane (b, c) is summed on vectors, four sums that do not wait for each other, RUN numbers at a time;
then images are added in order. Error against float64: below 3e-7 Σ |x| (tested, planes of 50 000 numbers).
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .simd import LANES, load, load_part, splat, total

__all__ = ["channel_sum"]

TASKS = 64
"""Into at most so many tasks the planes are divided."""

RUN = 64 * max(1, LANES)
"""Numbers summed before their sum is added to the others: rounding errors grow with the chain."""


def channel_sum(x):
    """x (B, C, S…), contiguous → (C,)."""
    batch, channels = x.shape[:2]
    sums = np.empty((batch, channels), np.float32)
    tasks = min(TASKS, sums.size)
    _planes(tasks, tasks, x.reshape(-1), sums.reshape(-1))
    return sums.sum(axis=0)


@njit
def _run(x, at, count):
    """Σ x[at : at + count]."""
    a, b, c, d = splat(x, 0), splat(x, 0), splat(x, 0), splat(x, 0)
    i = 0
    while i + 4 * LANES <= count:
        a, b = a + load(x, at + i), b + load(x, at + i + LANES)
        c, d = c + load(x, at + i + 2 * LANES), d + load(x, at + i + 3 * LANES)
        i += 4 * LANES
    while i < count:
        a = a + load_part(x, at + i, count - i)
        i += LANES
    return total((a + b) + (c + d))


@parallel
def _planes(task, tasks, x, sums):
    """The sums of some planes."""
    size = len(x) // len(sums)
    for plane in range(task * len(sums) // tasks, (task + 1) * len(sums) // tasks):
        result = np.float32(0)
        for i in range(0, size, RUN):
            result += _run(x, plane * size + i, min(RUN, size - i))
        sums[plane] = result
