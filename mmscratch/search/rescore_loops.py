"""The compiled twin of ``rescore``: exact cosines of a few candidates for each query."""

import numpy as np

from ..kernels.cpu.simd import LANES
from ..kernels.jit import njit
from ..kernels.pool import parallel

if LANES:
    from ..kernels.cpu.simd import fma, load, prefetch, splat, total, widen
else:  # numbers for vectors

    @njit
    def fma(a, b, c):
        return a * b + c

    @njit
    def load(x, i):
        return x[i]

    @njit
    def prefetch(x, i):
        pass

    @njit
    def splat(x, s):
        return s

    @njit
    def total(v):
        return v

    @njit
    def widen(v):
        return np.float64(v), 0.0


__all__ = ["TASK", "rescore"]

STEP = LANES or 1
LINE = 16
TASK = 16
"""Queries of one task."""

AHEAD = 4
"""Rows that are asked for before they are wanted."""

_f = np.float32


@njit
def exact(a, i, b, j, width):
    """The product in float64, added in one order."""
    s, t = widen(splat(a, _f(0)))
    for d in range(0, width, STEP):
        u, v = widen(load(a, i + d)), widen(load(b, j + d))
        s, t = fma(u[0], v[0], s), fma(u[1], v[1], t)
    return total(s) + total(t)


@parallel
def rescore(task, queries, x, candidates, score, ids):
    """``rescore.rescore``."""
    width, k, wanted, rows = x.shape[1], score.shape[1], queries.reshape(-1), x.reshape(-1)
    for q in range(task * TASK, min(len(queries), (task + 1) * TASK)):
        kept = 0
        for n in range(candidates.shape[1] + AHEAD):
            if n < candidates.shape[1]:
                ahead = candidates[q, n] * width
                for d in range(0, width, LINE):
                    prefetch(rows, ahead + d)
            if n < AHEAD or candidates[q, n - AHEAD] < 0:
                continue
            i = candidates[q, n - AHEAD]
            s = _f(exact(wanted, q * width, rows, i * width, width))
            if kept == k and (s < score[q, k - 1] or (s == score[q, k - 1] and i > ids[q, k - 1])):
                continue
            m = kept if kept < k else k - 1
            while m > 0 and (score[q, m - 1] < s or (score[q, m - 1] == s and ids[q, m - 1] > i)):
                score[q, m], ids[q, m] = score[q, m - 1], ids[q, m - 1]
                m -= 1
            score[q, m], ids[q, m] = s, i
            kept = min(kept + 1, k)
        score[q, kept:], ids[q, kept:] = -np.inf, -1
