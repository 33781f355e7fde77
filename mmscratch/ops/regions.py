"""Regions of a grid of features: RoIAlign, which cuts boxes out without rounding them to cells."""

import numpy as np

from .. import kernels
from .check import check_number
from .constants import raw
from .indexing import take
from .linear import matmul
from .shape import permute, reshape
from .windows import sizes_of, spatial_input

__all__ = ["roi_align"]


def roi_align(x, boxes, index, *, output_size, spatial_scale=1.0, sampling_ratio=0, aligned=True):
    """Each box as a small picture of fixed size (He et al., 2017, §3, "RoIAlign"); composed.

    Forward    y_r = A_r x[index_r] B_rᵀ, channel by channel. A box is first brought to the grid,
               b = spatial_scale · box − ½ (the ½ with ``aligned``), and cut into P × Q bins; each bin is the
               mean of n × m points spread evenly in it, each point read off bilinearly. As both are products
               of a part in y and one in x, so is the whole: row p of A_r (P, H) holds the mean of the points'
               weights on the grid's rows, row q of B_r (Q, W) that on its columns.
    Backward   ∂L/∂x[i] = Σ_{r: index_r = i} A_rᵀ ∂L/∂y_r B_r; none for boxes and index, which are data
    Shapes     x (B, C, H, W), boxes (R, 4), index (R,) → y (R, C, P, Q)
    Errors     ValueError where x, boxes or index have other shapes; IndexError for a picture not in x
    Note       n = sampling_ratio, or with 0 ⌈height / P⌉ for each box. A point more than one cell outside the
               grid counts 0, one nearer is brought to the border; without ``aligned`` a box is at least one
               cell large: in all this as torchvision's operation of the same name.
    """
    high, wide = spatial_input("roi_align", x, 2)
    rows, columns = sizes_of("roi_align", "output_size", output_size, 2)
    if isinstance(sampling_ratio, bool) or not isinstance(sampling_ratio, int) or sampling_ratio < 0:
        raise ValueError(
            f"roi_align: sampling_ratio must be an integer of at least 0, got {sampling_ratio!r}"
        )
    check_number("roi_align", "spatial_scale", spatial_scale)
    boxes, index = _host("boxes", boxes), _host("index", index)
    if boxes.ndim != 2 or boxes.shape[1] != 4 or index.shape != boxes.shape[:1]:
        raise ValueError(
            f"roi_align: boxes must be (R, 4) and index (R,), got {boxes.shape} and {index.shape}"
        )
    boxes = boxes.astype(np.float64) * spatial_scale - (0.5 if aligned else 0.0)
    least = 0.0 if aligned else 1.0
    a = _weights(boxes[:, 1], boxes[:, 3], rows, high, sampling_ratio, least)
    b = _weights(boxes[:, 0], boxes[:, 2], columns, wide, sampling_ratio, least)
    count, channels = len(boxes), x.shape[1]
    wrong = index[(index < -x.shape[0]) | (index >= x.shape[0])] if count else index
    if wrong.size:
        raise IndexError(
            f"roi_align: index {wrong[0]} is out of range for the {x.shape[0]} pictures of x {tuple(x.shape)}"
        )
    picture = reshape(take(x, index.astype(np.int64)), shape=(count, channels, high, wide))
    a = _beside(x, a.reshape(count, 1, rows, high))
    b = _beside(x, b.reshape(count, 1, columns, wide))
    return matmul(matmul(a, picture), permute(b, axes=(0, 1, 3, 2)))


def _host(name, value):
    value = raw(value)
    if hasattr(value, "dtype") and not isinstance(value, np.ndarray):
        raise TypeError(f"roi_align: {name} must be an array on the host, got one on a device")
    array = np.asarray(value)
    if array.dtype.kind not in "fiu" or (name == "index" and array.size and array.dtype.kind == "f"):
        wanted = "integers" if name == "index" else "numbers"
        raise TypeError(f"roi_align: {name} must hold {wanted}, got {array.dtype}")
    return array


def _weights(low, high, bins, cells, ratio, least):
    """The mean weight of every bin's points on every cell of one axis.

    Shapes     low, high (R,), in cells whose centres are 0, 1, … → (R, bins, cells)
    """
    size = np.maximum(high - low, least) / bins
    count = np.full(len(low), ratio) if ratio else np.ceil(size).astype(int)
    step = np.arange(count.max(initial=1))
    share = (step + 0.5) / np.maximum(count, 1)[:, None, None]
    point = low[:, None, None] + size[:, None, None] * (np.arange(bins)[:, None] + share)
    counts = (step < count[:, None, None]) & (point >= -1) & (point <= cells)
    near = np.clip(point, 0, cells - 1)[..., None]
    bilinear = np.maximum(1 - np.abs(near - np.arange(cells)), 0)
    return (bilinear * counts[..., None]).sum(2) / np.maximum(count, 1)[:, None, None]


def _beside(x, array):
    """A host array in the dtype of x, where x lives."""
    array = np.ascontiguousarray(array, dtype=x.dtype)
    if kernels.of(raw(x)) is kernels.host():
        return array
    from ..kernels.cuda import memory

    return memory.upload(array)
