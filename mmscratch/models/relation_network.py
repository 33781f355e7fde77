"""A relation network: every ordered pair of a picture's cells is asked, and the answers are added."""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..tensor import tensor
from .film_network import coordinates
from .vqa_joint import AnswerHead, PictureCNN
from .vqa_questions import QUESTIONS

__all__ = ["Pairs", "RelationNetwork"]


class Pairs(nn.Module):
    """What all ordered pairs of objects say to a question, together (Santoro et al., 2017, eq. 1).

    Forward    s = 1/√P Σ_i Σ_j g(o_i, o_j, q),  g = relu(W_L … relu(W_2 relu(W_1 [o_i; o_j; q] + b_1) + …));
               W_1 [o_i; o_j; q] = A o_i + B o_j + C q, P = n² pairs, i = j among them
               with fusion "film" the question scales, too, each place of a pair on its own (Perez et al.,
               2018, eq. 2):  (1 + γ) ⊙ A o_i + β + (1 + γ') ⊙ B o_j + β',  [γ; β; γ'; β'] = C q + c
    Shapes     A o, B o (M, n, H), C q (M, H), or (M, 4H) → s (M, H); only (M, n, n, H) is ever held, and no
               pair side by side
    Note       the order in which objects come changes nothing, their order within a pair does. 1/√P
               holds s back, however many cells there are; the paper has none, and the layer after the sum
               could undo it
    """

    def __init__(self, size, question, hidden, layers=3, fusion="concat", generator=None):
        if layers < 1:
            raise ValueError(f"Pairs: layers: expected at least 1, got {layers}")
        if fusion not in ("concat", "film"):
            raise ValueError(f"Pairs: fusion: expected concat or film, got {fusion!r}")
        self.film = fusion == "film"
        self.first = nn.Linear(size, hidden, generator=generator)
        self.second = nn.Linear(size, hidden, bias=False, generator=generator)
        size = 4 * hidden if self.film else hidden
        self.asked = nn.Linear(question, size, bias=self.film, generator=generator)
        self.rest = nn.ModuleList([
            nn.Linear(hidden, hidden, activation="relu", generator=generator) for _ in range(layers - 1)
        ])  # fmt: skip

    def forward(self, left, right, asked):
        m, n, h = left.shape
        asked = ops.unsqueeze(asked, axis=1)
        if self.film:
            gamma, beta, other_gamma, other_beta = ops.chunk(asked, chunks=4, axis=2)
            left, right = (gamma + 1) * left + beta, (other_gamma + 1) * right + other_beta
        else:
            left = left + asked
        g = ops.relu(ops.reshape(left, shape=(m, n, 1, h)) + ops.reshape(right, shape=(m, 1, n, h)))
        g = ops.reshape(g, shape=(m * n * n, h))
        for layer in self.rest:
            g = layer(g)
        return ops.sum(ops.reshape(g, shape=(m, n * n, h)), axis=1) * (1 / n)


class RelationNetwork(nn.Module):
    """Cells of a picture as objects, all pairs of them, an answer (Santoro et al., 2017).

    Forward    o_c = [a_c; place_c], a = grid(x), or relu(conv₃ₓ₃, stride 2, of [a; place]) with ``halve``;
               z = head(Σ over ordered pairs of g(o_i, o_j, q))
    Shapes     x (N, 3, H, W), M questions in U wordings, image_of (M,) → z (M, K);
               n = ⌈H/8⌉ ⌈W/8⌉ objects, a quarter of them with ``halve``: 64 × 64 pixels are 64 or 16 objects,
               4096 or 256 pairs. With ``rows`` x (N, n, rows) are the objects, as what a detector finds (the
               paper's state descriptions)
    """

    def __init__(self, words, answers, question="lstm", loss="softmax", channels=(16, 32, 64, 64), hidden=128,
                 layers=3, fusion="concat", halve=True, rows=None, generator=None):  # fmt: skip
        if question not in QUESTIONS:
            raise ValueError(
                f"RelationNetwork: question: expected one of {', '.join(QUESTIONS)}, got {question!r}"
            )
        self.questions = QUESTIONS[question](words, hidden, generator=generator)
        self.rows, self.halve = rows, None
        if rows is None:
            self.pictures = PictureCNN(channels, generator)
            c = self.pictures.channels
            options = {"stride": 2, "padding": 1, "activation": "relu", "generator": generator}
            self.halve = nn.Conv2d(c + 2, c, 3, **options) if halve else None
            rows = c + 2
        self.pairs = Pairs(rows, hidden, hidden, layers, fusion, generator)
        self.head = AnswerHead(hidden, hidden, answers, loss, generator)

    def objects(self, images):
        """(N, 3, H, W) → (N, n, C + 2): each cell's features and its place; rows are objects already."""
        if self.rows is not None:
            if images.ndim != 3 or images.shape[2] != self.rows:
                raise ValueError(
                    f"RelationNetwork: objects must be (N, n, {self.rows}), got {tuple(images.shape)}"
                )
            return images
        grid = _placed(self.pictures.grid(images))
        if self.halve is not None:
            grid = _placed(self.halve(grid))
        return ops.permute(ops.flatten(grid, start=2), axes=(0, 2, 1))

    def answer(self, objects, questions, image_of):
        """Logits where the pictures are encoded already: objects (N, n, C + 2) → (M, K)."""
        image_of, which = (tensor(i, np.int64, device=objects.device) for i in (image_of, questions.which))
        left, right = (ops.take(part(objects), image_of) for part in (self.pairs.first, self.pairs.second))
        asked = ops.take(self.pairs.asked(self.questions(questions)), which)
        return self.head(self.pairs(left, right, asked))

    def forward(self, images, questions, image_of):
        return self.answer(self.objects(images), questions, image_of)


def _placed(grid):
    """(N, C, H, W) → (N, C + 2, H, W): beside the features where the cell lies."""
    place = tensor(coordinates(*grid.shape[2:]), grid.dtype, device=grid.device)
    place = ops.broadcast_to(place, shape=(grid.shape[0], *place.shape))
    return ops.concatenate([grid, place], axis=1)
