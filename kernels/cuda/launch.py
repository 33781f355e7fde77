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
    Graphs     No CUDA graph is captured and replayed: Numba's own CUDA (0.68) has no capture, and NVIDIA's
               (which since it builds on cuda.core can launch into a graph) would replay the numbers that a
               launch is given by value, and these change from step to step: learning rate, Adam's t,
               dropout's place in its stream.
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

    lean_kernel = kernel
else:
    import math

    cuda = _numba_cuda
    kernel = cuda.jit
    lean_kernel = cuda.jit(max_registers=128)  # so that two blocks of 256 threads find room side by side
    device = cuda.jit(device=True)

BLOCK = 4 if SIMULATOR else 256
"""Threads of a block, at most, in kernels that share memory; a power of two."""

HOLD = 2 if SIMULATOR else 8
"""Entries of a row that a thread keeps in registers, at most, so that the row is read only once."""

FEWEST = 2 if SIMULATOR else 32
"""Threads that read a row together, at least, unless the row is shorter: a warp's 128 bytes are one read."""

MAX_BLOCKS = 2 if SIMULATOR else 1 << 16
"""Blocks of a launch, at most: enough to fill any device, and the loops do the rest."""

__all__ = [
    "BLOCK", "HOLD", "IMPLEMENTATION", "SIMULATOR", "cached", "cuda", "device", "fits", "fold_max",
    "fold_sum", "kernel", "larger",
    "launch", "launch_blocks", "launch_each", "launch_rows", "lean_kernel", "math", "row_sum",
    "smaller", "top_of",
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


def launch_blocks(function, blocks, length, *arguments):
    """Queue a kernel in which an item is one block's work, whose threads share its ``length`` entries."""
    if blocks > 0:
        threads = min(BLOCK, 32)
        while threads < min(length, BLOCK):
            threads *= 2
        launch(function, min(blocks, MAX_BLOCKS), threads, *arguments)


def launch_rows(function, rows, length, *arguments):
    """Queue a kernel in which blockDim.x threads share a row of ``length``, and a block has blockDim.y rows.

    A row has as many threads as its length asks for when each holds HOLD entries; the block is filled up
    with other rows.
    """
    if rows > 0:
        lanes = 1
        while lanes < BLOCK and (lanes * HOLD < length or lanes < min(length, FEWEST)):
            lanes *= 2
        together = BLOCK // lanes
        launch(function, min(-(-rows // together), MAX_BLOCKS), (lanes, together), *arguments)


def fits(length):
    """Can the threads of ``launch_rows`` hold a row of this length in their registers?"""
    return length <= BLOCK * HOLD


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


@device
def top_of(a, b):
    """The larger of two numbers; NaN wins."""
    return a if a >= b or a != a else b


# ── sums over the threads of a row, through shared memory ────────────────────────────────────────
# ``scratch`` has an entry of shared memory for each thread; those that share a row, a power of two of them,
# begin at ``first``. Halves are folded onto each other: log₂ steps, always in the same order. Every thread of
# the block must come here. The first barrier lets the last use of scratch end.
@device
def fold_sum(scratch, value, t, first, width):
    """The sum of the values of ``width`` threads, of which this is number t, given to each."""
    cuda.syncthreads()
    scratch[first + t] = value
    cuda.syncthreads()
    half = width // 2
    while half > 0:
        if t < half:
            scratch[first + t] += scratch[first + t + half]
        cuda.syncthreads()
        half //= 2
    return scratch[first]


@device
def fold_max(scratch, value, t, first, width):
    """The largest of them; NaN wins."""
    cuda.syncthreads()
    scratch[first + t] = value
    cuda.syncthreads()
    half = width // 2
    while half > 0:
        if t < half:
            scratch[first + t] = top_of(scratch[first + t], scratch[first + t + half])
        cuda.syncthreads()
        half //= 2
    return scratch[first]


@device
def row_sum(scratch, value):
    """The sum of the values of a row's blockDim.x threads, given to each; a block has blockDim.y rows."""
    first = cuda.threadIdx.y * cuda.blockDim.x
    return fold_sum(scratch, value, cuda.threadIdx.x, first, cuda.blockDim.x)
