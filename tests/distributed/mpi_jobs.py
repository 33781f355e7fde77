"""What the tests run under mpiexec: python mpi_jobs.py JOB [ARGUMENT]"""

import sys
import threading

import numpy as np

from mmscratch import kernels
from mmscratch.distributed import connect
from mmscratch.search import ShardedIndex, clustered
from mmscratch.tasks.search.index import PictureIndex


def talk(comm):
    """Every call; what is printed is the same for any engine."""
    everybody = range(comm.size)
    value = comm.broadcast({"from": comm.rank, "x": np.arange(3)})
    assert value["from"] == 0 and value["x"].sum() == 3
    assert comm.gather("x" * comm.rank) == ["x" * r for r in everybody]
    parts = [np.full(q + 1, 10 * comm.rank + q, np.float32) for q in everybody]
    found = comm.exchange(parts, [comm.rank + 1] * comm.size)
    assert [f.tolist() for f in found] == [[10 * q + comm.rank] * (comm.rank + 1) for q in everybody]
    joined = comm.collect(np.full(comm.rank, comm.rank), everybody)
    assert joined.tolist() == [r for r in everybody for _ in range(r)]
    others = sum(everybody) - comm.rank
    assert comm.received["arrays"] == 4 * (comm.size - 1) * (comm.rank + 1) + 8 * others
    assert comm.first(lambda: comm.rank) == 0
    if comm.rank == 0:
        print("all said")


def fail(comm):
    """Rank 1 fails while the others wait for it."""
    if comm.rank == 1:
        raise KeyError("the reason")
    comm.gather(0)


def fail_in_a_thread(comm):
    def go():
        raise KeyError("the reason")

    if comm.rank == 1:
        threading.Thread(target=go).start()
    comm.gather(comm.rank == 1 and threading.Event().wait(60))


def search(comm):
    """The sum of what each method finds."""
    rows, queries = clustered(600, 16, clusters=20), clustered(30, 16, clusters=20, seed=1)
    few = {"cells": 8, "parts": 4, "codewords": 16, "rerank": 30}
    for method, settings in (("exact", {}), ("ivfpq", few), ("hnsw", {"degree": 6})):
        index = ShardedIndex(method, 16, comm=comm, grain=100, **settings)
        index.build(rows[index.rows_of(600)], 600)
        score, ids = index.search(queries, 5)
        if comm.rank == 0:
            print(method, score.tobytes().hex()[:64], (ids * np.arange(5)).sum())


def index_fails(comm):
    """The last rank's model has a fault: all pictures of a folder are to be encoded."""

    class Model:
        def encode_pictures(self, pictures):
            if comm.rank == comm.size - 1:
                raise KeyError("the reason")
            return np.ones((len(pictures), 4), np.float32)

    PictureIndex.build(sys.argv[3], Model(), "run", comm=comm)


if __name__ == "__main__":
    kernels.use("reference")
    with connect(sys.argv[2] if len(sys.argv) > 2 else "mpi") as comm:
        globals()[sys.argv[1]](comm)
