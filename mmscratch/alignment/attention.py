"""Attention as an alignment: what a trained model looks with, laid on the objects.

A captioner's map α_t over a grid (Bahdanau et al., 2015; Xu et al., 2015) says where it looked at word t; the
share of that on object o is w_to = Σ_{pixels in the mask of o} α_t. What is missing to 1 lies on no object. A
model whose regions are the objects (SCAN) needs no masks: its α is w.
"""

import numpy as np

__all__ = ["map_weights"]


def map_weights(maps, masks):
    """Share of each map on each object.

    Forward    w_to = Σ_{p in mask o} α_tp / Σ_p α_tp, a cell's weight spread evenly over its pixels
    Shapes     maps (T, h, w) ≥ 0, masks bool (N, H, W) with H a multiple of h, W of w → (T, N)
    Errors     ValueError for sides that do not fit, or a map of zeros
    """
    maps, masks = np.asarray(maps, np.float64), np.asarray(masks, bool)
    fits = maps.ndim == masks.ndim == 3 and 0 not in maps.shape
    fits = fits and masks.shape[1] % maps.shape[1] == 0 and masks.shape[2] % maps.shape[2] == 0
    if not fits:
        raise ValueError(
            f"map_weights: expected maps (T, h, w) and masks (N, H, W) of sides that are multiples, got "
            f"{maps.shape} and {masks.shape}"
        )
    if not (maps >= 0).all() or not (maps.sum((1, 2)) > 0).all():
        raise ValueError("map_weights: maps: expected weights ≥ 0, some of them positive in each map")
    (_, h, w), (n, height, width) = maps.shape, masks.shape
    share = masks.reshape(n, h, height // h, w, width // w).mean(
        (2, 4)
    )  # of each cell, what the object covers
    return np.einsum("tyx,nyx->tn", maps / maps.sum((1, 2), keepdims=True), share)
