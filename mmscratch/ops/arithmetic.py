"""Arithmetic, entry by entry, with broadcasting."""

from .. import kernels
from ..autograd import primitive
from .broadcast import broadcast_shapes, reduce_to

__all__ = ["add", "mul"]


def _floor(*operands):
    """The floor of the first operand that is an array."""
    return kernels.of(next(x for x in operands if hasattr(x, "shape")))


@primitive
def add(a, b):
    """Sum, entry by entry.

    Forward    y = a + b
    Backward   ∂L/∂a = ∂L/∂y, ∂L/∂b = ∂L/∂y, each summed over the axes along which it was repeated
    Shapes     a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast
    """
    broadcast_shapes("add", a, b)
    y = _floor(a, b).map("add", a, b)

    def backward(dy):
        return reduce_to(dy, a), reduce_to(dy, b)

    return y, backward


@primitive
def mul(a, b):
    """Product, entry by entry.

    Forward    y = a ⊙ b
    Backward   ∂L/∂a = ∂L/∂y ⊙ b, ∂L/∂b = ∂L/∂y ⊙ a
    Shapes     a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast
    """
    broadcast_shapes("mul", a, b)
    k = _floor(a, b)
    y = k.map("mul", a, b)

    def backward(dy):
        return lambda: reduce_to(k.map("mul", dy, b), a), lambda: reduce_to(k.map("mul", dy, a), b)

    return y, backward
