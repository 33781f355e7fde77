"""Random hyperplanes as hash functions (Charikar, 2002), and several buckets a table (Lv et al., 2007)."""

import heapq

import numpy as np

from .. import kernels
from .index import Index, check_whole
from .panel import Panel
from .rescore import best_of
from .rows import grown

__all__ = ["LSH", "collision", "flips", "scan"]

SPARE = 8
"""Candidates beyond k that get an exact cosine: products in float32 may have mistaken their order."""


def collision(cosine, bits=1, tables=1):
    """The probability that two vectors fall into one bucket of at least one table.

    P[bits agree] = 1 − θ/π,  θ = arccos(cosine)                 (Charikar, 2002: Goemans & Williamson, 1995)
    P = 1 − (1 − (1 − θ/π)^bits)^tables                          without further probes
    """
    one = 1 - np.arccos(np.clip(cosine, -1, 1)) / np.pi
    return 1 - (1 - one**bits) ** tables


class LSH(Index):
    """Locality-sensitive hashing for the cosine.

    h_w(x) = [w · x ≥ 0],  w ~ N(0, I);   a table's bucket is the number of ``bits`` such bits

    Search     in each table the query's bucket, and those that differ in the bits of which the query is least
               sure: sets of bits A in the order of Σ_{i∈A} (w_i · q)², ``probes`` buckets in all (Lv et al.,
               2007, section 4); what is found is scored exactly

    dimension   D
    tables      T: each finds its own share of the neighbours
    bits        b ≤ 20: N/2^b rows a bucket, if rows spread evenly; few bits: slower, and more is found
    probes      buckets of each table that are looked into: recall against time; may be changed
    seed        of the hyperplanes

    Memory beside the rows: 8 T bytes a row, 8 T 2^b for the tables.
    """

    method = "lsh"

    def __init__(self, dimension, *, tables=8, bits=12, probes=8, seed=0):
        self.tables, self.bits, self.probes, self.seed = tables, bits, probes, seed
        self._check()
        super().__init__(dimension)
        planes = np.random.default_rng(self.seed).standard_normal((self.tables * self.bits, self.dimension))
        self._planes = Panel(planes)
        self._bucket = np.zeros((0, self.tables), np.int32)
        self._lists = None

    def _check(self):
        check_whole("LSH", "tables", self.tables, 1, 1024)
        check_whole("LSH", "bits", self.bits, 1, 20)
        check_whole("LSH", "probes", self.probes, 1, 2**self.bits)
        check_whole("LSH", "seed", self.seed, 0, 2**63 - 1)

    def _margins(self, x):
        """w · x for every hyperplane: (N, T, b)."""
        return self._planes.products(x).reshape(len(x), self.tables, self.bits)

    def _insert(self, x):
        first, last = self.count, self.count + len(x)
        self.rows.extend(x)
        self._bucket = grown(self._bucket, first, last)
        for a in range(0, len(x), 1 << 14):
            part = np.s_[a : a + (1 << 14)]
            self._bucket[first:last][part] = bucket_of(self._margins(x[part]))
        self._lists = None

    def _settle(self):
        """Ids in the order of buckets (T, N), and where each bucket begins (T, 2^b + 1)."""
        if self._lists is None:
            bucket = self._bucket[: self.count]
            order = np.argsort(bucket, axis=0, kind="stable").T.astype(np.int32)
            counts = [np.bincount(column, minlength=2**self.bits) for column in bucket.T]
            starts = np.concatenate([np.zeros((self.tables, 1), np.int64), np.cumsum(counts, axis=1)], axis=1)
            self._lists = np.ascontiguousarray(order), starts
        return self._lists

    def _search(self, q, k):
        self._check()
        order, starts = self._settle()
        margins = np.ascontiguousarray(self._margins(q))
        near = np.empty((len(q), min(self.count, k + SPARE)), np.int64)
        step = _steps()
        tasks = -(-len(q) // step.TASK)
        step.scan(tasks, q, margins, self.rows.all(), order, starts, self.probes, near)
        return best_of(q, self.rows.all(), near, k)

    def _arrays(self):
        return super()._arrays() | {"bucket": self._bucket[: self.count]}

    def _restore(self, arrays):
        super()._restore(arrays)
        self._bucket = arrays.take("bucket", np.int32, (self.count, self.tables), 0, 2**self.bits - 1)


# ── the formula ──────────────────────────────────────────────────────────────────────────────────
TASK = 16


def bucket_of(margins):
    """Σ_i [margin_i ≥ 0] 2^i along the last axis."""
    return ((margins >= 0) * (1 << np.arange(margins.shape[-1]))).sum(axis=-1).astype(np.int32)


def flips(margins, count):
    """``count`` sets of bits to flip, as numbers, in the order of Σ margin² over the set: the first is empty.

    With the bits sorted by margin², every set but the empty comes from a smaller one, either by ``shift``
    (its last bit to the next) or by ``expand`` (the next bit too), and neither is better than what it came
    from: so a heap gives them in order, and nothing is made twice.
    """
    square = (margins**2).astype(np.float32)
    bits = np.argsort(square, kind="stable")
    yield 0
    heap = [(square[bits[0]], 1, 0)]  # Σ, set of places in the sorted order, its last place
    for _ in range(min(count, 2 ** len(bits)) - 1):
        cost, places, last = heapq.heappop(heap)
        yield sum(1 << int(bits[i]) for i in range(len(bits)) if places >> i & 1)
        if last + 1 < len(bits):
            more, less, after = square[bits[last + 1]], square[bits[last]], 1 << (last + 1)
            heapq.heappush(heap, (cost + more, places | after, last + 1))
            heapq.heappush(heap, (cost + more - less, places ^ (1 << last) | after, last + 1))


def scan(tasks, queries, margins, x, order, starts, probes, near):
    """The nearest rows in the buckets that are looked into: near (Q, R) ids, −1 where there are fewer."""
    near[:] = -1
    for q, query in enumerate(queries):
        found = []
        for table, margin in enumerate(margins[q]):
            bucket = int(bucket_of(margin))
            for flip in flips(margin, probes):
                a, b = starts[table, bucket ^ flip], starts[table, (bucket ^ flip) + 1]
                found.append(order[table, a:b])
        ids = np.unique(np.concatenate(found))
        best = np.lexsort((ids, -(x[ids] @ query)))[: near.shape[1]]
        near[q, : len(best)] = ids[best]


def _steps():
    if kernels.host().__name__.endswith(".cpu"):
        from . import lsh_loops as steps
    else:
        from . import lsh as steps
    return steps
