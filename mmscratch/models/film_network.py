"""FiLM: a network over a picture's cells, each layer conducted by the question (Perez et al., 2018)."""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..tensor import tensor
from .vqa_joint import AnswerHead, PictureCNN
from .vqa_questions import QUESTIONS

__all__ = ["FiLMBlock", "FiLMNetwork", "coordinates"]


def coordinates(height, width):
    """Where each cell lies, x then y, from −1 to 1 at the centres of the outermost: float32 (2, H, W)."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return np.stack([x, y]).astype(np.float32)


class FiLMBlock(nn.Module):
    """A residual block whose second half is scaled and shifted by the question (Perez et al., 2018, fig. 3).

    Forward    a = relu(conv₁ₓ₁([x; place]));  b = bn(conv₃ₓ₃(a)), without scale and shift of its own;
               y = a + relu((1 + γ) ⊙ b + β), γ and β one number a channel
    Shapes     x (M, C, H, W), place (M, 2, H, W), γ and β (M, C) → y (M, C, H, W)
    """

    def __init__(self, channels, generator=None):
        self.look = nn.Conv2d(channels + 2, channels, 1, activation="relu", generator=generator)
        self.conv = nn.Conv2d(channels, channels, 3, padding=1, bias=False, generator=generator)
        self.norm = nn.BatchNorm2d(channels, affine=False)

    def forward(self, x, place, gamma, beta):
        a = self.look(ops.concatenate([x, place], axis=1))
        b = self.norm(self.conv(a))
        return a + ops.film(b, gamma, beta, relu=True)


class FiLMNetwork(nn.Module):
    """Picture's grid, blocks conducted by the question, the strongest cell of each channel, an answer.

    Forward    x⁰ = grid(image);  [γ¹; β¹; γ²; …] = U q + c;  xⁱ = block_i(xⁱ⁻¹, γⁱ, βⁱ);
               z = head(max over cells of relu(conv₁ₓ₁([x; place])))
    Shapes     x (N, 3, H, W), M questions in U wordings, image_of (M,) → z (M, K)
    """

    def __init__(self, words, answers, question="bow", loss="softmax", channels=(16, 32, 64, 64), hidden=128,
                 blocks=2, generator=None):  # fmt: skip
        if question not in QUESTIONS:
            raise ValueError(
                f"FiLMNetwork: question: expected one of {', '.join(QUESTIONS)}, got {question!r}"
            )
        if blocks < 1:
            raise ValueError(f"FiLMNetwork: blocks: expected at least 1, got {blocks}")
        self.pictures = PictureCNN(channels, generator)
        self.questions = QUESTIONS[question](words, hidden, generator=generator)
        c = self.pictures.channels
        self.film = nn.Linear(hidden, 2 * blocks * c, generator=generator)
        self.blocks = nn.ModuleList([FiLMBlock(c, generator) for _ in range(blocks)])
        self.last = nn.Conv2d(c + 2, hidden, 1, activation="relu", generator=generator)
        self.head = AnswerHead(hidden, hidden, answers, loss, generator)

    def answer(self, grid, questions, image_of):
        """Logits where the pictures are encoded already: grid (N, C, h, w) → (M, K)."""
        image_of, which = (tensor(i, np.int64, device=grid.device) for i in (image_of, questions.which))
        x = ops.take(grid, image_of)
        place = tensor(coordinates(*x.shape[2:]), x.dtype, device=x.device)
        place = ops.broadcast_to(place, shape=(x.shape[0], *place.shape))
        parts = ops.chunk(
            ops.take(self.film(self.questions(questions)), which), chunks=2 * len(self.blocks), axis=1
        )
        for k, block in enumerate(self.blocks):
            x = block(x, place, parts[2 * k], parts[2 * k + 1])
        cells = self.last(ops.concatenate([x, place], axis=1))
        return self.head(ops.flatten(ops.global_max_pool(cells), start=1))

    def forward(self, images, questions, image_of):
        return self.answer(self.pictures.grid(images), questions, image_of)
