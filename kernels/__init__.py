"""Three floors of the same kernels, and the door that chooses between them.

    floor = kernels.of(x)           the floor on which the array x lives
    y = floor.softmax(x, None)      any kernel of interface.py

Device arrays are served by ``cuda``. NumPy arrays are served by the host floor: ``cpu`` (Numba)
where Numba is installed, else ``reference`` (NumPy); ``use("reference")`` changes it.
"""

if __name__ != "mmscratch.kernels":
    # A stray top-level `kernels` (the repository root on sys.path) would run a second copy of
    # everything, and would hide an unrelated package of that name.
    raise ImportError(f"import mmscratch.kernels, not {__name__}")

import contextlib
import importlib
import sys

from numpy import ndarray

from .precision import is_precise, precise

__all__ = ["FLOORS", "floor", "has_numba", "host", "is_precise", "of", "precise", "use"]

FLOORS = ("reference", "cpu", "cuda")


def has_numba():
    """Is Numba installed? (Asked without importing it: that takes half a second.)"""
    if "numba" in sys.modules:
        return sys.modules["numba"] is not None
    return importlib.util.find_spec("numba") is not None


def floor(name):
    """The floor of that name, a module whose attributes are the kernels of interface.py."""
    if name not in FLOORS:
        raise ValueError(f"floor: expected one of {FLOORS}, got {name!r}")
    if name != "reference" and not has_numba():
        raise ImportError(f"the {name} floor needs Numba, which is not installed; use 'reference'")
    return importlib.import_module(f"{__name__}.{name}")


_host = None


def host():
    """The floor that serves NumPy arrays now."""
    global _host
    if _host is None:
        _host = floor("cpu" if has_numba() else "reference")
    return _host


def of(x):
    """The floor on which the array lives."""
    if isinstance(x, ndarray):
        return _host or host()
    return floor("cuda")


class use(contextlib.AbstractContextManager):
    """Serve NumPy arrays by another host floor: for good, ``use("reference")``, or within ``with``."""

    def __init__(self, name):
        global _host
        if name not in ("reference", "cpu"):
            raise ValueError(f"use: expected 'reference' or 'cpu', got {name!r}")
        self._before = host()
        _host = floor(name)

    def __exit__(self, *exception):
        global _host
        _host = self._before
