"""Which CUDA is used, how kernels are compiled, and how many threads they get.

Numba's CUDA exists twice: the one inside Numba, and NVIDIA's package numba-cuda, which on being
installed puts itself in the place of ``numba.cuda``. So importing that name takes NVIDIA's where it
is there (``IMPLEMENTATION`` says which it was). Kernels keep to what both have, and to what Numba's
simulator (environment variable NUMBA_ENABLE_CUDASIM=1) can run: no warp shuffles, every
``shared.array`` of constant size and on a source line of its own, no negative index into a shape.

Rules that every kernel of this floor follows
    Flat       Arrays arrive flat and contiguous; shapes and strides arrive as integers or tuples of
               integers, by value. So a kernel is compiled once a dtype, not once a rank, and a 0-d
               array is nothing special.
    64 bits    Indices are 64-bit integers throughout (``cuda.grid`` and Python integers are): an
               array may have more than 2³¹ entries.
    Any grid   A kernel loops over its work with the stride of the grid, so that any number of blocks
               computes the same; the number launched is only a matter of speed.
    Order      Sums are taken in an order that depends on shapes alone, never on timing: no atomics.
    Stream     Everything is queued on the default stream. Only ``memory.download`` waits for it.
"""

import contextlib
import functools
import importlib

import numpy as np
from numba import cuda as _numba_cuda

from .memory import DeviceArray

SIMULATOR = "simulator" in _numba_cuda.jit.__module__
IMPLEMENTATION = "simulator" if SIMULATOR else getattr(_numba_cuda, "implementation", "Built-in")

for _settings in ("numba.core.config", "numba.cuda.core.config"):  # Numba's own, and NVIDIA's
    # A small array gets a small grid, and that is right: no warning at each launch.
    with contextlib.suppress(ImportError):
        importlib.import_module(_settings).CUDA_LOW_OCCUPANCY_WARNINGS = 0

if SIMULATOR:
    from .simulator import cuda, device, kernel, math
else:
    import math

    cuda = _numba_cuda
    kernel = cuda.jit
    device = cuda.jit(device=True)

BLOCK = 4 if SIMULATOR else 256
"""Threads of a block, at most, in kernels that share memory; a power of two."""

MAX_BLOCKS = 2 if SIMULATOR else 1 << 16
"""Blocks of a launch, at most: enough to fill any device, and the loops do the rest."""

__all__ = [
    "BLOCK", "IMPLEMENTATION", "SIMULATOR", "block_max", "block_sum", "cached", "cuda", "device", "kernel",
    "larger", "launch", "launch_each", "launch_rows", "math", "smaller",
]  # fmt: skip

cached = functools.cache


def _argument(x, name, position):
    """What Numba is given for an argument: flat device memory for a device array, the rest as it is."""
    if type(x) is DeviceArray:
        return x.flat
    if isinstance(x, np.ndarray):
        raise TypeError(
            f"Host array used in CUDA kernel: argument {position} of {name} is a NumPy array of shape "
            f"{x.shape}; move it to the device first, with .to('cuda') or memory.upload"
        )
    return x


def launch(function, blocks, threads, *arguments):
    """Queue a kernel: ``blocks`` blocks of ``threads`` threads."""
    name = getattr(function, "__name__", None) or function.py_func.__name__
    function[blocks, threads](*[_argument(x, name, i) for i, x in enumerate(arguments)])


def launch_each(function, count, *arguments):
    """Queue a kernel in which ``count`` items are each the work of one thread."""
    if count > 0:
        launch(function, min(-(-count // BLOCK), MAX_BLOCKS), BLOCK, *arguments)


def launch_rows(function, rows, length, *arguments):
    """Queue a kernel in which each row is the work of one block, whose threads share its ``length`` items."""
    if rows > 0:
        threads = min(BLOCK, 32)
        while threads < min(length, BLOCK):
            threads *= 2
        launch(function, min(rows, MAX_BLOCKS), threads, *arguments)


# ── in kernels ───────────────────────────────────────────────────────────────────────────────────
# Python's min and max do not compile in the CUDA of every Numba (0.68: "Signature mismatch").
@device
def smaller(a, b):
    """The smaller of two integers."""
    return a if a < b else b


@device
def larger(a, b):
    """The larger of two integers."""
    return a if a > b else b


# ── sums over a block, through shared memory ─────────────────────────────────────────────────────
# ``scratch`` has BLOCK entries of shared memory; blockDim.x is a power of two. Halves are folded onto
# each other: log₂ steps, always in the same order. The first barrier lets the last use of scratch end.
@device
def block_sum(scratch, value):
    """The sum of every thread's value, given to every thread."""
    t = cuda.threadIdx.x
    cuda.syncthreads()
    scratch[t] = value
    cuda.syncthreads()
    half = cuda.blockDim.x // 2
    while half > 0:
        if t < half:
            scratch[t] += scratch[t + half]
        cuda.syncthreads()
        half //= 2
    return scratch[0]


@device
def block_max(scratch, value):
    """The largest of every thread's value, given to every thread; NaN wins."""
    t = cuda.threadIdx.x
    cuda.syncthreads()
    scratch[t] = value
    cuda.syncthreads()
    half = cuda.blockDim.x // 2
    while half > 0:
        if t < half:
            other = scratch[t + half]
            if not (scratch[t] >= other or scratch[t] != scratch[t]):
                scratch[t] = other
        cuda.syncthreads()
        half //= 2
    return scratch[0]
