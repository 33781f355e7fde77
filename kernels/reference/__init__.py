"""The reference floor: each kernel is its formula in NumPy, and the judge of the other two."""

from ..lazy import attributes

__getattr__, __dir__ = attributes(globals())
