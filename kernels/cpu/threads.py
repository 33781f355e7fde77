"""How the cpu floor uses threads: one door, fixed pieces, and when it is worth it at all.

One door     Numba's workqueue layer aborts the process when two Python threads run parallel loops at
             once. Parallel functions therefore run one at a time, process-wide, on every layer.
Fixed pieces Work is cut by its size alone, never by the number of threads, and partial sums are added
             in the order of the pieces: results are the same on one thread and on sixty-four.
After a fork Threads do not survive it. Worker processes are to be spawned, or to run no parallel loop.
One pool     The threads of BLAS and those of Numba each wait by spinning, and on few cores keep each other
             from working: the demo takes twice as long. So BLAS gets one thread, for the whole process, when
             this floor is first used. MMSCRATCH_BLAS_THREADS=4 asks for another number, =keep for none.
"""

import functools
import os
import threading

LARGE = 50_000
"""From this many elements on, compiled parallel loops beat NumPy's single-threaded passes."""

PIECE = 8192
"""Elements in a piece of work: small enough for a core's cache, large enough to be worth handing out."""

_door = threading.RLock()


def settle_blas():
    """Give BLAS the number of threads that this floor works best with (the module's docstring says why)."""
    wanted = os.environ.get("MMSCRATCH_BLAS_THREADS", "1")
    if wanted == "keep":
        return
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(f"MMSCRATCH_BLAS_THREADS: expected a number of threads or 'keep', got {wanted!r}")
    from threadpoolctl import threadpool_limits

    threadpool_limits(int(wanted), user_api="blas")


def through_the_door(kernel):
    """The compiled parallel function, run one at a time. ``jit.njit`` does this to every parallel one."""

    @functools.wraps(kernel)
    def call(*arguments):
        with _door:
            return kernel(*arguments)

    call.kernel = kernel
    return call


def pieces(size):
    """How many pieces of PIECE elements make up size."""
    return -(-size // PIECE)
