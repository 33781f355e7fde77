"""Compile every kernel that the cases of cuda_cases.py need to PTX, as a GPU would get it; no GPU is needed.

The floor runs as ever, but memory has no content and a launch compiles instead of running: so the
types are those of real launches. Twice: as sizes decide, and with the paths for large sizes forced.
Prints one line a kernel that fails, then how many compiled. Exit status 3: no compiler (NVVM) is here.
"""

import importlib
import sys
import types

import numba
import numpy as np
from cuda_cases import CASES, draws
from numba import cuda
from numba.core.types import Array
from numba.np.numpy_support import from_dtype

from mmscratch import kernels

COMPUTE_CAPABILITY = (7, 5)


def nothing(x):
    """The smallest kernel there is."""


def compiler_is_here():
    try:
        cuda.compile_ptx(nothing, (numba.int64,), cc=COMPUTE_CAPABILITY)
    except Exception:
        return False
    return True


class NoMemory:
    """Stands for device memory: has a type, no content."""

    def __init__(self, dtype=np.uint8):
        self.type = Array(from_dtype(np.dtype(dtype)), 1, "C")

    def view(self, dtype):
        return NoMemory(dtype)

    def __getitem__(self, index):
        return self

    def copy_to_device(self, array):
        pass


compiled, failures = {}, []


def compile_instead(function, blocks, threads, *arguments):
    from mmscratch.kernels.cuda.launch import _argument

    name = function.py_func.__qualname__
    assert threads <= 1024 and blocks >= 1
    values = [_argument(x, name, i) for i, x in enumerate(arguments)]
    signature = tuple(x.type if isinstance(x, NoMemory) else numba.typeof(x) for x in values)
    if (function, signature) not in compiled:
        compiled[function, signature] = None
        try:
            ptx, _ = cuda.compile_ptx(function.py_func, signature, cc=COMPUTE_CAPABILITY)
            compiled[function, signature] = ptx
        except Exception as error:
            failures.append(f"{function.py_func.__module__}.{name}{signature}: {str(error)[:2000]}")


def main():
    if not compiler_is_here():
        return 3
    from numba.cuda import dispatcher

    launch, memory, normalization, reduce, tile = (
        importlib.import_module(f"mmscratch.kernels.cuda.{name}")
        for name in ("launch", "memory", "normalization", "reduce", "tile")
    )
    dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=COMPUTE_CAPABILITY)
    launch.launch = tile.launch = compile_instead
    memory._allocate = lambda size: NoMemory()
    floor = kernels.floor("cuda")
    wanted = sys.argv[1:]
    for large in (False, True):
        if large:
            tile.SLIM, tile.PART, reduce.TREE, reduce.CHUNK, reduce.SERIAL_CHUNK, normalization.LONG = (
                0,
                8,
                1,
                16,
                8,
                1,
            )
        for kernel, rows in CASES.items():
            if wanted and kernel not in wanted:
                continue
            for name, build in rows:
                if kernel == "map" and name.endswith("broadcast") and "add" not in name:
                    continue  # a formula is one device function, however its operands are addressed
                for dtype in (np.float32, np.float64):
                    arguments = build(draws(dtype), dtype)
                    up = lambda x: memory.upload(x) if isinstance(x, np.ndarray) else x  # noqa: E731
                    getattr(floor, kernel)(
                        *([up(v) for v in x] if isinstance(x, list) else up(x) for x in arguments)
                    )
    print("\n".join(failures))
    print(f"{sum(ptx is not None for ptx in compiled.values())} compiled, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
