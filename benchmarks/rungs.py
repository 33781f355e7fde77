"""The rungs of the ladder in kernels/README.md: one formula, written for the machine step by step.

Each function is complete and correct; each does more of what the machine wants. ``ladder.py`` times them.
"""

import math

import numpy as np

from mmscratch.kernels.cpu.microkernels import ROWS, VECTORS, tile
from mmscratch.kernels.cpu.simd import LANES, load_part, maximum, splat, store, store_part, total, where
from mmscratch.kernels.cpu.simd import largest as largest_lane
from mmscratch.kernels.cpu.simd_math import exp
from mmscratch.kernels.jit import njit

__all__ = [
    "matmul_blocked", "matmul_formula", "matmul_loops", "matmul_rows", "matmul_vectors",
    "softmax_formula", "softmax_loops", "softmax_vectors",
]  # fmt: skip


# ── C = A B ──────────────────────────────────────────────────────────────────────────────────────
def matmul_formula(a, b):
    c = np.zeros((len(a), b.shape[1]), a.dtype)
    for i, j in np.ndindex(c.shape):
        c[i, j] = sum(a[i, p] * b[p, j] for p in range(len(b)))
    return c


@njit(cache=False)
def matmul_loops(a, b):
    c = np.zeros((len(a), b.shape[1]), a.dtype)
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for p in range(len(b)):
                c[i, j] += a[i, p] * b[p, j]
    return c


@njit(cache=False)
def matmul_rows(a, b):
    c = np.zeros((len(a), b.shape[1]), a.dtype)
    for i in range(len(a)):
        for p in range(len(b)):
            for j in range(b.shape[1]):
                c[i, j] += a[i, p] * b[p, j]
    return c


@njit(cache=False)
def matmul_blocked(a, b):
    c = np.zeros((len(a), b.shape[1]), a.dtype)
    whole = len(b) - len(b) % 4
    for i in range(len(a)):
        row = c[i]
        for p in range(0, whole, 4):
            w, x, y, z = a[i, p], a[i, p + 1], a[i, p + 2], a[i, p + 3]
            for j in range(row.size):
                row[j] += w * b[p, j] + x * b[p + 1, j] + y * b[p + 2, j] + z * b[p + 3, j]
        for p in range(whole, len(b)):
            for j in range(row.size):
                row[j] += a[i, p] * b[p, j]
    return c


HIGH, WIDE = max(1, ROWS // 2), 2 * VECTORS  # 6 × 4 vectors with AVX-512


@njit(cache=False)
def matmul_vectors(a, b):
    m, k, n, width = len(a), len(b), b.shape[1], WIDE * LANES
    c = np.zeros((m, n), np.float32)
    flat_a, flat_b, flat_c = a.reshape(-1), b.reshape(-1), c.reshape(-1)
    panel = np.empty(k * width, np.float32)
    for j in range(0, n, width):
        rest = n - j
        for p in range(k):
            for q in range(0, width, LANES):
                store(panel, p * width + q, load_part(flat_b, p * n + j + q, rest - q))
        for i in range(0, m - m % HIGH, HIGH):
            if rest >= width:
                tile(HIGH, WIDE, flat_a, i * k, k, 1, panel, 0, width, flat_c, i * n + j, n, k, False, None)
            else:
                tile(HIGH, WIDE, flat_a, i * k, k, 1, panel, 0, width, flat_c, i * n + j, n, k, False, rest)
        for i in range(m - m % HIGH, m):
            tile(1, WIDE, flat_a, i * k, k, 1, panel, 0, width, flat_c, i * n + j, n, k, False, rest)
    return c


# ── p = exp(x − max x) / Σ exp(x − max x), row by row ────────────────────────────────────────────
def softmax_formula(x):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@njit(cache=False)
def softmax_loops(x):
    y = np.empty_like(x)
    for n in range(len(x)):
        top = x[n, 0]
        for v in range(x.shape[1]):
            top = max(top, x[n, v])
        weight = x.dtype.type(0)
        for v in range(x.shape[1]):
            y[n, v] = math.exp(x[n, v] - top)
            weight += y[n, v]
        for v in range(x.shape[1]):
            y[n, v] /= weight
    return y


@njit(cache=False)
def softmax_vectors(x):
    y = np.empty_like(x)
    rows, columns = x.shape
    source, target = x.reshape(-1), y.reshape(-1)
    for start in range(0, rows * columns, columns):
        top = splat(source, -np.inf)
        for v in range(0, columns, LANES):
            part = load_part(source, start + v, columns - v)
            lane = load_part(LANE_NUMBERS, 0, LANES)
            top = maximum(top, where(lane < columns - v, part, -np.inf))
        highest = largest_lane(top)
        weight = splat(source, 0)
        for v in range(0, columns, LANES):
            part = exp(load_part(source, start + v, columns - v) - highest)
            store_part(target, start + v, part, columns - v)
            weight = weight + load_part(target, start + v, columns - v)
        factor = np.float32(1) / total(weight)
        for v in range(0, columns, LANES):
            part = load_part(target, start + v, columns - v)
            store_part(target, start + v, part * factor, columns - v)
    return y


LANE_NUMBERS = np.arange(max(1, LANES), dtype=np.float32)
