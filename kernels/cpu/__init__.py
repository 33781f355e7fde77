"""The cpu floor: Numba and BLAS on the host."""

from ..lazy import attributes
from . import threads

__getattr__, __dir__ = attributes(globals())

threads.settle()
