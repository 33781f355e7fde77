"""Elementary functions of one operand, entry by entry.

Integers are taken as float32 where the result need not be whole.
"""

import math

from .. import kernels
from ..autograd import primitive
from .broadcast import floor_of
from .check import check_arrays, check_dtype

__all__ = [
    "neg", "abs", "sign", "exp", "log", "sqrt", "rsqrt", "reciprocal", "square", "sin", "cos", "erf",
    "floor", "ceil", "round", "cast",
]  # fmt: skip


def as_float(op, x):
    """x, or x as float32 if it holds integers or truth values."""
    if hasattr(x, "dtype") and x.dtype.kind == "f":
        return x
    return floor_of(op, x).cast(x, "float32")


@primitive
def neg(x):
    """Negative.

    Forward    y = −x
    Backward   ∂L/∂x = −∂L/∂y
    Shapes     x (…) → y (…)
    """
    k = floor_of("neg", x)
    if x.dtype.kind == "b":
        raise TypeError("neg: truth values have no negative, got bool; use logical_not")
    return k.map("neg", x), lambda dy: k.map("neg", dy)


@primitive
def abs(x):
    """Absolute value.

    Forward    y = |x|
    Backward   ∂L/∂x = ∂L/∂y ⊙ sign x (0 where x = 0)
    Shapes     x (…) → y (…)
    """
    k = floor_of("abs", x)
    return k.map("abs", x), lambda dy: k.map("mul", dy, k.map("sign", x))


@primitive
def sign(x):
    """−1, 0 or 1.

    Forward    y = sign x
    Backward   ∂L/∂x = 0
    Shapes     x (…) → y (…)
    """
    if getattr(x, "dtype", None) == "bool":
        raise TypeError("sign: truth values have no sign, got bool")
    return _level("sign", x)


@primitive
def exp(x):
    """Exponential.

    Forward    y = eˣ
    Backward   ∂L/∂x = ∂L/∂y ⊙ y
    Shapes     x (…) → y (…)
    """
    x = as_float("exp", x)
    k = kernels.of(x)
    y = k.map("exp", x)
    return y, lambda dy: k.map("mul", dy, y)


@primitive
def log(x):
    """Natural logarithm: −∞ at 0, not-a-number below.

    Forward    y = log x
    Backward   ∂L/∂x = ∂L/∂y / x
    Shapes     x (…) → y (…)
    """
    x = as_float("log", x)
    k = kernels.of(x)
    return k.map("log", x), lambda dy: k.map("div", dy, x)


@primitive
def sqrt(x):
    """Square root.

    Forward    y = √x
    Backward   ∂L/∂x = ∂L/∂y / 2y (infinite at 0)
    Shapes     x (…) → y (…)
    """
    x = as_float("sqrt", x)
    k = kernels.of(x)
    y = k.map("sqrt", x)
    return y, lambda dy: k.map("div", k.map("mul", dy, 0.5), y)


def rsqrt(x):
    """One over the square root; composed of sqrt and reciprocal.

    Forward    y = 1 / √x
    Shapes     x (…) → y (…)
    """
    check_arrays("rsqrt", x=x)
    return reciprocal(sqrt(x))


@primitive
def reciprocal(x):
    """One over x.

    Forward    y = 1 / x
    Backward   ∂L/∂x = −∂L/∂y ⊙ y²
    Shapes     x (…) → y (…)
    """
    x = as_float("reciprocal", x)
    k = kernels.of(x)
    y = k.map("reciprocal", x)
    return y, lambda dy: k.map("neg", k.map("mul", dy, k.map("square", y)))


@primitive
def square(x):
    """Square.

    Forward    y = x²
    Backward   ∂L/∂x = 2 ∂L/∂y ⊙ x
    Shapes     x (…) → y (…)
    """
    k = floor_of("square", x)
    return k.map("square", x), lambda dy: k.map("mul", k.map("mul", dy, 2.0), x)


@primitive
def sin(x):
    """Sine, of radians.

    Forward    y = sin x
    Backward   ∂L/∂x = ∂L/∂y ⊙ cos x
    Shapes     x (…) → y (…)
    """
    x = as_float("sin", x)
    k = kernels.of(x)
    return k.map("sin", x), lambda dy: k.map("mul", dy, k.map("cos", x))


@primitive
def cos(x):
    """Cosine, of radians.

    Forward    y = cos x
    Backward   ∂L/∂x = −∂L/∂y ⊙ sin x
    Shapes     x (…) → y (…)
    """
    x = as_float("cos", x)
    k = kernels.of(x)
    return k.map("cos", x), lambda dy: k.map("neg", k.map("mul", dy, k.map("sin", x)))


@primitive
def erf(x):
    """The error function.

    Forward    y = 2/√π ∫₀ˣ e^(−t²) dt
    Backward   ∂L/∂x = ∂L/∂y ⊙ 2/√π e^(−x²)
    Shapes     x (…) → y (…)
    """
    x = as_float("erf", x)
    k = kernels.of(x)

    def backward(dy):
        bell = k.map("exp", k.map("neg", k.map("square", x)))
        return k.map("mul", dy, k.map("mul", bell, 2.0 / math.sqrt(math.pi)))

    return k.map("erf", x), backward


def _level(formula, x):
    """A function made of level pieces: its gradient is 0 wherever it has one."""
    k = floor_of(formula, x)
    return k.map(formula, x), lambda dy: k.full(dy.shape, 0, dy.dtype)


@primitive
def floor(x):
    """The largest whole number not above x.

    Forward    y = ⌊x⌋
    Backward   ∂L/∂x = 0
    Shapes     x (…) → y (…)
    """
    return _level("floor", x)


@primitive
def ceil(x):
    """The smallest whole number not below x.

    Forward    y = ⌈x⌉
    Backward   ∂L/∂x = 0
    Shapes     x (…) → y (…)
    """
    return _level("ceil", x)


@primitive
def round(x):
    """The nearest whole number; halves go to the even one.

    Forward    y = the whole number nearest to x
    Backward   ∂L/∂x = 0
    Shapes     x (…) → y (…)
    """
    return _level("round", x)


@primitive
def cast(x, *, dtype):
    """The same numbers with another dtype (float → int drops the fraction, anything → bool is ≠ 0).

    Forward    y = x as dtype
    Backward   ∂L/∂x = ∂L/∂y as x's dtype, between floats; none to or from integers
    Shapes     x (…) → y (…)
    Errors     TypeError for a dtype that holds no numbers
    """
    k = floor_of("cast", x)
    check_dtype("cast", dtype)
    return k.cast(x, dtype), lambda dy: k.cast(dy, x.dtype)
