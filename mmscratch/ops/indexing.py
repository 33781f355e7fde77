"""Indexing: slices, entries looked up by number, and the converse, adding at numbered places."""

import math

from .. import kernels
from ..autograd import primitive
from . import shape
from .broadcast import broadcast_shapes, is_array, normalize_axis
from .check import check_arrays, check_dtype, integers
from .constants import raw
from .scan import positions

__all__ = ["index", "strided_slice", "take", "take_along", "scatter_add", "index_add", "one_hot", "embedding"]


def checked_index(op, index, x, size, wrap=True):
    """An int64 index that lives where x lives, its range checked if it is on the host; wrap: −1 is the last.

    On a device the range is the caller's promise: looking would halt it.
    """
    if not is_array(index):
        index = _from_host(op, index, x)
    if index.dtype.kind not in "iu":
        raise TypeError(f"{op}: index must be of integers, got {index.dtype}")
    k = kernels.of(index)
    if index.dtype != "int64":
        index = k.cast(index, "int64")
    if k is kernels.host() and index.size:
        low, high = int(index.min()), int(index.max())
        least = -size if wrap else 0
        if low < least or high >= size:
            wrong = low if low < least else high
            raise IndexError(
                f"{op}: index {wrong} is out of range for an axis of size {size} (x {tuple(x.shape)})"
            )
        wrap = low < 0
    if wrap and index.size:
        index = k.map("where", k.map("less", index, 0), k.map("add", index, size), index)
    return index


def _from_host(op, index, x):
    """A list or a number as an index array where x lives."""
    import numpy as np

    array = np.asarray(index, dtype=np.int64 if index == [] else None)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{op}: index must be of integers, got {index!r}")
    if kernels.of(x) is kernels.host():
        return array.astype(np.int64)
    from ..kernels.cuda import memory

    return memory.upload(array.astype(np.int64))


@primitive
def strided_slice(x, *, starts, steps, sizes):
    """A regular part of x: sizes[a] entries along axis a, from starts[a] on in steps of steps[a].

    Forward    y[i_0, i_1, …] = x[starts_0 + i_0 · steps_0, …]
    Backward   ∂L/∂x = 0, and ∂L/∂y at those places
    Shapes     x (…) → y (…)
    """
    check_arrays("strided_slice", x=x)
    starts, steps, sizes = (
        integers("strided_slice", name, value)
        for name, value in (("starts", starts), ("steps", steps), ("sizes", sizes))
    )
    k, whole = kernels.of(x), tuple(x.shape)
    if not len(starts) == len(steps) == len(sizes) == len(whole) or any(
        size < 0 or (size and not (0 <= start < n and 0 <= start + (size - 1) * step < n))
        for start, step, size, n in zip(starts, steps, sizes, whole, strict=False)
    ):
        raise ValueError(
            f"strided_slice: starts {starts}, steps {steps} and sizes {sizes} must be one an axis and stay "
            f"inside x {whole}"
        )
    return k.slice(x, starts, steps, sizes), lambda dy: k.place(dy, starts, steps, whole, 0)


def index(x, *, key):
    """x[key]: ints, slices, None, …, and arrays or lists of integers, by NumPy's rules; composed.

    Forward    y = x[key]
    Shapes     x (…) → y (…)
    Errors     IndexError for too many indices, or one out of range; TypeError for a mask (use where)
    Note       Slices copy. Several integer arrays are read together: x[[0, 1], [2, 3]] is (x[0, 2], x[1, 3]).
    """
    check_arrays("index", x=x)
    parts = _parts(x, key if isinstance(key, tuple) else (key,))
    starts, steps, sizes, kept, arrays = [], [], [], [], []
    sizes_left = iter(x.shape)
    for part in parts:
        if part is None:
            kept.append(1)
            continue
        n = next(sizes_left)
        if isinstance(part, slice):
            span = range(*part.indices(n))
            start, step, size = span.start if len(span) else 0, span.step, len(span)
            kept.append(size)
        elif hasattr(part, "__index__") and not is_array(part):
            start, step, size = _entry(x, part.__index__(), n, len(starts)), 1, 1
        else:
            start, step, size = 0, 1, n
            arrays.append((len(kept), part))
            kept.append(n)
        starts.append(start), steps.append(step), sizes.append(size)
    y = x if tuple(sizes) == tuple(x.shape) and all(s == 1 for s in steps) else None
    y = strided_slice(x, starts=tuple(starts), steps=tuple(steps), sizes=tuple(sizes)) if y is None else y
    y = shape.reshape(y, shape=tuple(kept)) if tuple(kept) != tuple(y.shape) or y is x else y
    return _gather(y, arrays) if arrays else y


def _parts(x, key):
    """The key with its … written out, and unwrapped."""
    parts = [raw(part) for part in key]
    for i, part in enumerate(parts):
        if isinstance(part, bool) or (is_array(part) and part.dtype.kind == "b"):
            raise TypeError(
                "index: a mask gives a result of unknown shape; use where(mask, x, …), or x[nonzero places]"
            )
        if isinstance(part, (float, str, dict)) or type(part) is object:
            raise TypeError(f"index: expected ints, slices, None, … or integer arrays, got {part!r}")
        if is_array(part) and part.shape == () and kernels.of(part) is kernels.host():
            parts[i] = int(part)
    given = sum(part is not None and part is not Ellipsis for part in parts)
    if given > x.ndim:
        raise IndexError(f"index: {given} indices for x {tuple(x.shape)}, which has {x.ndim} axes")
    dots = [i for i, part in enumerate(parts) if part is Ellipsis]
    if len(dots) > 1:
        raise IndexError("index: only one … is possible")
    at = dots[0] if dots else len(parts)
    return parts[:at] + [slice(None)] * (x.ndim - given) + parts[at + 1 :]


def _entry(x, i, n, axis):
    if not -n <= i < n:
        raise IndexError(f"index: {i} is out of range for axis {axis} of x {tuple(x.shape)}")
    return i % n


def _gather(y, arrays):
    """Integer arrays, read together: [(axis, index), …] → their common shape in place of those axes."""
    axes = [axis for axis, _ in arrays]
    indices = [checked_index("index", i, raw(y), y.shape[axis]) for axis, i in arrays]
    if len(arrays) == 1:
        return take(y, indices[0], axis=axes[0])
    common = broadcast_shapes("index", *indices)
    k = kernels.of(raw(y))
    flat = k.full(common, 0, "int64")
    for axis, i in zip(axes, indices, strict=True):
        flat = k.map("add", k.map("mul", flat, y.shape[axis]), i)
    rest = [a for a in range(y.ndim) if a not in axes]
    rows = math.prod(y.shape[a] for a in axes)
    table = shape.reshape(shape.permute(y, axes=(*axes, *rest)), shape=(rows, *(y.shape[a] for a in rest)))
    found = take(table, flat)
    # NumPy's rule: neighbouring index arrays leave their axes in place, others put them first.
    first = axes[0] if axes == list(range(axes[0], axes[0] + len(axes))) else 0
    new, old = list(range(len(common))), list(range(len(common), found.ndim))
    return shape.permute(found, axes=(*old[:first], *new, *old[first:])) if first else found


@primitive
def take(x, index, *, axis=0):
    """Entries by number along an axis: the shape of index takes the place of that axis.

    Forward    y[…, i, …] = x[…, index[i], …]
    Backward   ∂L/∂x[…, index[i], …] += ∂L/∂y[…, i, …]
    Shapes     x (…), index (…) → y (…)
    Errors     IndexError for an index out of range (host; −1 is the last); TypeError if not of integers
    """
    check_arrays("take", x=x)
    axis = normalize_axis("take", axis, x.ndim)
    k, n = kernels.of(x), x.shape[axis]
    index = checked_index("take", index, x, n)
    if axis == 0:
        return k.take(x, index), lambda dy: (k.take_add(dy, index, n), None)
    first = (axis, *(a for a in range(x.ndim) if a != axis))  # the looked-up axis to the front …
    rank = index.ndim
    new, old = tuple(range(rank)), tuple(range(rank, rank + x.ndim - 1))
    back = old[:axis] + new + old[axis:]  # … and the axes of the index back in its place

    def backward(dy):
        dy = k.permute(dy, tuple(back.index(i) for i in range(len(back))))
        return k.permute(k.take_add(dy, index, n), tuple(first.index(i) for i in range(x.ndim))), None

    return k.permute(k.take(k.permute(x, first), index), back), backward


def _same_but(op, axis, x, **others):
    """Each of the others has x's shape, except along axis."""
    for name, other in others.items():
        if len(other) != x.ndim or any(a != axis and n != m for a, (n, m) in enumerate(zip(other, x.shape))):  # noqa: B905
            raise ValueError(
                f"{op}: {name} {other} must have the shape of x {tuple(x.shape)} except along axis {axis}"
            )


@primitive
def take_along(x, index, *, axis):
    """Entries by number, another number in each row (PyTorch's gather, NumPy's take_along_axis).

    Forward    y[…, j, …] = x[…, index[…, j, …], …]
    Backward   ∂L/∂x[…, index[…, j, …], …] += ∂L/∂y[…, j, …]
    Shapes     x (…), index (…) → y (…)
    Errors     ValueError where the shapes differ on another axis; IndexError for an index out of range
    """
    check_arrays("take_along", x=x)
    axis = normalize_axis("take_along", axis, x.ndim)
    k, n = kernels.of(x), x.shape[axis]
    index = checked_index("take_along", index, x, n)
    _same_but("take_along", axis, x, index=tuple(index.shape))
    return k.take_along(x, index, axis), lambda dy: (k.take_along_add(dy, index, axis, n), None)


@primitive
def scatter_add(x, index, src, *, axis):
    """x with the entries of src added at numbered places, another number in each row.

    Forward    y = x; y[…, index[…, j, …], …] += src[…, j, …]
    Backward   ∂L/∂x = ∂L/∂y, ∂L/∂src[…, j, …] = ∂L/∂y[…, index[…, j, …], …]
    Shapes     x (…), index (…), src (…) → y (…)
    Errors     ValueError where the shapes do not fit; IndexError for an index out of range
    """
    check_arrays("scatter_add", x=x, src=src)
    axis = normalize_axis("scatter_add", axis, x.ndim)
    k, n = kernels.of(x), x.shape[axis]
    index = checked_index("scatter_add", index, x, n)
    _same_but("scatter_add", axis, x, index=tuple(index.shape), src=tuple(src.shape))
    if tuple(src.shape) != tuple(index.shape):
        raise ValueError(
            f"scatter_add: src {tuple(src.shape)} and index {tuple(index.shape)} must have one shape"
        )
    y = k.map("add", x, k.take_along_add(src, index, axis, n))
    return y, lambda dy: (dy, None, lambda: k.take_along(dy, index, axis))


@primitive
def index_add(x, index, src):
    """x with the rows of src added at the rows with those numbers.

    Forward    y = x; y[index_i] += src_i
    Backward   ∂L/∂x = ∂L/∂y, ∂L/∂src_i = ∂L/∂y[index_i]
    Shapes     x (V, …), index (N,), src (N, …) → y (V, …)
    Errors     ValueError where the shapes do not fit; IndexError for an index out of range
    """
    check_arrays("index_add", x=x, src=src)
    k = kernels.of(x)
    if x.ndim == 0:
        raise ValueError("index_add: x must have at least one axis")
    index = checked_index("index_add", index, x, x.shape[0])
    if tuple(src.shape) != (*index.shape, *x.shape[1:]):
        raise ValueError(
            f"index_add: src {tuple(src.shape)} must have the shape of index {tuple(index.shape)} "
            f"followed by that of a row of x {tuple(x.shape)}"
        )
    return k.map("add", x, k.take_add(src, index, x.shape[0])), lambda dy: (
        dy,
        None,
        lambda: k.take(dy, index),
    )


@primitive
def one_hot(index, *, num_classes, dtype="int64"):
    """A new last axis, 1 at the place of the index and 0 elsewhere.

    Forward    y[…, v] = 1 where v = index[…], else 0
    Backward   none: index is data
    Shapes     index (…) → y (…, V)
    Errors     IndexError for an index out of range; TypeError if not of integers
    """
    check_arrays("one_hot", index=index)
    check_dtype("one_hot", dtype)
    (num_classes,) = integers("one_hot", "num_classes", (num_classes,))
    if num_classes < 1:
        raise ValueError(f"one_hot: num_classes must be at least 1, got {num_classes}")
    k = kernels.of(index)
    index = checked_index("one_hot", index, index, num_classes, wrap=False)
    classes = k.cast(positions(k, num_classes), "int64")
    return k.cast(k.map("equal", index.reshape((*index.shape, 1)), classes), dtype), None


@primitive
def embedding(weight, index, *, padding_idx=None):
    """A table of vectors, looked up (Bengio et al., 2003). The row padding_idx gets no gradient.

    Forward    y = W[index]
    Backward   ∂L/∂W[v] = Σ ∂L/∂y over the places where index = v; 0 for v = padding_idx
    Shapes     weight (V, D), index (…) → y (…, D)
    Errors     IndexError for an index out of range; TypeError if not of integers
    """
    check_arrays("embedding", weight=weight)
    k, rows = kernels.of(weight), weight.shape[0] if weight.ndim else 0
    if weight.ndim != 2:
        raise ValueError(f"embedding: weight must have shape (V, D), got {tuple(weight.shape)}")
    index = checked_index("embedding", index, weight, rows, wrap=False)
    if padding_idx is not None:
        padding_idx = normalize_axis("embedding", padding_idx, rows, "padding_idx")

    def backward(dy):
        if padding_idx is not None:
            padded = k.map("equal", index, padding_idx).reshape((*index.shape, 1))
            dy = k.map("where", padded, 0.0, dy)
        return k.take_add(dy, index, rows), None

    return k.take(weight, index), backward
