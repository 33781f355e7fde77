"""What operations ask of their arguments: an error names the operation, the argument and what came."""

import operator

from numpy import dtype, generic

__all__ = [
    "NUMBERS",
    "check_arrays",
    "check_dtype",
    "check_number",
    "check_optional",
    "integers",
    "what_came",
]

NUMBERS = "fiub"
"""The kinds of dtype that hold numbers here: floats, integers and truth values."""


def what_came(x):
    """A few words for something that is no array of numbers."""
    plain = isinstance(x, generic) or not hasattr(x, "dtype")
    return type(x).__name__ if plain else f"an array of {x.dtype}"


def check_arrays(op, **operands):
    """TypeError in the name of ``op`` unless each operand is a tensor or an array of numbers."""
    for name, x in operands.items():
        if not hasattr(x, "dtype") or isinstance(x, generic) or x.dtype.kind not in NUMBERS:
            raise TypeError(
                f"{op}: {name} must be a tensor or an array of numbers, got {what_came(x)}; "
                "wrap it with tensor(…)"
            )


def check_optional(op, **operands):
    """The same, where None stands for an operand that is left out."""
    check_arrays(op, **{name: x for name, x in operands.items() if x is not None})


def check_number(op, name, value, least=None):
    """TypeError unless value is a Python or NumPy number, ValueError where it is below ``least`` (or NaN)."""
    if not isinstance(value, (int, float)) and not (
        getattr(value, "shape", None) == () and getattr(value.dtype, "kind", "") in ("f", "i", "u")
    ):
        raise TypeError(f"{op}: {name} must be a number, got {value!r}")
    if least is not None and not value >= least:
        raise ValueError(f"{op}: {name} must be at least {least}, got {value!r}")


def check_dtype(op, wanted):
    """TypeError unless ``wanted`` names a dtype of numbers."""
    try:
        known = wanted is not None and dtype(wanted).kind in NUMBERS
    except (TypeError, ValueError):
        known = False
    if not known:
        raise TypeError(f"{op}: dtype must name floats, integers or bool, got {wanted!r}")


def integers(op, name, value):
    """A tuple of ints, from one or several; 2.5 is refused, not cut."""
    try:
        return tuple(map(operator.index, value if isinstance(value, (tuple, list)) else (value,)))
    except TypeError:
        raise TypeError(f"{op}: {name} must be an int or several, got {value!r}") from None
