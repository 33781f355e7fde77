"""What a call needs besides its inputs: the peak of a process of its own, less what it held before.

``python -m benchmarks.memory ROW… SIDE`` prints the bytes, a line a row. The process first makes the call
once (of tiny sizes, where the row has them), so that code is there, then makes the inputs anew, gives what
is free back to the system, notes what it holds, sets the peak back, and makes the call twice. It loads only
the library of its side. Linux alone tells all this; elsewhere there is no figure.
"""

import contextlib
import ctypes
import gc
import os
import pathlib
import re
import subprocess
import sys

from .place import Place

__all__ = ["available", "measure", "peak_of"]

STATUS, CLEAR = "/proc/self/status", "/proc/self/clear_refs"


def available():
    """Can this system tell and reset a process's peak?"""
    return os.access(STATUS, os.R_OK) and os.access(CLEAR, os.W_OK)


def measure(names, side, *, timeout=1200):
    """Bytes that one side of each row needs, from a process of its own; None where the system cannot tell.

    Errors     RuntimeError with what the process said, where it failed
    """
    if not available():
        return None
    out = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", *names, side],
        capture_output=True, text=True, check=False, timeout=timeout,
    )  # fmt: skip
    if out.returncode:
        raise RuntimeError(f"memory of {side} in {names[0]}: {out.stderr.strip().splitlines()[-1:]}")
    return [int(n) for n in out.stdout.split()[-len(names) :]]


def peak_of(row, side):
    """In this process: what ``measure`` asks of another."""
    place = Place(row.device, libraries=() if side == "ours" else (side,))
    (row.small or row.setup)(place).call(side, memory=True)()
    call = row.setup(place).call(side, memory=True)
    gc.collect()
    _give_back()
    before = _status("VmRSS")
    pathlib.Path(CLEAR).write_text("5")
    call()
    call()
    return max(0, _status("VmHWM") - before)


def _give_back():
    """Free memory that the C library keeps, back to the system: else the call would seem to need less."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


def _status(field):
    text = pathlib.Path(STATUS).read_text()
    return int(re.search(rf"^{field}:\s+(\d+) kB", text, re.M).group(1)) * 1024


def main(*names_and_side):
    """Print the bytes of one side of rows, or of points of growth (smallest first)."""
    from .growth import points
    from .rows import every

    *names, side = names_and_side
    known = {row.name: row for row in [*every(), *points()]}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        sys.exit(f"usage: python -m benchmarks.memory ROW… SIDE; no row is named {unknown}")
    for name in names:
        print(peak_of(known[name], side), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
