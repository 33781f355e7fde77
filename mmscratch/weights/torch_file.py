"""PyTorch's .pth, .pt, .bin: a zip archive of one pickle, which says what the arrays are, and their bytes.

    NAME/data.pkl      dicts down to tensors: storage, offset, size, stride
    NAME/data/KEY      the bytes of a storage; several tensors may be views of one
    NAME/byteorder     "little" or "big"; not there in older files, which are little

The pickle is not unpickled but read (``pickle_program``), with the names below and no others.
"""

from __future__ import annotations

import dataclasses
import zipfile

import numpy as np

from ..data.archives import check_archive
from ..data.errors import DataError
from .entry import MAX_AXES, MAX_ENTRIES, Entry, decode, itemsize
from .pickle_program import PickleError, interpret

__all__ = ["open_torch"]

MAX_DEPTH = 32
MAX_MEMBER_BYTES = 16 << 20  # of data.pkl: of a model with 1,000 tensors it has about 0.1 MB
MAX_UNPACKED = 64 << 30
STORAGES = {
    "DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16",
    "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool",
}  # fmt: skip


@dataclasses.dataclass(frozen=True)
class _StorageType:
    dtype: str


@dataclasses.dataclass(frozen=True)
class _Storage:
    key: str
    dtype: str
    size: int


@dataclasses.dataclass(frozen=True)
class _View:
    """A tensor: entry (i…) is number offset + Σ i·stride of its storage."""

    storage: _Storage
    offset: int
    shape: tuple
    strides: tuple

    def __post_init__(self):
        numbers = (self.offset, *self.shape, *self.strides)
        if any(type(n) is not int or not 0 <= n < 1 << 62 for n in numbers):
            raise PickleError("a tensor's offset, size or stride is not a whole number of at least 0")
        if len(self.shape) != len(self.strides) or len(self.shape) > MAX_AXES:
            raise PickleError(f"a tensor has {len(self.shape)} sizes and {len(self.strides)} strides")
        if 0 not in self.shape:
            last = self.offset + sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True))
            if last >= self.storage.size:
                raise PickleError(
                    f"a tensor reaches number {last:,} of storage {self.storage.key!r}, "
                    f"which has {self.storage.size:,}"
                )


def _rebuild_tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None):
    if not isinstance(storage, _Storage) or type(size) is not tuple or type(stride) is not tuple:
        raise PickleError("a tensor is made of something else than a storage, sizes and strides")
    return _View(storage, offset, size, stride)


def _rebuild_parameter(data, requires_grad=False, hooks=None):
    if not isinstance(data, _View):
        raise PickleError("a parameter is made of something else than a tensor")
    return data


def _ordered_dict():
    return {}


NAMES = {
    "collections OrderedDict": _ordered_dict,
    "torch._utils _rebuild_tensor_v2": _rebuild_tensor,
    "torch._utils _rebuild_parameter": _rebuild_parameter,
    **{f"torch {name}": _StorageType(dtype) for name, dtype in STORAGES.items()},
}


def _storage(told):
    """("storage", type, key, device, numbers), as PyTorch writes it, → _Storage."""
    fine = (
        type(told) is tuple and len(told) == 5 and told[0] == "storage" and isinstance(told[1], _StorageType)
    )
    if not fine or type(told[2]) is not str or type(told[4]) is not int or told[4] < 0:
        raise PickleError("a storage is not described as PyTorch does it")
    return _Storage(told[2], told[1].dtype, told[4])


def open_torch(path) -> dict[str, Entry]:
    """Dotted name → Entry of every tensor, however deep in dicts; numbers and text beside them are left out.

    Errors     DataError for a damaged file, a pickle that asks for anything but tensors in dicts and lists,
               a tensor that reaches out of its storage, a storage that is not there or too short
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in check_archive(path, archive, MAX_UNPACKED)}
            home = _home(path, members)
            value = interpret(_small(path, archive, members[f"{home}/data.pkl"]), NAMES, _storage)
            order = _byteorder(path, archive, members.get(f"{home}/byteorder"))
    except PickleError as error:
        raise DataError(path, str(error)) from None
    except DataError:
        raise
    except Exception as error:  # a damaged zip: BadZipFile, zlib.error, EOFError, NotImplementedError …
        raise DataError(path, f"is truncated or damaged ({type(error).__name__}: {error})") from None
    views = _Flat(path).collect(value)
    reader = _Reader(path, home, members, order)
    return {name: Entry(name, v.shape, v.storage.dtype, reader.of(name, v)) for name, v in views.items()}


def _home(path, members):
    found = [name.removesuffix("/data.pkl") for name in members if name.endswith("/data.pkl")]
    if len(found) != 1:
        raise DataError(path, f"holds {len(found)} files data.pkl, expected one")
    return found[0]


def _small(path, archive, member):
    if member.file_size > MAX_MEMBER_BYTES:
        raise DataError(
            path, f"{member.filename} has {member.file_size:,} bytes, more than {MAX_MEMBER_BYTES:,}"
        )
    return archive.read(member)


def _byteorder(path, archive, member):
    if member is None:
        return "<"
    told = _small(path, archive, member).strip()
    if told not in (b"little", b"big"):
        raise DataError(path, f"has the byte order {told[:20]!r}, expected little or big")
    return "<" if told == b"little" else ">"


class _Flat:
    """Dicts and lists of tensors → one dict with dotted names; bounded, since one dict may stand in many."""

    def __init__(self, path):
        self.path, self.views, self.seen = path, {}, 0

    def collect(self, value, name="", depth=0):
        self.seen += 1
        if self.seen > 4 * MAX_ENTRIES or depth > MAX_DEPTH:
            raise DataError(
                self.path, f"nests deeper than {MAX_DEPTH} or holds more than {4 * MAX_ENTRIES:,} values"
            )
        if isinstance(value, _View):
            name = name or "tensor"
            if name in self.views:
                raise DataError(self.path, f"holds {name!r} twice")
            self.views[name] = value
        elif isinstance(value, dict | list | tuple):
            pairs = value.items() if isinstance(value, dict) else enumerate(value)
            for key, inner in pairs:
                self.collect(inner, f"{name}.{key}" if name else str(key), depth + 1)
        return self.views


class _Reader:
    """Reads a storage when a tensor of it is asked for; the last is kept for those that share it."""

    def __init__(self, path, home, members, order):
        self.path, self.home, self.members, self.order = path, home, members, order
        self.last = (None, None)

    def of(self, name, view):
        """The function that gives one tensor; the storage's size is checked now."""
        member = self.members.get(f"{self.home}/data/{view.storage.key}")
        if member is None:
            raise DataError(self.path, f"{name!r} lies in storage {view.storage.key!r}, which is not there")
        needed = view.storage.size * itemsize(view.storage.dtype)
        if member.file_size < needed:
            raise DataError(
                self.path, f"storage {view.storage.key!r} has {member.file_size:,} bytes, expected {needed:,}"
            )
        return lambda: self._read(view, member)

    def _read(self, view, member):
        key = (view.storage.key, view.storage.dtype)
        if self.last[0] != key:
            try:
                with zipfile.ZipFile(self.path) as archive:
                    data = archive.read(member)
            except Exception as error:
                raise DataError(
                    self.path, f"{member.filename} is damaged ({type(error).__name__}: {error})"
                ) from None
            size = view.storage.size * itemsize(view.storage.dtype)
            self.last = (key, decode(memoryview(data)[:size], view.storage.dtype, self.order))
        flat = self.last[1]
        if 0 in view.shape:
            return np.empty(view.shape, flat.dtype)
        steps = tuple(s * flat.itemsize for s in view.strides)
        strided = np.lib.stride_tricks.as_strided(flat[view.offset :], view.shape, steps, writeable=False)
        return np.array(strided, order="C")
