"""What every rule asks about shapes: broadcasting and its gradient, axes, operands.

The one place where a gradient is summed back to its input's shape.
"""

import functools
import operator

from numpy import dtype, ndarray

from .. import kernels
from .check import NUMBERS, what_came

__all__ = [
    "back_to",
    "broadcast_shapes",
    "floor_of",
    "is_array",
    "meet",
    "normalize_axes",
    "normalize_axis",
    "reduce_to",
]

_FLOAT32 = dtype("float32")


def is_array(x):
    """Is x an array (of any floor), not a Python number, list or None?"""
    return hasattr(x, "dtype") and hasattr(x, "shape")


def floor_of(op, *operands):
    """The floor of the first operand that is an array; an error where none is."""
    for x in operands:
        if hasattr(x, "dtype") and x.dtype.kind in NUMBERS:
            return kernels.of(x)
    raise TypeError(
        f"{op}: expected a tensor or an array of numbers, got {' and '.join(map(what_came, operands))}; "
        "wrap it with tensor(…)"
    )


def meet(op, a, b):
    """What a rule of two operands begins with: their floor, and for each how a gradient gets ``back_to`` it.

    An error names op and both shapes if they do not broadcast.
    """
    if (
        type(a) is ndarray
        and a.dtype is _FLOAT32
        and (type(b) is float or (type(b) is ndarray and b.dtype is _FLOAT32 and b.shape == a.shape))
    ):
        return kernels.of(a), _as_it_is, _as_it_is  # the common cases should not pay for the others
    broadcast_shapes(op, a, b)
    return floor_of(op, a, b), back_to(a), back_to(b)


def back_to(x):
    """The function g → ``reduce_to(g, x)``. It remembers the shape and dtype of x, but does not keep x."""
    return functools.partial(reduce_to, x=Outline(x.shape, x.dtype)) if hasattr(x, "dtype") else _as_it_is


class Outline:
    """What is left of an array when its entries are gone."""

    def __init__(self, shape, dtype):
        self.shape, self.dtype = shape, dtype


def _as_it_is(g):
    return g


def broadcast_shapes(op, *operands):
    """The shape to which the operands broadcast (NumPy's rule), or an error that names op and all shapes."""
    shapes = []
    for x in operands:
        if hasattr(x, "dtype") and x.dtype.kind in NUMBERS:
            shapes.append(tuple(x.shape))
        elif isinstance(x, (int, float)):
            shapes.append(())
        else:
            raise TypeError(
                f"{op}: expected tensors, arrays or numbers, got {what_came(x)}; wrap it with tensor(…)"
            )
    return _broadcast(op, tuple(shapes))


@functools.lru_cache(maxsize=4096)
def _broadcast(op, shapes):
    rank = max(map(len, shapes))
    out = []
    for sizes in zip(*((1,) * (rank - len(s)) + s for s in shapes), strict=True):
        wide = {n for n in sizes if n != 1}
        if len(wide) > 1:
            raise ValueError(
                f"{op}: shapes {' and '.join(map(str, shapes))} do not broadcast; aligned at the right, "
                "each axis must agree or be 1 (reshape or unsqueeze one of them)"
            )
        out.append(wide.pop() if wide else 1)
    return tuple(out)


def reduce_to(dy, x):
    """The gradient of broadcasting x: dy summed over the axes along which x was repeated, in x's dtype.

    None for a number, or for an array of integers or truth values.
    """
    if not hasattr(x, "dtype") or x.dtype.kind != "f":
        return None
    shape = x.shape
    if dy.shape != shape:
        lead = dy.ndim - len(shape)
        axes = tuple(i for i in range(dy.ndim) if i < lead or (shape[i - lead] == 1 and dy.shape[i] != 1))
        dy = kernels.of(dy).reduce("sum", dy, axes, False).reshape(tuple(shape))
    if dy.dtype != x.dtype:
        dy = kernels.of(dy).cast(dy, x.dtype)
    return dy


def normalize_axis(op, axis, ndim, name="axis"):
    """A non-negative axis of an array with ndim axes, or an error."""
    try:
        axis = operator.index(axis if type(axis) is not bool else None)
    except TypeError:
        raise TypeError(f"{op}: {name} must be an int, got {axis!r}") from None
    if not -ndim <= axis < ndim:
        raise ValueError(f"{op}: {name} {axis} is out of range for an array with {ndim} axes")
    return axis + ndim if axis < 0 else axis


def normalize_axes(op, axes, ndim, name="axis"):
    """A sorted tuple of distinct non-negative axes: all of them for None, one for an int."""
    if axes is None:
        return tuple(range(ndim))
    if not isinstance(axes, (tuple, list)):
        axes = (axes,)
    found = tuple(sorted(normalize_axis(op, a, ndim, name) for a in axes))
    if len(set(found)) < len(found):
        raise ValueError(f"{op}: {name} {tuple(axes)} names one axis twice (the array has {ndim})")
    return found
