"""Broadcasting, and its gradient: the one place where a gradient is summed back to its input's shape."""

from .. import kernels

__all__ = ["broadcast_shapes", "reduce_to", "shape_of"]


def shape_of(x):
    """The shape of an array; () for a Python number."""
    return tuple(getattr(x, "shape", ()))


def broadcast_shapes(op, *arrays):
    """The shape to which the arrays broadcast (NumPy's rule), or an error that names op and all shapes."""
    shapes = [shape_of(x) for x in arrays]
    rank = max(map(len, shapes))
    out = []
    for sizes in zip(*((1,) * (rank - len(s)) + s for s in shapes), strict=True):
        wide = {n for n in sizes if n != 1}
        if len(wide) > 1:
            raise ValueError(
                f"{op}: shapes {' and '.join(map(str, shapes))} do not broadcast; aligned at the right, "
                "each axis must agree or be 1"
            )
        out.append(wide.pop() if wide else 1)
    return tuple(out)


def reduce_to(dy, x):
    """The gradient of broadcasting x: dy summed over the axes along which x was repeated; None for a number."""
    if not hasattr(x, "shape"):
        return None
    shape = tuple(x.shape)
    if tuple(dy.shape) == shape:
        return dy
    lead = dy.ndim - len(shape)
    axes = tuple(i for i in range(dy.ndim) if i < lead or (shape[i - lead] == 1 and dy.shape[i] != 1))
    return kernels.of(dy).reduce("sum", dy, axes, False).reshape(shape)
