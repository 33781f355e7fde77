"""Where the largest and the smallest are: the order and the kernels of ``argreduce`` and ``topk``."""

import numpy as np

from .launch import BLOCK, cached, cuda, device, kernel, smaller

__all__ = ["arg_kernels", "precedes", "topk_kernel"]


@device
def precedes(a, i, b, j):
    """Does entry i with value a come before entry j with value b, falling, NaN first, then by position?

    A position < 0 is no entry and comes last.
    """
    if i < 0 or j < 0:
        return j < 0 and i >= 0
    if a != a or b != b:
        return (a != a and b == b) or (a != a and b != b and i < j)
    return a > b or (a == b and i < j)


@device
def _precedes_rising(a, i, b, j):
    """The same, rising (and NaN first again)."""
    if i < 0 or j < 0 or a != a or b != b:
        return precedes(a, i, b, j)
    return a < b or (a == b and i < j)


@cached
def arg_kernels(kind, dtype):
    """(a block a row, a thread a line) finding the first maximum or minimum."""
    first, T = (precedes if kind == "max" else _precedes_rising), dtype.type

    @kernel
    def tree(y, x, rows, length):
        values = cuda.shared.array(BLOCK, T)
        places = cuda.shared.array(BLOCK, np.int64)
        t = cuda.threadIdx.x
        for r in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            base = np.int64(r) * length
            best, place = T(0), np.int64(-1)
            for i in range(t, length, cuda.blockDim.x):
                v = T(x[base + i])
                if first(v, i, best, place):
                    best, place = v, np.int64(i)
            cuda.syncthreads()
            values[t] = best
            places[t] = place
            cuda.syncthreads()
            half = cuda.blockDim.x // 2
            while half > 0:
                if t < half and first(values[t + half], places[t + half], values[t], places[t]):
                    values[t] = values[t + half]
                    places[t] = places[t + half]
                cuda.syncthreads()
                half //= 2
            if t == 0:
                y[r] = places[0]

    @kernel
    def serial(y, x, count, length, inner):
        for r in range(cuda.grid(1), count, cuda.gridsize(1)):
            base = r // inner * length * inner + r % inner
            best, place = T(x[base]), np.int64(0)
            for i in range(1, length):
                v = T(x[base + i * inner])
                if first(v, i, best, place):
                    best, place = v, np.int64(i)
            y[r] = place

    return tree, serial


@device
def _source(names, has_names, i):
    """The name of candidate i: what it was called where it came from, or i itself."""
    return names[i] if has_names else np.int64(i)


@cached
def topk_kernel(dtype):
    """k rounds a block: each finds the first entry, in order, after the winner of the round before.

    Row r is cut into ``parts`` of ``chunk`` entries, each of which gives k winners (position −1 where it
    is too short). ``names``: the positions that the entries had before an earlier such cut.
    """
    T = dtype.type

    @kernel
    def topk(values, index, x, names, has_names, rows, length, k, chunk, parts):
        best_value = cuda.shared.array(BLOCK, T)
        best_place = cuda.shared.array(BLOCK, np.int64)
        t = cuda.threadIdx.x
        for r in range(cuda.blockIdx.x, rows * parts, cuda.gridDim.x):
            base = r // parts * length
            first = r % parts * chunk
            last = smaller(length, first + chunk)
            won, won_place = T(0), np.int64(-1)
            for j in range(k):
                best, place = T(0), np.int64(-1)
                for i in range(first + t, last, cuda.blockDim.x):
                    v, name = x[base + i], _source(names, has_names, base + i) - (0 if has_names else base)
                    fresh = j == 0 or precedes(won, won_place, v, name)
                    if fresh and precedes(v, name, best, place):
                        best, place = v, name
                cuda.syncthreads()
                best_value[t] = best
                best_place[t] = place
                cuda.syncthreads()
                half = cuda.blockDim.x // 2
                while half > 0:
                    if t < half and precedes(
                        best_value[t + half], best_place[t + half], best_value[t], best_place[t]
                    ):
                        best_value[t] = best_value[t + half]
                        best_place[t] = best_place[t + half]
                    cuda.syncthreads()
                    half //= 2
                won, won_place = best_value[0], best_place[0]
                if t == 0:
                    values[r * k + j] = won
                    index[r * k + j] = won_place

    return topk
