"""Zip archives and the .npy files in them, read so that no damaged or lying part of one goes unnoticed."""

from __future__ import annotations

import collections
import math
import os
import zipfile

import numpy as np

from .errors import DataError

__all__ = ["MAX_ZIP_RATIO", "check_archive", "read_npy", "read_npy_header"]

MAX_ZIP_RATIO = 200  # text and flat-coloured PNG stay far below; a zip bomb is above 1,000
MAX_MEMBERS = 100_000
END = 22  # bytes of the last record, before the archive's comment
SMALL = 1 << 20
"""Below so many unpacked bytes no ratio is too large."""
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def check_archive(path: str | os.PathLike, archive: zipfile.ZipFile, max_bytes: int) -> list[zipfile.ZipInfo]:
    """The members of an open archive, once it is known to be worth unpacking.

    Each is opened: the directory at the end must say of it what its own header says, or a member whose name
    was damaged would be taken for one that is not wanted.
    Errors     DataError where the contents would be out of proportion; zipfile's own for damage
    """
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise DataError(path, f"has {len(members):,} members, more than the limit of {MAX_MEMBERS:,}")
    unpacked = sum(member.file_size for member in members)
    if unpacked > max_bytes:
        raise DataError(path, f"unpacks to {unpacked:,} bytes, more than the limit of {max_bytes:,}")
    for member in members:
        if member.file_size > max(MAX_ZIP_RATIO * member.compress_size, SMALL):
            raise DataError(path, f"member {member.filename!r} unpacks more than {MAX_ZIP_RATIO} times")
    # Members may lie over each other, so that few bytes are packed in each of many.
    if unpacked > max(MAX_ZIP_RATIO * os.path.getsize(path), SMALL):
        raise DataError(path, f"unpacks to {unpacked:,} bytes, over {MAX_ZIP_RATIO} times its own size")
    archive.fp.seek(-END - len(archive.comment), os.SEEK_END)
    end = archive.fp.read(END)
    told = int.from_bytes(end[10:12], "little")  # 65,535: there are more, and another record counts them
    if end[:4] != b"PK\5\6" or told not in (len(members), 0xFFFF):
        raise DataError(path, f"is damaged: its directory has {len(members)} members, its end says otherwise")
    for name, count in collections.Counter(member.filename for member in members).items():
        if count > 1:
            raise DataError(path, f"holds {name!r} twice")
    for member in members:
        with archive.open(member):
            pass
    return members


def read_npy_header(file) -> tuple[tuple[int, ...], np.dtype, bool]:
    """Shape, dtype and whether the order is Fortran's, of an .npy file open at its beginning."""
    version = np.lib.format.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"npy version {version}")
    shape, fortran, dtype = HEADERS[version](file)
    return tuple(int(n) for n in shape), dtype, fortran


def read_npy(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    """A member as an array, without pickle.

    Its header must account for every byte: the checksum is compared when the last one has been read, and
    memory is taken for no more numbers than are there.
    """
    with archive.open(member) as file:
        shape, dtype, fortran = read_npy_header(file)
        there, said = member.file_size - file.tell(), math.prod(shape) * dtype.itemsize
        if dtype.hasobject:
            raise ValueError(f"{member.filename} holds Python objects, which are never unpickled")
        if said != there:
            raise ValueError(f"{member.filename} says {said:,} bytes of numbers, {there:,} are there")
        data = bytearray(file.read())
    array = np.frombuffer(data, dtype, math.prod(shape)) if said else np.empty(0, dtype)
    return array.reshape(shape, order="F" if fortran else "C")
