"""Shape: moving entries and joining arrays, without changing a number."""

import math

from .. import kernels
from ..autograd import primitive
from .broadcast import normalize_axis, reduce_to
from .check import check_arrays, integers

__all__ = [
    "reshape", "flatten", "squeeze", "unsqueeze", "permute", "transpose", "broadcast_to", "flip", "roll",
    "tile", "concatenate", "stack", "split", "chunk",
]  # fmt: skip


@primitive
def reshape(x, *, shape):
    """The same entries in the same order in another shape; one size may be −1 and is worked out.

    Forward    y = x, read in order
    Backward   ∂L/∂x = ∂L/∂y in x's shape
    Shapes     x (…) → y (…)
    Errors     ValueError where the sizes do not multiply to the number of entries
    """
    check_arrays("reshape", x=x)
    given, shape = shape, list(integers("reshape", "shape", shape))
    known = math.prod(n for n in shape if n != -1)
    if shape.count(-1) == 1 and known > 0 and x.size % known == 0:
        shape[shape.index(-1)] = x.size // known
    if min(shape, default=0) < 0 or math.prod(shape) != x.size:
        raise ValueError(
            f"reshape: x {tuple(x.shape)} has {x.size} entries, which do not fit the shape {given}"
        )
    before = tuple(x.shape)
    return x.reshape(tuple(shape)), lambda dy: dy.reshape(before)


def flatten(x, *, start=0, end=-1):
    """Axes start … end made one; composed of reshape.

    Forward    y = x, read in order
    Shapes     x (…) → y (…)
    """
    check_arrays("flatten", x=x)
    shape = tuple(x.shape) or (1,)
    start, end = (
        normalize_axis("flatten", start, len(shape), "start"),
        normalize_axis("flatten", end, len(shape), "end"),
    )
    if start > end:
        raise ValueError(f"flatten: start {start} must not come after end {end} (x has shape {shape})")
    return reshape(x, shape=(*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :]))


def squeeze(x, *, axis=None):
    """Without axes of size 1: all of them, or the given ones (where they have size 1); composed of reshape.

    Forward    y = x
    Shapes     x (…) → y (…)
    """
    check_arrays("squeeze", x=x)
    if axis is None:
        axes = range(x.ndim)
    else:
        axes = [
            normalize_axis("squeeze", a, x.ndim)
            for a in (axis if isinstance(axis, (tuple, list)) else (axis,))
        ]
    return reshape(x, shape=tuple(n for i, n in enumerate(x.shape) if n != 1 or i not in axes))


def unsqueeze(x, *, axis):
    """With new axes of size 1 at these places of the result; composed of reshape.

    Forward    y = x
    Shapes     x (…) → y (…)
    """
    check_arrays("unsqueeze", x=x)
    places = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = x.ndim + len(places)
    places = {normalize_axis("unsqueeze", a, ndim) for a in places}
    if len(places) != ndim - x.ndim:
        raise ValueError(f"unsqueeze: axis {axis} names one place twice")
    sizes = iter(x.shape)
    return reshape(x, shape=tuple(1 if i in places else next(sizes) for i in range(ndim)))


@primitive
def permute(x, *, axes):
    """Axes in another order: axis j of the result is axis axes[j] of x.

    Forward    y[i_{axes[0]}, i_{axes[1]}, …] = x[i_0, i_1, …]
    Backward   ∂L/∂x = ∂L/∂y, with the axes put back
    Shapes     x (…) → y (…)
    Errors     ValueError where axes does not name each axis of x once
    """
    check_arrays("permute", x=x)
    axes = integers("permute", "axes", axes)
    order = tuple(normalize_axis("permute", a, x.ndim, "axes") for a in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ValueError(
            f"permute: axes {axes} must name each of the {x.ndim} axes of x {tuple(x.shape)} once"
        )
    k = kernels.of(x)
    inverse = tuple(order.index(i) for i in range(x.ndim))
    return k.permute(x, order), lambda dy: k.permute(dy, inverse)


def transpose(x, *, axis0=-2, axis1=-1):
    """Two axes exchanged, the last two unless given; composed of permute.

    Forward    y = xᵀ
    Shapes     x (…) → y (…)
    """
    check_arrays("transpose", x=x)
    a, b = (
        normalize_axis("transpose", axis0, x.ndim, "axis0"),
        normalize_axis("transpose", axis1, x.ndim, "axis1"),
    )
    return permute(x, axes=tuple({a: b, b: a}.get(i, i) for i in range(x.ndim)))


@primitive
def broadcast_to(x, *, shape):
    """x repeated to a shape, by NumPy's rule of broadcasting; −1 leaves an axis as it is.

    Forward    y[i] = x[i, with 0 along the axes of size 1]
    Backward   ∂L/∂x = ∂L/∂y, summed over the axes along which x was repeated
    Shapes     x (…) → y (…)
    Errors     ValueError where x does not broadcast to the shape
    """
    check_arrays("broadcast_to", x=x)
    wanted = shape = integers("broadcast_to", "shape", shape)
    lead = len(wanted) - x.ndim
    wanted = tuple(x.shape[i - lead] if n == -1 and i >= lead else n for i, n in enumerate(wanted))
    fits = lead >= 0 and all(n >= 0 for n in wanted)
    if not fits or any(n not in (1, m) for n, m in zip(x.shape, wanted[lead:], strict=True)):
        raise ValueError(f"broadcast_to: x {tuple(x.shape)} does not broadcast to {shape}")
    return kernels.of(x).expand(x, wanted), lambda dy: reduce_to(dy, x)


@primitive
def flip(x, *, axes):
    """Entries in the opposite order along some axes.

    Forward    y_i = x_{n−1−i}
    Backward   ∂L/∂x = ∂L/∂y, flipped back
    Shapes     x (…) → y (…)
    Errors     ValueError for an axis out of range
    """
    check_arrays("flip", x=x)
    k, shape = kernels.of(x), tuple(x.shape)
    turned = {
        normalize_axis("flip", a, x.ndim, "axes")
        for a in (axes if isinstance(axes, (tuple, list)) else (axes,))
    }
    starts = tuple(n - 1 if i in turned and n else 0 for i, n in enumerate(shape))
    steps = tuple(-1 if i in turned else 1 for i in range(x.ndim))
    return k.slice(x, starts, steps, shape), lambda dy: k.slice(dy, starts, steps, shape)


def roll(x, *, shift, axis):
    """Entries moved on along an axis, those pushed out coming in at the other end; composed.

    Forward    y_i = x_{(i − shift) mod n}
    Shapes     x (…) → y (…)
    """
    check_arrays("roll", x=x)
    axis = normalize_axis("roll", axis, x.ndim)
    (shift,) = integers("roll", "shift", (shift,))
    n = x.shape[axis]
    cut = -shift % n if n else 0
    return concatenate(split(x, sizes=(cut, n - cut), axis=axis)[::-1], axis=axis)


def tile(x, *, repeats):
    """x laid side by side, repeats[i] times along axis i (aligned at the right); composed of broadcast_to.

    Forward    y_i = x_{i mod n}
    Shapes     x (…) → y (…)
    """
    check_arrays("tile", x=x)
    repeats = integers("tile", "repeats", repeats)
    if any(r < 0 for r in repeats):
        raise ValueError(f"tile: repeats must not be negative, got {repeats}")
    rank = max(len(repeats), x.ndim)
    repeats = (1,) * (rank - len(repeats)) + repeats
    sizes = (1,) * (rank - x.ndim) + tuple(x.shape)
    pairs = reshape(x, shape=tuple(n for size in sizes for n in (1, size)))
    wide = broadcast_to(
        pairs, shape=tuple(n for r, size in zip(repeats, sizes, strict=True) for n in (r, size))
    )
    return reshape(wide, shape=tuple(r * size for r, size in zip(repeats, sizes, strict=True)))


def concatenate(tensors, *, axis=0):
    """Arrays one after the other along an axis.

    Forward    y = [x₁, x₂, …]
    Backward   ∂L/∂x_k = the piece of ∂L/∂y where x_k lies
    Shapes     tensors (…) → y (…)
    Errors     ValueError where there is none, or the shapes differ on another axis
    """
    tensors = _several("concatenate", tensors)
    return _concatenate(*tensors, axis=axis)


def _several(op, tensors):
    """A list of tensors, from what iterates over them."""
    if not hasattr(tensors, "__iter__") or isinstance(tensors, str):
        raise TypeError(f"{op}: expected a list of tensors, got {type(tensors).__name__}")
    tensors = list(tensors)
    check_arrays(op, **{f"tensors[{i}]": x for i, x in enumerate(tensors)})
    return tensors


@primitive
def _concatenate(*arrays, axis):
    """The rule of ``concatenate``, whose arrays are positional.

    Forward    y = [x₁, x₂, …]
    Backward   ∂L/∂x_k = the piece of ∂L/∂y where x_k lies
    Shapes     arrays (…) → y (…)
    Errors     ValueError where there is none, or the shapes differ on another axis
    """
    if not arrays:
        raise ValueError("concatenate: give at least one tensor")
    shapes = [tuple(x.shape) for x in arrays]
    axis = normalize_axis("concatenate", axis, len(shapes[0]))
    rests = {(*s[:axis], *s[axis + 1 :]) if len(s) > axis else s for s in shapes}
    if len({len(s) for s in shapes}) > 1 or len(rests) > 1:
        raise ValueError(
            f"concatenate: shapes {' and '.join(map(str, shapes))} must agree on every axis but {axis}"
        )
    k = kernels.of(arrays[0])
    kinds = {x.dtype for x in arrays}
    if len(kinds) > 1:
        dtype = max(kinds, key=lambda d: ("biuf".index(d.kind), d.itemsize))
        joined = k.concatenate([x if x.dtype == dtype else k.cast(x, dtype) for x in arrays], axis)
    else:
        joined = k.concatenate(list(arrays), axis)

    def backward(dy):
        start, pieces = 0, []
        for x, shape in zip(arrays, shapes, strict=True):
            starts = tuple(start if i == axis else 0 for i in range(len(shape)))
            pieces.append(lambda x=x, a=starts, s=shape: reduce_to(k.slice(dy, a, (1,) * len(s), s), x))
            start += shape[axis]
        return tuple(pieces)

    return joined, backward


def stack(tensors, *, axis=0):
    """Arrays of one shape along a new axis; composed of unsqueeze and concatenate.

    Forward    y[…, k, …] = x_k
    Shapes     tensors (…) → y (…)
    Errors     ValueError where there is none, or the shapes differ
    """
    tensors = _several("stack", tensors)
    shapes = [tuple(x.shape) for x in tensors]
    if len(set(shapes)) != 1:
        raise ValueError(
            f"stack: expected tensors of one shape, got {' and '.join(map(str, shapes)) or 'none'}"
        )
    axis = normalize_axis("stack", axis, len(shapes[0]) + 1)
    return concatenate([unsqueeze(x, axis=axis) for x in tensors], axis=axis)


@primitive
def split(x, *, sizes, axis=0):
    """Pieces along an axis: of the given sizes, or of one size (the last may be smaller).

    Forward    y_k = the k-th piece of x
    Backward   ∂L/∂x = [∂L/∂y₁, ∂L/∂y₂, …]
    Shapes     x (…) → y (…)
    Errors     ValueError where the sizes do not add up to the axis
    """
    check_arrays("split", x=x)
    axis = normalize_axis("split", axis, x.ndim)
    k, n = kernels.of(x), x.shape[axis]
    if isinstance(sizes, (tuple, list)):
        sizes = integers("split", "sizes", sizes)
    else:
        (sizes,) = integers("split", "sizes", sizes)
        if sizes < 1:
            raise ValueError(f"split: sizes must be positive, got {sizes}")
        sizes = [min(sizes, n - start) for start in range(0, n, sizes)] or [0]
    if sum(sizes) != n or min(sizes, default=0) < 0:
        raise ValueError(f"split: sizes {tuple(sizes)} must add up to {n}, axis {axis} of x {tuple(x.shape)}")
    pieces, start = [], 0
    for size in sizes:
        starts = tuple(start if i == axis else 0 for i in range(x.ndim))
        shape = tuple(size if i == axis else m for i, m in enumerate(x.shape))
        pieces.append(k.slice(x, starts, (1,) * x.ndim, shape))
        start += size
    return tuple(pieces), lambda *dy: k.concatenate(list(dy), axis)


def chunk(x, *, chunks, axis=0):
    """At most so many pieces of equal size (the last may be smaller); composed of split.

    Forward    y_k = the k-th piece of x
    Shapes     x (…) → y (…)
    """
    check_arrays("chunk", x=x)
    (chunks,) = integers("chunk", "chunks", (chunks,))
    if chunks < 1:
        raise ValueError(f"chunk: chunks must be positive, got {chunks}")
    axis = normalize_axis("chunk", axis, x.ndim)
    return split(x, sizes=max(1, -(-x.shape[axis] // chunks)), axis=axis)
