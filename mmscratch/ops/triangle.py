"""The lower and the upper triangle of matrices."""

from .. import kernels
from ..autograd import primitive
from .check import check_arrays, integers
from .scan import positions

__all__ = ["tril", "triu"]


def _triangle(op, x, diagonal, kept):
    """x where kept(column, row + diagonal), else 0: the same mask forwards and backwards."""
    check_arrays(op, x=x)
    (diagonal,) = integers(op, "diagonal", (diagonal,))
    if x.ndim < 2:
        raise ValueError(f"{op}: x must have at least two axes, got shape {tuple(x.shape)}")
    k = kernels.of(x)
    rows, columns = x.shape[-2:]
    row = k.map("add", positions(k, rows), float(diagonal)).reshape((rows, 1))
    mask = k.map(kept, positions(k, columns).reshape((1, columns)), row)
    return k.map("where", mask, x, 0), lambda dy: k.map("where", mask, dy, 0)


@primitive
def tril(x, *, diagonal=0):
    """The lower triangle: what lies above the diagonal-th diagonal becomes 0.

    Forward    y_ij = x_ij where j ≤ i + diagonal, else 0
    Backward   ∂L/∂x_ij = ∂L/∂y_ij there, else 0
    Shapes     x (…, M, N) → y (…, M, N)
    Errors     ValueError for less than two axes
    """
    return _triangle("tril", x, diagonal, "less_equal")


@primitive
def triu(x, *, diagonal=0):
    """The upper triangle: what lies below the diagonal-th diagonal becomes 0.

    Forward    y_ij = x_ij where j ≥ i + diagonal, else 0
    Backward   ∂L/∂x_ij = ∂L/∂y_ij there, else 0
    Shapes     x (…, M, N) → y (…, M, N)
    Errors     ValueError for less than two axes
    """
    return _triangle("triu", x, diagonal, "greater_equal")
