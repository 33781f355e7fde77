"""A question asks the picture's cells where to look: stacked attention, several glimpses, attended words."""

from __future__ import annotations

import math

import numpy as np

from .. import nn, ops
from ..tensor import tensor
from .vqa_joint import FUSIONS, AnswerHead
from .vqa_questions import QUESTIONS
from .vqa_regions import Attending, PictureCells, additive_map
from .vqa_words import WordReader

__all__ = ["Glimpses", "StackedAttention", "WordGlimpses"]


class StackedAttention(Attending):
    """The question looks, adds what it saw to itself, and looks again (Yang et al., 2016, eq. 15–18, 21–24).

    Forward    v_i = tanh(W_I f_i + b_I);  u⁰ = q;  of hop k = 1 … K
               h_i = tanh(W_Iᵏ v_i + W_Qᵏ uᵏ⁻¹ + bᵏ);  pᵏ = softmax(w_Pᵏ · h_i);
               uᵏ = Σ_i pᵏ_i v_i + uᵏ⁻¹;  z = head(u^K)
    Shapes     x (N, 3, H, W), M questions in U wordings, image_of (M,) → z (M, K); maps (M, hops, R)
    Note       the paper's answer is linear in u^K; b_P moves all scores alike and is left out
    """

    def __init__(self, words, answers, question="lstm", loss="softmax", channels=(16, 32, 64, 64), hidden=128,
                 hops=2, generator=None):  # fmt: skip
        _known("StackedAttention", question, hops=hops)
        self.pictures = PictureCells(channels, generator)
        self.questions = QUESTIONS[question](words, hidden, generator=generator)
        self.value = nn.Linear(self.pictures.size, hidden, activation="tanh", generator=generator)
        self.keys, self.queries, self.scores = (
            nn.ModuleList([nn.Linear(hidden, out, bias=bias, generator=generator) for _ in range(hops)])
            for out, bias in ((hidden, False), (hidden, True), (1, False))
        )
        self.head = AnswerHead(hidden, hidden, answers, loss, generator)

    def look(self, regions, questions, image_of):
        image_of, which = (tensor(i, np.int64, device=regions.device) for i in (image_of, questions.which))
        v = self.value(regions)
        u, mine, maps = ops.take(self.questions(questions), which), ops.take(v, image_of), []
        for key, query, score in zip(self.keys, self.queries, self.scores, strict=True):
            asked = ops.unsqueeze(query(u), axis=1)
            maps.append(additive_map(asked, ops.take(key(v), image_of), score.weight))
            u = u + ops.squeeze(ops.matmul(maps[-1], mine), axis=1)
        return self.head(u), ops.concatenate(maps, axis=1), None


class Glimpses(Attending):
    """Several maps of one picture at once, joined to the question by a product (Kim et al., 2017, § 3).

    Forward    α_g = softmax over i of p_g · (tanh(U q + b_q) ⊙ tanh(V f_i + b_v));  v̂ = [Σ_i α_gi f_i]_g;
               z = head(fusion(v̂, q))
    Shapes     x (N, 3, H, W), M questions in U wordings, image_of (M,) → z (M, K); maps (M, G, R)
    Note       with fusion="mlb" the paper's; Fukui et al., 2016, §3.2, the same with MCB
    """

    def __init__(self, words, answers, fusion="mlb", question="lstm", loss="softmax",
                 channels=(16, 32, 64, 64), hidden=128, glimpses=2, generator=None):  # fmt: skip
        _known("Glimpses", question, fusion, glimpses=glimpses)
        self.pictures = PictureCells(channels, generator)
        self.questions = QUESTIONS[question](words, hidden, generator=generator)
        size = self.pictures.size
        self.key = nn.Linear(size, hidden, activation="tanh", generator=generator)
        self.query = nn.Linear(hidden, hidden, activation="tanh", generator=generator)
        self.maps = nn.Linear(hidden, glimpses, bias=False, generator=generator)
        self.fusion = FUSIONS[fusion](glimpses * size, hidden, hidden, generator)
        self.head = AnswerHead(hidden, hidden, answers, loss, generator)

    def look(self, regions, questions, image_of):
        image_of, which = (tensor(i, np.int64, device=regions.device) for i in (image_of, questions.which))
        q = self.questions(questions)
        asked = ops.unsqueeze(ops.take(self.query(q), which), axis=1)
        scores = self.maps(asked * ops.take(self.key(regions), image_of))
        alpha = ops.softmax(ops.permute(scores, axes=(0, 2, 1)))
        seen = ops.flatten(ops.matmul(alpha, ops.take(regions, image_of)), start=1)
        return self.head(self.fusion(seen, ops.take(q, which))), alpha, None


class WordGlimpses(Attending):
    """Each glimpse first chooses among the question's words, then among the picture's cells.

    Forward    β_g = softmax over t of p_g · tanh(W y_t + b),  y = ``WordReader``(words);  q_g = Σ_t β_gt y_t;
               s_gi = τ/√H (W_q q_g + b_q) · (W_f f_i + b_f);  α_g = softmax over i of s_g;
               w_g = [Σ_i α_gi f_i; Σ_i σ(s_gi − 2)];  q = tanh(W_Q [q_g]_g + b_Q);  of pairs j of glimpses
               same_j = S w_{2j−1} ⊙ S w_{2j},  relation_j = D (w_{2j−1} − w_{2j}) ⊙ E q;
               z = head(fusion(bn([w; same; relation]), q))
    Shapes     x (N, 3, H, W), M questions in U wordings, image_of (M,) → z (M, K);
               maps (M, G, R), words (M, G, T)
    Source     words: Yu et al., 2018 (MAttNet), eq. 1–3; α: Vaswani et al., 2017, eq. 1; n: a sum, since what
               is normalised cannot count (Zhang et al., 2018)
    Note       "is the red cross left of the blue circle" names two things: one glimpse for each. "The same
               colour" is a product of what they saw, "left" or "more" one of their difference with a word:
               what only adds cannot tell either. Cells are normalised (bn) by channel, and what was seen
               once more: a mean of 64 cells, most of them empty, hardly varies
    """

    def __init__(self, words, answers, fusion="film", loss="softmax", channels=(16, 32, 64, 64), hidden=128,
                 glimpses=4, sharpness=4.0, generator=None):  # fmt: skip
        _known("WordGlimpses", "bow", fusion, glimpses=glimpses)
        self.pictures = PictureCells(channels, generator)
        self.reader = WordReader(words, hidden, generator=generator)
        size, self.scale = self.pictures.size, sharpness / math.sqrt(hidden)
        self.cells = nn.BatchNorm1d(size)
        self.choose = nn.Linear(self.reader.size, hidden, activation="tanh", generator=generator)
        self.words = nn.Linear(hidden, glimpses, bias=False, generator=generator)
        self.key = nn.Linear(size, hidden, generator=generator)
        self.query = nn.Linear(self.reader.size, hidden, generator=generator)
        self.same, self.differ, self.ask = (
            nn.Linear(n, hidden, bias=False, generator=generator) for n in (size + 1, size + 1, hidden)
        )
        self.question = nn.Linear(glimpses * self.reader.size, hidden, activation="tanh", generator=generator)
        seen = glimpses * (size + 1) + glimpses // 2 * 2 * hidden
        self.seen = nn.BatchNorm1d(seen)
        self.fusion = FUSIONS[fusion](seen, hidden, hidden, generator)
        self.head = AnswerHead(hidden, hidden, answers, loss, generator)

    def regions(self, images):
        """The cells of pictures, normalised by channel: (N, 3, H, W) → (N, R, D)."""
        f = self.pictures(images)
        return ops.reshape(self.cells(ops.reshape(f, shape=(-1, f.shape[2]))), shape=f.shape)

    def read(self, questions):
        """What each glimpse has read: q (U, G, E), and of which words: β (U, G, T)."""
        y, mask = self.reader(questions)
        scores = ops.permute(self.words(self.choose(y)), axes=(0, 2, 1))
        beta = ops.softmax(scores, ops.unsqueeze(mask, axis=1))
        return ops.matmul(beta, y), beta

    def look(self, regions, questions, image_of):
        image_of, which = (tensor(i, np.int64, device=regions.device) for i in (image_of, questions.which))
        read, beta = self.read(questions)
        keys = ops.transpose(ops.take(self.key(regions), image_of))
        scores = ops.matmul(ops.take(self.query(read), which), keys) * self.scale
        alpha = ops.softmax(scores)
        how_many = ops.sum(ops.sigmoid(scores - 2), axis=2)
        u = ops.matmul(alpha, ops.take(regions, image_of))
        w = ops.concatenate([u, ops.unsqueeze(how_many, axis=2)], axis=2)
        q = ops.take(self.question(ops.flatten(read, start=1)), which)
        seen = self.seen(ops.concatenate([ops.flatten(w, start=1), *self.pairs(w, q)], axis=1))
        return self.head(self.fusion(seen, q)), alpha, ops.take(beta, which)

    def pairs(self, w, q):
        """What two glimpses have to do with each other: w (M, G, D), q (M, H) → two of (M, ⌊G/2⌋ · H)."""
        if w.shape[1] < 2:
            return []
        even = w.shape[1] // 2 * 2
        first, second = w[:, 0:even:2], w[:, 1:even:2]
        same = self.same(first) * self.same(second)
        relation = self.differ(first - second) * ops.unsqueeze(self.ask(q), axis=1)
        return [ops.flatten(x, start=1) for x in (same, relation)]


def _known(model, question, fusion="film", **counts):
    for name, value, known in (("fusion", fusion, FUSIONS), ("question", question, QUESTIONS)):
        if value not in known:
            raise ValueError(f"{model}: {name}: expected one of {', '.join(known)}, got {value!r}")
    for name, value in counts.items():
        if value < 1:
            raise ValueError(f"{model}: {name}: expected at least 1, got {value}")
