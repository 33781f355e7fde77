"""What each ONNX operator is in operations of this library, by family.

An adapter may compose operations; NumPy serves it for shapes, attributes and index arithmetic only.
"""

from . import (
    attention,
    elementwise,
    image,
    indexing,
    layout,
    loss,
    normalization,
    recurrence,
    reduction,
    regions,
    signal,
    training,
    windows,
)
from .registry import ADAPTERS

NOT_OURS = {
    "StringNormalizer": "works on strings; no tensor, no arithmetic",
}
"""operator → why this library has no such operation."""

FAMILIES = (
    attention, elementwise, image, indexing, layout, loss, normalization, recurrence, reduction, regions,
    signal, training, windows,
)  # fmt: skip
"""Importing a family registers its adapters."""

__all__ = ["ADAPTERS", "FAMILIES", "NOT_OURS"]
