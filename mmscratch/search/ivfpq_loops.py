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

BINS, TINY = 256, np.float32(1e-20)

_f, _u = np.float32, np.uint64


@njit
def tables(q, at, panels, width, table):
    """table[width · j + c] = q_j · u_{j,c} from panels (m, D/m, K)."""
    parts, piece, count = panels.shape
    flat = panels.reshape(-1)
    for j in range(parts):
        for c in range(0, count, STEP):
            s = splat(table, _f(0))
            for d in range(piece):
                s = fma(splat(table, q[at + j * piece + d]), load(flat, (j * piece + d) * count + c), s)
            store(table, width * j + c, s)


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
def thin(score, ids, count, most, bins):
    """Drop rows that cannot be among the ``most`` best; → how many are left (at least ``most``), the least.

    A histogram between the least and the largest says in which bin the ``most``-th lies; what is below goes.
    Nothing here branches on a score, which no processor could foretell.
    """
    low, high = score[0], score[0]
    for n in range(count):
        low, high = min(low, score[n]), max(high, score[n])
    if high - low > TINY:
        scale, bins[:] = _f(bins.size - 1) / (high - low), 0
        for n in range(count):
            bins[np.int64((score[n] - low) * scale)] += 1
        at, above = bins.size - 1, bins[-1]
        while above < most:
            at -= 1
            above += bins[at]
        kept, least = 0, high
        for n in range(count):
            s, i = score[n], ids[n]
            score[kept], ids[kept] = s, i
            stays = np.int64((s - low) * scale) >= at
            kept += stays
            least = min(least, s if stays else least)
        if kept < 2 * most:
            return kept, least
        count = kept
    split(score, ids, count, most)
    least = score[0]
    for n in range(1, most):
        least = min(least, score[n])
    return most, least


@njit
def hand_over(score, ids, count, candidates, found):
    """The best of ``count`` rows, as many as there is room for, and their scores; −1 and −∞ behind them."""
    if count > candidates.size:
        split(score, ids, count, candidates.size)
        count = candidates.size
    candidates[:count], found[:count] = ids[:count], score[:count]
    candidates[count:], found[count:] = -1, -np.inf


@njit
def sums(table, codes, first, rows, parts, base, out):
    """out[n] = base + Σ_j table[256 j + code_j] of row first + n.

    Four rows at a time, so that no sum waits for itself; places are unsigned: none counts from the end.
    """
    p, n, end = _u(parts), _u(0), _u(rows)
    while n < end:
        m = min(n, end - _u(4)) if end >= _u(4) else n
        more = _u(1) if end >= _u(4) else _u(0)
        i = (_u(first) + m) * p
        k, z = i + more * p, i + more * _u(2) * p
        o, row, s, t, u, v = i + more * _u(3) * p, _u(0), base, base, base, base
        for _ in range(parts // 4):
            for part in range(4):
                c, at = _u(part), row + _u(256 * part)
                s += table[at + _u(codes[i + c])]
                t += table[at + _u(codes[k + c])]
                u += table[at + _u(codes[z + c])]
                v += table[at + _u(codes[o + c])]
            i, k, z, o, row = i + _u(4), k + _u(4), z + _u(4), o + _u(4), row + _u(1024)
        for part in range(parts % 4):
            c, at = _u(part), row + _u(256 * part)
            s += table[at + _u(codes[i + c])]
            t += table[at + _u(codes[k + c])]
            u += table[at + _u(codes[z + c])]
            v += table[at + _u(codes[o + c])]
        out[m], out[m + more], out[m + more * _u(2)], out[m + more * _u(3)] = s, t, u, v
        n = m + _u(1) + more * _u(3)


@parallel
def scan(task, queries, coarse, half, panels, codes, ids, starts, probes, candidates, found):
    """``ivfpq.scan`` of TASK queries.

    coarse (Q, C) q · c;  half (C,) −½‖c‖²;  codes (N, m), ids (N,) in the order of cells, which begin at
    starts (C + 1,). Results: candidates, found (Q, R): ids and sums, in any order, −1 where there are fewer
    """
    parts, most = panels.shape[0], candidates.shape[1]
    table, cells = np.empty(parts * 256, _f), np.empty(probes, np.int64)
    room = 2 * most + BLOCK
    score, which, wanted = np.empty(room, _f), np.empty(room, np.int64), queries.reshape(-1)
    flat, block, bins = codes.reshape(-1), np.empty(BLOCK, _f), np.empty(BINS, np.int64)
    for q in range(task * TASK, min(len(queries), (task + 1) * TASK)):
        tables(wanted, q * queries.shape[1], panels, 256, table)
        largest(coarse[q], half, cells)
        kept, limit = 0, _f(-np.inf)
        for cell in cells:
            for begin in range(starts[cell], starts[cell + 1], BLOCK):
                rows = min(BLOCK, starts[cell + 1] - begin)
                sums(table, flat, begin, rows, parts, coarse[q, cell], block)
                for n in range(rows):
                    score[kept], which[kept] = block[n], ids[begin + n]
                    kept += block[n] >= limit
                if kept >= 2 * most:
                    kept, limit = thin(score, which, kept, most, bins)
        hand_over(score, which, kept, candidates[q], found[q])
