"""Moving data without changing it."""

import builtins

import numpy as np


def permute(x, axes):
    """Axis j of the result is axis axes[j] of x."""
    return x.transpose(axes).copy()


def expand(x, shape):
    """x repeated to shape."""
    return np.broadcast_to(x, shape).copy()


def _window(starts, steps, shape):
    """The positions starts + i·steps, i in shape, as NumPy slices."""
    slices = []
    for start, step, size in zip(starts, steps, shape, strict=True):
        stop = start + step * size
        # Running downwards past entry 0 the stop is negative, which NumPy would count from the end.
        slices.append(
            builtins.slice(start, None if stop < 0 else stop, step) if size else builtins.slice(0, 0)
        )
    return tuple(slices)


def slice(x, starts, steps, shape):
    """y[i] = x[starts + i·steps] for i in shape."""
    return np.asarray(x[_window(starts, steps, shape)]).copy()


def place(x, starts, steps, shape, fill):
    """y full of fill, with y[starts + i·steps] = x[i]."""
    y = np.full(shape, fill, x.dtype)
    y[_window(starts, steps, x.shape)] = x
    return y


def concatenate(arrays, axis):
    """The arrays one after the other along axis."""
    return np.asarray(np.concatenate(arrays, axis), order="C")
