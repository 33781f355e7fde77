"""What a rank can say to the others, and the twin that has nobody to talk to."""

import numpy as np

__all__ = ["SERIAL", "Communicator", "DistributedError", "Serial"]


class DistributedError(RuntimeError):
    """A job of many ranks that cannot run or go on: ``str`` is one line."""


class Communicator:
    """A group of ``size`` processes, of which this is number ``rank``.

    Every call below is made by all ranks, in the same order. ``received`` counts the bytes of payload that
    came from other ranks: of arrays (gradients, sums), and of small objects (losses, what was agreed on).

    A subclass writes ``_objects(value)`` (a list of all ranks' values), ``_object(value)`` (rank 0's),
    ``_exchange`` and ``abort``.
    """

    rank, size = 0, 1

    def __init__(self):
        self.received = {"arrays": 0, "objects": 0}

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return False

    def broadcast(self, value):
        """Rank 0's value (anything that can be pickled), on every rank."""
        return self._object(value)

    def gather(self, value):
        """All ranks' values in the order of the ranks, on every rank."""
        return self._objects(value)

    def exchange(self, parts, sizes):
        """parts[q] to rank q; → what rank q had for this one, for every q.

        Shapes     parts: size arrays of one dtype, 1-D; sizes: the lengths of what comes, known beforehand
        Errors     ValueError for another number of parts, or parts that are not 1-D
        """
        if len(parts) != self.size or len(sizes) != self.size:
            raise ValueError(
                f"exchange: expected {self.size} parts and sizes, got {len(parts)} and {len(sizes)}"
            )
        parts = [np.ascontiguousarray(p) for p in parts]
        for q, p in enumerate(parts):
            if p.ndim != 1 or p.dtype != parts[0].dtype:
                raise ValueError(f"exchange: part {q} is {p.dtype} {p.shape}, expected 1-D of one dtype")
        found = self._exchange(parts, list(map(int, sizes)))
        self.received["arrays"] += sum(x.nbytes for q, x in enumerate(found) if q != self.rank)
        return found

    def collect(self, part, sizes):
        """Every rank's 1-D array, joined in the order of the ranks, on every rank; sizes: their lengths."""
        return np.concatenate(self.exchange([part] * self.size, sizes))

    def first(self, function):
        """function() on rank 0 alone (it reads or writes files), its result on every rank.

        An error of rank 0 is one of all ranks: rank 0 raises it, the others a DistributedError that says so.
        """
        answer = None
        if self.rank == 0:
            try:
                answer = True, function()
            except Exception as error:
                self.broadcast((False, f"{type(error).__name__}: {error}"))
                raise self.agreed(error) from None
        done, answer = self.broadcast(answer)
        if not done:
            raise self.agreed(DistributedError(f"rank 0: {answer}"))
        return answer

    def together(self, function):
        """function() of every rank; where it fails on any, all raise: those their own error, one of which is
        told, the others a DistributedError."""
        result, error = None, None
        try:
            result = function()
        except Exception as e:
            error = e
        said = self.gather(None if error is None else f"{type(error).__name__}: {error}")
        failed = next((rank for rank, text in enumerate(said) if text is not None), None)
        if failed is None:
            return result
        error = error or DistributedError(f"rank {failed}: {said[failed]}")
        self.agreed(error).told = self.rank != failed
        raise error

    def agreed(self, error):
        """The error, marked as one that every rank raises at this place: nobody is left waiting, and one
        rank telling it is enough."""
        error.agreed, error.told = True, self.rank != 0
        return error

    def abort(self, code=1):
        """End the whole job at once."""
        raise NotImplementedError

    def _objects(self, value):
        raise NotImplementedError

    def _object(self, value):
        raise NotImplementedError

    def _exchange(self, parts, sizes):
        raise NotImplementedError


class Serial(Communicator):
    """One rank alone: the same code runs, and nothing is sent."""

    def _objects(self, value):
        return [value]

    def _object(self, value):
        return value

    def _exchange(self, parts, sizes):
        return [p.copy() for p in parts]

    def abort(self, code=1):
        """Leave, as the one rank that there is."""
        raise SystemExit(code)


SERIAL = Serial()
"""For those who were given no other."""
