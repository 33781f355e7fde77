"""Ranks that are threads of one process: the same calls without MPI, for tests and lessons.

One rank runs at a time and hands over where it waits for the others, so what is global in a process (the
default generator, whether gradients are recorded) is each rank's own between two calls, as it would be in a
process of its own.
"""

import pickle
import threading

from .communicator import Communicator

__all__ = ["run_threads"]


class _Ended(Exception):
    """Another rank has failed or aborted."""


class _Group:
    def __init__(self, size):
        self.size = size
        self.slots = [None] * size
        self.turn = threading.Lock()
        self.barrier = threading.Barrier(size)


class _Thread(Communicator):
    def __init__(self, group, rank):
        super().__init__()
        self.group, self.rank, self.size = group, rank, group.size

    def _swap(self, value):
        """Everybody's value; the turn is given away while waiting."""
        group = self.group
        group.slots[self.rank] = value
        self._wait()
        found = list(group.slots)
        self._wait()  # nobody writes the next value before all have read
        return found

    def _wait(self):
        self.group.turn.release()
        try:
            self.group.barrier.wait()
        except threading.BrokenBarrierError:
            raise _Ended("another rank has ended the job") from None
        finally:
            self.group.turn.acquire()

    def _objects(self, value):
        found = self._swap(pickle.dumps(value))  # pickled: nobody gets hold of another rank's objects
        self.received["objects"] += sum(len(x) for q, x in enumerate(found) if q != self.rank)
        return [pickle.loads(x) for x in found]

    def _object(self, value):
        data = self._swap(pickle.dumps(value) if self.rank == 0 else None)[0]
        self.received["objects"] += len(data) if self.rank else 0
        return pickle.loads(data)

    def _exchange(self, parts, sizes):
        found = [mine[self.rank].copy() for mine in self._swap(parts)]
        for q, (part, size) in enumerate(zip(found, sizes, strict=True)):
            if len(part) != size:
                raise ValueError(f"exchange: {len(part)} numbers came from rank {q}, expected {size}")
        return found

    def abort(self, code=1):
        """All ranks stop at their next call."""
        self.group.barrier.abort()
        raise _Ended(f"rank {self.rank} has ended the job with code {code}")


def run_threads(size, function):
    """function(comm) on so many ranks; → their results in the order of the ranks.

    An error of one rank ends all, as MPI's Abort does, and is raised here.
    """
    group = _Group(size)
    results, errors = [None] * size, []

    def rank(number):
        with group.turn:
            try:
                results[number] = function(_Thread(group, number))
            except BaseException as error:
                errors.append(error)
                group.barrier.abort()

    threads = [threading.Thread(target=rank, args=(n,), daemon=True) for n in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    own = [e for e in errors if not isinstance(e, _Ended)] or errors
    if own:
        raise own[0]
    return results
