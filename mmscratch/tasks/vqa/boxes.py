"""Pictures as boxes, computed once: what the shipped detector finds, or the scenes' own."""

import numpy as np

from ...autograd import no_grad
from ...data import scenes
from ...data.image import to_float
from ...representations.image.detector import load_detector
from ...representations.image.regions import GEOMETRY, region_features
from ...tensor import Tensor

__all__ = ["BOXES", "box_rows", "box_size", "scene_boxes"]

BOXES = "found", "true"
MOST = 8


def box_size():
    """The numbers of a row: features, geometry, and whether there is a box."""
    return load_detector().channels + GEOMETRY + 1


def box_rows(features):
    """``Features`` as the rows that ``TopDownVQA`` takes: (N, R, D) and a mask → (N, R, D + 1).

    Note       a picture without any box has one of zeros: attention needs something to rest on
    """
    there = features.mask.copy()
    there[~there.any(1), 0] = True
    return np.concatenate([features.values, there[:, :, None].astype(np.float32)], axis=2)


def scene_boxes(images, graphs=None, batch_size=128):
    """The boxes of pictures: up to eight that the detector is sure of, or those of their scenes' objects.

    Shapes     images (N, 64, 64, 3) bytes, an array or ``ImageFiles``; graphs: None, or N scenes
               → (N, R, C + 6) float32
    """
    detector, parts = load_detector(), []
    for i in range(0, len(images), batch_size):
        pixels = to_float(images[np.arange(i, min(i + batch_size, len(images)))])
        if graphs is None:
            parts.append(box_rows(detector.regions(pixels, most=MOST)))
        else:
            with no_grad():
                grid = detector.features(Tensor(pixels))
            boxes = [scenes.boxes(g) for g in graphs[i : i + batch_size]]
            parts.append(box_rows(region_features(grid, boxes, scenes.SIDE)))
    most = max(part.shape[1] for part in parts)
    return np.concatenate([np.pad(p, ((0, 0), (0, most - p.shape[1]), (0, 0))) for p in parts])
