"""Moving data without changing it: NumPy's copies, one pass over memory each."""

from ..reference import concatenate, expand, permute, place, slice

__all__ = ["permute", "expand", "slice", "place", "concatenate"]
