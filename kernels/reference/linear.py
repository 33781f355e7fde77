"""Matrix products."""

import numpy as np

from .elementwise import map


def matmul(a, b, transpose_a, transpose_b):
    """a b, either of them stored transposed; leading axes broadcast."""
    if transpose_a:
        a = a.swapaxes(-1, -2)
    if transpose_b:
        b = b.swapaxes(-1, -2)
    with np.errstate(all="ignore"):
        return np.asarray(np.matmul(a, b), order="C")


def linear(x, weight, bias, activation=None):
    """y = φ(x Wᵀ + b)."""
    with np.errstate(all="ignore"):
        y = np.asarray(x @ weight.T, order="C")
        y = y if bias is None else y + bias
    return y if activation is None else map(activation, y)
