"""The cuda floor: Numba kernels on device arrays."""

from ..lazy import attributes

__getattr__, __dir__ = attributes(globals())
