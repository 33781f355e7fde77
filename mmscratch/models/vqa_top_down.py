"""Answers from boxes: bottom-up regions, top-down attention (Anderson et al., 2018; Teney et al., 2018).

"Bottom-up" is where the regions come from: boxes that a detector finds, or that are given. "Top-down" is
which of them the question asks for. No picture comes in here, but its boxes, each a row

    [features of the box, C numbers; geometry, 5 numbers; 1 where there is a box, else 0]
"""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..autograd import no_grad
from ..tensor import tensor
from .vqa_joint import AnswerHead
from .vqa_questions import QUESTIONS
from .vqa_regions import Attending

__all__ = ["GatedTanh", "TopDownVQA", "cell_shares"]

GEOMETRY = 5


class GatedTanh(nn.Module):
    """A nonlinear layer with a gate (Teney et al., 2018, eq. 1, 2).

    Forward    y = tanh(W x + b) ⊙ σ(W′ x + b′)
    Shapes     x (…, D) → y (…, H)
    """

    def __init__(self, size, hidden, generator=None):
        self.value = nn.Linear(size, hidden, activation="tanh", generator=generator)
        self.gate = nn.Linear(size, hidden, activation="sigmoid", generator=generator)

    def forward(self, x):
        return self.value(x) * self.gate(x)


class TopDownVQA(Attending):
    """Which boxes the question asks for, and what they say to it (Teney et al., 2018, eq. 3–6).

    Forward    v_i = [f_i / ‖f_i‖; geometry];  a_i = w_a · f_a([v_i; q]);  α = softmax over the boxes there;
               h = f_q(q) ⊙ f_v(Σ_i α_i v_i);  z = head(h);  each f a ``GatedTanh``
    Shapes     boxes (N, R, C + 6), M questions in U wordings, image_of (M,) → z (M, K); maps (M, 1, R), 0
               where there is no box
    Note       with loss="soft" the paper's σ(z) towards soft scores. ``attention`` spreads the weight of a
               box evenly over it: maps over a grid of cells
    """

    grid = 8

    def __init__(self, words, answers, size, question="lstm", loss="soft", hidden=128, generator=None):
        if question not in QUESTIONS:
            raise ValueError(
                f"TopDownVQA: question: expected one of {', '.join(QUESTIONS)}, got {question!r}"
            )
        self.size = size
        self.questions = QUESTIONS[question](words, hidden, generator=generator)
        seen = size - 1
        self.together = GatedTanh(seen + hidden, hidden, generator)
        self.score = nn.Linear(hidden, 1, bias=False, generator=generator)
        self.q = GatedTanh(hidden, hidden, generator)
        self.v = GatedTanh(seen, hidden, generator)
        self.head = AnswerHead(hidden, hidden, answers, loss, generator)

    def regions(self, images):
        """The boxes as they came, their features of length one."""
        if images.ndim != 3 or images.shape[2] != self.size:
            raise ValueError(
                f"TopDownVQA: boxes must be (N, R, {self.size}), got {tuple(images.shape)}: features, "
                "geometry, and 1 where there is a box"
            )
        features, rest = ops.split(images, sizes=[self.size - GEOMETRY - 1, GEOMETRY + 1], axis=2)
        return ops.concatenate([ops.normalize(features), rest], axis=2)

    def look(self, regions, questions, image_of):
        image_of, which = (tensor(i, np.int64, device=regions.device) for i in (image_of, questions.which))
        q, boxes = ops.take(self.questions(questions), which), ops.take(regions, image_of)
        v, there = ops.split(boxes, sizes=[self.size - 1, 1], axis=2)
        mask = ops.greater(ops.permute(there, axes=(0, 2, 1)), 0.5)
        m, r, _ = v.shape
        asked = ops.broadcast_to(ops.unsqueeze(q, axis=1), shape=(m, r, q.shape[1]))
        scores = self.score(self.together(ops.concatenate([v, asked], axis=2)))
        alpha = ops.softmax(ops.permute(scores, axes=(0, 2, 1)), mask)
        seen = ops.squeeze(ops.matmul(alpha, v), axis=1)
        return self.head(self.q(q) * self.v(seen)), alpha, None

    def attention(self, images, questions, image_of):
        """Where each question's answer was looked for: an array (M, 1, cells), the cells row by row."""
        with no_grad():
            alpha = self.look(self.regions(images), questions, image_of)[1].numpy()
        boxes = images.numpy()[:, :, -GEOMETRY - 1 : -2]
        return np.einsum("mgr,mrc->mgc", alpha, cell_shares(boxes, self.grid)[image_of])


def cell_shares(boxes, grid):
    """How much of each box lies in each cell: rows that sum to one, 0 for a box without area.

    Forward    s_yx = |[y0, y1] ∩ cell row y| |[x0, x1] ∩ cell column x| / area
    Shapes     boxes (N, R, 4) as shares of the picture, x0, y0, x1, y1 → (N, R, grid²)
    """
    edges = np.arange(grid + 1) / grid
    x0, y0, x1, y1 = (np.clip(boxes[..., k, None], 0, 1) for k in range(4))
    x, y = (
        np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None)
        for low, high in ((x0, x1), (y0, y1))
    )
    parts = (y[..., :, None] * x[..., None, :]).reshape(*boxes.shape[:2], grid * grid)
    return parts / np.maximum(parts.sum(-1, keepdims=True), 1e-12)
