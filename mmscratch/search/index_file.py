"""The file of an index: safetensors, with what it is in the header as JSON; read with suspicion."""

import json

import numpy as np

from ..data.errors import DataError
from ..data.files import check_file, write_whole
from .rows import aligned, padded

__all__ = ["Arrays", "read_index", "write_index"]

KEY, FORMAT = "mmscratch.index", 1
MAX_BYTES = 256 << 30
UNIT = 1e-3
"""How far the length of a stored row may be from 1."""


def write_index(path, head, arrays):
    """head (JSON) and arrays {name: array} as one file, whole or not at all."""
    from safetensors.numpy import save

    head = json.dumps({"format": FORMAT, **head})
    write_whole(path, save({n: np.ascontiguousarray(a) for n, a in arrays.items()}, {KEY: head}))


def read_index(path, methods):
    """→ head, ``Arrays``. DataError unless ``write_index`` can have written it for one of these methods."""
    from safetensors import SafetensorError, safe_open

    check_file(path, MAX_BYTES)
    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(KEY)
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
        about = f"format {head['format']!r} and method {head['method']!r}"
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(path, f"its header cannot be read ({type(error).__name__}: {error})") from None
    if not known:
        raise DataError(path, f"has {about}, this version reads {FORMAT} and {', '.join(methods)}")
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
