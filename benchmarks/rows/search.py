"""The ten rows of a database that are nearest by cosine: all compared, and by indices at equal recall.

Rows ``index/…`` take a thousand queries in a batch. Of each side the least effort is timed (``ef_search``,
``probes``) with which it finds ``RECALL`` of the true neighbours or more; building is not timed.
"""

import functools
import os
from functools import partial

import numpy as np

from mmscratch import no_grad, ops

from .. import neighbours
from ..case import Case, Row

TOPIC = "Search"
N, D, K = 1_000_000, 256, 10
RECALL = 0.95
INDICES = {
    "exact": ("1,000 queries, every row compared", ("exact",), ("IndexFlatIP",)),
    "ivfpq": (f"1,000 queries, IVF-PQ, recall@10 ≥ {RECALL}", ("IVF-PQ",), ("IVF-PQ 8 bits",)),
    "ivfpq-4bit": (f"the same, codes of 4 bits scanned in registers, recall@10 ≥ {RECALL}",
                   ("IVF-PQ 4 bits",), ("IVF-PQ 4 bits fast scan",)),
    "hnsw": (f"1,000 queries, HNSW, recall@10 ≥ {RECALL}", ("HNSW",), ("HNSW",)),
}  # fmt: skip


def rows():
    for queries in (1, 64):
        text = f"{queries} quer{'y' if queries == 1 else 'ies'}"
        work = {"moved": 4.0 * N * D} if queries == 1 else {"flops": 2.0 * N * D * queries}
        yield Row(
            f"topk/{queries}-of-1M", TOPIC, f"top {K} by cosine, {text}", f"({N:,}, {D})",
            partial(topk, n=N, queries=queries), libraries=("torch", "faiss"),
            targets={"torch": 0.35, "faiss": 0.5}, **work,
        )  # fmt: skip
        yield Row(
            f"topk/{queries}-of-1M-memory", TOPIC, f"memory beside the database, {text}", f"({N:,}, {D})",
            partial(topk, n=N, queries=queries), libraries=("torch", "faiss"), kind="memory", limit=10e6,
            small=partial(topk, n=1000, queries=queries),
        )  # fmt: skip
    for name, (text, _, _) in INDICES.items():
        yield Row(
            f"index/{name}", TOPIC, text, f"({neighbours.N:,}, {neighbours.D})", partial(index, name=name),
            libraries=("faiss",), targets={"faiss": 1.0}, small=partial(index, name=name, n=5000),
        )  # fmt: skip


@functools.cache
def tuned(name, library, n, faiss=None):
    """A search of least effort of that side, as a call."""
    side = next(s for s in neighbours.SIDES if (s.name, s.maker) == (name, library))
    built = side.index(n, os.environ.get("MMSCRATCH_INDICES"), faiss)
    return side.search(built, neighbours.least_effort(side, built, n, RECALL)[0])


def index(place, name, n=neighbours.N):
    """What is found differs where recall is below 1; so results are judged by recall, not compared."""
    _, (ours,), (theirs,) = INDICES[name]
    case = Case(lambda: list(tuned(ours, "ours", n)()), check=lambda results: [])
    if place.faiss is not None:
        call = tuned(theirs, "faiss", n, place.faiss)
        case.peers["faiss"] = {theirs: lambda: list(call())}
    return case


def database(n, d=D):
    """Rows of length 1."""
    x = np.random.default_rng(0).random((n, d), dtype=np.float32)
    x -= 0.5
    for part in np.array_split(x, max(1, n // 10_000)):
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return x


def topk(place, n, queries):
    """Scores are compared, not ids: equal scores may come in another order."""
    x = database(n)
    q = np.random.default_rng(1).standard_normal((queries, D), dtype=np.float32)
    q /= np.linalg.norm(q, axis=1, keepdims=True)
    a, b = place.ours(q), place.ours(x)

    def ours():
        with no_grad():
            return list(ops.cosine_topk(a, b, k=K, normalized=True))

    case = Case(ours, check=lambda results: results[:1])
    if place.torch is not None:
        s, t = place.theirs(q), place.theirs(x)
        case.peers["torch"] = {"": lambda: list(place.torch.topk(s @ t.T, K, dim=1))}
    if place.faiss is not None:
        index = place.faiss.IndexFlatIP(D)
        built = []

        def search():
            if not built:
                index.add(x)  # its own copy of the database: counted as memory, not as time
                built.append(True)
            return list(index.search(q, K))

        case.peers["faiss"] = {"IndexFlatIP": search}
    return case
