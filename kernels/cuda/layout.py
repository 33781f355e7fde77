"""Moving data: two kernels, one that gathers and one that scatters, and five ways to call them.

Each result entry is one read and one write, so everything here is exact. Equal to
``reference.layout`` bit for bit.
"""

import numpy as np

from .elementwise import full
from .launch import cuda, kernel, launch_each
from .memory import empty
from .stride import broadcast_strides, collapse, contiguous, divisors, offset

__all__ = ["concatenate", "expand", "permute", "place", "slice"]


@kernel
def _gather(y, x, count, start, walk, strides):
    """y[i] = x[start + Σ i_d · strides_d]; neighbouring threads write neighbouring entries."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        y[i] = x[start + offset(i, walk, strides)]


@kernel
def _scatter(y, x, count, start, walk, strides):
    """y[start + Σ i_d · strides_d] = x[i]; neighbouring threads read neighbouring entries."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        y[start + offset(i, walk, strides)] = x[i]


def _gathered(x, shape, start, strides):
    y = empty(shape, x.dtype)
    shape, strides = collapse(y.shape, strides)
    launch_each(_gather, y.size, y, x, y.size, start, divisors(*shape), strides)
    return y


def _steps(shape, starts, steps):
    """Where x[starts] lies, and how far one step along each axis goes."""
    strides = contiguous(shape)
    start = sum(s * first for s, first in zip(strides, starts, strict=True))
    return start, tuple(s * step for s, step in zip(strides, steps, strict=True))


def permute(x, axes):
    """Axis j of the result is axis axes[j] of x."""
    strides = contiguous(x.shape)
    return _gathered(x, [x.shape[a] for a in axes], 0, tuple(strides[a] for a in axes))


def expand(x, shape):
    """x repeated to shape: read with stride 0 along the repeated axes."""
    return _gathered(x, shape, 0, broadcast_strides(x.shape, shape))


def slice(x, starts, steps, shape):
    """y[i] = x[starts + i·steps] for i in shape."""
    start, strides = _steps(x.shape, starts, steps)
    return _gathered(x, shape, start, strides)


def place(x, starts, steps, shape, fill):
    """y full of fill, with y[starts + i·steps] = x[i]."""
    y = full(shape, fill, x.dtype)
    start, strides = _steps(y.shape, starts, steps)
    shape, strides = collapse(x.shape, strides)
    launch_each(_scatter, x.size, y, x, x.size, start, divisors(*shape), strides)
    return y


def concatenate(arrays, axis):
    """The arrays one after the other along axis: each is scattered to its own stretch."""
    shape = list(arrays[0].shape)
    shape[axis] = sum(x.shape[axis] for x in arrays)
    y = empty(shape, np.result_type(*(x.dtype for x in arrays)))
    strides, start = contiguous(y.shape), 0
    for x in arrays:
        walk, steps = collapse(x.shape, strides)
        walk = divisors(*walk)
        launch_each(_scatter, x.size, y, x, x.size, start * strides[axis], walk, steps)
        start += x.shape[axis]
    return y
