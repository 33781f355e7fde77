"""Matrix products: addresses for the tiled kernel of ``tile.py``. Equal to ``reference.linear``."""

import math as host_math

import numpy as np

from .layout import expand
from .memory import empty
from .stride import broadcast_strides, collapse
from .tile import PLAIN, batch, product

__all__ = ["linear", "matmul", "matrices"]


def _steps(rows, columns, transposed):
    """How far a step along row and column goes in a matrix with so many rows and columns, stored so."""
    return (1, rows) if transposed else (columns, 1)


def matrices(a, b, transpose_a=False, transpose_b=False, extra=None, extra_steps=(0, 0), out=None):
    """A B for two single matrices, plus extra[i · extra_steps₀ + j · extra_steps₁] if there is one."""
    m, k = a.shape[::-1] if transpose_a else a.shape
    n = b.shape[0] if transpose_b else b.shape[1]
    out = empty((m, n), a.dtype) if out is None else out
    pa = PLAIN + _steps(m, k, transpose_a)
    pb = PLAIN + _steps(k, n, transpose_b)
    po = PLAIN + (n, int(extra is not None), *extra_steps)
    return product(out, a, b, (1, m, n, k), pa, pb, po, extra, a_down=transpose_a, b_down=transpose_b)


def matmul(a, b, transpose_a, transpose_b):
    """a (…, M, K) @ b (…, K, N), either stored transposed; leading axes broadcast.

    Tiles in shared memory; k roundings at most in sums of k terms.
    """
    m, k = a.shape[:-3:-1] if transpose_a else a.shape[-2:]
    n = b.shape[-2] if transpose_b else b.shape[-1]
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    if host_math.prod(b.shape[:-2]) == 1 and not transpose_a and a.shape[:-2] == lead:
        flat = (host_math.prod(lead) * m, k)  # the same b for all: one tall matrix
        return matrices(a.reshape(flat), b.reshape(b.shape[-2:]), False, transpose_b).reshape(*lead, m, n)
    steps_a, steps_b = (broadcast_strides(x.shape[:-2], lead) for x in (a, b))
    shape, steps_a, steps_b = collapse(lead, steps_a, steps_b)
    if len(shape) > 3:
        return matmul(
            expand(a, lead + a.shape[-2:]), expand(b, lead + b.shape[-2:]), transpose_a, transpose_b
        )
    out = empty((*lead, m, n), a.dtype)
    pa = batch(shape, [s * m * k for s in steps_a]) + _steps(m, k, transpose_a)
    pb = batch(shape, [s * k * n for s in steps_b]) + _steps(k, n, transpose_b)
    po = batch((host_math.prod(shape),), (m * n,)) + (n, 0, 0, 0)
    sizes = (host_math.prod(shape), m, n, k)
    return product(out, a, b, sizes, pa, pb, po, a_down=transpose_a, b_down=transpose_b)


def linear(x, weight, bias):
    """y = x Wᵀ + b; equals ``reference.linear``. The bias is added where the result is written."""
    return matrices(x, weight, transpose_b=True, extra=bias, extra_steps=(0, 1))
