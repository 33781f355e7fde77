"""Pictures and sounds as vectors of one length, for two towers.

``RegionTower`` reads what a frozen network found in the picture (regions, boxes, a published network's grid);
``PixelTower`` and ``PatchTower`` read pixels and are trained themselves; ``SoundTower`` reads log-mel bands
of a sound. What leaves is not yet of unit length (``two_towers`` sees to that).
"""

import numpy as np

from .. import nn, ops
from ..representations.audio.sound_cnn import SoundCNN
from ..representations.image.vit import VisionTransformer
from ..tensor import Tensor
from .caption_regions import only_real, real_regions
from .scene_cnn import SceneCNN, load_pretrained

__all__ = ["PatchTower", "PixelTower", "RegionTower", "SoundTower"]


class RegionTower(nn.Module):
    """A set of regions, each looked at alone, then added up: no order, any number (Zaheer et al., 2017).

    Forward    y = W₃ relu(W₂ Σ_i relu(W₁ₐ relu(W₁ a_i + b₁) + b₁ₐ) + b₂) + b₃ over the real regions i
    Shapes     regions a (B, R, D), mask (B, R) bool or None → y (B, E)
    Errors     ValueError naming the shapes that were expected
    Note       a sum, no mean: it counts, two red circles are twice one

    scaled     every feature is read with mean 0 and deviation 1, as ``scale_by`` found them: a published
               network's features have sizes of their own
    """

    def __init__(self, region_size, size, hidden=256, scaled=False, generator=None):
        self.region_size, self.size, self.scaled = region_size, size, bool(scaled)
        if scaled:
            self.middle = nn.Buffer(np.zeros(region_size, np.float32))
            self.spread = nn.Buffer(np.ones(region_size, np.float32))
        self.W1 = nn.Linear(region_size, hidden, generator=generator)
        self.W1a = nn.Linear(hidden, hidden, generator=generator)
        self.W2 = nn.Linear(hidden, hidden, generator=generator)
        self.W3 = nn.Linear(hidden, size, generator=generator)

    def scale_by(self, regions):
        """Take mean and deviation from regions (N, R, D), an array; without ``scaled`` nothing happens."""
        if self.scaled:
            flat = np.asarray(regions, np.float64).reshape(-1, self.region_size)
            self.middle.data = flat.mean(0).astype(np.float32)
            self.spread.data = np.maximum(flat.std(0), 1e-6).astype(np.float32)

    def forward(self, regions, mask=None):
        if regions.ndim != 3 or regions.shape[2] != self.region_size:
            raise ValueError(
                f"RegionTower: regions must be (B, R, {self.region_size}), got {tuple(regions.shape)}"
            )
        mask = real_regions(self, regions, mask)
        if self.scaled:
            regions = (regions - self.middle) / self.spread
        each = ops.relu(self.W1a(ops.relu(self.W1(only_real(regions, mask)))))
        return self.W3(ops.relu(self.W2(ops.sum(only_real(each, mask), axis=1))))


class PixelTower(nn.Module):
    """A convolutional network from pixels on, its grid kept apart by place.

    Forward    g = CNN(image) (B, C, 8, 8), each cell with its place;  y = RegionTower(cells of g)
    Shapes     image (B, 3, 64, 64) in [0, 1] → y (B, E)
    Errors     as ``SceneCNN``

    pretrained    begin with the shipped scene network's weights, else with random ones
    """

    def __init__(self, size, hidden=256, pretrained=False, generator=None):
        self.size = size
        self.cnn = load_pretrained() if pretrained else SceneCNN(generator=generator)
        self.cnn.train()
        self.cells = RegionTower(self.cnn.channels + 2, size, hidden, generator=generator)

    def forward(self, images):
        grid = self.cnn.features(images)
        b, c, h, w = grid.shape
        cells = ops.transpose(ops.reshape(grid, shape=(b, c, h * w)), axis0=1, axis1=2)
        y, x = np.mgrid[0:h, 0:w]
        place = np.stack([(x + 0.5) / w * 2 - 1, (y + 0.5) / h * 2 - 1], -1).reshape(1, h * w, 2)
        place = ops.broadcast_to(Tensor(place.astype(str(cells.dtype))), shape=(b, h * w, 2))
        return self.cells(ops.concatenate([cells, place], axis=2))


class PatchTower(nn.Module):
    """A small Vision Transformer (Dosovitskiy et al., 2021): patches as words, the class token's vector.

    Forward    y = ViT(2 · image − 1), see ``VisionTransformer``
    Shapes     image (B, 3, 64, 64) in [0, 1] → y (B, E)
    Errors     as ``VisionTransformer``
    """

    def __init__(self, size, side=64, patch=8, width=128, layers=3, heads=4, generator=None):
        self.size = size
        self.vit = VisionTransformer(side, patch, width, layers, heads, size, generator=generator)

    def forward(self, images):
        return self.vit(images * 2 - 1)


class SoundTower(nn.Module):
    """A sound's log-mel picture through the sound network.

    Forward    y = W relu(W₁ SoundCNN.features(x) + b₁) + b
    Shapes     x (B, T, F) → y (B, E)
    Errors     as ``SoundCNN``
    """

    def __init__(self, size, frames=48, bands=64, hidden=256, generator=None):
        self.size = size
        self.cnn = SoundCNN(
            hidden, frames, bands, parts=frames // 4, dropout=0.0, coarse=4, generator=generator
        )
        self.W = nn.Linear(hidden, size, generator=generator)

    def forward(self, x):
        return self.W(ops.relu(self.cnn(x)))
