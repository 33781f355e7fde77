"""An index whose rows lie on many ranks, and whose answers do not depend on how many.

Rows are cut into grains of a fixed number of rows, in the order of their ids; each grain is an index of its
own, and a rank has some neighbouring ones. A query goes to all grains; their answers are merged by
(score falling, id rising).

    exact     id = argtop_k of ⋃_g argtop_k(grain g): the same as of one index, for every grain
    ivfpq     centres and codewords are learnt once, of the same sample as one index takes. Sums are merged
              before any row is scored exactly: the ``rerank`` largest of all grains are. So the answers are
              those of one index, for every grain (where sums are equal at the edge of ``rerank``: of as good
              a choice)
    hnsw      a graph a grain, each of them walked: for one ``grain`` the answers are the same on any number
              of ranks; they are not those of one graph of all rows, and the work is G walks instead of one
    lsh       as hnsw

On n ranks each receives (n − 1) · 12 Q k bytes, with ivfpq (n − 1) · 12 Q rerank more.
"""

import json
import pathlib

import numpy as np

from ..data.errors import DataError
from ..data.files import read_json, write_whole
from ..distributed import SERIAL, bounds, owned
from .index import check_whole, load_index, make_index
from .rescore import best_of

__all__ = ["ShardedIndex", "merge"]

FORMAT = 1
ABOUT = "sharded.json"
MAX_JSON = 1 << 20


def merge(score, ids, k):
    """Of scores and ids (Q, M), −1 for none, the k best of each row: score falling, lower id first."""
    order = np.lexsort((ids, -score), axis=1)[:, :k]
    return np.take_along_axis(score, order, 1), np.take_along_axis(ids, order, 1)


class ShardedIndex:
    """The nearest of N vectors by cosine, on the ranks of a communicator; every call is made by all of them.

    index = ShardedIndex("hnsw", 128, comm=comm, grain=50_000)
    index.build(vectors[index.rows_of(len(vectors))], len(vectors))          each rank has its rows only
    score, ids = index.search(queries, k=10)                                 the same answer on every rank

    method, settings    as ``make_index``'s
    grain               rows an index; belongs to the answers of hnsw and lsh, as ``seed`` does
    """

    def __init__(self, method, dimension, *, comm=SERIAL, grain=65_536, **settings):
        self.method, self.comm, self.grain = method, comm, check_whole("ShardedIndex", "grain", grain)
        self.dimension, self.settings = dimension, settings
        self.count, self.grains = 0, {}
        self._new()  # refuses what cannot be meant, at once

    def __len__(self):
        return self.count

    def _new(self):
        return make_index(self.method, self.dimension, **self.settings)

    def _mine(self, count):
        return owned(-(-count // self.grain), self.comm)

    def rows_of(self, count):
        """The slice of ``count`` rows that this rank has."""
        mine = self._mine(count)
        return slice(min(mine.start * self.grain, count), min(mine.stop * self.grain, count))

    def build(self, part, count):
        """Take in all rows, of which ``part`` is this rank's; once. → self

        Shapes     part (N_r, D), Σ N_r = count
        Errors     ValueError where part is not as long as ``rows_of`` says, or rows are there already
        """
        rows = self.rows_of(count)
        if self.count or len(part) != rows.stop - rows.start:
            wanted = "an empty index" if self.count else f"{rows.stop - rows.start} rows of {count}"
            raise ValueError(f"ShardedIndex.build: expected {wanted}, got {self.count or len(part)} rows")
        part = np.asarray(part)
        learnt = self._learn(part, rows.start, count)
        for g in self._mine(count):
            index = self._new()
            if learnt is not None:
                index.take(*learnt)
            index.add(part[g * self.grain - rows.start : (g + 1) * self.grain - rows.start])
            self.grains[g] = index
        self.count = count
        return self

    def _learn(self, part, start, count):
        """Centres and codewords from the rows that one index would take, brought to rank 0 to learn them."""
        index = self._new()
        if not index.needs_training:
            return None
        chosen = index.sample(count)
        mine = chosen[(chosen >= start) & (chosen < start + len(part))]
        sample = np.ascontiguousarray(part[mine - start].reshape(-1))
        nothing = sample[:0]
        sizes = [0] * self.comm.size
        if self.comm.rank == 0:
            edges = [min(a * self.grain, count) for a, _ in bounds(-(-count // self.grain), self.comm.size)]
            sizes = np.diff([*np.searchsorted(chosen, edges), len(chosen)]) * self.dimension
        dtype = np.dtype(self.comm.gather(part.dtype.str)[0])
        parts = [(sample if q == 0 else nothing).astype(dtype) for q in range(self.comm.size)]
        found = self.comm.exchange(parts, sizes)

        def learn():
            index.train(np.concatenate(found).reshape(-1, self.dimension))
            return index.learnt()

        return self.comm.first(learn)

    def search(self, queries, k=10):
        """The k rows with the largest cosine, on every rank: as ``Index.search``.

        Shapes     queries (Q, D) or (D,), the same on all ranks → score (Q, k) float32, id (Q, k) int64
        Errors     ValueError for another D, NaN or ∞, or k not in 1 … N
        """
        if not self.count:
            raise ValueError("ShardedIndex.search: the index is empty; build it first")
        k = check_whole("ShardedIndex.search", "k", k, most=self.count)
        queries = np.atleast_2d(np.asarray(queries))
        if self.method == "ivfpq":
            return self._search_codes(queries, k)
        found = []
        for g, index in self.grains.items():
            score, ids = index.search(queries, min(k, len(index)))
            found.append((score, np.where(ids >= 0, ids + g * self.grain, -1)))
        return self._merged(found, len(queries), k)

    def _search_codes(self, queries, k):
        """The largest sums of all grains first, then their rows' cosines."""
        q = self._new()._vectors("search", "queries", queries)
        rerank = self.settings.get("rerank", self._new().rerank)
        most, found = min(self.count, max(rerank, k)), []
        for g, index in self.grains.items():
            near, sums = index.near(q, min(len(index), most))
            found.append((sums, np.where(near >= 0, near + g * self.grain, -1)))
        sums, near = self._merged(found, len(q), most)
        if not rerank:
            return sums[:, :k], near[:, :k]
        found = []
        for g, index in self.grains.items():
            here = (near >= g * self.grain) & (near < g * self.grain + len(index))
            candidates = np.where(here, near - g * self.grain, -1)
            score, ids = best_of(q, index.rows.all(), candidates, k)
            found.append((score, np.where(ids >= 0, ids + g * self.grain, -1)))
        return self._merged(found, len(q), k)

    def _merged(self, found, queries, k):
        """The grains' answers on all ranks as one: score (Q, k), id (Q, k)."""
        score = np.full((queries, k), -np.inf, np.float32)
        ids = np.full((queries, k), -1, np.int64)
        for s, i in found:
            score, ids = merge(np.hstack([score, s]), np.hstack([ids, i]), k)
        sizes = [score.size] * self.comm.size
        parts = (self.comm.collect(x.reshape(-1), sizes) for x in (score, ids))
        score, ids = (x.reshape(-1, queries, k).transpose(1, 0, 2).reshape(queries, -1) for x in parts)
        return merge(score, ids, k)

    # ── a folder that all ranks see ──────────────────────────────────────────────────────────────
    def save(self, folder):
        """A file a grain, and sharded.json, which comes last: without it there is no index."""
        folder = pathlib.Path(folder)
        self.comm.first(lambda: folder.mkdir(parents=True, exist_ok=True))
        self.comm.together(lambda: [i.save(folder / _name(g)) for g, i in self.grains.items()])
        about = {"format": FORMAT, "method": self.method, "dimension": self.dimension, "rows": self.count}
        about |= {"grain": self.grain, "settings": self.settings}
        text = (json.dumps(about, indent=1) + "\n").encode()
        self.comm.first(lambda: write_whole(folder / ABOUT, text))

    @classmethod
    def load(cls, folder, comm=SERIAL):
        """What ``save`` wrote, on however many ranks. Errors: DataError naming the file."""
        path = pathlib.Path(folder) / ABOUT

        def read():
            about = read_json(path, MAX_JSON, dict)
            try:
                if about["format"] != FORMAT:
                    raise ValueError(f"format {about['format']!r}, this version reads {FORMAT}")
                index = cls(about["method"], about["dimension"], grain=about["grain"], **about["settings"])
                check_whole("rows", "rows", about["rows"], least=0)
            except (KeyError, TypeError, ValueError) as error:
                raise DataError(path, f"is damaged ({type(error).__name__}: {error})") from None
            return about, index.grain

        about, grain = comm.first(read)
        index = cls(about["method"], about["dimension"], comm=comm, grain=grain, **about["settings"])
        index.count = about["rows"]

        def grains():
            for g in index._mine(index.count):
                file = path.with_name(_name(g))
                index.grains[g] = one = load_index(file)
                rows = min(grain, index.count - g * grain)
                if (one.method, one.dimension, len(one)) != (index.method, index.dimension, rows):
                    raise DataError(file, f"is {one!r}, expected {rows} rows of {about['method']}")

        comm.together(grains)
        return index


def _name(grain):
    return f"grain-{grain:06d}.index"
