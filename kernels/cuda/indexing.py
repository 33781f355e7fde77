"""Looking entries up by index, and the gradients of that. Equal to ``reference.indexing``.

The gradients add many entries into one place. Atomics would do it in whatever order threads arrive; here
each place is one block's, which walks through the index from front to back:

    take_add   A block owns OWN rows and LANES columns of the result, in shared memory. It looks at as many
               index entries at a time as it has threads, and lists those that fall into its rows in their
               order (a running count, Hillis & Steele, 1986). SLOTS rows of threads, each with sums of its
               own, take turns at the list; at the end the slots' sums are added. So the order of every sum,
               and its last bit, is a matter of index and shape alone.
"""

import math as host_math

import numpy as np

from .elementwise import full
from .launch import MAX_BLOCKS, SIMULATOR, cached, cuda, kernel, launch, launch_each, smaller
from .memory import empty
from .reduce import reduce_rows_into
from .stride import divisors, quotient, split_axis

__all__ = ["take", "take_add", "take_along", "take_along_add"]

LANES, SLOTS = (2, 2) if SIMULATOR else (32, 8)
THREADS = LANES * SLOTS
OWN = 4 if SIMULATOR else 16
PART = 8 if SIMULATOR else 4096
"""Index entries that one block walks through at least, where the index is cut into parts."""


@kernel
def _take(y, x, index, count, width, by):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        place = quotient(i, by, 0)
        y[i] = x[index[place] * width + (i - place * width)]


@cached
def _take_add_kernel(dtype):
    T = dtype.type
    sums = SLOTS * OWN * LANES

    @kernel
    def take_add(dx, dy, index, places, width, rows, chunk, parts):
        total = cuda.shared.array(sums, T)
        found = cuda.shared.array(THREADS, np.int64)
        number = cuda.shared.array(THREADS, np.int64)
        t = cuda.threadIdx.x
        lane, slot = t % LANES, t // LANES
        mine = slot * OWN * LANES + lane
        strips, ranges = (width + LANES - 1) // LANES, (rows + OWN - 1) // OWN
        for item in range(cuda.blockIdx.x, strips * ranges * parts, cuda.gridDim.x):
            column = item % strips * LANES + lane
            low = item // strips % ranges * OWN
            part = item // (strips * ranges)
            end = smaller(places, (part + 1) * chunk)
            for row in range(OWN):
                total[mine + row * LANES] = T(0)
            for first in range(part * chunk, end, THREADS):
                place = first + t
                hit = place < end and low <= index[place] and index[place] < low + OWN
                if cuda.syncthreads_count(np.int32(1 if hit else 0)) == 0:
                    continue
                number[t] = 1 if hit else 0
                cuda.syncthreads()
                step = 1
                while step < THREADS:
                    before = number[t - step] if t >= step else 0
                    cuda.syncthreads()
                    number[t] += before
                    cuda.syncthreads()
                    step *= 2
                if hit:
                    found[number[t] - 1] = place
                cuda.syncthreads()
                if column < width:
                    for m in range(slot, number[THREADS - 1], SLOTS):
                        at = found[m]
                        total[mine + (index[at] - low) * LANES] += dy[at * width + column]
                cuda.syncthreads()
            cuda.syncthreads()
            for row in range(slot, OWN, SLOTS):
                if column < width and low + row < rows:
                    value = T(0)
                    for s in range(SLOTS):
                        value += total[(s * OWN + row) * LANES + lane]
                    dx[(part * rows + low + row) * width + column] = value
            cuda.syncthreads()

    return take_add


@kernel
def _take_along(y, x, index, count, entries, size, inner):
    """x (outer, size, inner), index and y (outer, entries, inner)."""
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        outer = i // (entries * inner)
        y[i] = x[(outer * size + index[i]) * inner + i % inner]


@kernel
def _take_along_add(dx, dy, index, lines, entries, size, inner):
    """A thread a line: it zeroes the line, then adds the entries in their order."""
    for line in range(cuda.grid(1), lines, cuda.gridsize(1)):
        outer = line // inner
        column = line - outer * inner
        for j in range(size):
            dx[(outer * size + j) * inner + column] = 0
        for j in range(entries):
            at = (outer * entries + j) * inner + column
            dx[(outer * size + index[at]) * inner + column] += dy[at]


def take(x, index):
    """y[i] = x[index[i]], whole rows; neighbouring threads read neighbouring entries. Exact."""
    y = empty(index.shape + x.shape[1:], x.dtype)
    width = host_math.prod(x.shape[1:])
    launch_each(_take, y.size, y, x, index, y.size, width, divisors(width))
    return y


def take_add(dy, index, rows):
    """dx[index[i]] += dy[i]: for each row at most as many roundings as entries that meet, and a few."""
    width = host_math.prod(dy.shape[index.ndim :])
    dx = empty((rows, *dy.shape[index.ndim :]), dy.dtype)
    if index.size == 0:
        return full(dx.shape, 0, dx.dtype)
    if dx.size == 0:
        return dx
    blocks = -(-width // LANES) * -(-rows // OWN)
    parts = min(index.size // PART, 16) if blocks <= 64 else 1
    chunk = -(-index.size // max(parts, 1))
    parts = -(-index.size // chunk)
    target = dx if parts == 1 else empty((parts, *dx.shape), dx.dtype)
    run = _take_add_kernel(dx.dtype)
    sizes = (index.size, width, rows, chunk, parts)
    launch(run, min(blocks * parts, MAX_BLOCKS), THREADS, target, dy, index, *sizes)
    if parts > 1:
        reduce_rows_into(dx, target, parts)
    return dx


def take_along(x, index, axis):
    """y[…, j, …] = x[…, index[…, j, …], …]. Exact."""
    y = empty(index.shape, x.dtype)
    _, size, inner = split_axis(x.shape, axis)
    launch_each(_take_along, y.size, y, x, index, y.size, index.shape[axis], size, inner)
    return y


def take_along_add(dy, index, axis, size):
    """dx[…, index[…, j, …], …] += dy[…, j, …], in the order of j."""
    dx = empty(dy.shape[:axis] + (size,) + dy.shape[axis + 1 :], dy.dtype)
    outer, entries, inner = split_axis(index.shape, axis)
    lines = outer * inner
    launch_each(_take_along_add, lines, dx, dy, index, lines, entries, size, inner)
    return dx
