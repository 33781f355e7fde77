"""Where do the words look? Attention of stacked cross attention scored against the exact masks of the scenes.

Of each picture's first caption, the words that mention an object: the weights of the picture's regions, laid
on the grid of cells, by the pointing game, the mass inside the mask and the IoU above half the maximum, each
beside its chance, that of a map that knows nothing. Only of text → image: elsewhere regions ask.
"""

import numpy as np

from ...autograd import no_grad
from ...data import scenes
from ...metrics.attention import attention_scores
from ...models.scene_cnn import SceneCNN
from ..figures import attention_grid

__all__ = ["attention_figures", "cells_of"]


def attention_figures(found, checked, pairs, block=64):
    """{"attention: pointing", "attention: pointing, chance", …}; {} of models that do not look so."""
    settings = found.settings
    looks = settings.model == "scan" and settings.direction != "image" and settings.picture == "regions"
    if not looks or checked.links is None:
        return {}
    first = np.flatnonzero(np.diff(pairs.owner, prepend=-1))  # the first caption of each picture
    maps, masks = [], []
    for begin in range(0, len(first), block):
        captions = first[begin : begin + block]
        pictures = pairs.owner[captions]
        with no_grad():
            seen = found.model.scan.encode_regions(*found.senses[0].batch(pairs.first, pictures))
            read = found.model.scan.encode_words(*found.senses[1].batch(pairs.second, captions))
            alpha = found.model.scan.attention(seen, read).numpy()
        for picture, weights in zip(pictures, alpha, strict=True):
            links = checked.links[picture][0]
            spoken = [t for t, k in enumerate(links) if k >= 0]
            objects = scenes.masks(checked.scenes[picture])
            grids = attention_grid(
                weights[1:], cells_of(pairs.first[picture]), SceneCNN.GRID
            )  # without <start>
            maps += [grids[t] for t in spoken]
            masks += [objects[links[t]] for t in spoken]
    if not maps:
        return {}
    return {f"attention: {name}": value for name, value in attention_scores(maps, masks).items()}


def cells_of(regions):
    """In which cell of the grid each region lies, read from its place: (R, C + 2) → (R,)."""
    side = SceneCNN.GRID
    x, y = (np.rint((regions[:, k] + 1) / 2 * side - 0.5).astype(np.int64) for k in (-2, -1))
    return y * side + x
