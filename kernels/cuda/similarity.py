"""Unit length, and nearest neighbours by cosine. Equal to ``reference.similarity``."""

import numpy as np

from .elementwise import map as apply
from .launch import BLOCK, SIMULATOR, cached, cuda, kernel, launch_blocks, math, row_sum
from .layout import concatenate
from .linear import matrices
from .memory import empty
from .reduce import topk, topk_named

__all__ = ["cosine_topk", "l2_normalize", "l2_normalize_backward"]

ROWS = 16 if SIMULATOR else 1 << 18
"""Rows of the database whose scores are held at a time."""


@cached
def _kernels(dtype):
    T = dtype.type

    @kernel
    def forward(y, norm, x, rows, length, eps, only_zero):
        """A block a row. only_zero: divide by ‖x‖, or by 1 where it is 0."""
        scratch = cuda.shared.array(BLOCK, T)
        t = cuda.threadIdx.x
        for r in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            base = np.int64(r) * length
            total = T(0)
            for j in range(base + t, base + length, cuda.blockDim.x):
                total += x[j] * x[j]
            size = math.sqrt(row_sum(scratch, total))
            if t == 0:
                norm[r] = size
            divisor = eps if size < eps else size
            if only_zero:
                divisor = T(1) if size == T(0) else size
            for j in range(base + t, base + length, cuda.blockDim.x):
                y[j] = x[j] / divisor

    @kernel
    def backward(dx, dy, y, norm, rows, length, eps):
        scratch = cuda.shared.array(BLOCK, T)
        t = cuda.threadIdx.x
        for r in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            base = np.int64(r) * length
            total = T(0)
            for j in range(base + t, base + length, cuda.blockDim.x):
                total += y[j] * dy[j]
            total = row_sum(scratch, total)
            for j in range(base + t, base + length, cuda.blockDim.x):
                dx[j] = dy[j] / eps if norm[r] < eps else (dy[j] - y[j] * total) / norm[r]

    return forward, backward


def _normalized(x, eps, only_zero):
    y, norm = empty(x.shape, x.dtype), empty(x.shape[:1], x.dtype)
    rows, length = x.shape
    forward, _ = _kernels(x.dtype)
    launch_blocks(forward, rows, length, y, norm, x, rows, length, x.dtype.type(eps), only_zero)
    return y, norm


def l2_normalize(x, eps):
    """y = x / max(‖x‖, eps) for each row → y, ‖x‖; the sum of squares is folded, log₂ D + D/256 roundings."""
    return _normalized(x, eps, False)


def l2_normalize_backward(dy, y, norm, eps):
    """dx = (dy − y Σ y ⊙ dy) / ‖x‖, or dy / eps where ‖x‖ < eps."""
    dx = empty(y.shape, y.dtype)
    rows, length = y.shape
    _, backward = _kernels(y.dtype)
    launch_blocks(backward, rows, length, dx, dy, y, norm, rows, length, y.dtype.type(eps))
    return dx


def cosine_topk(queries, database, k, normalized):
    """The k rows with the largest cosine to each query, falling, lower id first on ties → score, id.

    The database is walked through in stretches: scores by the tiled product, the k best of the stretch,
    and then the k best of those and the ones before. So the memory used does not grow with the database.
    """
    if not normalized:
        queries, _ = _normalized(queries, 0, True)
    best = None
    for first in range(0, database.shape[0], ROWS):
        stretch = database.rows(first, min(database.shape[0], first + ROWS))
        if not normalized:
            stretch, _ = _normalized(stretch, 0, True)
        score, row = topk(matrices(queries, stretch, transpose_b=True), min(k, stretch.shape[0]))
        row = apply("add", row, first)
        if best is not None:
            score, row = (concatenate(pair, 1) for pair in zip(best, (score, row), strict=True))
            score, row = topk_named(score, row, min(k, score.shape[1]))
        best = score, row
    return best
