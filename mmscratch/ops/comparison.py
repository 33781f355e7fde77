"""Comparisons and logic, entry by entry: data of truth values, without a gradient."""

from ..autograd import primitive
from .broadcast import floor_of, meet

__all__ = [
    "equal", "not_equal", "less", "less_equal", "greater", "greater_equal",
    "logical_and", "logical_or", "logical_xor", "logical_not", "isnan", "isfinite",
]  # fmt: skip


def _pair(name, symbol, errors="ValueError where the shapes do not broadcast"):
    """A rule of two operands whose result is bool."""

    def rule(a, b):
        k, _, _ = meet(name, a, b)
        return k.map(name, a, b), None

    rule.__name__ = rule.__qualname__ = name
    rule.__doc__ = f"""Entry by entry: {symbol}.

    Forward    y = {symbol}
    Backward   none: the result is of truth values
    Shapes     a (…), b (…) → y (…)
    Errors     {errors}
    """
    return primitive(rule)


def _single(name, symbol):
    """A rule of one operand whose result is bool."""

    def rule(x):
        return floor_of(name, x).map(name, x), None

    rule.__name__ = rule.__qualname__ = name
    rule.__doc__ = f"""Entry by entry: {symbol}.

    Forward    y = {symbol}
    Backward   none: the result is of truth values
    Shapes     x (…) → y (…)
    """
    return primitive(rule)


equal = _pair("equal", "a = b")
not_equal = _pair("not_equal", "a ≠ b")
less = _pair("less", "a < b")
less_equal = _pair("less_equal", "a ≤ b")
greater = _pair("greater", "a > b")
greater_equal = _pair("greater_equal", "a ≥ b")
logical_and = _pair("logical_and", "a ∧ b (anything but 0 is true)")
logical_or = _pair("logical_or", "a ∨ b (anything but 0 is true)")
logical_xor = _pair("logical_xor", "a ⊻ b (anything but 0 is true)")
logical_not = _single("logical_not", "¬x (anything but 0 is true)")
isnan = _single("isnan", "x is not a number")
isfinite = _single("isfinite", "x is a number, and not ±∞")
