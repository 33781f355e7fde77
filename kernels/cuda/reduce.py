"""Reductions, running sums, the k largest.

Sums and products of float32 are kept in float64 and rounded once at the end; of integers in int64.
Long sums are cut into chunks that depend on the shape alone, so the result is always the same.
"""

import math as host_math

import numpy as np

from .elementwise import cast
from .elementwise import map as apply
from .extreme import arg_kernels, topk_kernel
from .launch import BLOCK, SIMULATOR, cached, cuda, device, kernel, launch_blocks, launch_each, smaller
from .memory import empty
from .stride import collapse, contiguous, divisors, offset, split_axis

__all__ = ["argreduce", "extreme_backward", "reduce", "scan", "topk"]

TREE = 2 * min(BLOCK, 16)
"""A contiguous sum of so many entries is worth a block; shorter ones are one thread's."""

CHUNK = 16 if SIMULATOR else 1 << 14
"""Entries that one block sums."""

SERIAL_CHUNK = 8 if SIMULATOR else 1 << 10
"""Entries that one thread sums, where there are too few sums to fill the device otherwise."""

FEW = 1 << 14


@device
def _sum(a, b):
    return a + b


@device
def _prod(a, b):
    return a * b


@device
def _max(a, b):
    """The larger; a NaN if there is one (then neither comparison holds: b, or a itself, is it)."""
    return a if a >= b or a != a else b


@device
def _min(a, b):
    return a if a <= b or a != a else b


_COMBINE = {"sum": _sum, "prod": _prod, "max": _max, "min": _min}


def _accumulator(kind, dtype):
    """The dtype in which a reduction is carried out."""
    if dtype.kind in "iub":
        return np.dtype(np.int64)
    return np.dtype(np.float64) if kind in ("sum", "prod") else dtype


def _identity(kind, dtype):
    """What changes nothing when combined."""
    if kind in ("sum", "prod"):
        return 0 if kind == "sum" else 1
    if dtype.kind == "f":
        return -np.inf if kind == "max" else np.inf
    return int(np.iinfo(dtype).min if kind == "max" else np.iinfo(dtype).max)


@cached
def _kernels(kind, dtype):
    """(a block a sum, a thread a sum) for one kind and accumulator."""
    combine, T = _COMBINE[kind], dtype.type
    start = T(_identity(kind, dtype))

    @kernel
    def tree(y, x, outputs, length, chunk, parts, kept, kept_strides, over, over_strides):
        """Threads take every blockDim-th entry; then halves are folded onto each other."""
        scratch = cuda.shared.array(BLOCK, T)
        t = cuda.threadIdx.x
        for r in range(cuda.blockIdx.x, outputs * parts, cuda.gridDim.x):
            part = r % parts
            base = offset(r // parts, kept, kept_strides)
            total = start
            for i in range(part * chunk + t, smaller(length, (part + 1) * chunk), cuda.blockDim.x):
                total = combine(total, T(x[base + offset(i, over, over_strides)]))
            cuda.syncthreads()
            scratch[t] = total
            cuda.syncthreads()
            half = cuda.blockDim.x // 2
            while half > 0:
                if t < half:
                    scratch[t] = combine(scratch[t], scratch[t + half])
                cuda.syncthreads()
                half //= 2
            if t == 0:
                y[r] = scratch[0]

    @kernel
    def serial(y, x, outputs, length, chunk, parts, kept, kept_strides, over, over_strides):
        """Neighbouring threads sum neighbouring columns, entry by entry."""
        for r in range(cuda.grid(1), outputs * parts, cuda.gridsize(1)):
            part = r // outputs
            out = r - part * outputs
            base = offset(out, kept, kept_strides)
            total = start
            for i in range(part * chunk, smaller(length, (part + 1) * chunk)):
                total = combine(total, T(x[base + offset(i, over, over_strides)]))
            y[out * parts + part] = total

    return tree, serial


def reduce(kind, x, axes, keepdims):
    """Sum, maximum, minimum or product over the axes; equals ``reference.reduce``.

    A block an output, folded in shared memory, where the summed entries lie together; else a thread
    an output. Error of a sum of float32: one rounding (float64 inside); of float64: about log₂ n + n/256
    roundings.
    """
    strides = contiguous(x.shape)
    kept = [d for d in range(x.ndim) if d not in axes]
    shape = tuple(1 if d in axes else n for d, n in enumerate(x.shape))
    shape = shape if keepdims else tuple(x.shape[d] for d in kept)
    integral = x.dtype.kind in "iub" and kind in ("sum", "prod")
    y = empty(shape, np.int64 if integral else x.dtype)
    over = collapse(tuple(x.shape[d] for d in axes), tuple(strides[d] for d in axes))
    over = over if len(axes) else ((1,), (0,))
    kept = collapse(tuple(x.shape[d] for d in kept), tuple(strides[d] for d in kept))
    _reduce_into(y, kind, x, kept, over, host_math.prod(x.shape[d] for d in axes))
    return y


def _reduce_into(y, kind, x, kept, over, length):
    accumulator = _accumulator(kind, x.dtype)
    tree, serial = _kernels(kind, accumulator)
    by_block = length >= TREE and over[1][-1] == 1
    chunk = CHUNK if by_block else SERIAL_CHUNK if y.size < FEW else max(length, 1)
    parts = max(1, -(-length // chunk))
    target = y if parts == 1 else empty((y.size, parts), accumulator)
    walks = (divisors(*kept[0]), kept[1], divisors(*over[0]), over[1])
    arguments = (target, x, y.size, length, chunk, parts, *walks)
    if by_block:
        launch_blocks(tree, y.size * parts, min(length, chunk), *arguments)
    else:
        launch_each(serial, y.size * parts, *arguments)
    if parts > 1:
        _reduce_into(y, kind, target, ((y.size,), (parts,)), ((parts,), (1,)), parts)


def reduce_rows_into(y, x, rows):
    """y = the sum of x, seen as ``rows`` rows of y's size."""
    _reduce_into(y, "sum", x, ((y.size,), (1,)), ((rows,), (y.size,)), rows)


def extreme_backward(dy, x, y, axes):
    """dx = dy / n where x = y, n of these in a set; composed of maps and a sum; equals ``reference``'s."""
    winners = cast(apply("equal", x, y), x.dtype)
    return apply("mul", winners, apply("div", dy, reduce("sum", winners, axes, True)))


# ── running sums ─────────────────────────────────────────────────────────────────────────────────
@cached
def _scan_kernels(kind, dtype):
    """(a block a line, a thread a line); entry j of line l is at ``base + j · inner``."""
    combine, T = _COMBINE[kind], dtype.type
    start = T(_identity(kind, dtype))

    @kernel
    def tree(y, x, lines, length, exclusive, reverse):
        """blockDim entries at a time: each round adds what lies 1, 2, 4, … places before."""
        scratch = cuda.shared.array(BLOCK, T)
        t = cuda.threadIdx.x
        width = cuda.blockDim.x
        for line in range(cuda.blockIdx.x, lines, cuda.gridDim.x):
            carried = start
            for first in range(0, length, width):
                j = first + t
                at = line * length + (length - 1 - j if reverse else j)
                cuda.syncthreads()
                scratch[t] = T(x[at]) if j < length else start
                cuda.syncthreads()
                step = 1
                while step < width:
                    before = scratch[t - step] if t >= step else start
                    cuda.syncthreads()
                    scratch[t] = combine(before, scratch[t])
                    cuda.syncthreads()
                    step *= 2
                here = scratch[t]
                if exclusive:
                    here = scratch[t - 1] if t > 0 else start
                if j < length:
                    y[at] = combine(carried, here)
                carried = combine(carried, scratch[width - 1])

    @kernel
    def serial(y, x, lines, length, inner, exclusive, reverse):
        for line in range(cuda.grid(1), lines, cuda.gridsize(1)):
            base = line // inner * length * inner + line % inner
            total = start
            for j in range(length):
                at = base + (length - 1 - j if reverse else j) * inner
                after = combine(total, T(x[at]))
                y[at] = total if exclusive else after
                total = after

    return tree, serial


def scan(kind, x, axis, exclusive, reverse):
    """Running sum or product along axis; equals ``reference.scan``.

    Contiguous lines are scanned by a block each (Hillis & Steele, 1986), others by a thread each. float32
    is kept in float64 and rounded once an entry.
    """
    outer, length, inner = split_axis(x.shape, axis)
    y = empty(x.shape, x.dtype)
    tree, serial = _scan_kernels(kind, _accumulator(kind, x.dtype))
    if y.size == 0:
        return y
    if inner == 1 and length >= TREE:
        launch_blocks(tree, outer, length, y, x, outer, length, exclusive, reverse)
    else:
        launch_each(serial, outer * inner, y, x, outer * inner, length, inner, exclusive, reverse)
    return y


# ── positions of extremes ────────────────────────────────────────────────────────────────────────
def argreduce(kind, x, axis):
    """Position of the first maximum or minimum along axis; equals ``reference.argreduce`` exactly."""
    outer, length, inner = split_axis(x.shape, axis)
    y = empty(x.shape[:axis] + x.shape[axis + 1 :], np.int64)
    tree, serial = arg_kernels(kind, np.dtype(np.int64) if x.dtype.kind in "iub" else x.dtype)
    if inner == 1 and length >= TREE:
        launch_blocks(tree, outer, length, y, x, outer, length)
    else:
        launch_each(serial, y.size, y, x, y.size, length, inner)
    return y


def topk(x, k):
    """The k largest of each row, falling, NaN first, lower index first on ties. Exact.

    k rounds over the row, so meant for k far below N. Long rows are cut into chunks, whose winners then
    compete: the order is total, so cutting changes nothing.
    """
    return topk_named(x, None, k)


def topk_named(x, names, k):
    """``topk`` of rows whose entries have names (int64, like x) that take the place of their positions."""
    length = x.shape[-1]
    rows = host_math.prod(x.shape[:-1])
    chunk = max(CHUNK, 2 * k)
    parts = max(1, -(-length // chunk))
    lead = x.shape[:-1] if parts == 1 else (rows, parts)
    values, index = empty((*lead, k), x.dtype), empty((*lead, k), np.int64)
    if k:
        named = index if names is None else names
        arguments = (x, named, names is not None, rows, length, k, chunk, parts)
        launch_blocks(topk_kernel(x.dtype), rows * parts, min(length, chunk), values, index, *arguments)
    if parts == 1:
        return values, index
    width = parts * k
    values, index = topk_named(values.reshape(rows, width), index.reshape(rows, width), k)
    return values.reshape(*x.shape[:-1], k), index.reshape(*x.shape[:-1], k)
