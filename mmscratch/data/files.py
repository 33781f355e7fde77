"""Files: read with limits, every failure a `DataError` that names the file; written whole or not at all."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import zipfile
import zlib
from pathlib import Path

import numpy as np

from .archives import MAX_ZIP_RATIO, check_archive, read_npy
from .errors import DataError

MAX_TEXT_BYTES = 1 << 30  # COCO's largest annotation file is about a third of this
MAX_ARRAY_BYTES = 4 << 30
MAX_MEMBER_BYTES = 64 << 20
HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def require_folder(path: str | os.PathLike) -> Path:
    """`path` as a Path, or a DataError when it is not an existing folder."""
    path = Path(path)
    try:
        if path.is_dir():
            return path
        found = path.exists()
    except (OSError, ValueError) as error:
        raise DataError(path, f"cannot be opened ({error})") from None
    raise DataError(path, "is not a folder" if found else "no such folder")


def check_file(path: str | os.PathLike, max_bytes: int) -> Path:
    """`path` as a Path to a readable, non-empty regular file of at most `max_bytes`."""
    path = Path(path)
    try:
        if not path.exists():
            raise DataError(path, "no such file")
        if path.is_dir():
            raise DataError(path, "is a folder, a file was expected")
        if not path.is_file():
            raise DataError(path, "is not a regular file")
        size = path.stat().st_size
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(path, f"cannot be opened ({error})") from None
    if size == 0:
        raise DataError(path, "is empty (0 bytes)")
    if size > max_bytes:
        raise DataError(path, f"has {size:,} bytes, more than the limit of {max_bytes:,}")
    return path


def read_bytes(path: str | os.PathLike, max_bytes: int) -> bytes:
    """The whole file; never more than `max_bytes`, even when it grows while being read."""
    path = check_file(path, max_bytes)
    try:
        with path.open("rb") as file:
            data = file.read(max_bytes + 1)
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror or error})") from None
    if len(data) > max_bytes:
        raise DataError(path, f"has more than the limit of {max_bytes:,} bytes")
    return data


def read_text(path: str | os.PathLike, max_bytes: int = MAX_TEXT_BYTES) -> str:
    """A UTF-8 text file (a leading byte-order mark is dropped)."""
    return decode_text(read_bytes(path, max_bytes), path)


def read_gzipped(path: str | os.PathLike, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """The whole file, unpacked if it is gzip's: never more than `max_bytes` either way."""
    data = read_bytes(path, max_bytes)
    if data[:2] != b"\x1f\x8b":
        return data
    limit = min(max_bytes, max(MAX_ZIP_RATIO * len(data), 1 << 20))
    try:
        with gzip.open(io.BytesIO(data)) as file:
            data = file.read(limit + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(path, f"is not a readable gzip file ({error})") from None
    if len(data) > limit:
        why = f"the limit of {max_bytes:,} bytes" if limit == max_bytes else f"{MAX_ZIP_RATIO} times its size"
        raise DataError(path, f"unpacks to more than {why}")
    return data


def decode_text(data: bytes, path: str | os.PathLike) -> str:
    """UTF-8 bytes as text; `path` is the name that errors carry."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(path, f"is not UTF-8 text (byte {error.start})") from None


def read_json(path: str | os.PathLike, max_bytes: int = MAX_TEXT_BYTES, kind: type | None = None):
    """A JSON file; `kind` (dict or list) is the type that its top level must have."""
    text = read_text(path, max_bytes)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(path, f"is not JSON: {error.msg} at line {error.lineno}") from None
    except (RecursionError, ValueError) as error:  # nested without end; an integer of a million digits
        raise DataError(path, f"is not usable JSON ({type(error).__name__}: {str(error)[:80]})") from None
    if HALF_PAIR.search(text):  # seldom there; half of a pair can be read but never be printed or written
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise DataError(
                path, r"holds half of a surrogate pair (\ud800 to \udfff), no character"
            ) from None
    if kind is not None and not isinstance(value, kind):
        raise DataError(path, f"holds a JSON {type(value).__name__} at the top, expected {kind.__name__}")
    return value


def field(record, key: str, kind: type | tuple[type, ...], path: str | os.PathLike, where: str):
    """`record[key]`, checked to be there and of type `kind`; `where` names the record in the error."""
    if not isinstance(record, dict):
        raise DataError(path, f"{where} is a {type(record).__name__}, expected an object")
    if key not in record:
        raise DataError(path, f"{where} has no {key!r}")
    value = record[key]
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = " or ".join(k.__name__ for k in kinds)
        raise DataError(path, f"{where}: {key!r} is a {type(value).__name__}, expected {names}")
    return value


def read_arrays(path: str | os.PathLike, max_bytes: int = MAX_ARRAY_BYTES) -> dict[str, np.ndarray]:
    """Every array of an .npz file, without pickle; the unpacked size is checked before unpacking."""
    path = check_file(path, max_bytes)
    try:
        with zipfile.ZipFile(path) as archive:
            members = check_archive(path, archive, max_bytes)
            return {m.filename.removesuffix(".npy"): read_npy(archive, m) for m in members}
    except DataError:
        raise
    except Exception as error:  # zipfile, zlib and numpy each have their own set of exceptions
        raise DataError(path, f"is not a readable npz file ({type(error).__name__}: {error})") from None


def inside(folder: Path, name: str, path: str | os.PathLike) -> Path:
    """`folder / name`, refusing a name (found in `path`) that would leave the folder."""
    target = Path(name)
    if not name or "\0" in name or target.is_absolute() or ".." in target.parts:
        raise DataError(path, f"names the file {name!r}, which is outside its folder")
    return folder / target


def write_whole(path: str | os.PathLike, data: bytes) -> None:
    """Write a file so that it is there whole or not at all: another name first, flushed, then renamed."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """A renamed file is only safe when its folder is on the disk too; Windows cannot open one."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
