"""What modules check of their arguments, so that an error names the module and both shapes."""

import difflib
import inspect
import operator

__all__ = ["known", "positive", "probability", "shape", "tuple_of"]


def known(module, unknown):
    """Refuse arguments that the module's ``__init__`` does not have, naming module, argument and what it has.

    For an ``__init__`` that several classes share: Python's own message would name the parent's.
    """
    if not unknown:
        return
    there = [
        name
        for name, p in inspect.signature(type(module).__init__).parameters.items()
        if name != "self" and p.kind is not p.VAR_KEYWORD
    ]
    near = difflib.get_close_matches(next(iter(unknown)), there, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    raise TypeError(
        f"{type(module).__name__}: unknown argument {', '.join(map(repr, unknown))}{meant} "
        f"(there are: {', '.join(there)})"
    )


def positive(module, **sizes):
    """Each size must be an integer of at least 1."""
    for name, size in sizes.items():
        try:
            fine = not isinstance(size, bool) and operator.index(size) >= 1
        except TypeError:
            fine = False
        if not fine:
            raise ValueError(f"{type(module).__name__}: {name} must be a positive integer, got {size!r}")


def probability(module, name, p):
    """A probability must lie in [0, 1]."""
    if not (isinstance(p, int | float) and 0 <= p <= 1):
        raise ValueError(f"{type(module).__name__}: {name} must be in [0, 1], got {p!r}")
    return float(p)


def shape(module, argument, x, *expected):
    """x.shape must match: an int is itself, a string any size, a leading … any number of axes."""
    found = tuple(getattr(x, "shape", ()))
    open_ended = expected[:1] == (...,)
    sizes = expected[1:] if open_ended else expected
    fine = len(found) >= len(sizes) if open_ended else len(found) == len(sizes)
    tail = found[len(found) - len(sizes) :]
    if fine and all(isinstance(e, str) or e == n for e, n in zip(sizes, tail, strict=True)):
        return
    wanted = ", ".join("…" if e is ... else str(e) for e in expected)
    comma = "," if len(expected) == 1 else ""
    what = (
        f"has shape {found}, expected"
        if hasattr(x, "shape")
        else f"is a {type(x).__name__}, expected a tensor"
    )
    raise ValueError(f"{type(module).__name__}: {argument} {what} ({wanted}{comma})")


def tuple_of(module, name, value, n):
    """An int for all of n axes, or n of them: always a tuple of n."""
    sizes = tuple(value) if isinstance(value, tuple | list) else (value,) * n
    if len(sizes) != n:
        raise ValueError(f"{type(module).__name__}: {name} must be an int or {n} of them, got {value!r}")
    return sizes
