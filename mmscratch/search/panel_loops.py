"""Products of rows with all columns of a panel, and the best column of each row: four rows at a time.

Every product is added in the order d = 0, 1, …, whatever rows it is computed beside: so a row gets the same
cell, code and bits by itself as in a crowd, on one thread as on many.
"""

import numpy as np

from ..kernels.cpu.simd import LANES
from ..kernels.jit import njit
from ..kernels.pool import parallel

if LANES:
    from ..kernels.cpu.simd import fma, load, splat, store, where
else:  # numbers for vectors

    @njit
    def fma(a, b, c):
        return a * b + c

    @njit
    def load(x, i):
        return x[i]

    @njit
    def splat(x, s):
        return s

    @njit
    def store(x, i, v):
        x[i] = v

    @njit
    def where(condition, a, b):
        return a if condition else b


__all__ = ["TASK", "nearest", "products"]

STEP = LANES or 1
TASK = 64
"""Rows of one task."""

_f = np.float32


@njit
def four(x, a, b, c, d, panel, bias, width, columns, at):
    """bias + row · panel[:, at : at + lanes] of the rows that begin at x[a], x[b], x[c], x[d]."""
    s = load(bias, at)
    t, u, v = s, s, s
    for i in range(width):
        p = load(panel, i * columns + at)
        s, t = fma(splat(panel, x[a + i]), p, s), fma(splat(panel, x[b + i]), p, t)
        u, v = fma(splat(panel, x[c + i]), p, u), fma(splat(panel, x[d + i]), p, v)
    return s, t, u, v


@parallel
def products(task, x, panel, bias, out):
    """out (N, C) = x (N, ≥ D) · panel (D, C) + bias (C,);  C a multiple of 16."""
    (width, columns), stride = panel.shape, x.shape[1]
    flat, p, y, last = x.reshape(-1), panel.reshape(-1), out.reshape(-1), x.shape[0] - 1
    for n in range(task * TASK, min(last + 1, (task + 1) * TASK), 4):
        a, b, c, d = n, min(n + 1, last), min(n + 2, last), min(n + 3, last)
        for at in range(0, columns, STEP):
            s, t, u, v = four(
                flat, a * stride, b * stride, c * stride, d * stride, p, bias, width, columns, at
            )
            store(y, a * columns + at, s)
            store(y, b * columns + at, t)
            store(y, c * columns + at, u)
            store(y, d * columns + at, v)


@parallel
def nearest(task, x, panel, bias, out):
    """out (N,): the column of the largest x · panel + bias, the first of equal ones."""
    (width, columns), stride = panel.shape, x.shape[1]
    flat, p, last = x.reshape(-1), panel.reshape(-1), x.shape[0] - 1
    lane, best, which = np.arange(16).astype(_f), np.empty(64, _f), np.empty(64, _f)
    for n in range(task * TASK, min(last + 1, (task + 1) * TASK), 4):
        a, b, c, d = n, min(n + 1, last), min(n + 2, last), min(n + 3, last)
        s0 = splat(p, _f(-np.inf))
        t0, u0, v0, zero = s0, s0, s0, splat(p, _f(0))
        i, j, k, m = zero, zero, zero, zero
        for at in range(0, columns, STEP):
            s, t, u, v = four(
                flat, a * stride, b * stride, c * stride, d * stride, p, bias, width, columns, at
            )
            here = load(lane, 0) + splat(p, _f(at))
            i, j = where(s > s0, here, i), where(t > t0, here, j)
            k, m = where(u > u0, here, k), where(v > v0, here, m)
            s0, t0 = where(s > s0, s, s0), where(t > t0, t, t0)
            u0, v0 = where(u > u0, u, u0), where(v > v0, v, v0)
        store(best, 0, s0), store(best, 16, t0), store(best, 32, u0), store(best, 48, v0)
        store(which, 0, i), store(which, 16, j), store(which, 32, k), store(which, 48, m)
        for r in range(min(4, last + 1 - n)):
            value, column = best[16 * r], which[16 * r]
            for z in range(16 * r + 1, 16 * r + STEP):
                if best[z] > value or (best[z] == value and which[z] < column):
                    value, column = best[z], which[z]
            out[n + r] = np.int64(column)
