"""Matrix products: our own blocks on all threads where they are large and float32, BLAS where not."""

import math

import numpy as np

from ..reference import matmul as _by_blas
from . import simd
from .elementwise import map

__all__ = ["matmul", "linear"]

SMALL = 1 << 20
"""Below so many multiplications a call of BLAS, on its one thread, is the quickest."""

PACKED = 1 << 23
"""And of those that are to be packed into blocks first, below so many."""

FEW = 48
"""Up to so many rows, x Wᵀ is computed as dot products, W where it lies: copying it would cost more."""

ALONE = 1 << 26
"""In a stack of matrices, products of fewer multiplications each are done by one thread each."""


def matmul(a, b, transpose_a, transpose_b):
    """a b, either of them stored transposed; leading axes broadcast. Equals ``reference.matmul``.

    Algorithm: ``gemm.py``. float32 error: below 2e-7 · √K of the largest entry of |a| |b| (tested).
    """
    m, k = a.shape[:-3:-1] if transpose_a else a.shape[-2:]
    n = b.shape[-2] if transpose_b else b.shape[-1]
    lead = a.shape[:-2] if a.shape[:-2] == b.shape[:-2] else np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    count = math.prod(lead)
    steps_a, steps_b = (1, m) if transpose_a else (k, 1), (1, k) if transpose_b else (n, 1)
    few = _few(m, steps_a, steps_b)
    if not _is_ours(a, count * m * n * k, few or count > 1):
        return _by_blas(a, b, transpose_a, transpose_b)
    from . import gemm

    if count > 1 and not transpose_a and math.prod(b.shape[:-2]) == 1 and a.shape[:-2] == lead:
        return matmul(a.reshape(count * m, k), b.reshape(b.shape[-2:]), False, transpose_b).reshape(
            *lead, m, n
        )
    c = np.empty((*lead, m, n), np.float32)
    if count == 1:
        _one(a, steps_a, b, steps_b, c, (m, n, k), _NONE, 0)
    elif m * n * k < ALONE and (steps_b[1] == 1 or steps_a[1] == 1):
        starts = _starts(a.shape[:-2], lead, m * k), _starts(b.shape[:-2], lead, k * n)
        gemm.stack(count, _flat(a), starts[0], *steps_a, _flat(b), starts[1], *steps_b, _flat(c), m, n, k)
    else:
        places = zip(_starts(a.shape[:-2], lead, 1), _starts(b.shape[:-2], lead, 1), strict=True)
        a, b, out = a.reshape(-1, m * k), b.reshape(-1, k * n), c.reshape(count, m, n)
        for i, (p, q) in enumerate(places):
            _one(a[p], steps_a, b[q], steps_b, out[i], (m, n, k), _NONE, 0)
    return c


def linear(x, weight, bias, activation=None):
    """y = φ(x Wᵀ + b). Equals ``reference.linear``; algorithm and error as ``matmul``."""
    m, k = x.shape
    n = len(weight)
    if not _is_ours(x, m * n * k, m <= FEW):
        return _plain(x, weight, bias, activation)
    from . import gemm

    y = np.empty((m, n), np.float32)
    bias = _NONE if bias is None else bias
    _one(x, (k, 1), weight, (1, k), y, (m, n, k), bias, gemm.ACTIVATIONS[activation])
    return y


def _plain(x, weight, bias, activation):
    with np.errstate(all="ignore"):
        y = np.matmul(x, weight.T, out=np.empty((len(x), len(weight)), x.dtype))
        if bias is not None:
            y += bias  # in place: no second array
    return y if activation is None else map(activation, y)


_NONE = np.empty(0, np.float32)


def _is_ours(x, work, unpacked):
    return work >= (SMALL if unpacked else PACKED) and x.dtype == np.float32 and simd.LANES > 0


def _few(m, steps_a, steps_b):
    """Are these few rows, and both matrices stored along the sum?"""
    return m <= FEW and steps_a[1] == steps_b[0] == 1


def _one(a, steps_a, b, steps_b, c, sizes, bias, kind):
    """One product: as dot products where a has few rows and both lie along the sum, else in packed blocks."""
    from . import gemm

    m, n, k = sizes
    if _few(m, steps_a, steps_b):
        share = max(gemm.DOT, -(-n // 64 // 16) * 16)
        gemm.dots(-(-n // share), _flat(a), _flat(b), _flat(c), m, n, k, bias, kind, share)
    else:
        gemm.one(_flat(a), steps_a, _flat(b), steps_b, _flat(c), sizes, bias, kind)


def _flat(x):
    return x.reshape(-1)


def _starts(shape, lead, size):
    """Where in a flat array each matrix of the broadcast stack begins, matrices of ``size`` entries."""
    number = np.arange(math.prod(shape)).reshape(shape)
    return np.broadcast_to(number, lead).reshape(-1) * size
