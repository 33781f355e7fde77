"""One array of a file, before it is read, and the limits that hold for all formats."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Callable

import numpy as np

from ..data.errors import DataError
from ..data.files import MAX_ARRAY_BYTES, MAX_ZIP_RATIO

__all__ = ["MAX_BYTES", "MAX_ENTRIES", "Entry", "bfloat16_to_float32", "check_entries", "decode"]

MAX_BYTES = MAX_ARRAY_BYTES  # of arrays, as they will lie in memory
MAX_ENTRIES = 100_000
MAX_AXES = 32

NUMBERS = {
    "float64", "float32", "float16", "bfloat16",
    "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool",
}  # fmt: skip
"""The dtypes that are read; bfloat16, which NumPy has not, becomes float32."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a file says of one array; ``read()`` gives it.

    dtype      as the file has it, one of NUMBERS
    read       () → array of that shape, in memory of its own, C order; bfloat16 as float32
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray] = dataclasses.field(repr=False, compare=False)

    @property
    def size(self) -> int:
        """How many numbers."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Bytes in memory, after bfloat16 became float32."""
        return self.size * (4 if self.dtype == "bfloat16" else np.dtype(self.dtype).itemsize)


def itemsize(dtype: str) -> int:
    """Bytes of one number in the file."""
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def check_entries(path: str | os.PathLike, entries: dict[str, Entry], max_bytes: int) -> None:
    """Refuse a file whose arrays would be too many or too large, before any memory is taken for them.

    Errors     DataError naming the file, and the array where it is one
    """
    if len(entries) > MAX_ENTRIES:
        raise DataError(path, f"holds {len(entries):,} arrays, more than the limit of {MAX_ENTRIES:,}")
    for name, entry in entries.items():
        if entry.dtype not in NUMBERS:
            raise DataError(path, f"{name!r} has dtype {entry.dtype}, which is not read")
        if len(entry.shape) > MAX_AXES:
            raise DataError(path, f"{name!r} has {len(entry.shape)} axes, more than the limit of {MAX_AXES}")
    total = sum(entry.nbytes for entry in entries.values())
    if total > max_bytes:
        raise DataError(path, f"holds arrays of {total:,} bytes, more than the limit of {max_bytes:,}")
    if total > max(MAX_ZIP_RATIO * os.path.getsize(path), 1 << 20):  # views without end of one storage
        raise DataError(path, f"holds arrays of {total:,} bytes, over {MAX_ZIP_RATIO} times its own size")


def bfloat16_to_float32(bits: np.ndarray) -> np.ndarray:
    """The upper half of a float32, the lower half of which is 0: exact.

    Forward    value = (−1)^s · 2^(e − 127) · 1.m, with 1 + 8 + 7 bits s, e, m; e 0: subnormal, 255: ∞ or NaN
    Shapes     uint16 (…) → float32 (…)
    """
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def decode(data, dtype: str, byteorder: str = "<") -> np.ndarray:
    """Bytes of a file → a flat array in this machine's byte order (a read-only view where it can be)."""
    if dtype == "bool":  # a byte that is neither 0 nor 1 would be no truth value at all
        return np.frombuffer(data, np.uint8) != 0
    stored = np.dtype("uint16" if dtype == "bfloat16" else dtype).newbyteorder(byteorder)
    array = np.frombuffer(data, stored)
    array = array.astype(stored.newbyteorder("="), copy=False)
    return bfloat16_to_float32(array) if dtype == "bfloat16" else array
