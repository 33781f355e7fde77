"""Vectors of unit length in one growing block of memory.

Rows are stored ``padded``: zeros behind the D numbers, up to a whole line of the cache. Products and lengths
do not change by it, loops over vectors need no tail, and no row begins within a line.
"""

import numpy as np

__all__ = ["LINE", "Rows", "aligned", "grown", "padded", "unit_rows"]

BLOCK = 1 << 21
"""Numbers that are brought to unit length at a time (16 MB in float64)."""

LINE = 16
"""Numbers in a line of the cache, and in the largest vector."""


def padded(dimension):
    """Numbers of a row as it is stored."""
    return -(-dimension // LINE) * LINE


def unit_rows(name, argument, vectors, dimension):
    """x / ‖x‖ of every row, computed in float64, as float32 (N, padded(D)); a zero row stays zero.

    Each row by itself, so what is stored does not depend on what came with it.

    Errors     ValueError where vectors are not numbers of shape (N, D), or hold NaN or ∞
    """
    x = np.asarray(vectors)
    if x.ndim != 2 or x.shape[1] != dimension or x.dtype.kind not in "fiu":
        raise ValueError(
            f"{name}: {argument}: expected numbers (N, {dimension}), got {x.dtype} {tuple(x.shape)}"
        )
    unit = aligned((len(x), padded(dimension)))
    unit[:, dimension:] = 0
    step = max(1, BLOCK // max(1, dimension))
    for first in range(0, len(x), step):
        part = x[first : first + step].astype(np.float64)
        most = np.abs(part).max(axis=1, keepdims=True)  # so that no square overflows
        if not np.isfinite(most).all():
            row = first + int(np.flatnonzero(~np.isfinite(most[:, 0]))[0])
            raise ValueError(f"{name}: {argument}: row {row} holds NaN or infinity")
        part /= np.where(most > 0, most, 1)
        length = np.sqrt((part * part).sum(axis=1, keepdims=True))
        unit[first : first + step, :dimension] = part / np.where(length > 0, length, 1)
    return unit


def aligned(shape):
    """An uninitialised float32 array that begins at a line of the cache: no vector lies across two lines."""
    size = int(np.prod(shape))
    block = np.empty(size + LINE, np.float32)
    skip = (-block.ctypes.data // 4) % LINE
    return block[skip : skip + size].reshape(shape)


def grown(array, count, room, fill=0):
    """An array with at least ``room`` rows whose first ``count`` are the old one's; half as many again when
    it must grow, so that adding row by row copies each a few times only."""
    if len(array) >= room:
        return array
    shape = (max(room, len(array) + len(array) // 2), *array.shape[1:])
    if array.dtype == np.float32 and array.ndim == 2:
        wide = aligned(shape)
        wide[count:] = fill
    else:
        wide = np.full(shape, fill, array.dtype)
    wide[:count] = array[:count]
    return wide


class Rows:
    """``all()``: the rows so far (N, padded(D)), contiguous; ``extend(x)`` appends, and keeps the first."""

    def __init__(self, dimension):
        self._block, self._count = aligned((0, padded(dimension))), 0

    def __len__(self):
        return self._count

    def extend(self, x):
        if not self._count:
            self._block = x
        else:
            self._block = grown(self._block, self._count, self._count + len(x))
            self._block[self._count : self._count + len(x)] = x
        self._count += len(x)

    def all(self):
        return self._block[: self._count]
