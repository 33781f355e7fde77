"""The cpu floor: Numba and BLAS on the host."""

from ..lazy import attributes

__getattr__, __dir__ = attributes(globals())
