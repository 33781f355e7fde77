"""What every representation returns: so many vectors an item, and which of them are there."""

import dataclasses

import numpy as np

from ..data.errors import DataError
from ..data.files import read_arrays, write_whole

__all__ = ["Features"]


@dataclasses.dataclass(frozen=True)
class Features:
    """A batch of sets or sequences of vectors: words, regions, frames or clips.

    values (B, N, D)   float32 (float64 stays); vectors that are not there are 0
    mask (B, N)        bool, True where a vector is there: what attention and pooling take as their mask
    Errors             ValueError where shapes or dtypes do not fit each other
    """

    values: np.ndarray
    mask: np.ndarray

    def __post_init__(self):
        values, mask = self.values, self.mask
        if values.ndim != 3 or values.dtype.kind != "f":
            raise ValueError(f"Features: values must be floats (B, N, D), got {values.dtype} {values.shape}")
        if mask.dtype != bool or mask.shape != values.shape[:2]:
            raise ValueError(
                f"Features: mask must be bool {values.shape[:2]} beside values {values.shape}, "
                f"got {mask.dtype} {mask.shape}"
            )

    @classmethod
    def stack(cls, items):
        """Items of (N_i, D) → one batch, padded with zeros to the longest.

        Errors     ValueError where there is no item, or their D differ (naming the item and both)
        """
        items = [np.asarray(item) for item in items]
        if not items:
            raise ValueError("Features.stack: expected at least one item, got none")
        for number, item in enumerate(items):
            if item.ndim != 2 or item.shape[1] != items[0].shape[-1]:
                raise ValueError(
                    f"Features.stack: item {number} has shape {item.shape}, "
                    f"expected (N, {items[0].shape[-1]}) as item 0"
                )
        n = max(len(item) for item in items)
        dtype = np.result_type(np.float32, *(item.dtype for item in items))
        values = np.zeros((len(items), n, items[0].shape[1]), dtype)
        mask = np.zeros((len(items), n), bool)
        for number, item in enumerate(items):
            values[number, : len(item)], mask[number, : len(item)] = item, True
        return cls(values, mask)

    def __len__(self):
        return len(self.values)

    @property
    def lengths(self):
        """Vectors of each item: int64 (B,)."""
        return self.mask.sum(axis=1)

    def mean(self):
        """The mean of each item's vectors, (B, D); 0 for an item that has none."""
        there = self.mask[..., None].astype(self.values.dtype)
        return (self.values * there).sum(axis=1) / np.maximum(there.sum(axis=1), 1)

    def save(self, path):
        """Write an npz file with ``values`` and ``mask``, whole or not at all."""
        import io

        buffer = io.BytesIO()
        np.savez_compressed(buffer, values=self.values, mask=self.mask)
        write_whole(path, buffer.getvalue())

    @classmethod
    def load(cls, path):
        """What ``save`` wrote.

        Errors     DataError naming the file and what is wrong with it
        """
        arrays = read_arrays(path)
        if set(arrays) != {"values", "mask"}:
            raise DataError(path, f"holds the arrays {sorted(arrays)}, expected mask and values")
        try:
            return cls(arrays["values"], arrays["mask"])
        except ValueError as error:
            raise DataError(path, f"holds no features: {error}") from None
