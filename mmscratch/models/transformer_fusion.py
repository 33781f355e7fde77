"""Question and picture as one sequence: every word and every cell looks at all the others."""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..nn.position import sinusoids
from ..tensor import tensor
from .film_network import coordinates
from .vqa_joint import AnswerHead, PictureCNN

__all__ = ["TransformerFusion", "waves"]


def waves(height, width, size):
    """Where each cell lies, as waves of many lengths: of its column in the first half, of its row in the
    second (Vaswani et al., 2017, §3.5, in two dimensions): float32 (H·W, size), row by row."""
    half = size // 2
    rows, columns = sinusoids(height, size - half), sinusoids(width, half)
    found = np.concatenate([np.tile(columns, (height, 1)), np.repeat(rows, width, axis=0)], axis=1)
    return found.astype(np.float32)


class TransformerFusion(nn.Module):
    """One stream (Li et al., 2019: VisualBERT): words and cells in one encoder, the answer read off [CLS].

    Forward    s_0 = e_CLS + P_0 + t_0;  s_t = E[w_t] + P_t + t_0 for the words;
               s_{T+c} = W [a_c; place_c] + b + waves_c + t_1 for the cells, a = grid(x);
               y = encoder(s), the norm first in each of its layers;  z = head(y_0)
    Shapes     x (N, 3, H, W), M questions in U wordings of up to T words, image_of (M,) → z (M, K);
               one sequence a question: 1 + T + R places of D numbers, R = ⌈H/8⌉ ⌈W/8⌉ cells. With ``rows``
               x (N, R, rows) are a detector's objects, as in VisualBERT, and the cells' waves are left out
    Errors     ValueError for more than ``longest`` words
    Source     Vaswani et al., 2017 (encoder, and its positions); Devlin et al., 2019 ([CLS], types t);
               Xiong et al., 2020 (norm first)
    Note       there is no [SEP]: the types tell words from cells. What pads a short question is hidden from
               all
    """

    def __init__(self, words, answers, loss="softmax", channels=(16, 32, 64, 64), hidden=128, layers=3,
                 heads=4, longest=64, rows=None, generator=None):  # fmt: skip
        self.rows = rows
        if rows is None:
            self.pictures = PictureCNN(channels, generator)
            rows = self.pictures.channels + 2
        self.cells = nn.Linear(rows, hidden, generator=generator)
        self.embed = nn.Embedding(words, hidden, generator=generator)
        self.cls = nn.Embedding(1, hidden, generator=generator)
        self.types = nn.Embedding(2, hidden, generator=generator)
        self.places = nn.LearnedPositions(longest + 1, hidden, batch_first=True, generator=generator)
        for table in (self.embed, self.cls, self.types):
            nn.init.normal_(table.weight, std=0.02, generator=generator)
        layer = nn.TransformerEncoderLayer(
            hidden, heads, 4 * hidden, 0.0, "gelu", batch_first=True, norm_first=True, generator=generator
        )
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(hidden), generator=generator)
        self.head = AnswerHead(hidden, hidden, answers, loss, generator)

    def regions(self, images):
        """Pictures as members of a sequence: (N, 3, H, W) or (N, R, rows) → (N, R, D)."""
        if self.rows is not None:
            return self.cells(images) + self.types.weight[1]
        grid = self.pictures.grid(images)
        n, _, h, w = grid.shape
        place = tensor(coordinates(h, w), grid.dtype, device=grid.device)
        grid = ops.concatenate([grid, ops.broadcast_to(place, shape=(n, *place.shape))], axis=1)
        cells = self.cells(ops.permute(ops.flatten(grid, start=2), axes=(0, 2, 1)))
        return (
            cells
            + tensor(waves(h, w, cells.shape[2]), cells.dtype, device=cells.device)
            + self.types.weight[1]
        )

    def words(self, questions):
        """Wordings as members of a sequence, [CLS] first: (U, T) → (U, 1 + T, D)."""
        weight = self.embed.weight
        ids = tensor(questions.ids, np.int64, device=weight.device)
        first = ops.broadcast_to(self.cls.weight, shape=(ids.shape[0], 1, weight.shape[1]))
        return self.places(ops.concatenate([first, self.embed(ids)], axis=1)) + self.types.weight[0]

    def answer(self, regions, questions, image_of):
        """Logits where the pictures are encoded already: regions (N, R, D) → (M, K)."""
        device = regions.device
        at, which = (tensor(i, np.int64, device=device) for i in (image_of, questions.which))
        words = self.words(questions)
        sequence = ops.concatenate([ops.take(words, which), ops.take(regions, at)], axis=1)
        t, r = words.shape[1], regions.shape[1]
        padding = np.arange(t + r) >= 1 + questions.lengths[questions.which, None]
        padding[:, t:] = False
        return self.head(self.encoder(sequence, src_key_padding_mask=tensor(padding, device=device))[:, 0])

    def forward(self, images, questions, image_of):
        return self.answer(self.regions(images), questions, image_of)
