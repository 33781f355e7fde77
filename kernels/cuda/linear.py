"""Matrix products: addresses for ``product.py``. Equal to ``reference.linear``.

Algorithm: tiles in shared memory and registers (Volkov & Demmel, 2008). Error: k roundings at most in a sum
of k terms, in the dtype of the operands.
"""

import math as host_math

import numpy as np

from .layout import expand
from .memory import empty
from .product import Target, product
from .stride import broadcast_strides, collapse
from .tile import PLAIN, Operand, batch

__all__ = ["linear", "matmul", "matrices"]


def _operand_a(a, m, k, transposed, place=PLAIN):
    """A (M, K), or stored as (K, M)."""
    return Operand(a, (*place, *((1, m) if transposed else (k, 1))), transposed)


def _operand_b(b, k, n, transposed, place=PLAIN):
    """B (K, N), or stored as (N, K)."""
    return Operand(b, (*place, *((k, 1) if transposed else (1, n))), not transposed)


def matrices(a, b, transpose_a=False, transpose_b=False, extra=None, extra_steps=(0, 0), out=None,
             activation=None):  # fmt: skip
    """φ(A B + extra[i · extra_steps₀ + j · extra_steps₁]) for two single matrices."""
    m, k = a.shape[::-1] if transpose_a else a.shape
    n = b.shape[0] if transpose_b else b.shape[1]
    out = empty((m, n), a.dtype) if out is None else out
    steps = (0, *extra_steps)
    target = Target(out, (*PLAIN, n, 1), groups=n % 4 == 0, extra=extra, steps=steps, activation=activation)
    return product(target, _operand_a(a, m, k, transpose_a), _operand_b(b, k, n, transpose_b), (1, m, n, k))


def matmul(a, b, transpose_a, transpose_b):
    """a (…, M, K) @ b (…, K, N), either stored transposed; leading axes broadcast."""
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
    count = host_math.prod(shape)
    out = empty((*lead, m, n), a.dtype)
    left = _operand_a(a, m, k, transpose_a, batch(shape, [s * m * k for s in steps_a]))
    right = _operand_b(b, k, n, transpose_b, batch(shape, [s * k * n for s in steps_b]))
    target = Target(out, (*batch((count,), (m * n,)), n, 1), groups=n % 4 == 0)
    return product(target, left, right, (count, m, n, k))


def linear(x, weight, bias, activation=None):
    """y = φ(x Wᵀ + b); bias and activation are applied where a result is written, once."""
    return matrices(x, weight, transpose_b=True, extra=bias, extra_steps=(0, 1), activation=activation)
