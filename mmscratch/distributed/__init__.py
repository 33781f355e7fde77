"""Many processes, one result: what ranks say to each other, and what is cut among them.

    with connect("mpi") as comm:            under mpiexec, srun or a Kubernetes MPIJob; "serial": one process
        comm.rank, comm.size
        comm.broadcast(value)               rank 0's value, on every rank
        comm.gather(value)                  all ranks' values in the order of the ranks, on every rank

Work is cut into a number of shards that does not depend on the number of ranks (``shards``); a shard's result
does not depend on who computes it; what the shards give is joined in the order of the shards (``tree``). So
the result is the same to the bit on 1, 2, 3 or 100 ranks. Read ``communicator`` first; ``mpi`` is the engine,
``threads`` its stand-in for tests. ``train.parallel``, ``search.sharded`` and ``tasks.features.sharded`` are
built on it; docs/distributed.md has the recipes.
"""

from ..lazy import names

_HOME = {
    "Communicator": "communicator",
    "DistributedError": "communicator",
    "SERIAL": "communicator",
    "Serial": "communicator",
    "bounds": "shards",
    "connect": "mpi",
    "owned": "shards",
    "owner": "shards",
    "partials": "tree",
    "root": "tree",
    "run_threads": "threads",
    "tree_sum": "tree",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
