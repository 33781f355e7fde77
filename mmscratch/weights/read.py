"""Which format a file has is seen from its first bytes, never from its name."""

from __future__ import annotations

import os
import zipfile

import numpy as np

from ..data.errors import DataError
from ..data.files import check_file
from .entry import MAX_BYTES, Entry, check_entries

__all__ = ["open_weights", "read_weights"]

MAX_FILE_BYTES = 64 << 30
REFUSED = {
    b"\x89HDF\r\n\x1a\n": "is HDF5 (Keras's .h5), which is not read; save the arrays as npz or safetensors",
    b"\x80": "is a bare pickle (PyTorch's format before 1.6, or another's), which is never unpickled; "
    "save it again with a newer PyTorch, or as safetensors",
    b"GGUF": "is GGUF, which is not read; take the safetensors file of the same model",
    b"version https://git-lfs": "is a pointer of Git LFS, not the file itself; fetch it with git lfs pull",
}


def open_weights(path: str | os.PathLike, max_bytes: int = MAX_BYTES) -> dict[str, Entry]:
    """Name → Entry of every array in a safetensors, npz or PyTorch file (zip), in the file's order.

    Nothing in the file is run, and no array is read yet.
    Errors     DataError naming the file: another format, damaged, arrays of more than ``max_bytes`` together
    """
    path = check_file(path, MAX_FILE_BYTES)
    try:
        with path.open("rb") as file:
            start = file.read(32)
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error})") from None
    for magic, reason in REFUSED.items():
        if start.startswith(magic) and not start[8:9] == b"{":  # 0x80 may begin the size of a header, too
            raise DataError(path, reason)
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        entries = _open_zip(path)
    elif start[8:9] == b"{":
        from .safetensors_file import open_safetensors

        entries = open_safetensors(path)
    else:
        raise DataError(path, "is no safetensors, npz or PyTorch file")
    check_entries(path, entries, max_bytes)
    return entries


def read_weights(path: str | os.PathLike, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """Name → array of everything that ``open_weights`` finds; bfloat16 as float32, all else as it is."""
    return {name: entry.read() for name, entry in open_weights(path, max_bytes).items()}


def _open_zip(path):
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DataError(path, f"is truncated or damaged ({error})") from None
    if any(name.endswith("/data.pkl") for name in members):
        from .torch_file import open_torch

        return open_torch(path)
    if members and all(name.endswith(".npy") for name in members):
        from .npz_file import open_npz

        return open_npz(path)
    raise DataError(path, "is a zip archive, but neither npz nor PyTorch's (it has no data.pkl)")
