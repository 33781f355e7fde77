"""A graph of neighbours in layers: a walk from far to near (Malkov & Yashunin, 2018, algorithms 1 to 5).

This file is the paper's algorithms in plain Python; ``hnsw_loops`` holds the compiled ones.
"""

import heapq

import numpy as np

from .. import kernels
from ..random import Generator
from .index import Index, check_whole
from .rescore import best_of
from .rows import grown

__all__ = ["HNSW", "choose", "climb", "insert", "link", "walk"]

TALLEST = 30
SPARE = 8
"""Nodes beyond k of which the exact cosine is computed: products in float32 may have mistaken their order."""


class HNSW(Index):
    """Hierarchical navigable small world.

    Every row is a node of layer 0; of layer l too with probability M^−l: its highest layer is

        ℓ = ⌊−ln U · 1/ln M⌋,   U ~ (0, 1]                                       (section 4.1, m_L = 1/ln M)

    Nodes of a layer are linked to near ones in different directions: of the candidates, nearest first, e is
    taken unless a neighbour r taken before is nearer to e than the new node q is (algorithm 4)

        take e  ⟺  e · q ≥ e · r  for all r taken

    (without the paper's options to extend the candidates, and to put discarded ones back).

    A search descends: greedily to the nearest node of each upper layer, then on layer 0 a walk that keeps the
    ``ef_search`` nearest nodes seen and expands the nearest that is not expanded yet, until there is none.

    dimension           D
    degree              M: links that a new node gets on each layer; at most M on upper layers, 2M on layer 0
    ef_construction     nodes kept in the walks of ``add``: the quality of the graph
    ef_search           nodes kept in the walk of ``search`` (at least k): recall against time; may be changed
    seed                of the layers: a function of seed and id alone

    Rows are taken in one after the other, as in the paper: the graph is the same for every number of threads
    and however rows are split over calls of ``add``. Memory beside the rows: about (2 + 1/(M − 1)) · 4M bytes
    a row.
    """

    method = "hnsw"

    def __init__(self, dimension, *, degree=16, ef_construction=100, ef_search=64, seed=0):
        self.degree, self.ef_construction, self.seed = degree, ef_construction, seed
        self.ef_search = ef_search
        self._check()
        super().__init__(dimension)
        self._level = np.zeros(0, np.int32)
        self._place = np.zeros(0, np.int64)
        self._base = np.full((0, 2 * degree), -1, np.int32)
        self._upper = np.full((0, degree), -1, np.int32)
        self._state = np.array([-1, -1])  # the entry point and its layer

    def _check(self):
        check_whole("HNSW", "degree", self.degree, 2, 512)
        check_whole("HNSW", "ef_construction", self.ef_construction, 1, 100_000)
        check_whole("HNSW", "ef_search", self.ef_search, 1, 1_000_000)
        check_whole("HNSW", "seed", self.seed, 0, 2**63 - 1)

    def _levels(self, first, count):
        """ℓ of the nodes first, first + 1, …: word i of the seed's stream is node i's."""
        stream = Generator(self.seed)
        stream.take(first)
        u = 1.0 - stream.uniform(count).astype(np.float64)
        return np.minimum(-np.log(u) / np.log(self.degree), TALLEST).astype(np.int32)

    def _insert(self, x):
        first, last = self.count, self.count + len(x)
        self.rows.extend(x)
        level = self._levels(first, len(x))
        used = int(self._level[:first].sum())
        self._level = grown(self._level, first, last)
        self._place = grown(self._place, first, last)
        self._level[first:last] = level
        self._place[first:last] = used + np.cumsum(level) - level
        self._base = grown(self._base, first, last, -1)
        self._upper = grown(self._upper, used, used + int(level.sum()), -1)
        _steps().insert(
            first, last, self.rows.all(), self._base, self._upper, self._level, self._place,
            self.degree, max(self.ef_construction, self.degree), self._state,
        )  # fmt: skip

    def _search(self, q, k):
        self._check()
        breadth = max(self.ef_search, k)
        near = np.empty((len(q), min(breadth, k + SPARE)), np.int64)
        step = _steps()
        step.search(
            -(-len(q) // step.TASK), q, self.rows.all(), self._base, self._upper, self._place,
            *map(int, self._state), breadth, near,
        )  # fmt: skip
        return best_of(q, self.rows.all(), near, k)

    def _arrays(self):
        used = int(self._level[: self.count].sum())
        return super()._arrays() | {
            "level": self._level[: self.count],
            "base": self._base[: self.count],
            "upper": self._upper[:used],
            "entry": self._state,
        }

    def _restore(self, arrays):
        super()._restore(arrays)
        n = self.count
        self._level = arrays.take("level", np.int32, (n,), 0, TALLEST)
        used = int(self._level.sum(dtype=np.int64))
        self._place = np.cumsum(self._level, dtype=np.int64) - self._level
        self._base = arrays.take("base", np.int32, (n, 2 * self.degree), -1, n - 1)
        self._upper = arrays.take("upper", np.int32, (used, self.degree), -1, n - 1)
        self._state = arrays.take("entry", np.int64, (2,), -1, max(n - 1, TALLEST)).copy()
        entry, top = self._state
        if n and not (0 <= entry < n and top == self._level[entry] == self._level.max()):
            raise ValueError("'entry' is not a node of the highest layer")
        layer = np.arange(used) - np.repeat(self._place, self._level) + 1
        for links, least in ((self._base, np.zeros(n, np.int64)), (self._upper, layer)):
            high = self._level[links] >= least[:, None] if n else np.ones(links.shape, bool)
            gap = (links[:, :-1] < 0) & (links[:, 1:] >= 0)
            if not (high | (links < 0)).all() or gap.any():
                raise ValueError("a link leads to a node that is not on its layer, or follows an empty place")


# ── the paper's algorithms, on the arrays of the index ───────────────────────────────────────────
TASK = 16


def neighbours(links, layer, place, i):
    """Ids of node i's neighbours on a layer."""
    row = links[place[i] + layer - 1 if layer else i]
    return row[row >= 0]


def walk(q, x, links, layer, place, entries, breadth):
    """Algorithm 2: the ``breadth`` nearest nodes reached from the entries → [(score, id)], nearest first.

    C, candidates, gives its nearest; W, what was found, its farthest. Who is farther than the farthest of a
    full W can have no neighbour that matters, or so the walk bets.
    """
    seen = {i for _, i in entries}
    candidates = [(-s, i) for s, i in entries]
    found = [(s, -i) for s, i in entries]
    heapq.heapify(candidates)
    heapq.heapify(found)
    while candidates:
        s, i = heapq.heappop(candidates)
        if len(found) == breadth and (-s, -i) < found[0]:
            break
        for j in neighbours(links, layer, place, i):
            if j not in seen:
                seen.add(j)
                s = np.dot(q, x[j])
                if len(found) < breadth:
                    heapq.heappush(found, (s, -j))
                elif (s, -j) > found[0]:
                    heapq.heapreplace(found, (s, -j))
                else:
                    continue
                heapq.heappush(candidates, (-s, j))
    return [(s, -i) for s, i in sorted(found, reverse=True)]


def climb(q, x, links, layer, place, entry):
    """Algorithm 2 for one neighbour: to the nearest as long as there is a nearer one."""
    return walk(q, x, links, layer, place, [entry], 1)[0]


def choose(x, candidates, most):
    """Algorithm 4: of [(score, id)], nearest first, those that no chosen one is nearer to than the node."""
    chosen = []
    for s, i in candidates:
        if len(chosen) < most and all(np.dot(x[i], x[r]) <= s for r in chosen):
            chosen.append(i)
    return chosen


def link(x, links, row, node, i):
    """One neighbour more for a node; where all its places are taken, choose again among all."""
    old = links[row][links[row] >= 0]
    if len(old) < links.shape[1]:
        links[row, len(old)] = i
        return
    candidates = sorted((-np.dot(x[node], x[j]), j) for j in (*old, i))
    chosen = choose(x, [(-s, j) for s, j in candidates], links.shape[1])
    links[row] = -1
    links[row, : len(chosen)] = chosen


def insert(first, last, x, base, upper, level, place, degree, breadth, state):
    """Algorithm 1 for the rows first … last − 1."""
    for i in range(first, last):
        entry, top = map(int, state)
        if entry >= 0:
            found = [(np.dot(x[i], x[entry]), entry)]
            for layer in range(top, level[i], -1):
                found = [climb(x[i], x, upper, layer, place, found[0])]
            for layer in range(min(level[i], top), -1, -1):
                links = upper if layer else base
                found = walk(x[i], x, links, layer, place, found, breadth)
                chosen = choose(x, found, degree)
                links[place[i] + layer - 1 if layer else i, : len(chosen)] = chosen
                for j in chosen:
                    link(x, links, place[j] + layer - 1 if layer else j, j, i)
        if level[i] > top:
            state[:] = i, level[i]


def search(tasks, queries, x, base, upper, place, entry, top, breadth, near):
    """Algorithm 5 for every query: near (Q, R) ids, −1 where there are fewer."""
    near[:] = -1
    for n, q in enumerate(queries):
        found = [(np.dot(q, x[entry]), entry)]
        for layer in range(top, 0, -1):
            found = [climb(q, x, upper, layer, place, found[0])]
        found = walk(q, x, base, 0, place, found, breadth)[: near.shape[1]]
        near[n, : len(found)] = [i for _, i in found]


def _steps():
    if kernels.host().__name__.endswith(".cpu"):
        from . import hnsw_loops as steps
    else:
        from . import hnsw as steps
    return steps
