"""The engine: MPI through mpi4py (Dalcín & Fang, 2021), under mpiexec, srun or a Kubernetes MPIJob."""

import os
import pickle
import sys
import threading
import time
import traceback

import numpy as np

from .communicator import Communicator, DistributedError, Serial

__all__ = ["connect"]

MISSING = (
    "--distributed mpi needs mpi4py and an MPI: pip install mpi4py mpich (or pip install 'mmscratch[mpi]')"
)
GRACE = 5
"""Seconds that the rank which failed has to tell of it and to end the job."""


def connect(name="mpi"):
    """The ``Communicator`` of this process: "mpi" (all processes of the job), or "serial" (this one alone).

    From then on an exception that nobody catches, in whichever rank or thread, ends the whole job at once,
    with its traceback: else the others would wait for that rank for ever. As a context manager it does the
    same for what leaves the block.

    Where NUMBA_NUM_THREADS says nothing and Numba is not imported yet, the cores of a machine are shared out
    among its ranks.
    Errors     DistributedError where mpi4py or an MPI is missing, or for another name
    """
    if name == "serial":
        return Serial()
    if name != "mpi":
        raise DistributedError(f"--distributed: expected mpi or serial, got {name!r}")
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise DistributedError(f"{MISSING} ({error})") from None
    except RuntimeError as error:  # mpi4py is there, a libmpi is not
        raise DistributedError(f"{MISSING} ({str(error).splitlines()[0]})") from None
    return _MPI(MPI)


class _MPI(Communicator):
    def __init__(self, mpi):
        super().__init__()
        self._mpi, self._comm = mpi, mpi.COMM_WORLD.Dup()
        self.rank, self.size = self._comm.rank, self._comm.size
        sys.excepthook = lambda kind, error, trace: self._end(error)
        threading.excepthook = lambda args: self._end(args.exc_value)
        if "numba" not in sys.modules and "NUMBA_NUM_THREADS" not in os.environ:
            here = self._comm.Split_type(mpi.COMM_TYPE_SHARED).size
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            os.environ["NUMBA_NUM_THREADS"] = str(max(1, cores // here))

    def __exit__(self, kind, error, trace):
        if error is not None and not getattr(error, "agreed", False):
            self._end(error)
        return False

    def _end(self, error):
        """Tell the error of this rank, and end the job."""
        if isinstance(error, SystemExit) and not error.code:
            return
        if getattr(error, "told", False):  # by the rank whose error it is: let it, for it has the traceback
            time.sleep(GRACE)
        lines = "".join(traceback.format_exception(error))
        print(f"rank {self.rank} of {self.size} ends the job:\n{lines}", end="", file=sys.stderr, flush=True)
        self.abort(1)

    def abort(self, code=1):
        """MPI's Abort: every process of the job is ended."""
        self._comm.Abort(code)

    def _wait(self, request):
        """Wait without taking the core from a rank that still computes (MPI itself would spin)."""
        for _ in range(200):
            if request.Test():
                return
        while not request.Test():
            time.sleep(1e-4)

    def _join(self, mine, sizes):
        """Every rank's bytes (uint8), one after the other."""
        found = np.empty(int(sum(sizes)), np.uint8)
        self._wait(self._comm.Iallgatherv(mine, [found, list(sizes), _starts(sizes), self._mpi.BYTE]))
        return found

    def _objects(self, value):
        mine = np.frombuffer(pickle.dumps(value), np.uint8)
        sizes = self._join(np.array([len(mine)], np.int64).view(np.uint8), [8] * self.size).view(np.int64)
        found = self._join(mine, sizes.tolist())
        self.received["objects"] += len(found) - len(mine)
        starts = _starts(sizes.tolist())
        return [pickle.loads(found[a : a + n].data) for a, n in zip(starts, sizes.tolist(), strict=True)]

    def _object(self, value):
        data = np.frombuffer(pickle.dumps(value), np.uint8) if self.rank == 0 else None
        size = np.array([0 if data is None else len(data)], np.int64)
        self._wait(self._comm.Ibcast(size))
        if self.rank:
            data = np.empty(int(size[0]), np.uint8)
            self.received["objects"] += len(data)
        self._wait(self._comm.Ibcast([data, self._mpi.BYTE]))
        return pickle.loads(data.data) if self.rank else value

    def _exchange(self, parts, sizes):
        dtype = parts[0].dtype
        give, take = [p.nbytes for p in parts], [n * dtype.itemsize for n in sizes]
        sent = np.concatenate(parts).view(np.uint8)
        found = np.empty(sum(take), np.uint8)
        byte = self._mpi.BYTE
        self._wait(
            self._comm.Ialltoallv([sent, give, _starts(give), byte], [found, take, _starts(take), byte])
        )
        starts = _starts(sizes)
        return [found.view(dtype)[a : a + n] for a, n in zip(starts, sizes, strict=True)]


def _starts(sizes):
    """Where each piece begins, laid end to end."""
    return [0, *np.cumsum(sizes[:-1]).tolist()] if len(sizes) else []
