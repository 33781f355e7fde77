"""Shapes and strides: how a flat position becomes a place in a flat array.

A stride counts entries. On the host: broadcasting by stride 0, and merging axes so that kernels divide
as rarely as possible. In kernels: ``offset``, and ``quotient``, since a device has no instruction that
divides integers: a 64-bit division is a subroutine of a hundred instructions, and a kernel that only moves
data would spend its time there.

Division by multiplication (Granlund & Montgomery, 1994). For a divisor d let 2ˢ ≥ d be the next power of two
and M = ⌊2⁶²⁺ˢ / d⌋ + 1. Then M d = 2⁶²⁺ˢ + e with 0 < e ≤ 2ˢ, so i M / 2⁶²⁺ˢ exceeds i / d by less than
1 / d as long as i < 2⁶², and has the same whole part. The three numbers (d, M, s) stand for the divisor.
"""

import math

from .launch import device
from .vector import high

__all__ = [
    "broadcast_strides", "collapse", "contiguous", "divisors", "offset", "quotient", "split_axis",
]  # fmt: skip


def contiguous(shape):
    """The strides of a contiguous array."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


def broadcast_strides(shape, target):
    """The strides with which an array of ``shape`` is read as one of ``target``: 0 where it is repeated."""
    lead = len(target) - len(shape)
    strides = contiguous(shape)
    return (0,) * lead + tuple(0 if n == 1 else s for n, s in zip(shape, strides, strict=True))


def collapse(shape, *strides):
    """The same walk with fewer axes → shape, strides…, of one axis at least.

    Axes of one entry go; neighbours merge where, for every array, the outer step is the inner axis's end.
    """
    axes = []
    for n, *steps in zip(shape, *strides, strict=True):
        if n == 1:
            continue
        if axes and all(outer == inner * n for outer, inner in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = (axes[-1][0] * n, steps)
        else:
            axes.append((n, steps))
    axes = axes or [(1, [0] * len(strides))]
    return tuple(n for n, _ in axes), *(tuple(s[i] for _, s in axes) for i in range(len(strides)))


def split_axis(shape, axis):
    """(outer, size, inner): the array seen as three axes with ``axis`` in the middle."""
    return math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :])


def divisors(*numbers):
    """d, M, s for each number, in one row: what ``quotient`` and ``offset`` divide by."""
    row = []
    for d in numbers:
        d = max(int(d), 1)
        s = (d - 1).bit_length()
        row += [d, (1 << 62 + s) // d + 1, s]
    return tuple(row)


@device
def quotient(i, by, at):
    """⌊i / d⌋ for 0 ≤ i < 2⁶¹, where the divisor is by[at], by[at + 1], by[at + 2]."""
    return high(i << 2, by[at + 1]) >> by[at + 2]


@device
def offset(i, walk, strides):
    """Σ_d i_d · strides_d, where i_d are the coordinates of flat position i; walk: divisors of the shape."""
    total = 0
    for d in range(len(strides) - 1, 0, -1):
        outer = quotient(i, walk, 3 * d)
        total += (i - outer * walk[3 * d]) * strides[d]
        i = outer
    return total + i * strides[0]
