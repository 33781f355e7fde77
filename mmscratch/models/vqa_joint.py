"""Answering by joint embedding: one vector of the picture, one of the question, brought together."""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..tensor import tensor
from .fusion.bilinear import BILINEAR
from .fusion.film import FiLM
from .vqa_questions import QUESTIONS

__all__ = ["FUSIONS", "POOLS", "AnswerHead", "Concat", "FiLM", "JointEmbedding", "PictureCNN", "Product"]


POOLS = "max", "flat"


class PictureCNN(nn.Module):
    """A picture as the strongest answer of each of its filters, wherever it was.

    Forward    v_c = max over cells of a_c,  a = relu(conv(…relu(conv(x − ½)))), 3 × 3, strides 2, 2, 2, 1;
               with pool="flat" v = a, cell by cell
    Shapes     x (B, 3, H, W) in [0, 1] → (B, C), or (B, C · cells) with pool="flat" and ``cells`` of them;
               ``grid``: (B, C, ⌈H/8⌉, ⌈W/8⌉)
    Note       the maximum over all cells leaves out where a thing is; a mean over them would have to learn
               that almost all of them are empty
    """

    def __init__(self, channels=(16, 32, 64, 64), generator=None, pool="max", cells=64):
        if pool not in POOLS:
            raise ValueError(f"PictureCNN: pool: expected {' or '.join(POOLS)}, got {pool!r}")
        self.inputs, self.channels, self.pool = 3, channels[-1], pool
        self.size = self.channels * (cells if pool == "flat" else 1)
        strides = [2] * (len(channels) - 1) + [1]
        options = {"padding": 1, "activation": "relu", "generator": generator}
        self.convolutions = nn.Sequential(*(
            nn.Conv2d(c, k, 3, stride=s, **options)
            for c, k, s in zip((3, *channels), channels, strides, strict=False)
        ))  # fmt: skip

    def read_grids(self, inputs, generator=None):
        """Take the grids that another network has made of the pictures: a = relu(conv₁ₓ₁(grid)).

        Shapes     from here on x (B, inputs, h, w) → ``grid`` (B, C, h, w); objects instead of cells,
                   (B, R, inputs), are a grid of R × 1
        """
        self.inputs = inputs
        self.convolutions = nn.Sequential(
            nn.Conv2d(inputs, self.channels, 1, activation="relu", generator=generator)
        )

    def grid(self, images):
        """The cells before the maximum."""
        if images.ndim == 3 and self.inputs != 3:
            images = ops.unsqueeze(ops.permute(images, axes=(0, 2, 1)), axis=3)
        if images.ndim != 4 or images.shape[1] != self.inputs:
            raise ValueError(
                f"PictureCNN: images must be (B, {self.inputs}, H, W), got {tuple(images.shape)}"
            )
        return self.convolutions(images - 0.5 if self.inputs == 3 else images)

    def forward(self, images):
        grid = self.grid(images)
        if self.pool == "max":
            return ops.flatten(ops.global_max_pool(grid), start=1)
        flat = ops.flatten(grid, start=1)
        if flat.shape[1] != self.size:
            raise ValueError(f"PictureCNN: expected {self.size} numbers of a picture, got {flat.shape[1]}")
        return flat


class Product(nn.Module):
    """Both vectors, entry by entry (Antol et al., 2015: deeper LSTM Q + norm I).

    Forward    h = tanh(W_v v / ‖v‖ + b_v) ⊙ tanh(W_q q + b_q)
    Shapes     v (M, D), q (M, E) → h (M, H)
    Note       at the start both factors are small and each one's gradient is scaled by the other: it can stay
               at what the question alone tells
    """

    def __init__(self, picture, question, hidden, generator=None):
        self.v = nn.Linear(picture, hidden, activation="tanh", generator=generator)
        self.q = nn.Linear(question, hidden, activation="tanh", generator=generator)

    def forward(self, v, q):
        return self.v(ops.normalize(v)) * self.q(q)


class Concat(nn.Module):
    """Both vectors side by side (Zhou et al., 2015).

    Forward    h = relu(W [v; q] + b)
    Shapes     v (M, D), q (M, E) → h (M, H)
    """

    def __init__(self, picture, question, hidden, generator=None):
        self.join = nn.Linear(picture + question, hidden, activation="relu", generator=generator)

    def forward(self, v, q):
        return self.join(ops.concatenate([v, q], axis=1))


FUSIONS = {"product": Product, "concat": Concat, "film": FiLM, **BILINEAR}
"""Name → class of (size of v, size of q, size of h, generator=)."""


class AnswerHead(nn.Module):
    """Which of K answers: softmax over them, or a yes or no to each.

    Forward    z = W₂ relu(W₁ h + b₁) + b₂
               softmax    L = mean over questions of −log softmax(z)[answer]; an answer of −1 does not count
               soft       L = mean over questions of Σ_k BCE(σ(z_k), s_k),  s_k = min(1, .3 n_k)
    Shapes     h (M, H) → z (M, K); target int64 (M,), or scores s (M, K)
    Source     Antol et al., 2015 (softmax over the frequent answers); Teney et al., 2018 (soft scores)
    """

    def __init__(self, features, hidden, answers, loss="softmax", generator=None):
        if loss not in ("softmax", "soft"):
            raise ValueError(f"AnswerHead: loss: expected softmax or soft, got {loss!r}")
        self.kind = loss
        self.hidden = nn.Linear(features, hidden, activation="relu", generator=generator)
        self.answer = nn.Linear(hidden, answers, generator=generator)

    def forward(self, h):
        return self.answer(self.hidden(h))

    def loss(self, logits, target):
        """The mean over the questions: a Tensor ()."""
        if self.kind == "softmax":
            return ops.cross_entropy(logits, tensor(target, np.int64, device=logits.device), ignore_index=-1)
        scores = tensor(target, logits.dtype, device=logits.device)
        each = ops.binary_cross_entropy_with_logits(logits, scores, reduction="sum")
        return each * (1 / logits.shape[0])


class JointEmbedding(nn.Module):
    """Picture and question each to a vector, both to one, that to an answer (Antol et al., 2015).

    Forward    z_m = head(fusion(v[image_of_m], q[which_m])),  v = pictures(x), q = questions(wordings)
    Shapes     x (N, 3, H, W), M questions in U wordings, image_of (M,) → z (M, K)
    Note       a picture is encoded once for all its questions, a wording once for all who use it
    """

    def __init__(self, words, answers, fusion="film", question="bow", loss="softmax",
                 channels=(16, 32, 64, 64), hidden=128, generator=None, pool="max"):  # fmt: skip
        for name, value, known in (("fusion", fusion, FUSIONS), ("question", question, QUESTIONS)):
            if value not in known:
                raise ValueError(f"JointEmbedding: {name}: expected one of {', '.join(known)}, got {value!r}")
        self.pictures = PictureCNN(channels, generator, pool)
        self.questions = QUESTIONS[question](words, hidden, generator=generator)
        self.fusion = FUSIONS[fusion](self.pictures.size, hidden, hidden, generator)
        self.head = AnswerHead(hidden, hidden, answers, loss, generator)

    def answer(self, v, questions, image_of):
        """Logits where the pictures are encoded already: v (N, C) → (M, K)."""
        q = self.questions(questions)
        image_of, which = (tensor(i, np.int64, device=v.device) for i in (image_of, questions.which))
        return self.head(self.fusion(ops.take(v, image_of), ops.take(q, which)))

    def forward(self, images, questions, image_of):
        return self.answer(self.pictures(images), questions, image_of)
