"""Arithmetic on two operands, entry by entry, with broadcasting; and choosing between entries."""

import math

import numpy as np

from ..autograd import primitive
from .broadcast import back_to, broadcast_shapes, floor_of, is_array, meet

__all__ = ["add", "sub", "mul", "div", "pow", "remainder", "maximum", "minimum", "clip", "where"]


@primitive
def add(a, b):
    """Sum, entry by entry.

    Forward    y = a + b
    Backward   ∂L/∂a = ∂L/∂y, ∂L/∂b = ∂L/∂y, each summed over the axes along which it was repeated
    Shapes     a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast
    """
    k, to_a, to_b = meet("add", a, b)
    return k.map("add", a, b), (to_a, to_b)


@primitive
def sub(a, b):
    """Difference, entry by entry.

    Forward    y = a − b
    Backward   ∂L/∂a = ∂L/∂y, ∂L/∂b = −∂L/∂y
    Shapes     a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast
    """
    k, to_a, to_b = meet("sub", a, b)
    if is_array(a) and is_array(b) and a.dtype.kind == b.dtype.kind == "b":
        raise TypeError("sub: truth values have no difference, got bool and bool; use logical_xor")

    def db(dy):
        return to_b(k.map("neg", dy))

    return k.map("sub", a, b), (to_a, db)


@primitive
def mul(a, b):
    """Product, entry by entry.

    Forward    y = a ⊙ b
    Backward   ∂L/∂a = ∂L/∂y ⊙ b, ∂L/∂b = ∂L/∂y ⊙ a
    Shapes     a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast
    """
    k, to_a, to_b = meet("mul", a, b)

    def da(dy):
        return to_a(k.map("mul", dy, b))

    def db(dy):
        return to_b(k.map("mul", dy, a))

    return k.map("mul", a, b), (da, db)


@primitive
def div(a, b):
    """Quotient, entry by entry. Integers divide into fractions.

    Forward    y = a / b
    Backward   ∂L/∂a = ∂L/∂y / b, ∂L/∂b = −∂L/∂y ⊙ y / b
    Shapes     a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast
    """
    k, to_a, to_b = meet("div", a, b)
    if not any(is_array(x) and x.dtype.kind == "f" for x in (a, b)):
        a, b = (k.cast(x, "float32") if is_array(x) else x for x in (a, b))
    y = k.map("div", a, b)

    def da(dy):
        return to_a(k.map("div", dy, b))

    def db(dy):
        return to_b(k.map("neg", k.map("mul", k.map("div", dy, b), y)))

    return y, (da, db)


@primitive
def pow(a, b):
    """Power, entry by entry.

    Forward    y = aᵇ
    Backward   ∂L/∂a = ∂L/∂y ⊙ b aᵇ⁻¹ (0 where b = 0), ∂L/∂b = ∂L/∂y ⊙ y log a (0 where a = 0 and b ≥ 0)
    Shapes     a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast
    Note       A negative base takes whole exponents only (else not-a-number), and has no gradient for b.
    """
    k, to_a, to_b = meet("pow", a, b)
    y = k.map("pow", a, b)

    def da(dy):
        if not is_array(b):
            slope = k.map("mul", k.map("pow", a, b - 1), b) if b != 0 else 0.0
        else:
            slope = k.map("mul", k.map("pow", a, k.map("sub", b, 1)), b)
            slope = k.map("where", k.map("equal", b, 0), 0.0, slope)
        return to_a(k.map("mul", dy, slope))

    def db(dy):
        if not is_array(a):
            slope = k.map("mul", y, math.log(a) if a > 0 else (0.0 if a == 0 else math.nan))
        else:
            level = k.map("logical_and", k.map("equal", a, 0), k.map("greater_equal", b, 0))
            slope = k.map("where", level, 0.0, k.map("mul", y, k.map("log", a)))
        return to_b(k.map("mul", dy, slope))

    return y, (da, db)


@primitive
def remainder(a, b):
    """What division leaves, with the sign of the divisor (as Python's %).

    Forward    y = a − ⌊a / b⌋ b
    Backward   ∂L/∂a = ∂L/∂y, ∂L/∂b = −∂L/∂y ⊙ ⌊a / b⌋
    Shapes     a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast
    """
    k, to_a, to_b = meet("remainder", a, b)

    def db(dy):
        whole = k.map("floor", k.map("div", a, b))
        return to_b(k.map("neg", k.map("mul", dy, whole)))

    return k.map("remainder", a, b), (to_a, db)


def _share(k, dy, won, x, other):
    """dy where x won, half of it where the two are equal, else 0: the gradient of maximum and minimum."""
    tie = k.map("where", k.map("equal", x, other), k.map("mul", dy, 0.5), 0.0)
    return k.map("where", k.map(won, x, other), dy, tie)


@primitive
def maximum(a, b):
    """The larger of two entries; not-a-number where either is.

    Forward    y = max(a, b)
    Backward   ∂L/∂a = ∂L/∂y where a > b, ½ ∂L/∂y where a = b, else 0; likewise b
    Shapes     a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast
    """
    k, to_a, to_b = meet("maximum", a, b)

    def da(dy):
        return to_a(_share(k, dy, "greater", a, b))

    def db(dy):
        return to_b(_share(k, dy, "greater", b, a))

    return k.map("maximum", a, b), (da, db)


@primitive
def minimum(a, b):
    """The smaller of two entries; not-a-number where either is.

    Forward    y = min(a, b)
    Backward   ∂L/∂a = ∂L/∂y where a < b, ½ ∂L/∂y where a = b, else 0; likewise b
    Shapes     a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast
    """
    k, to_a, to_b = meet("minimum", a, b)

    def da(dy):
        return to_a(_share(k, dy, "less", a, b))

    def db(dy):
        return to_b(_share(k, dy, "less", b, a))

    return k.map("minimum", a, b), (da, db)


@primitive
def clip(x, *, min=None, max=None):
    """Entries held between two numbers; None leaves that side open.

    Forward    y = min(max(x, min), max)
    Backward   ∂L/∂x = ∂L/∂y where min ≤ x ≤ max (both ends included), else 0
    Shapes     x (…) → y (…)
    Errors     ValueError if both are None; TypeError if one is not a number
    """
    if min is None and max is None:
        raise ValueError("clip: give min, max, or both")
    for name, bound in (("min", min), ("max", max)):
        if not (bound is None or isinstance(bound, (int, float))):
            raise TypeError(f"clip: {name} must be a number or None, got {type(bound).__name__}; use maximum")
    k = floor_of("clip", x)
    if x.dtype.kind == "b":
        raise TypeError("clip: truth values cannot be held between numbers, got bool")
    if x.dtype.kind == "f":
        low, high = -math.inf if min is None else min, math.inf if max is None else max
    else:
        limits = np.iinfo(x.dtype)
        low, high = limits.min if min is None else min, limits.max if max is None else max

    def backward(dy):
        return k.map("clip_backward", dy, x, low, high)

    return k.map("clip", x, low, high), backward


@primitive
def where(condition, a, b):
    """One of two entries, as the condition says.

    Forward    y = a where condition, else b
    Backward   ∂L/∂a = ∂L/∂y where condition, else 0; ∂L/∂b the other way round; none for condition
    Shapes     condition (…), a (…), b (…) → y (…)
    Errors     ValueError where the shapes do not broadcast; TypeError if condition is not of truth values
    """
    if not is_array(condition) or condition.dtype.kind != "b":
        came = condition.dtype if is_array(condition) else type(condition).__name__
        raise TypeError(f"where: condition must be a bool array (such as x > 0), got {came}")
    k = floor_of("where", condition)
    broadcast_shapes("where", condition, a, b)
    to_a, to_b = back_to(a), back_to(b)
    if not is_array(a) and not is_array(b):
        a = k.full((), a, "float32")

    def da(dy):
        return to_a(k.map("where", condition, dy, 0.0))

    def db(dy):
        return to_b(k.map("where", condition, 0.0, dy))

    return k.map("where", condition, a, b), (None, da, db)
