"""Sizes of windows that slide over 1 to 3 spatial axes: what convolution and pooling ask of their options."""

import operator

from .check import check_arrays

__all__ = ["floor_size", "pairs_of", "sizes_of", "spatial_input"]


def spatial_input(op, x, n, name="x"):
    """The n spatial sizes of x (B, C, S…), or an error."""
    check_arrays(op, **{name: x})
    if x.ndim != n + 2:
        raise ValueError(
            f"{op}: {name} must have {n + 2} axes (batch, channels and {n} of space), "
            f"got shape {tuple(x.shape)}; a single sample needs a batch axis of 1"
        )
    return tuple(x.shape[2:])


def sizes_of(op, name, value, n, least=1):
    """One integer an axis: an int stands for all n axes."""
    values = tuple(value) if isinstance(value, tuple | list) else (value,) * n
    try:
        values = tuple(operator.index(v) for v in values)
    except TypeError:
        raise TypeError(f"{op}: {name} must be an int or {n} of them, got {value!r}") from None
    if len(values) != n or min(values) < least:
        raise ValueError(f"{op}: {name} must be an int or {n} of them, each at least {least}, got {value!r}")
    return values


def pairs_of(op, padding, extent, stride):
    """One pair (before, after) an axis, from an int, one int or one pair an axis, "valid" or "same".

    "same": as many positions out as in (stride 1 only); an odd one goes after. extent: how far a window
    reaches from its first position to its last, on each axis.
    """
    n = len(extent)
    if padding == "valid":
        return ((0, 0),) * n
    if padding == "same":
        if set(stride) != {1}:
            raise ValueError(f'{op}: padding="same" needs stride 1, got stride {stride}')
        return tuple((e // 2, e - e // 2) for e in extent)
    if isinstance(padding, str):
        raise ValueError(f'{op}: padding must be an int, ints, pairs, "same" or "valid", got {padding!r}')
    if isinstance(padding, tuple | list) and any(isinstance(p, tuple | list) for p in padding):
        if len(padding) != n:
            raise ValueError(f"{op}: padding must have one pair an axis, {n} of them, got {padding!r}")
        return tuple(sizes_of(op, "padding", p, 2, least=0) for p in padding)
    return tuple((p, p) for p in sizes_of(op, "padding", padding, n, least=0))


def floor_size(op, size, pads, extent, stride, ceil_mode=False):
    """How many windows fit on one axis: (size + padding − extent − 1) // stride + 1.

    ceil_mode: also a last one that hangs over, if it begins inside the input or the padding before it.
    """
    room = size + sum(pads) - extent - 1
    if room < 0:
        raise ValueError(
            f"{op}: a window of {extent + 1} positions (dilation counted) does not fit on an axis "
            f"of {size} with padding {pads}"
        )
    count = room // stride + 1
    if ceil_mode and room % stride and count * stride < size + pads[0]:
        count += 1
    return count
