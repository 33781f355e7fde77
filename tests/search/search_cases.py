"""Small data and one index of each method, for the tests of search."""

import functools

import numpy as np

from mmscratch.search import HNSW, IVFPQ, LSH, Exact, clustered

D, N, Q, K = 40, 900, 50, 10
MAKE = {
    "exact": lambda **s: Exact(D, **s),
    "lsh": lambda **s: LSH(D, **{"tables": 6, "bits": 7, "probes": 6} | s),
    "ivfpq": lambda **s: IVFPQ(
        D, **{"cells": 20, "parts": 8, "codewords": 32, "probes": 4, "rerank": 50} | s
    ),
    "fast": lambda **s: IVFPQ(
        D, **{"cells": 20, "parts": 20, "codewords": 16, "probes": 4, "rerank": 50} | s
    ),
    "codes": lambda **s: IVFPQ(D, **{"cells": 20, "parts": 8, "codewords": 32, "probes": 4, "rerank": 0} | s),
    "hnsw": lambda **s: HNSW(D, **{"degree": 5, "ef_construction": 20} | s),
}
"""Name → a new, empty index; "fast" is IVF-PQ that scans in registers, "codes" keeps no rows."""


@functools.cache
def rows():
    return clustered(N, D, clusters=20, seed=1)


@functools.cache
def queries():
    return clustered(Q, D, clusters=20, seed=2)


@functools.cache
def built(name):
    """An index of all rows; not to be changed."""
    return MAKE[name]().build(rows())


@functools.cache
def truth(k=K):
    """Ids of the k nearest, in float64 by NumPy."""
    cosine = queries().astype(np.float64) @ rows().astype(np.float64).T
    return np.argsort(-cosine, axis=1, kind="stable")[:, :k]
