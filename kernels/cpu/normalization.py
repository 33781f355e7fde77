"""One normalization for batch, layer, group, instance and RMS norm.

A *set* is the entries that share a mean: K·L neighbours of one (b, g), or with ``across_batch`` those
of every b for one g. Sets go to threads in a number of chunks that follows from the sizes alone, each with
its own sums for the weight and the bias, which are added in order: the result does not depend on the threads.
"""

import numpy as np

from . import normalization_loops as plain
from .simd import LANES

if LANES:
    from . import normalization_columns as columns
    from . import normalization_vectors as vectors

__all__ = ["normalize", "normalize_backward"]

SMALL = 1 << 14
"""Below so many entries one thread is quicker than waking the others."""

CHUNKS = 32
"""Pieces in which sets go to threads, at most."""


def normalize(x, weight, bias, eps, across_batch, center):
    """y = (x − μ) · r · weight + bias with r = 1/√(σ² + eps); sums in float64."""
    batch, groups, channels, length = x.shape
    weight = np.ones(groups * channels, x.dtype) if weight is None else weight
    bias = np.zeros(groups * channels, x.dtype) if bias is None else bias
    eps, across_batch, center = float(eps), bool(across_batch), bool(center)
    in_vectors = LANES and x.dtype == np.float32
    y = np.empty_like(x)
    mean = np.empty((1 if across_batch else batch, groups), x.dtype)
    rstd = np.empty_like(mean)
    if _sets_are_columns(x, across_batch):
        if in_vectors:
            results = (y.reshape(-1), mean.reshape(-1), rstd.reshape(-1))
            columns.forward(-(-groups // LANES), groups, x.reshape(-1), weight, bias, eps, center, *results)
            return y, mean, rstd
        y, mean, rstd = normalize(_transposed(x), weight, bias, eps, True, center)
        return _transposed(y), mean, rstd
    loops = vectors if in_vectors else plain
    given = (x.shape, x.reshape(-1), weight, bias, eps, across_batch, center)
    results = (y.reshape(-1), mean.reshape(-1), rstd.reshape(-1))
    chunks = _chunks(x, mean.size)
    loops.forward(chunks, chunks, *given, *results)
    return y, mean, rstd


def normalize_backward(dy, x, weight, mean, rstd, across_batch, center):
    """x̂ = (x−μ)·r;  g = dy ⊙ weight;  dx = r · (g − mean(g) − x̂ · mean(g ⊙ x̂)).

    Without centring there is no mean(g).
    """
    _, groups, channels, _ = x.shape
    weight = np.ones(groups * channels, x.dtype) if weight is None else weight
    across_batch, center = bool(across_batch), bool(center)
    in_vectors = LANES and x.dtype == np.float32
    given = (dy.reshape(-1), x.reshape(-1), weight, mean.reshape(-1), rstd.reshape(-1))
    if _sets_are_columns(x, across_batch):
        if in_vectors:
            dx, dweight, dbias = np.empty_like(x), np.empty_like(weight), np.empty_like(weight)
            columns.backward(-(-groups // LANES), groups, *given, center, dx.reshape(-1), dweight, dbias)
            return dx, dweight, dbias
        dx, *rest = normalize_backward(_transposed(dy), _transposed(x), weight, mean, rstd, True, center)
        return _transposed(dx), *rest
    loops = vectors if in_vectors else plain
    chunks = _chunks(x, mean.size)
    sums = np.empty((2, chunks, groups * channels))  # first written by the threads that will add to them
    dx, dweight, dbias = np.empty_like(x), *np.empty((2, groups * channels), x.dtype)
    results = (dx.reshape(-1), dweight, dbias)
    loops.backward.rounds(2, chunks, x.shape, sums, *given, across_batch, center, *results)
    return dx, dweight, dbias


def _chunks(x, sets):
    return max(1, min(CHUNKS, sets, x.size // SMALL))


def _sets_are_columns(x, across_batch):
    return across_batch and x.shape[2] * x.shape[3] == 1


def _transposed(x):
    """(B, C, 1, 1) → (1, C, 1, B) and back."""
    return np.ascontiguousarray(x.transpose(3, 1, 2, 0))
