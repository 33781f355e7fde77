"""npz: a zip archive of npy files, each with a header of its own."""

from __future__ import annotations

import math
import zipfile

import numpy as np

from ..data.errors import DataError
from ..data.files import check_ratio
from .entry import Entry

__all__ = ["open_npz"]

MAX_UNPACKED = 64 << 30


def open_npz(path) -> dict[str, Entry]:
    """Name → Entry; the headers are read, the numbers are not.

    Errors     DataError for a damaged file, an array of objects (never unpickled) or of text, or a header
               that promises more numbers than its member holds
    """
    entries = {}
    try:
        with zipfile.ZipFile(path) as archive:
            check_ratio(path, archive.infolist(), MAX_UNPACKED)
            for member in archive.infolist():
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as file:
                    shape, dtype = _header(file)
                if dtype.kind not in "fiub" or dtype.itemsize > 8:
                    raise DataError(path, f"{name!r} has dtype {dtype}, expected numbers")
                if math.prod(shape) * dtype.itemsize > member.file_size:
                    raise DataError(
                        path, f"{name!r} says shape {shape}, which its {member.file_size:,} bytes do not hold"
                    )
                if name in entries:
                    raise DataError(path, f"holds {name!r} twice")
                entries[name] = Entry(name, shape, dtype.name, _Reader(path, member.filename))
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each have their own set of exceptions
        raise DataError(path, f"is not a readable npz file ({type(error).__name__}: {error})") from None
    return entries


def _header(file):
    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"npy version {version}")
    shape, _, dtype = read[version](file)
    return tuple(int(n) for n in shape), dtype


class _Reader:
    def __init__(self, path, member):
        self.path, self.member = path, member

    def __call__(self):
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.member) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
        except Exception as error:
            raise DataError(
                self.path, f"{self.member} is damaged ({type(error).__name__}: {error})"
            ) from None
        return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)
