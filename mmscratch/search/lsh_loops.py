"""The compiled twin of ``lsh.scan``: buckets of every table, every row compared once."""

import numpy as np

from ..kernels.cpu.simd import LANES
from ..kernels.jit import njit
from ..kernels.pool import parallel

if LANES:
    from ..kernels.cpu.simd import fma, load, prefetch, splat, total
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


__all__ = ["TASK", "scan"]

STEP = LANES or 1
LINE, AHEAD = 16, 4
TASK = 16
"""Queries of one task."""

_f = np.float32


@njit
def dot(a, i, b, j, width):
    """a[i : i + width] · b[j : j + width], a lane of the vector at a time."""
    s = splat(a, _f(0))
    for d in range(0, width, STEP):
        s = fma(load(a, i + d), load(b, j + d), s)
    return total(s)


@njit
def buckets(margin, square, bits, cost, places, last, which):
    """``lsh.flips`` of the query's bucket: which (probes,) buckets, the surest first; → how many."""
    own, n = 0, margin.size
    for i in range(n):
        square[i] = margin[i] * margin[i]
        own |= np.int64(margin[i] >= 0) << i
        m = i
        while m > 0 and square[bits[m - 1]] > square[i]:
            bits[m] = bits[m - 1]
            m -= 1
        bits[m] = i
    which[0], made, waiting = own, 1, 1
    cost[0], places[0], last[0] = square[bits[0]], 1, 0
    while made < which.size and waiting:
        best = 0
        for m in range(1, waiting):
            if cost[m] < cost[best] or (cost[m] == cost[best] and places[m] < places[best]):
                best = m
        c, p, at = cost[best], places[best], last[best]
        flip = 0
        for i in range(n):
            flip |= ((p >> i) & 1) << bits[i]
        which[made] = own ^ flip
        made += 1
        waiting -= 1
        cost[best], places[best], last[best] = cost[waiting], places[waiting], last[waiting]
        if at + 1 < n:
            more, after = square[bits[at + 1]], np.int64(1) << (at + 1)
            cost[waiting], places[waiting], last[waiting] = c + more, p | after, at + 1
            waiting += 1
            cost[waiting], last[waiting] = c + more - square[bits[at]], at + 1
            places[waiting] = p ^ (np.int64(1) << at) | after
            waiting += 1
    return made


@parallel
def scan(task, queries, margins, x, order, starts, probes, near):
    """``lsh.scan`` of TASK queries."""
    (n, width), (tables, bits) = x.shape, margins.shape[1:]
    wanted, rows, most = queries.reshape(-1), x.reshape(-1), near.shape[1]
    square, sorted_bits = np.empty(bits, _f), np.empty(bits, np.int64)
    cost, places, last = (
        np.empty(probes + 2, _f),
        np.empty(probes + 2, np.int64),
        np.empty(probes + 2, np.int64),
    )
    which, score, seen = np.empty(probes, np.int64), np.empty(most, _f), np.zeros(n, np.uint8)
    for q in range(task * TASK, min(len(queries), (task + 1) * TASK)):
        mark, kept, best = q - task * TASK + 1, 0, near[q]
        for table in range(tables):
            ids = order[table]
            for b in range(buckets(margins[q, table], square, sorted_bits, cost, places, last, which)):
                end = starts[table, which[b] + 1]
                for at in range(starts[table, which[b]], end):
                    if at + AHEAD < end:
                        for d in range(0, width, LINE):
                            prefetch(rows, np.int64(ids[at + AHEAD]) * width + d)
                    i = ids[at]
                    if seen[i] == mark:
                        continue
                    seen[i] = mark
                    s = dot(wanted, q * width, rows, np.int64(i) * width, width)
                    if kept == most and (s < score[-1] or (s == score[-1] and i > best[-1])):
                        continue
                    m = kept if kept < most else most - 1
                    while m > 0 and (score[m - 1] < s or (score[m - 1] == s and best[m - 1] > i)):
                        score[m], best[m] = score[m - 1], best[m - 1]
                        m -= 1
                    score[m], best[m] = s, i
                    kept = min(kept + 1, most)
        best[kept:] = -1
