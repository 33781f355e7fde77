"""The file of an index: safetensors, with what it is in the header as JSON; read with suspicion.

The format has no checksum of its own, so the header holds one: sha256 over that JSON and over every array's
name, dtype, shape and bytes. It tells damage; that the arrays make sense is checked all the same, since a
person can write a right checksum under anything.
"""

import hashlib
import json

import numpy as np

from ..data.errors import DataError
from ..data.files import check_file, write_whole
from .rows import aligned, padded

__all__ = ["Arrays", "read_index", "write_index"]

KEY, FORMAT = "mmscratch.index", 2
SEAL = "mmscratch.sha256"
MAX_BYTES = 256 << 30
UNIT = 1e-3
"""How far the length of a stored row may be from 1."""


def write_index(path, head, arrays):
    """head (JSON) and arrays {name: array} as one file, whole or not at all."""
    from safetensors.numpy import save

    head = json.dumps({"format": FORMAT, **head})
    arrays = {n: np.ascontiguousarray(a) for n, a in arrays.items()}
    write_whole(path, _in_order(save(arrays, {KEY: head, SEAL: seal(head, arrays)})))


def _in_order(data):
    """The same file with the header's own keys sorted; safetensors writes them in a random order."""
    data, size = bytearray(data), int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # arrays begin at a multiple of 8
    data[: 8 + size] = len(text).to_bytes(8, "little") + text
    return data


def seal(head, arrays):
    """sha256 of the head's text and of all arrays, by name."""
    found = hashlib.sha256(head.encode())
    for name in sorted(arrays):
        a = arrays[name]
        found.update(f"\n{name} {a.dtype.str} {a.shape}\n".encode())
        found.update(memoryview(a.reshape(-1)).cast("B") if a.size else b"")
    return found.hexdigest()


def read_index(path, methods):
    """→ head, ``Arrays``. DataError unless ``write_index`` can have written it for one of these methods."""
    from safetensors import SafetensorError, safe_open

    check_file(path, MAX_BYTES)
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            text = about.get(KEY)
            if text is None:
                raise DataError(path, "is no index of ours: its header does not say so")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except DataError:
        raise
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(path, f"is not a readable index file ({error})") from None
    try:
        head = json.loads(text)
        known = head["format"] == FORMAT and head["method"] in methods
        said = f"format {head['format']!r} and method {head['method']!r}"
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(path, f"its header cannot be read ({type(error).__name__}: {error})") from None
    if not known:
        raise DataError(path, f"has {said}, this version reads {FORMAT} and {', '.join(methods)}")
    if about.get(SEAL) != seal(text, arrays):
        raise DataError(path, "is damaged: its sha256 does not fit its contents")
    return head, Arrays(path, arrays)


class Arrays:
    """The arrays of a file, each taken once, and checked when it is taken."""

    def __init__(self, path, arrays):
        self.path, self._left = path, dict(arrays)

    def refused(self, reason):
        """The DataError to raise."""
        return reason if isinstance(reason, DataError) else DataError(self.path, f"is damaged ({reason})")

    def take(self, name, dtype, shape, least=None, most=None):
        """The array of that name; ``shape`` may hold None for any length; all values in least … most."""
        if name not in self._left:
            raise self.refused(f"it has no array {name!r}")
        x = self._left.pop(name)
        fits = x.ndim == len(shape) and all(w in (None, n) for w, n in zip(shape, x.shape, strict=True))
        if x.dtype != dtype or not fits:
            wanted = f"{np.dtype(dtype)} {tuple(shape)}"
            raise self.refused(f"{name!r}: expected {wanted}, it is {x.dtype} {x.shape}")
        if x.dtype.kind == "f" and not np.isfinite(x).all():
            raise self.refused(f"{name!r} holds NaN or infinity")
        if x.size and ((least is not None and x.min() < least) or (most is not None and x.max() > most)):
            raise self.refused(f"{name!r} has values outside {least} … {most}")
        return x

    def unit(self, name, count, dimension):
        """Rows of unit length, or zero, as ``rows.Rows`` has them."""
        x = self.take(name, np.float32, (count, dimension))
        squares = np.einsum("nd,nd->n", x, x)
        if not ((np.abs(squares - 1) < UNIT) | (squares == 0)).all():
            raise self.refused(f"{name!r} has rows that are not of unit length")
        rows = aligned((count, padded(dimension)))
        rows[:, :dimension], rows[:, dimension:] = x, 0
        return rows

    def check_all_used(self):
        """DataError for arrays that the method does not know."""
        if self._left:
            raise self.refused(f"it holds {', '.join(sorted(self._left))}, which the method does not know")
