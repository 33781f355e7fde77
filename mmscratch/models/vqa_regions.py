"""What models that attend over a picture's regions have in common: the regions, and the maps."""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..autograd import no_grad
from ..tensor import tensor
from .film_network import coordinates
from .vqa_joint import PictureCNN

__all__ = ["Attending", "PictureCells", "additive_map"]


class PictureCells(nn.Module):
    """A picture as its cells, each with where it lies.

    Forward    f_i = [a_i; x_i; y_i],  a = ``PictureCNN``.grid(x), the place from −1 to 1
    Shapes     x (N, 3, H, W) → (N, R, C + 2), R = ⌈H/8⌉ · ⌈W/8⌉, row by row
    Note       without the place a weighted mean of cells says what is there, and not on which side
    """

    def __init__(self, channels=(16, 32, 64, 64), generator=None):
        self.cnn = PictureCNN(channels, generator)
        self.size = self.cnn.channels + 2

    def forward(self, images):
        grid = self.cnn.grid(images)
        n, c, h, w = grid.shape
        rows = ops.permute(ops.reshape(grid, shape=(n, c, h * w)), axes=(0, 2, 1))
        place = np.broadcast_to(coordinates(h, w).reshape(2, h * w).T, (n, h * w, 2))
        place = tensor(np.ascontiguousarray(place), grid.dtype, device=grid.device)
        return ops.concatenate([rows, place], axis=2)


class Attending(nn.Module):
    """A model of regions and questions that says where it looked, and at which words.

    Forward    z, α, β = look(regions(x), questions, image_of)
    Shapes     x (N, 3, H, W), M questions in U wordings, image_of (M,) → z (M, K);
               α (M, G, R), of each question G maps that sum to one over the regions;
               β (M, G, T), what each of them was asked with; None of models that ask with the whole question
    Note       a picture's regions are computed once for all its questions
    """

    def regions(self, images):
        """The regions of pictures: (N, 3, H, W) → (N, R, D)."""
        return self.pictures(images)

    def look(self, regions, questions, image_of):
        """Logits, maps, words; each model says how."""
        raise NotImplementedError

    def forward(self, images, questions, image_of):
        return self.look(self.regions(images), questions, image_of)[0]

    def attention(self, images, questions, image_of):
        """Where each question's answer was looked for: an array (M, G, cells), the cells row by row."""
        with no_grad():
            return self.look(self.regions(images), questions, image_of)[1].numpy()

    def words_by_cells(self, images, questions, image_of):
        """Which words looked at which cells: an array (M, T, cells) that sums to one a question, or None.

        Forward    J_ti = Σ_g β_gt α_gi / G
        """
        with no_grad():
            words = self.look(self.regions(images), questions, image_of)[2]
            maps = self.attention(images, questions, image_of)
        return None if words is None else np.einsum("mgt,mgi->mti", words.numpy(), maps) / maps.shape[1]


def additive_map(queries, keys, weight, mask=None):
    """Maps of several glimpses by additive attention (Bahdanau et al., 2015).

    Forward    α_g = softmax over i of w · tanh(q_g + k_i)
    Shapes     queries (M, G, A), keys (M, R, A), weight (1, A), mask bool (M, R) or None → α (M, G, R)
    """
    scores = ops.additive_scores(queries, keys, ops.squeeze(weight, axis=0))
    return ops.softmax(scores, None if mask is None else ops.unsqueeze(mask, axis=1))
