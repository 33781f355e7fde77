"""Moving data without changing it: NumPy's copies for small arrays, for large ones one plan and two loops.

Every one of these kernels is a copy between two strided pictures of flat memory,

    target[first' + Σ_a i_a · step'_a] = source[first + Σ_a i_a · step_a]     for all i in a shape,

so each says its steps, and ``_move`` does the rest: axes that lie one behind the other in both pictures are
joined; where the last axis is dense in both, runs are copied; where another axis is dense in the source,
square blocks are turned in registers, so that both sides are read and written in whole lines.
"""

import math

import numpy as np

from .. import reference
from .simd import LANES

__all__ = ["permute", "expand", "slice", "place", "concatenate"]

SMALL, TURNED = 1 << 18, 1 << 15
"""Below so many entries, of runs and of turned blocks, NumPy's copy is quicker than asking two threads."""

_FLOATS = {4: np.float32, 8: np.float64}
"""Numbers of these sizes are moved in vectors, whatever they mean: no bit of them changes."""


def permute(x, axes):
    """Axis j of the result is axis axes[j] of x."""
    if not _large(x, x.size, TURNED if axes and axes[-1] != x.ndim - 1 else SMALL):
        return reference.permute(x, axes)
    y, steps = np.empty(tuple(x.shape[a] for a in axes), x.dtype), _steps(x.shape)
    return _move(x, 0, [steps[a] for a in axes], y, 0, _steps(y.shape), y.shape)


def expand(x, shape):
    """x repeated to shape."""
    if not _large(x, math.prod(shape)):
        return reference.expand(x, shape)
    y, new = np.empty(shape, x.dtype), len(shape) - x.ndim
    steps = [0 if size == 1 else step for size, step in zip(x.shape, _steps(x.shape), strict=True)]
    return _move(x, 0, [0] * new + steps, y, 0, _steps(y.shape), y.shape)


def slice(x, starts, steps, shape):
    """y[i] = x[starts + i·steps] for i in shape."""
    if not _large(x, math.prod(shape)):
        return reference.slice(x, starts, steps, shape)
    y, first, through = np.empty(shape, x.dtype), *_window(x.shape, starts, steps)
    return _move(x, first, through, y, 0, _steps(y.shape), y.shape)


def place(x, starts, steps, shape, fill):
    """y full of fill, with y[starts + i·steps] = x[i]."""
    if not _large(x, math.prod(shape)):
        return reference.place(x, starts, steps, shape, fill)
    from . import layout_loops as loops

    y, first, through = np.empty(shape, x.dtype), *_window(shape, starts, steps)
    if x.size < y.size:
        loops.fill(loops.pieces(y.size), _flat(y), _flat(np.full(1, fill, x.dtype)))
    return _move(x, 0, _steps(x.shape), y, first, through, x.shape) if x.size else y


def concatenate(arrays, axis):
    """The arrays one after the other along axis."""
    if not all(_large(x, sum(x.size for x in arrays)) and x.dtype == arrays[0].dtype for x in arrays):
        return reference.concatenate(arrays, axis)
    shape = list(arrays[0].shape)
    shape[axis] = sum(x.shape[axis] for x in arrays)
    y, first = np.empty(shape, arrays[0].dtype), 0
    steps = _steps(shape)
    for x in arrays:
        if x.size:
            _move(x, 0, _steps(x.shape), y, first, steps, x.shape)
        first += x.shape[axis] * steps[axis]
    return y


def _large(x, size, least=None):
    return LANES and size >= (SMALL if least is None else least) and x.dtype.itemsize in _FLOATS


def _flat(x):
    return x.reshape(-1).view(_FLOATS[x.dtype.itemsize])


def _steps(shape):
    """How far apart neighbours along each axis of a contiguous array are, in entries."""
    steps, step = [], 1
    for size in reversed(shape):
        steps.append(step)
        step *= size
    return steps[::-1]


def _window(shape, starts, steps):
    """Where entry 0 of a slice is in the array it is cut from, and its steps there."""
    inner = _steps(shape)
    first = sum(start * step for start, step in zip(starts, inner, strict=True))
    return first, [step * by for step, by in zip(inner, steps, strict=True)]


def _joined(shape, source, target):
    """The same copy with as few axes as possible, as three lists: shape, source steps, target steps."""
    axes = []
    for axis in zip(shape, source, target, strict=True):
        if axis[0] == 1:
            continue
        size, step, to = axis
        if axes and axes[-1][1] == size * step and axes[-1][2] == size * to:
            axes[-1] = (axes[-1][0] * size, step, to)
        else:
            axes.append(axis)
    return axes or [(1, 1, 1)]


def _move(x, x_first, x_steps, y, y_first, y_steps, shape):
    """The copy of the module's docstring. → y"""
    from . import layout_loops as loops

    axes = _joined(shape, x_steps, y_steps)
    given = (_flat(x), x_first, _flat(y), y_first)
    last = axes[-1]
    turned = [a for a in axes[:-1] if a[1] == 1 and a[0] >= 2]
    if last[1] != 1 and last[2] == 1 and turned:
        outer = [a for a in axes[:-1] if a is not turned[0]]
        loops.turn(outer, turned[0], last, *given)
    else:
        loops.copy(axes[:-1], last, *given)
    return y
