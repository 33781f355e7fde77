"""Checkpoints: everything a training needs to go on, in one file that is whole or not there.

The file is safetensors: arrays, and in its header one string of JSON with everything that is no array. It
has a sha256 over all of its own bytes (the 64 places of the hash itself read as zeros), because the format
has none. It is written under another name, flushed to the disk, then renamed. Nothing is ever unpickled.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import struct
import warnings

import numpy as np

from ..data.errors import DataError
from ..data.files import write_whole

__all__ = ["Checkpoints", "CheckpointError", "digest", "read", "write"]

FORMAT = "mmscratch checkpoint 1"
KEY = "mmscratch"
BLANK = "0" * 64
MAX_HEADER = 100 << 20


class CheckpointError(DataError):
    """A checkpoint that cannot be used: ``str`` is one line, "FILE: reason"."""

    def __reduce__(self):
        return CheckpointError, (self.path, self.reason)


def write(path, state):
    """Save a nested dict of arrays, numbers, strings, booleans, None, lists and dicts; atomically.

    Errors     TypeError naming the entry that is none of these; OSError from the disk
    """
    from safetensors.numpy import save

    arrays = {}
    content = json.dumps({"sha256": BLANK, "format": FORMAT, "state": _fold(state, "", arrays)})
    data = bytearray(save(arrays, metadata={KEY: content}))
    place = _hash_place(data)
    data[place : place + 64] = hashlib.sha256(data).hexdigest().encode()
    write_whole(path, data)


def read(path):
    """The nested dict that ``write`` saved.

    Errors     CheckpointError, whatever is wrong with the file
    """
    path = pathlib.Path(path)
    data = _bytes(path)
    place = _hash_place(data)
    if place is None:
        raise CheckpointError(path, "is no checkpoint of this library (no header with a sha256)")
    told = bytes(data[place : place + 64])
    data[place : place + 64] = BLANK.encode()
    if hashlib.sha256(data).hexdigest().encode() != told:
        raise CheckpointError(path, "is damaged: its sha256 does not fit its contents")
    try:
        return _open(path, bytes(data))
    except CheckpointError:
        raise
    except Exception as e:  # a file that someone wrote on purpose; safetensors has errors of its own
        raise CheckpointError(path, f"cannot be read ({type(e).__name__}: {e})") from None


def _open(path, data):
    from safetensors.numpy import load

    size = struct.unpack("<Q", data[:8])[0]
    content = json.loads(json.loads(data[8 : 8 + size])["__metadata__"][KEY])
    if content["format"] != FORMAT:
        raise CheckpointError(path, f"has the format {content['format']!r}, this version reads {FORMAT!r}")
    arrays = load(data)
    state = _unfold(content["state"], arrays)
    if arrays:
        raise CheckpointError(path, f"holds an array that nothing refers to: {sorted(arrays)[0]}")
    return state


def _bytes(path):
    try:
        if not path.exists():
            raise CheckpointError(path, "no such file")
        if not path.is_file():
            raise CheckpointError(path, "is not a file")
        with open(path, "rb") as f:  # the header first: a wrong file may be of any size
            start = f.read(8)
            size = struct.unpack("<Q", start)[0] if len(start) == 8 else None
            if size is None or size > min(MAX_HEADER, os.fstat(f.fileno()).st_size - 8):
                raise CheckpointError(path, "is no checkpoint, or was cut: its header has no possible size")
            return bytearray(start + f.read())
    except OSError as e:
        raise CheckpointError(path, f"cannot be opened ({e.strerror or e})") from None


def _hash_place(data):
    """Where the hash stands: after ``"sha256": "`` at the beginning of our entry in the header."""
    if len(data) < 8:
        return None
    size = struct.unpack("<Q", data[:8])[0]
    if size > min(MAX_HEADER, len(data) - 8):
        return None
    mark = f'"{KEY}":"{{\\"sha256\\": \\"'.encode()
    place = data.find(mark, 8, 8 + size)
    if place < 0 or place + len(mark) + 64 > 8 + size:
        return None
    return place + len(mark)


def _fold(value, name, arrays):
    """The value with each array moved to ``arrays`` and {"array": its name} left in its place."""
    if isinstance(value, dict):
        lead = f"{name}/" if name else ""
        return {"dict": {str(k): _fold(v, f"{lead}{k}", arrays) for k, v in value.items()}}
    if isinstance(value, list | tuple):
        return {"list": [_fold(v, f"{name}/{i}", arrays) for i, v in enumerate(value)]}
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiub":
        if name in arrays:
            raise TypeError(f"checkpoint: two entries are called {name!r}")
        arrays[name] = np.ascontiguousarray(value).reshape(value.shape)
        return {"array": name}
    if isinstance(value, np.bool_ | np.integer | np.floating):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    raise TypeError(
        f"checkpoint: {name or 'state'} is a {type(value).__name__}, "
        "expected arrays, numbers, text, lists or dicts"
    )


def _unfold(value, arrays):
    """The converse; takes the arrays out of the dict, so that what is left over can be told."""
    ((kind, inner),) = value.items()
    if kind == "dict":
        return {k: _unfold(v, arrays) for k, v in inner.items()}
    if kind == "list":
        return [_unfold(v, arrays) for v in inner]
    if kind == "array":
        return np.array(arrays.pop(inner))
    if kind != "value":
        raise KeyError(kind)
    return inner


def digest(state):
    """sha256 of a ``state_dict``: names, dtypes, shapes and bytes, in the order of the names."""
    h = hashlib.sha256()
    for name in sorted(state):
        array = np.ascontiguousarray(state[name])
        h.update(f"{name} {array.dtype.str} {np.shape(state[name])}\n".encode())
        h.update(array.tobytes())
    return h.hexdigest()


class Checkpoints:
    """A folder of ``step-00000100.safetensors`` …, the last ``keep`` of them, and ``best.safetensors``."""

    def __init__(self, folder, keep=2):
        if keep < 1:
            raise ValueError(f"Checkpoints: keep must be at least 1, got {keep}")
        self.folder, self.keep = pathlib.Path(folder), keep
        self.best = self.folder / "best.safetensors"

    def create(self):
        """Make the folder, and sweep what an interrupted writing left there."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for stale in self.folder.glob(".*.safetensors.*.tmp"):
            with contextlib.suppress(OSError):
                stale.unlink()

    def paths(self):
        """The numbered checkpoints, oldest first."""
        return sorted((p for p in self.folder.glob("step-*.safetensors") if _step_of(p) >= 0), key=_step_of)

    def save(self, step, state):
        """Write the checkpoint of a step, then drop the oldest ones; → its path."""
        path = self.folder / f"step-{step:08d}.safetensors"
        write(path, state)
        older = [p for p in self.paths() if _step_of(p) <= step]
        # Later ones can only be damaged ones, which were passed over when the run was resumed.
        later = [p for p in self.paths() if _step_of(p) > step]
        for old in older[: -self.keep] + later:
            with contextlib.suppress(FileNotFoundError):
                old.unlink()
        return path

    def load(self):
        """(path, state) of the newest checkpoint that is whole, or None where there is none at all.

        A damaged one is passed over with a warning; CheckpointError where all are damaged.
        """
        error = None
        for path in reversed(self.paths()):
            try:
                return path, read(path)
            except CheckpointError as e:
                error = error or e
                warnings.warn(f"{e}; trying the checkpoint before it", RuntimeWarning, stacklevel=2)
        if error is not None:
            raise error
        return None


def _step_of(path):
    """The step in a checkpoint's name; −1 for another name."""
    match = re.fullmatch(r"step-(\d+)\.safetensors", path.name)
    return int(match[1]) if match else -1
