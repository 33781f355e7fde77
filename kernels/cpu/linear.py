"""Matrix products: BLAS, by np.matmul."""

import numpy as np

from ..reference import matmul
from .elementwise import map

__all__ = ["matmul", "linear"]


def linear(x, weight, bias, activation=None):
    """y = φ(x Wᵀ + b)."""
    with np.errstate(all="ignore"):
        y = np.matmul(x, weight.T, out=np.empty((len(x), len(weight)), x.dtype))
        if bias is not None:
            y += bias  # in place: no second array
    return y if activation is None else map(activation, y)
