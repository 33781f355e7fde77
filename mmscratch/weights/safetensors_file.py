"""safetensors: eight bytes that say how long the header is, the header in JSON, then the numbers.

The safetensors package judges the container (the header's form, that the arrays tile the file exactly);
the numbers are read here, since NumPy has no bfloat16.
"""

from __future__ import annotations

import json
import struct

from ..data.errors import DataError
from .entry import Entry, decode

__all__ = ["open_safetensors"]

DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16",
    "I64": "int64", "I32": "int32", "I16": "int16", "I8": "int8",
    "U64": "uint64", "U32": "uint32", "U16": "uint16", "U8": "uint8", "BOOL": "bool",
}  # fmt: skip
MAX_HEADER = 100 << 20  # the package's own limit


def open_safetensors(path) -> dict[str, Entry]:
    """Name → Entry, in the order in which the arrays lie in the file.

    Errors     DataError where the package refuses the file, or for a dtype that is not read (float8 and less)
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy"):
            pass
        with open(path, "rb") as file:
            (size,) = struct.unpack("<Q", file.read(8))
            header = json.loads(file.read(min(size, MAX_HEADER)))
    except (SafetensorError, OSError, ValueError, RecursionError, struct.error) as error:
        raise DataError(path, f"is not a readable safetensors file ({error})") from None
    entries = {}
    header.pop("__metadata__", None)
    for name, told in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        dtype = DTYPES.get(told["dtype"])
        if dtype is None:
            raise DataError(path, f"{name!r} has dtype {told['dtype']}, expected one of {', '.join(DTYPES)}")
        shape, (start, stop) = tuple(told["shape"]), told["data_offsets"]
        entries[name] = Entry(name, shape, dtype, _Reader(path, 8 + size + start, stop - start, dtype, shape))
    return entries


class _Reader:
    def __init__(self, path, start, nbytes, dtype, shape):
        self.path, self.start, self.nbytes, self.dtype, self.shape = path, start, nbytes, dtype, shape

    def __call__(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self.start)
                data = bytearray(self.nbytes)
                if file.readinto(data) != self.nbytes:
                    raise DataError(self.path, "was cut while it was being read")
        except OSError as error:
            raise DataError(self.path, f"cannot be read ({error.strerror or error})") from None
        return decode(data, self.dtype).reshape(self.shape)
