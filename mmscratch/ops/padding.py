"""Padding: entries put around an array."""

from .. import kernels
from ..autograd import primitive
from . import shape
from .check import check_arrays, check_number, integers
from .indexing import strided_slice

__all__ = ["pad"]


def pad(x, *, pads, mode="constant", value=0.0):
    """More entries before and after each axis; a negative number takes entries away; composed.

    Forward    y = x with pads[a] = (before, after) new entries along axis a: all of them value ("constant"),
               mirrored without the border ("reflect": c b | a b c | b a), or the border again ("edge")
    Shapes     x (…) → y (…)
    Errors     ValueError where there is not one pair an axis, or a reflection is as long as its axis
    """
    check_arrays("pad", x=x)
    if (
        not isinstance(pads, (tuple, list))
        or len(pads) != x.ndim
        or any(not isinstance(pair, (tuple, list)) or len(pair) != 2 for pair in pads)
    ):
        raise ValueError(
            f"pad: pads must be one pair (before, after) for each axis of x {tuple(x.shape)}, got {pads}"
        )
    if mode not in ("constant", "reflect", "edge"):
        raise ValueError(f"pad: mode must be 'constant', 'reflect' or 'edge', got {mode!r}")
    pads = [integers("pad", "pads", pair) for pair in pads]
    check_number("pad", "value", value)
    cut = [(max(-a, 0), max(-b, 0)) for a, b in pads]
    if any(a or b for a, b in cut):
        sizes = tuple(n - a - b for n, (a, b) in zip(x.shape, cut, strict=True))
        if min(sizes) < 0:
            raise ValueError(f"pad: pads {pads} take away more than there is of x {tuple(x.shape)}")
        x = strided_slice(x, starts=tuple(a for a, _ in cut), steps=(1,) * x.ndim, sizes=sizes)
    pads = [(max(a, 0), max(b, 0)) for a, b in pads]
    if mode == "constant":
        return _frame(x, before=tuple(a for a, _ in pads), after=tuple(b for _, b in pads), value=value)
    for axis, (before, after) in enumerate(pads):
        if before or after:
            pieces = _borders(x, axis, before, after, mode)
            x = shape.concatenate([pieces[0], x, pieces[1]], axis=axis)
    return x


@primitive
def _frame(x, *, before, after, value):
    """A frame of one value around x.

    Forward    y = value, and x in the middle
    Backward   ∂L/∂x = the middle of ∂L/∂y
    Shapes     x (…) → y (…)
    """
    k, ones = kernels.of(x), (1,) * x.ndim
    inner = tuple(x.shape)
    outer = tuple(a + n + b for a, n, b in zip(before, inner, after, strict=True))
    return k.place(x, before, ones, outer, value), lambda dy: k.slice(dy, before, ones, inner)


def _borders(x, axis, before, after, mode):
    """What comes before and after x along one axis."""
    n = x.shape[axis]

    def part(start, step, size):
        return strided_slice(
            x,
            starts=tuple(start if i == axis else 0 for i in range(x.ndim)),
            steps=tuple(step if i == axis else 1 for i in range(x.ndim)),
            sizes=tuple(size if i == axis else m for i, m in enumerate(x.shape)),
        )

    if mode == "reflect":
        if max(before, after) >= n:
            raise ValueError(
                f"pad: a reflection of {max(before, after)} needs more entries than axis {axis} has ({n})"
            )
        return part(before, -1, before), part(max(n - 2, 0), -1, after)
    if n == 0:
        raise ValueError(f"pad: axis {axis} of x {tuple(x.shape)} is empty and has no edge to repeat")
    widths = [tuple(m if i != axis else w for i, m in enumerate(x.shape)) for w in (before, after)]
    return shape.broadcast_to(part(0, 1, 1), shape=widths[0]), shape.broadcast_to(
        part(n - 1, 1, 1), shape=widths[1]
    )
