"""The scene network without convolutions: a small Vision Transformer that fills in the same cells."""

from __future__ import annotations

from .. import nn, ops
from ..representations.image.vit import VisionTransformer
from .scene_cnn import SceneCNN

__all__ = ["SceneViT"]


class SceneViT(nn.Module):
    """Images to what lies in each cell, as ``SceneCNN``: one patch a cell, and attention between the patches.

    Forward    [c; patches] + P → blocks of attention and MLP;  logits of cell p = W LN(y_p)
    Shapes     image (B, 3, 64, 64) in [0, 1] → features (B, D, 8, 8), logits (B, 13, 8, 8); with ``trace``
               also the weights of every block, (B, G, 65, 65)
    Errors     as ``VisionTransformer``
    Source     Dosovitskiy et al., 2021, eq. 1–3; the heads of a cell as in ``SceneCNN``
    """

    HEADS, GRID = SceneCNN.HEADS, SceneCNN.GRID
    split, attribute_loss = SceneCNN.split, SceneCNN.attribute_loss

    def __init__(self, width=96, layers=3, heads=4, generator=None):
        side = 64
        self.channels = width
        self.vit = VisionTransformer(
            side, side // self.GRID, width, layers, heads, sum(self.HEADS.values()), generator=generator
        )

    def forward(self, images, trace=False):
        y, weights = self.vit(images - 0.5, tokens=True, trace=True)
        y = self.vit.ln_post(y[:, 1:])
        features, logits = (self._as_grid(part) for part in (y, y @ self.vit.proj))
        return (features, logits, weights) if trace else (features, logits)

    def _as_grid(self, y):
        b, _, d = y.shape
        return ops.reshape(ops.permute(y, axes=(0, 2, 1)), shape=(b, d, self.GRID, self.GRID))
