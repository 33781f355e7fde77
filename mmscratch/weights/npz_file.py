"""npz: a zip archive of npy files, each with a header of its own."""

from __future__ import annotations

import math
import zipfile

import numpy as np

from ..data.archives import check_archive, read_npy, read_npy_header
from ..data.errors import DataError
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
            for member in check_archive(path, archive, MAX_UNPACKED):
                name = member.filename.removesuffix(".npy")
                with archive.open(member) as file:
                    shape, dtype, _ = read_npy_header(file)
                if dtype.kind not in "fiub" or dtype.itemsize > 8:
                    raise DataError(path, f"{name!r} has dtype {dtype}, expected numbers")
                if math.prod(shape) * dtype.itemsize > member.file_size:
                    raise DataError(
                        path, f"{name!r} says shape {shape}, which its {member.file_size:,} bytes do not hold"
                    )
                entries[name] = Entry(name, shape, dtype.name, _Reader(path, member.filename))
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each have their own set of exceptions
        raise DataError(path, f"is not a readable npz file ({type(error).__name__}: {error})") from None
    return entries


class _Reader:
    def __init__(self, path, member):
        self.path, self.member = path, member

    def __call__(self):
        try:
            with zipfile.ZipFile(self.path) as archive:
                array = read_npy(archive, archive.getinfo(self.member))
        except Exception as error:
            raise DataError(
                self.path, f"{self.member} is damaged ({type(error).__name__}: {error})"
            ) from None
        return np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)
