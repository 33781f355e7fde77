"""What the simulator lacks to behave like a device.

The simulator runs a kernel as Python, one Python thread for each CUDA thread. Three things differ
from a device, and are mended here (nothing of this is used on one):

* It finds ``cuda`` by swapping the global of the *kernel's* module. A device function in another
  module would see the wrong one, so here ``cuda`` is an object that asks for the running kernel.
* Two threads that reach a ``shared.array`` together may each make one; here a lock sees to it.
* Python's ``math`` raises where a device gives ∞ or NaN, and computes in float64 only; here NumPy's
  functions serve, without warnings.
"""

import sys
import threading

import numpy as np
from numba import types as numba_types
from numba.cuda.simulator.api import jit as _jit
from numba.cuda.simulator.kernel import _get_kernel_context
from numba.np.numpy_support import as_dtype

from ..scalar import numpy_math as math


class _Shared:
    """``cuda.shared``: one array for each source line of the running block."""

    _lock = threading.Lock()

    def array(self, shape, dtype):
        frame = sys._getframe(1)
        arrays = _get_kernel_context().shared._allocations
        block = tuple(threading.current_thread().blockIdx)
        key = (frame.f_code.co_filename, frame.f_lineno, block)
        with self._lock:
            if key not in arrays:
                dtype = as_dtype(dtype) if isinstance(dtype, numba_types.Type) else np.dtype(dtype)
                arrays[key] = np.full(shape, 113, dtype)  # a device's shared memory is not zero either
            return arrays[key]


class _Cuda:
    """``cuda`` as a running kernel sees it."""

    shared = _Shared()

    def __getattr__(self, name):
        return getattr(_get_kernel_context(), name)


cuda = _Cuda()

__all__ = ["cuda", "device", "kernel", "math"]


def device(function):
    """A device function is the Python function itself."""
    return function


def kernel(function):
    """A kernel whose threads take ∞ and NaN for results, not for events."""

    def run(*arguments):
        with np.errstate(all="ignore"):
            function(*arguments)

    run.__name__ = run.__qualname__ = function.__name__
    return _jit(run)
