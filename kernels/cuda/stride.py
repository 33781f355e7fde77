"""Shapes and strides: how a flat position becomes a place in a flat array.

A stride counts entries. On the host: broadcasting by stride 0, and merging axes so that kernels divide
as rarely as possible. In kernels: ``offset``.
"""

import math

from .launch import device

__all__ = ["broadcast_strides", "collapse", "contiguous", "offset", "split_axis"]


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


@device
def offset(i, shape, strides):
    """Σ_d i_d · strides_d, where i_d are the coordinates of flat position i in shape."""
    total = 0
    for d in range(len(shape) - 1, 0, -1):
        outer = i // shape[d]
        total += (i - outer * shape[d]) * strides[d]
        i = outer
    return total + i * strides[0]
