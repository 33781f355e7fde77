"""The image encoder of the scenes world: a small convolutional network, and its attribute heads.

Three strided convolutions take 64 × 64 pixels to an 8 × 8 grid of cells; a fourth looks at each
cell's neighbours. Pretrained to tell, for every cell, whether an object's centre lies in it and of
which shape, colour and size it is (``mmscratch train attributes``), it gives other models a picture's
regions. The strided first layers, instead of pooling, are what makes it cheap on a CPU.
"""

import pathlib

import numpy as np

from .. import nn, ops
from ..autograd import no_grad
from ..data.scenes import COLOURS, SHAPES, SIZES
from ..tensor import Tensor, tensor
from ..weights import read_shipped

__all__ = ["SceneCNN", "load_pretrained", "WEIGHTS"]

WEIGHTS = pathlib.Path(__file__).parent / "weights" / "scene_cnn.safetensors"


class SceneCNN(nn.Module):
    """Images to a grid of features, and to what lies in each cell.

    Forward    a = relu(conv(relu(conv(relu(conv(relu(conv(image))))))),  strides 2, 2, 2, 1
               logits of cell (y, x) = W a[:, y, x] + b  for objectness, shape, colour, size
    Shapes     image (B, 3, 64, 64) in [0, 1] → features (B, C, 8, 8), logits (B, 13, 8, 8)
    Source     LeCun et al., 1998 (weight sharing); Springenberg et al., 2015 (strides for pooling);
               one objectness and one class distribution a cell: Redmon et al., 2016
    """

    HEADS = {"objectness": 1, "shape": len(SHAPES), "colour": len(COLOURS), "size": len(SIZES)}
    GRID = 8

    def __init__(self, channels=(32, 64, 128, 128), generator=None):
        super().__init__()
        c1, c2, c3, c4 = channels
        self.channels = c4
        self.conv1 = nn.Conv2d(3, c1, 3, stride=2, padding=1, activation="relu", generator=generator)
        self.conv2 = nn.Conv2d(c1, c2, 3, stride=2, padding=1, activation="relu", generator=generator)
        self.conv3 = nn.Conv2d(c2, c3, 3, stride=2, padding=1, activation="relu", generator=generator)
        self.conv4 = nn.Conv2d(c3, c4, 3, stride=1, padding=1, activation="relu", generator=generator)
        self.heads = nn.Conv2d(c4, sum(self.HEADS.values()), 1, generator=generator)

    def features(self, images):
        """The grid of features: (B, 3, H, W) → (B, C, H/8, W/8)."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f"SceneCNN: images must be (B, 3, H, W), got {tuple(images.shape)}")
        return self.conv4(self.conv3(self.conv2(self.conv1(images - 0.5))))

    def forward(self, images):
        """Images → features, logits of all heads in the order of ``HEADS``."""
        features = self.features(images)
        return features, self.heads(features)

    def attribute_loss(self, logits, targets):
        """Objectness on every cell, the attributes on the cells that hold an object's centre.

        Forward    L = mean BCE(objectness) + Σ_{shape, colour, size} mean CE over occupied cells
        Shapes     logits (B, 13, 8, 8); targets: a dict of (B, 8, 8) integer arrays by head, with −1 for
                   "no object" in shape, colour and size
        """
        parts = self.split(logits)
        occupied = tensor(targets["objectness"], logits.dtype, device=logits.device)
        loss = ops.binary_cross_entropy_with_logits(parts["objectness"][:, 0], occupied)
        for head in ("shape", "colour", "size"):
            target = tensor(targets[head], np.int64, device=logits.device)
            loss = loss + ops.cross_entropy(parts[head], target, ignore_index=-1)
        return loss

    @classmethod
    def split(cls, logits):
        """The logits of each head: (B, 13, 8, 8) → {"objectness": (B, 1, 8, 8), "shape": (B, 4, 8, 8), …}."""
        return dict(zip(cls.HEADS, ops.split(logits, sizes=list(cls.HEADS.values()), axis=1), strict=True))

    def regions(self, images, count=8, batch_size=256):
        """The ``count`` cells of each picture most likely to hold an object, best first; no gradient.

        images (N, 3, H, W), an array → features (N, count, C + 2) with the cell's centre (x, y in −1 … 1)
        appended, cells (N, count): the flat index of each in the grid.
        """
        features, cells = [], []
        for start in range(0, len(images), batch_size):
            with no_grad():
                grid, logits = self(Tensor(np.ascontiguousarray(images[start : start + batch_size])))
            f, c = select_regions(grid.numpy(), logits.numpy()[:, 0], count)
            features.append(f)
            cells.append(c)
        return np.concatenate(features), np.concatenate(cells)


def select_regions(grid, objectness, count):
    """Grid features (B, C, g, g) and objectness (B, g, g) → the best cells' (B, count, C + 2), indices."""
    b, c, h, w = grid.shape
    if not 1 <= count <= h * w:
        raise ValueError(f"regions: expected 1 to {h * w} of them, got {count}")
    cells = np.argsort(-objectness.reshape(b, -1), axis=1, kind="stable")[:, :count]
    flat = grid.reshape(b, c, h * w).transpose(0, 2, 1)
    chosen = np.take_along_axis(flat, cells[:, :, None], axis=1)
    x = (cells % w + 0.5) / w * 2 - 1
    y = (cells // w + 0.5) / h * 2 - 1
    return np.concatenate([chosen, np.stack([x, y], -1).astype(grid.dtype)], axis=2), cells


def load_pretrained(path=WEIGHTS):
    """The network with the weights that ship with the package, in evaluation mode.

    Errors     FileNotFoundError; ValueError where the file's sha256 is not the one in the recipe beside it
    """
    arrays, recipe = read_shipped(path)
    model = SceneCNN(tuple(recipe["channels"]))
    model.load_state_dict(arrays)
    return model.eval()
