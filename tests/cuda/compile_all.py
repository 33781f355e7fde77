"""Compile every kernel that the cases of cuda_cases.py need to PTX, as a GPU would get it; no GPU is needed.

The floor runs as ever, but memory has no content and a launch compiles instead of running: so the
types are those of real launches. Twice: as sizes decide, and with the paths for large sizes forced.
Where NVIDIA's assembler (ptxas) is at hand, it goes on to machine code for an H100 or H200 (sm_90), which
tells registers and whether any had to be spilled into memory.
Prints one line a kernel that fails, then how many compiled. Exit status 3: no compiler (NVVM) is here.
"""

import importlib
import re
import shutil
import subprocess
import sys
import tempfile
import types

import numba
import numpy as np
from cuda_cases import CASES, draws
from numba import cuda
from numba.core.types import Array
from numba.np.numpy_support import from_dtype

from mmscratch import kernels

COMPUTE_CAPABILITY = (9, 0)
ASSEMBLER = shutil.which("ptxas") or shutil.which("/usr/local/cuda/bin/ptxas")
FEW_BYTES = 64
"""A few addresses, put aside during a loop, cost little; results put aside in it would."""

MAY_USE_A_STACK = {"map1", "map2", "map3", "map4", "quad1", "quad2", "quad3"}
"""Kernels in which CUDA's own sin and cos reduce large arguments by a table on the stack."""


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


compiled, failures, registers = {}, [], {}


def assemble(name, ptx, most):
    """What ptxas says of a kernel: its registers; spills and memory in place of registers are failures."""
    if not ASSEMBLER:
        return
    with tempfile.NamedTemporaryFile("w", suffix=".ptx") as file:
        file.write(ptx)
        file.flush()
        command = [ASSEMBLER, "-arch=sm_90", f"-maxrregcount={most}", "-v", file.name, "-o", "/dev/null"]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    used = re.search(r"Used (\d+) registers", run.stderr)
    stack = re.search(r"(\d+) bytes stack frame, \d+ bytes spill", run.stderr)
    if run.returncode or not used:
        failures.append(f"{name}: ptxas: {run.stderr[:500]}")
        return
    registers[name] = max(int(used[1]), registers.get(name, 0))
    if name.split(".")[-1] not in MAY_USE_A_STACK:
        if "__local_depot" in ptx:
            failures.append(f"{name}: an array that should be registers is memory")
        elif stack and int(stack[1]) > FEW_BYTES:
            failures.append(f"{name}: {stack[0]}")


def compile_instead(function, blocks, threads, *arguments):
    from mmscratch.kernels.cuda.launch import _argument

    name = function.py_func.__qualname__
    assert np.prod(threads) <= 1024 and blocks >= 1
    values = [_argument(x, name, i) for i, x in enumerate(arguments)]
    signature = tuple(x.type if isinstance(x, NoMemory) else numba.typeof(x) for x in values)
    if (function, signature) not in compiled:
        compiled[function, signature] = None
        try:
            ptx, _ = cuda.compile_ptx(function.py_func, signature, cc=COMPUTE_CAPABILITY)
            compiled[function, signature] = ptx
            most = function.targetoptions.get("max_registers") or 255
            assemble(f"{function.py_func.__module__}.{name}", ptx, most)
        except Exception as error:
            failures.append(f"{function.py_func.__module__}.{name}{signature}: {str(error)[:2000]}")


LARGE = [  # where a path depends on sizes: constants that send small sizes there
    ("product", "SLIM", 0), ("product", "PART", 8), ("tile", "FILLED", 1),
    ("reduce", "TREE", 1), ("reduce", "CHUNK", 16), ("reduce", "SERIAL_CHUNK", 8),
    ("columns", "LONG", 1), ("launch", "HOLD", 0), ("attention", "HELD", {4: 4, 8: 4}),
    ("attention", "FILLED", 1),
]  # fmt: skip


MORE = [  # sizes that choose the larger forms of a tile; too slow for the simulator
    (
        "attention",
        "many queries",
        lambda draw, dtype: (*(draw(1, 1, 40, 8) for _ in range(3)), None, True, 1.0),
    ),
    ("attention", "more", lambda draw, dtype: (*(draw(1, 1, 70, 8) for _ in range(3)), None, True, 1.0)),
    ("cosine_topk", "many queries", lambda draw, dtype: (draw(40, 8), draw(50, 8), 5, False)),
]


def main():
    if not compiler_is_here():
        return 3
    from numba.cuda import dispatcher

    floor_files = {
        name: importlib.import_module(f"mmscratch.kernels.cuda.{name}")
        for name in ("launch", "memory", "attention", "columns", "product", "reduce", "tile")
    }
    dispatcher.get_current_device = lambda: types.SimpleNamespace(compute_capability=COMPUTE_CAPABILITY)
    for file in floor_files.values():
        if hasattr(file, "launch"):
            file.launch = compile_instead
    memory = floor_files["memory"]
    memory._allocate = lambda size: NoMemory()
    floor = kernels.floor("cuda")
    wanted = sys.argv[1:]
    for kernel, name, build in MORE:
        CASES[kernel].append((name, build))
    for large in (False, True):
        if large:
            for file, name, value in LARGE:
                setattr(floor_files[file], name, value)
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
    for name, count in sorted(registers.items()):
        print(f"{count:4} registers  {name}")
    print("\n".join(failures))
    four = sum("ld.global.v" in (ptx or "") for ptx in compiled.values())
    print(f"{four} with 128-bit loads")
    print(f"{sum(ptx is not None for ptx in compiled.values())} compiled, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
