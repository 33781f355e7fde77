"""What the cpu floor asks of the machine: threads, BLAS, memory; and how it divides work.

Four settings hold for the whole process. They are made when this floor is first used, never by
``import mmscratch`` alone, and each can be kept from being made:

One pool     The threads of BLAS and those of Numba each wait by spinning, and on few cores keep each other
             from working: the demo takes twice as long. So BLAS gets one thread.
             MMSCRATCH_BLAS_THREADS=4 asks for another number, =keep for none.
One heap     glibc gives every freed array from 128 kB (later: up to 32 MB) on back to the system, and takes
             a new one page by page: several times the cost of the arithmetic. So it is told to keep what
             it has. The process then stays as large as it once had to be (the demo: 513 MB at most, not 480,
             in a tenth less time). MMSCRATCH_MALLOC=keep leaves glibc as it is; other systems' allocators
             are not touched.
Short waits  A thread of the pool with nothing to do spins, in GNU's OpenMP for milliseconds, before it lets
             go of its core; beside another process the rest of the team waits for just that core. On two
             cores, one of them taken, a matrix product took three times as long as on one thread, a pass
             over an array thirteen times. Let go at once, it must be woken for the next loop, which on a
             virtual machine takes longer than a short loop does. So GOMP_SPINCOUNT=10000, which is 0.1 to
             0.5 ms (the processor's pause takes 12 to 45 ns), if neither it nor OMP_WAIT_POLICY is set,
             and if GNU's OpenMP is not loaded yet.
Threads      As many as Numba finds: NUMBA_NUM_THREADS, NUMBA_THREADING_LAYER are its own settings.

One door     Numba's workqueue layer aborts the process when two Python threads run parallel loops at
             once. Parallel functions therefore run one at a time, process-wide, on every layer.
Fixed pieces Work is cut by its size alone, never by the number of threads, and partial sums are added
             in the order of the pieces: results are the same on one thread and on sixty-four.
After a fork Threads do not survive it. Worker processes are to be spawned, or to run no parallel loop.
"""

import ctypes
import functools
import os
import platform
import threading

LARGE = 50_000
"""From this many elements on, compiled parallel loops beat NumPy's single-threaded passes."""

PIECE = 8192
"""Elements in a piece of work: small enough for a core's cache, large enough to be worth handing out."""

SHARE = 2048
"""The same for elementwise loops, which pay nothing for another piece: of 100,000 elements two threads get 25
of these and 24. Of PIECE elements they would get 7 and 6, and one wait a seventh of its time."""

door = threading.RLock()
"""Whoever holds it may run parallel loops."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from malloc.h


def settle():
    """Make the settings of the whole process (the module's docstring says which, and why)."""
    settle_blas()
    settle_allocator()
    settle_waiting()


def settle_blas():
    """Give BLAS the number of threads that this floor works best with."""
    wanted = os.environ.get("MMSCRATCH_BLAS_THREADS", "1")
    if wanted == "keep":
        return
    if not wanted.isdecimal() or int(wanted) < 1:
        raise ValueError(f"MMSCRATCH_BLAS_THREADS: expected a number of threads or 'keep', got {wanted!r}")
    from threadpoolctl import threadpool_limits

    threadpool_limits(int(wanted), user_api="blas")


def settle_allocator():
    """Let glibc keep freed memory for the next arrays. True if it agreed; elsewhere nothing is done."""
    wanted = os.environ.get("MMSCRATCH_MALLOC", "")
    if wanted not in ("", "keep"):
        raise ValueError(f"MMSCRATCH_MALLOC: expected 'keep' or nothing, got {wanted!r}")
    if wanted == "keep" or platform.system() != "Linux" or platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    # Older versions refuse thresholds above 32 MB (half of a thread's heap); then that is what they get.
    at_most = mallopt(_M_MMAP_THRESHOLD, 1 << 30) or mallopt(_M_MMAP_THRESHOLD, 1 << 25)
    return bool(at_most and mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))


def settle_waiting():
    """Let idle threads give up their cores soon. OpenMP reads this when it is loaded: at the first loop."""
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ):
        os.environ["GOMP_SPINCOUNT"] = "10000"


def through_the_door(kernel):
    """The compiled parallel function, run one at a time. ``jit.njit`` does this to every parallel one."""

    @functools.wraps(kernel)
    def call(*arguments):
        with door:
            return kernel(*arguments)

    call.kernel = kernel
    return call


def pieces(size, length=PIECE):
    """How many pieces of so many elements make up size."""
    return -(-size // length)
