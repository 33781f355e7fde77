"""The compiled twin of ``ivfpq.scan``: the lists of the nearest cells, compared by sums of table entries."""

import numpy as np

from ..kernels.cpu.simd import LANES
from ..kernels.jit import njit
from ..kernels.pool import parallel

if LANES:
    from ..kernels.cpu.simd import fma, load, splat, store
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


__all__ = ["TASK", "scan"]

STEP = LANES or 1
TASK = 16
"""Queries of one task."""

BLOCK = 256
"""Rows whose sums are held at a time."""

_f, _u = np.float32, np.uint64


@njit
def tables(q, at, panels, table):
    """table[j · K + c] = q_j · u_{j,c} from panels (m, D/m, K)."""
    parts, piece, count = panels.shape
    flat = panels.reshape(-1)
    for j in range(parts):
        for c in range(0, count, STEP):
            s = splat(table, _f(0))
            for d in range(piece):
                s = fma(splat(table, q[at + j * piece + d]), load(flat, (j * piece + d) * count + c), s)
            store(table, j * count + c, s)


@njit
def largest(score, half, cells):
    """Put the cells with the largest score + half into ``cells``, the largest first."""
    kept = 0
    for c in range(score.size):
        v = score[c] + half[c]
        if kept == cells.size and not v > score[cells[-1]] + half[cells[-1]]:
            continue
        n = min(kept, cells.size - 1)
        while n > 0 and score[cells[n - 1]] + half[cells[n - 1]] < v:
            cells[n] = cells[n - 1]
            n -= 1
        cells[n] = c
        kept = min(kept + 1, cells.size)


@njit
def before(s, i, t, j):
    """Does row i of score s come before row j of score t? Falling; the lower id first on ties."""
    return s > t or (s == t and i < j)


@njit
def split(score, ids, count, most):
    """Bring the ``most`` best of ``count`` to the front, in any order (Hoare's selection, 1961)."""
    low, high = 0, count - 1
    while low < high:
        middle = (low + high) // 2
        s, i = score[middle], ids[middle]
        a, b = low, high
        while a <= b:
            while before(score[a], ids[a], s, i):
                a += 1
            while before(s, i, score[b], ids[b]):
                b -= 1
            if a <= b:
                score[a], score[b] = score[b], score[a]
                ids[a], ids[b] = ids[b], ids[a]
                a += 1
                b -= 1
        if most - 1 <= b:
            high = b
        elif most - 1 >= a:
            low = a
        else:
            return


@njit
def worst(score, most):
    """The least of the first ``most`` scores."""
    least = score[0]
    for n in range(1, most):
        least = min(least, score[n])
    return least


@njit
def sums(table, codes, first, rows, parts, count, base, out):
    """out[n] = base + Σ_j table[j · K + code_j] of row first + n.

    Four rows at a time, so that no sum waits for itself; places are unsigned: none counts from the end.
    """
    p, k, n, end = _u(parts), _u(count), _u(0), _u(rows)
    while n + _u(4) <= end:
        s, t, u, v = base, base, base, base
        i, row = (_u(first) + n) * p, _u(0)
        for _ in range(parts):
            s += table[row + _u(codes[i])]
            t += table[row + _u(codes[i + p])]
            u += table[row + _u(codes[i + p + p])]
            v += table[row + _u(codes[i + p + p + p])]
            i, row = i + _u(1), row + k
        out[n], out[n + _u(1)], out[n + _u(2)], out[n + _u(3)] = s, t, u, v
        n += _u(4)
    while n < end:
        s, i, row = base, (_u(first) + n) * p, _u(0)
        for _ in range(parts):
            s += table[row + _u(codes[i])]
            i, row = i + _u(1), row + k
        out[n] = s
        n += _u(1)


@parallel
def scan(task, queries, coarse, half, panels, codes, ids, starts, probes, candidates, found):
    """``ivfpq.scan`` of TASK queries.

    coarse (Q, C) q · c;  half (C,) −½‖c‖²;  codes (N, m), ids (N,) in the order of cells, which begin at
    starts (C + 1,). Results: candidates, found (Q, R): ids and sums, in any order, −1 where there are fewer
    """
    parts, count, most = panels.shape[0], panels.shape[2], candidates.shape[1]
    table, cells = np.empty(parts * count, _f), np.empty(probes, np.int64)
    score, which, wanted = np.empty(2 * most, _f), np.empty(2 * most, np.int64), queries.reshape(-1)
    flat, block = codes.reshape(-1), np.empty(BLOCK, _f)
    for q in range(task * TASK, min(len(queries), (task + 1) * TASK)):
        tables(wanted, q * queries.shape[1], panels, table)
        largest(coarse[q], half, cells)
        kept, limit = 0, _f(-np.inf)
        for cell in cells:
            for begin in range(starts[cell], starts[cell + 1], BLOCK):
                rows = min(BLOCK, starts[cell + 1] - begin)
                sums(table, flat, begin, rows, parts, count, coarse[q, cell], block)
                for n in range(rows):
                    s = block[n]
                    if s < limit:
                        continue
                    score[kept], which[kept] = s, ids[begin + n]
                    kept += 1
                    if kept == 2 * most:
                        split(score, which, kept, most)
                        kept, limit = most, worst(score, most)
        if kept > most:
            split(score, which, kept, most)
        kept = min(kept, most)
        candidates[q, :kept], found[q, :kept] = which[:kept], score[:kept]
        candidates[q, kept:], found[q, kept:] = -1, -np.inf
