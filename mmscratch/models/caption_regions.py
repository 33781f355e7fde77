"""What caption models ask of a picture's regions: those that are there, and their mean.

Pictures of a batch may have different numbers of regions (boxes of a detector). Those of the smaller ones are
filled up, and a mask says which are real; what stands in the others must not matter, were it NaN.
"""

import numpy as np

from .. import ops
from ..tensor import Tensor, tensor

__all__ = ["mean_region", "only_real", "real_regions"]


def real_regions(model, regions, mask):
    """The mask as a bool Tensor (B, R) beside the regions, True where a region is real; None stays None.

    Errors     TypeError for a mask that is not of truth values; ValueError for another shape, or for a
               picture without a single region
    """
    if mask is None:
        return None
    name = f"{type(model).__name__}: mask"
    values = mask.numpy() if isinstance(mask, Tensor) else np.asarray(mask)
    if values.dtype != bool:
        raise TypeError(f"{name} must be bool, True where a region is real, got {values.dtype}")
    if values.shape != tuple(regions.shape[:2]):
        raise ValueError(f"{name} must be (B, R) = {tuple(regions.shape[:2])}, got {values.shape}")
    if not values.any(1).all():
        raise ValueError(f"{name} leaves picture {int(values.any(1).argmin())} without a region")
    return tensor(values, device=regions.device)


def only_real(regions, mask):
    """Regions (B, R, D) with 0 where the mask says that there is none."""
    return regions if mask is None else ops.where(mask.unsqueeze(2), regions, 0.0)


def mean_region(regions, mask=None):
    """v̄ = Σ_i m_i a_i / Σ_i m_i over the real regions: (B, R, D), mask (B, R) → (B, D)."""
    if mask is None:
        return regions.mean(1)
    count = mask.numpy().sum(1, keepdims=True)
    share = tensor((1 / count).astype(np.dtype(str(regions.dtype))), device=regions.device)
    return only_real(regions, mask).sum(1) * share
