"""Indices of our own and of faiss on the same made-up embeddings, and what each finds at which setting.

Vectors: ``mmscratch.search.clustered``, rows of seed 1, queries of seed 2. Truth: the exact search. Ours and
faiss's get the same cells, parts, degree and ef_construction; what is turned is how far a search looks.
"""

import functools
import pathlib

import numpy as np

from mmscratch.search import HNSW, IVFPQ, LSH, Exact, clustered, load_index, recall

__all__ = ["D", "K", "N", "QUERIES", "SIDES", "Side", "least_effort", "queries", "rows", "truth"]

N, D, QUERIES, K = 100_000, 128, 1000, 10
DEGREE, EF, PARTS, RERANK = 16, 100, 16, 100


@functools.cache
def rows(n=N):
    return clustered(n, D, seed=1)


@functools.cache
def queries():
    return clustered(QUERIES, D, seed=2)


@functools.cache
def truth(n=N):
    return Exact(D).build(rows(n)).search(queries(), K)[1]


def cells(n):
    """As many cells as make a list of about two hundred rows, a power of two."""
    return max(4, 1 << int(np.log2(n / 200 + 1) + 0.5))


class Side:
    """One method of one library: ``make(n)`` → an index; ``search(index, effort)`` → a call of no arguments.

    efforts: how far a search looks, rising
    """

    def __init__(self, name, maker, make, search, efforts):
        self.name, self.maker, self.make, self.search, self.efforts = name, maker, make, search, efforts

    def index(self, n=N, folder=None, faiss=None):
        """A built index: from the folder if it is there, else made, and kept there."""
        if folder is None:
            return self.make(n) if self.maker == "ours" else self.make(n, faiss)
        pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
        path = pathlib.Path(folder) / f"{self.maker}-{self.name}-{n}".replace(" ", "-")
        if self.maker == "ours":
            if not path.exists():
                self.make(n).save(path)
            return load_index(path)
        if not path.exists():
            faiss.write_index(self.make(n, faiss), str(path))
        return faiss.read_index(str(path))


def _ours(setting):
    def search(index, effort):
        def call():
            if setting:
                setattr(index, setting, effort)
            return index.search(queries(), K)

        return call

    return search


def _theirs(set_effort):
    def search(index, effort):
        def call():
            set_effort(index, effort)
            return index.search(queries(), K)

        return call

    return search


def _flat(n, faiss):
    index = faiss.IndexFlatIP(D)
    index.add(rows(n))
    return index


def _hnsw(n, faiss):
    index = faiss.IndexHNSWFlat(D, DEGREE, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = EF
    index.add(rows(n))
    return index


def _factory(codes):
    def make(n, faiss):
        index = faiss.index_factory(D, f"IVF{cells(n)},{codes},RFlat", faiss.METRIC_INNER_PRODUCT)
        index.train(rows(n))
        index.add(rows(n))
        return index

    return make


def _probe(index, probes):
    import faiss

    index = faiss.downcast_index(index)
    faiss.downcast_index(index.base_index).nprobe = probes
    index.k_factor = RERANK / K


def _ef(index, ef):
    import faiss

    faiss.downcast_index(index).hnsw.efSearch = ef


PROBES, BREADTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32), (10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192)

SIDES = [
    Side("exact", "ours", lambda n: Exact(D).build(rows(n)), _ours(None), (0,)),
    Side("LSH", "ours", lambda n: LSH(D, tables=16, bits=12).build(rows(n)), _ours("probes"),
         (1, 2, 4, 8, 16, 32, 64, 128)),
    Side("IVF-PQ", "ours", lambda n: IVFPQ(D, cells=cells(n), parts=PARTS, rerank=RERANK).build(rows(n)),
         _ours("probes"), PROBES),
    Side("IVF-PQ 4 bits", "ours",
         lambda n: IVFPQ(D, cells=cells(n), parts=2 * PARTS, codewords=16, rerank=RERANK).build(rows(n)),
         _ours("probes"), PROBES),
    Side("HNSW", "ours", lambda n: HNSW(D, degree=DEGREE, ef_construction=EF).build(rows(n)),
         _ours("ef_search"), BREADTHS),
    Side("IndexFlatIP", "faiss", _flat, _theirs(lambda index, effort: None), (0,)),
    Side("IVF-PQ 8 bits", "faiss", _factory(f"PQ{PARTS}"), _theirs(_probe), PROBES),
    Side("IVF-PQ 4 bits fast scan", "faiss", _factory(f"PQ{2 * PARTS}x4fs"), _theirs(_probe), PROBES),
    Side("HNSW", "faiss", _hnsw, _theirs(_ef), BREADTHS),
]  # fmt: skip


def least_effort(side, index, n, wanted):
    """The smallest effort whose recall@K is at least ``wanted`` → effort, recall.

    Errors     ValueError where none is enough
    """
    for effort in side.efforts:
        found = recall(side.search(index, effort)()[1], truth(n))
        if found >= wanted:
            return effort, found
    raise ValueError(f"{side.maker} {side.name}: recall@{K} {found:.3f} at most, wanted {wanted}")
