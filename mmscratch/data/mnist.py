"""Handwritten digits: MNIST's own files (IDX, gzipped or not), or one npz with ``images`` and ``labels``."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np

from .errors import DataError
from .files import read_arrays, read_gzipped, require_folder

__all__ = ["Digits", "load_mnist", "read_idx", "split_digits"]

MAX_BYTES = 1 << 30
IDX_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


@dataclasses.dataclass(frozen=True)
class Digits:
    """Pictures of digits and which they are: images uint8 (N, 28, 28), 0 the ground; labels int64 (N,)."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.images)

    def __getitem__(self, chosen):
        return Digits(self.images[chosen], self.labels[chosen])


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """One array of the IDX format (LeCun, Cortes & Burges, 1998), gzipped or not.

    Forward    bytes 0, 0, type, number of axes; the sizes as big-endian uint32; the numbers, big-endian
    Errors     DataError for another format, or where the numbers are more or fewer than the sizes say
    """
    data = read_gzipped(path, MAX_BYTES)
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in IDX_TYPES or not data[3]:
        raise DataError(path, "is not IDX (it does not begin with 0, 0, a type, a number of axes)")
    dtype, start = np.dtype(IDX_TYPES[data[2]]), 4 + 4 * data[3]
    if len(data) < start:
        raise DataError(path, "is cut: its sizes are not complete")
    shape = tuple(int(n) for n in np.frombuffer(data, ">u4", data[3], 4))
    size = dtype.itemsize
    for n in shape:
        size *= n
    if len(data) - start != size:
        raise DataError(path, f"holds {len(data) - start:,} bytes of numbers, its sizes {shape} say {size:,}")
    return np.frombuffer(data, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def load_mnist(path: str | os.PathLike, part: str = "train") -> Digits:
    """An npz file; a folder with the IDX files of a part, "train" or "t10k"; or a folder with a single npz.

    Errors     DataError naming the file: missing, damaged, other shapes, a label that is no digit
    """
    if part not in ("train", "t10k"):
        raise ValueError(f"load_mnist: part must be 'train' or 't10k', got {part!r}")
    path = Path(path)
    if path.is_dir():
        found = _idx_files(path, part)
        if found is not None:
            return _checked(found[0], read_idx(found[0]), read_idx(found[1]))
        archives = sorted(path.glob("*.npz"))
        if len(archives) != 1:
            raise DataError(
                path, f"has neither {part}-images-idx3-ubyte(.gz) with labels nor a single npz file"
            )
        path = archives[0]
    elif path.suffix != ".npz":
        require_folder(path)
    arrays = read_arrays(path)
    missing = {"images", "labels"} - set(arrays)
    if missing:
        raise DataError(path, f"lacks {' and '.join(sorted(missing))}; it holds {', '.join(sorted(arrays))}")
    return _checked(path, arrays["images"], arrays["labels"])


def _idx_files(folder, part):
    found = []
    for what in ("images-idx3", "labels-idx1"):
        names = [f"{part}-{what}-ubyte{end}" for end in (".gz", "")]
        found += [folder / name for name in names if (folder / name).is_file()][:1]
    return found if len(found) == 2 else None


def _checked(path, images, labels):
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (28, 28):
        raise DataError(path, f"has images {images.dtype} {images.shape}, expected uint8 (N, 28, 28)")
    if labels.shape != (len(images),) or labels.dtype.kind not in "iu":
        raise DataError(
            path, f"has labels {labels.dtype} {labels.shape}, expected {len(images)} whole numbers"
        )
    if len(labels) == 0 or labels.min() < 0 or labels.max() > 9:
        raise DataError(path, "has no pictures, or a label that is not 0 … 9")
    return Digits(images, labels.astype(np.int64))


def split_digits(digits: Digits, held_out: float = 0.2, seed: int = 0) -> tuple[Digits, Digits]:
    """Training and validation parts: a random choice of ``held_out`` of them, the same for one seed.

    Errors     ValueError where one part would be empty
    """
    n = round(len(digits) * held_out)
    if not 0 < n < len(digits):
        raise ValueError(f"split_digits: held_out {held_out} of {len(digits)} leaves a part empty")
    order = np.random.Generator(np.random.Philox(seed)).permutation(len(digits))
    return digits[np.sort(order[n:])], digits[np.sort(order[:n])]
