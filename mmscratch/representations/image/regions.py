"""Regions as vectors: what a grid of features holds inside a box, and where the box is.

The form in which Anderson et al. (2018, "bottom-up attention") hand a picture to a captioner. Boxes may be
given (the scenes world knows them: *oracle* regions) or found (``Detector.regions``: *learned* ones).
"""

import numpy as np

from ... import ops
from ...autograd import no_grad
from ...tensor import Tensor
from ..features import Features

__all__ = ["box_geometry", "region_features"]

GEOMETRY = 5


def box_geometry(boxes, size):
    """Where a box is and how large, as shares of the picture (Lu et al., 2019, §3.1).

    Forward    (x0/W, y0/H, x1/W, y1/H, (x1 − x0)(y1 − y0)/WH)
    Shapes     boxes (N, 4), size (H, W) of the picture → (N, 5) float32
    """
    high, wide = size
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4) / (wide, high, wide, high)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1, keepdims=True)
    return np.concatenate([boxes, area], axis=1).astype(np.float32)


def region_features(grid, boxes, size, output_size=1):
    """Each box as one vector: its features, averaged by RoIAlign, then its geometry; no gradient.

    Shapes     grid (B, C, h, w) array or tensor; boxes: (N_i, 4) a picture, in pixels; size (H, W) of the
               pictures, or one number; output_size P: P × P bins instead of one
               → Features (B, N, C·P² + 5), N the most boxes of a picture
    Errors     ValueError where there is not one array of boxes a picture, or a grid that is not h/H = w/W
    """
    grid = grid.detach() if isinstance(grid, Tensor) else Tensor(np.ascontiguousarray(grid))
    size = (size, size) if np.ndim(size) == 0 else tuple(size)
    if grid.ndim != 4 or len(boxes) != len(grid):
        raise ValueError(
            f"region_features: grid must be (B, C, h, w) with boxes of B pictures, "
            f"got {tuple(grid.shape)} and boxes of {len(boxes)}"
        )
    if grid.shape[2] * size[1] != grid.shape[3] * size[0]:
        raise ValueError(f"region_features: a grid {tuple(grid.shape)} has not the form of a picture {size}")
    boxes = [np.asarray(each, np.float32).reshape(-1, 4) for each in boxes]
    index = np.repeat(np.arange(len(boxes)), [len(each) for each in boxes])
    flat = np.concatenate([np.zeros((0, 4), np.float32), *boxes])
    with no_grad():
        pooled = ops.roi_align(
            grid, flat, index, output_size=output_size, spatial_scale=grid.shape[2] / size[0]
        ).numpy()
    pooled = pooled.reshape(len(flat), int(np.prod(pooled.shape[1:])))
    values = np.concatenate([pooled, box_geometry(flat, size)], axis=1)
    stops = np.cumsum([len(each) for each in boxes])
    return Features.stack(np.split(values, stops[:-1]))
