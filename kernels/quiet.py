"""NumPy without its warnings: log 0 = −∞ and so on are results here, not events.

``np.errstate(all="ignore")`` says the same, but takes four times as long as adding two short arrays.
NumPy keeps the setting in a context variable. So there is one context in which it is off for good, and
functions are run inside it.
"""

import contextvars
import functools

import numpy as np

__all__ = ["quiet", "quietly"]

_context = contextvars.Context()
_context.run(np.seterr, all="ignore")


def quiet(function):
    """The same function, quiet. RuntimeError if one is running already (another thread's): use quietly."""
    return functools.partial(_context.run, function)


def quietly(function, *operands, **options):
    """function(*operands, **options) with NumPy's warnings about numbers off, whatever else is running."""
    return _context.copy().run(function, *operands, **options)
