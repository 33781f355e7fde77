"""The compiled twins of ``hnsw``: the walk, the choice of neighbours, taking rows in.

The set W of the walk is one sorted list (score, id, is it to be expanded yet?): what falls off its end could
never be expanded, so no second list of candidates is needed. Rows that will be compared are asked for before
the first is (a row far off in memory takes as long to arrive as ten products).
"""

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
    def prefetch(x, i):
        pass

    @njit
    def splat(x, s):
        return s

    @njit
    def total(v):
        return v

    @njit
    def load(x, i):
        return x[i]


__all__ = ["insert", "search"]

STEP = LANES or 1
LINE = 16
TASK = 16
"""Queries of one task."""

_f = np.float32


@njit
def dot(a, i, b, j, width):
    """a[i : i + width] · b[j : j + width]."""
    s = splat(a, _f(0))
    for d in range(0, width, STEP):
        s = fma(load(a, i + d), load(b, j + d), s)
    return total(s)


@njit
def dots4(a, i, b, j0, j1, j2, j3, width):
    """Four such products, the first vector read once."""
    s0, s1, s2, s3 = splat(a, _f(0)), splat(a, _f(0)), splat(a, _f(0)), splat(a, _f(0))
    for d in range(0, width, STEP):
        v = load(a, i + d)
        s0 = fma(v, load(b, j0 + d), s0)
        s1 = fma(v, load(b, j1 + d), s1)
        s2 = fma(v, load(b, j2 + d), s2)
        s3 = fma(v, load(b, j3 + d), s3)
    return total(s0), total(s1), total(s2), total(s3)


@njit
def fetch(x, row, width):
    """Ask for a row that will be read soon."""
    for d in range(0, width, LINE):
        prefetch(x, row * width + d)


@njit
def keep(score, ids, fresh, kept, s, i):
    """Put (s, i), fresh, into the sorted list; → how many it holds now, and at which place."""
    low, high = 0, kept
    while low < high:
        middle = (low + high) // 2
        if score[middle] > s or (score[middle] == s and ids[middle] < i):
            low = middle + 1
        else:
            high = middle
    if low == score.size:
        return kept, low
    end = min(kept, score.size - 1)
    for n in range(end, low, -1):
        score[n], ids[n], fresh[n] = score[n - 1], ids[n - 1], fresh[n - 1]
    score[low], ids[low], fresh[low] = s, i, True
    return end + 1, low


@njit
def home(i, layer, place):
    """The row of links in which the neighbours of node i on a layer stand."""
    return place[i] + layer - 1 if layer else np.int64(i)


@njit
def walk(q, at, x, width, links, layer, place, score, ids, fresh, kept, seen, mark, wait, found):
    """``hnsw.walk``: the nearest nodes to q[at : at + width] that are reached from the entry points.

    score, ids, fresh: the list, of which ``kept`` are the entry points; → how many it holds at the end
    """
    for n in range(kept):
        seen[ids[n]], fresh[n] = mark, True
    at_most, stride, cursor = score.size, links.shape[1], 0
    while cursor < kept:
        if not fresh[cursor]:
            cursor += 1
            continue
        fresh[cursor] = False
        row, count = home(ids[cursor], layer, place), 0
        for n in range(stride):
            i = links[row, n]
            if i < 0:
                break
            if seen[i] != mark:
                seen[i] = mark
                fetch(x, i, width)
                wait[count] = i
                count += 1
        products(q, at, x, width, wait, count, found)
        nearest = cursor + 1
        for n in range(count):
            if kept < at_most or found[n] >= score[at_most - 1]:
                kept, got = keep(score, ids, fresh, kept, found[n], wait[n])
                nearest = min(nearest, got)
        cursor = nearest
    return kept


@njit
def products(q, at, x, width, which, count, found):
    """found[n] = q[at : at + width] · row which[n]; every product is added in one and the same order."""
    n = 0
    while n + 4 <= count:
        a, b, c, d = which[n] * width, which[n + 1] * width, which[n + 2] * width, which[n + 3] * width
        found[n], found[n + 1], found[n + 2], found[n + 3] = dots4(q, at, x, a, b, c, d, width)
        n += 4
    for m in range(n, count):
        found[m] = dot(q, at, x, which[m] * width, width)


@njit
def climb(q, at, x, width, links, layer, place, s, i):
    """The walk for one neighbour: on to the nearest as long as there is a nearer one."""
    while True:
        best, where, row = s, i, home(i, layer, place)
        for n in range(links.shape[1]):
            j = links[row, n]
            if j < 0:
                break
            t = dot(q, at, x, j * width, width)
            if t > best or (t == best and j < where):
                best, where = t, j
        if where == i:
            return s, i
        s, i = best, where


@njit
def choose(x, width, score, ids, count, most, chosen):
    """``hnsw.choose``: of ``count`` candidates, nearest first, at most ``most``; → how many."""
    got = 0
    for n in range(count):
        if got == most:
            break
        near = True
        for m in range(got):
            if dot(x, ids[n] * width, x, chosen[m] * width, width) > score[n]:
                near = False
                break
        if near:
            chosen[got] = ids[n]
            got += 1
    return got


@njit
def link(x, width, links, row, node, i, score, ids, fresh, chosen):
    """``hnsw.link``: one neighbour more, i, for a node; where all its places are taken, choose again."""
    most = links.shape[1]
    for n in range(most):
        if links[row, n] < 0:
            links[row, n] = i
            return
    kept = 0
    for n in range(most + 1):
        j = links[row, n] if n < most else i
        s = dot(x, node * width, x, j * width, width)
        kept, _ = keep(score, ids, fresh, kept, s, j)
    got = choose(x, width, score, ids, kept, most, chosen)
    for n in range(most):
        links[row, n] = chosen[n] if n < got else -1


@njit
def insert(first, last, x, base, upper, level, place, degree, breadth, state):
    """``hnsw.insert`` of the rows first … last − 1; state: the entry point and its layer."""
    width, flat = x.shape[1], x.reshape(-1)
    score, ids, fresh = np.empty(breadth, _f), np.empty(breadth, np.int32), np.empty(breadth, np.bool_)
    more = 2 * degree + 1
    wait, found, chosen = np.empty(more, np.int32), np.empty(more, _f), np.empty(more, np.int32)
    again, whose, new = np.empty(more, _f), np.empty(more, np.int32), np.empty(more, np.bool_)
    seen, mark = np.zeros(last, np.uint8), 0
    for i in range(first, last):
        if state[0] < 0:
            state[0], state[1] = i, level[i]
            continue
        at, near = i * width, np.int32(state[0])
        s = dot(flat, at, flat, near * width, width)
        for layer in range(state[1], level[i], -1):
            s, near = climb(flat, at, flat, width, upper, layer, place, s, near)
        score[0], ids[0], kept = s, near, 1
        for layer in range(min(level[i], state[1]), -1, -1):
            mark += 1
            if mark == 256:
                seen[:], mark = 0, 1
            links = upper if layer else base
            kept = walk(
                flat, at, flat, width, links, layer, place, score, ids, fresh, kept, seen, mark, wait, found
            )
            got = choose(flat, width, score, ids, kept, degree, chosen)
            row = home(i, layer, place)
            links[row, :got] = chosen[:got]
            for n in range(got):
                j = links[row, n]
                link(flat, width, links[:, : more - 1 if layer == 0 else degree],
                     home(j, layer, place), j, i, again, whose, new, chosen)  # fmt: skip
        if level[i] > state[1]:
            state[0], state[1] = i, level[i]


@parallel
def search(task, queries, x, base, upper, place, entry, top, breadth, near):
    """``hnsw.search`` of TASK queries."""
    n, width = x.shape
    flat, wanted = x.reshape(-1), queries.reshape(-1)
    score, ids, fresh = np.empty(breadth, _f), np.empty(breadth, np.int32), np.empty(breadth, np.bool_)
    wait, found = np.empty(base.shape[1], np.int32), np.empty(base.shape[1], _f)
    seen = np.zeros(n, np.uint8)
    for q in range(task * TASK, min(len(queries), (task + 1) * TASK)):
        mark, at, node = q - task * TASK + 1, q * width, np.int32(entry)
        s = dot(wanted, at, flat, node * width, width)
        for layer in range(top, 0, -1):
            s, node = climb(wanted, at, flat, width, upper, layer, place, s, node)
        score[0], ids[0] = s, node
        kept = walk(wanted, at, flat, width, base, 0, place, score, ids, fresh, 1, seen, mark, wait, found)
        for m in range(near.shape[1]):
            near[q, m] = ids[m] if m < kept else -1
