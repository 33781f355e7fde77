"""Grid features: what a network sees in each cell, before it makes up its mind about the whole."""

from __future__ import annotations

import numpy as np

from ...autograd import no_grad
from ...tensor import Tensor
from ..features import Features
from .preprocess import PREPROCESS

__all__ = ["grid_features"]


def grid_features(network, pictures, preprocess="torchvision", batch_size=8, **options):
    """Each cell of the last grid as a vector (Xu et al., 2015, §3.1.1: VGG's; Yang et al., 2016).

    Forward    values[b, y·W' + x] = network.features(preprocess(pictures))[b, :, y, x]
    Shapes     uint8 (H, W, 3) each → Features (B, 49, D) at 224 × 224: D 512 of VGG, ResNet-18 and -34,
               2048 of ResNet-50; every vector is there
    Errors     ValueError for an unknown ``preprocess``, or pictures that it refuses

    network    VGG or ResNet, put into evaluation mode for the while; ``options`` are for the preprocessing
    """
    if preprocess not in PREPROCESS:
        raise ValueError(
            f"grid_features: preprocess must be one of {', '.join(PREPROCESS)}, got {preprocess!r}"
        )
    if batch_size < 1:
        raise ValueError(f"grid_features: batch_size must be at least 1, got {batch_size}")
    if len(pictures) == 0:
        raise ValueError("grid_features: expected at least one picture, got none")
    parts, training = [], network.training
    network.eval()
    for start in range(0, len(pictures), batch_size):
        batch = PREPROCESS[preprocess](pictures[start : start + batch_size], **options)
        with no_grad():
            grid = network.features(Tensor(batch)).numpy()
        b, c = grid.shape[:2]
        parts.append(grid.reshape(b, c, -1).transpose(0, 2, 1))
    network.train(training)
    values = np.ascontiguousarray(np.concatenate(parts))
    return Features(values, np.ones(values.shape[:2], bool))
