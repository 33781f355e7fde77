"""Question and picture attend to each other, at three levels of the question (Lu et al., 2016).

    level       Q_t, (U, T, d)
    word        E[w_t]
    phrase      max over s = 1, 2, 3 of tanh(W_s [w_t; …; w_{t+s−1}] + b_s)          eq. 1, 2
    question    LSTM over the phrases

At each level attention is *parallel* (both at once, by what each word has to do with each cell) or
*alternating* (words, then cells, then words again). From words to whole, the answer is put together.
"""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..tensor import tensor
from .vqa_joint import AnswerHead
from .vqa_regions import Attending, PictureCells

__all__ = ["Alternating", "CoAttention", "Parallel", "QuestionLevels"]


class QuestionLevels(nn.Module):
    """A question as words, as phrases of one to three words, and as a whole read so far.

    Forward    as the table above; beyond a question's end there are zeros, which a phrase may reach into
    Shapes     wordings (U, T) → three Q (U, T, d), 0 where no word is, mask bool (U, T)
    """

    def __init__(self, words, hidden, generator=None):
        self.embed = nn.Embedding(words, hidden, generator=generator)
        self.grams = nn.ModuleList([nn.Conv1d(hidden, hidden, s, generator=generator) for s in (1, 2, 3)])
        self.lstm = nn.LSTM(hidden, hidden, batch_first=True, generator=generator)

    def forward(self, batch):
        device = self.embed.weight.device
        real = np.arange(batch.ids.shape[1]) < np.asarray(batch.lengths)[:, None]
        mask = tensor(real, device=device)
        there = ops.unsqueeze(mask, axis=2)
        word = ops.where(there, self.embed(tensor(batch.ids, np.int64, device=device)), 0.0)
        phrase, across = None, ops.permute(word, axes=(0, 2, 1))
        for s, gram in enumerate(self.grams, start=1):
            found = ops.tanh(gram(ops.pad(across, pads=((0, 0), (0, 0), (0, s - 1)))))
            phrase = found if phrase is None else ops.maximum(phrase, found)
        phrase = ops.where(there, ops.permute(phrase, axes=(0, 2, 1)), 0.0)
        whole, _ = self.lstm(phrase, lengths=tensor(batch.lengths, np.int64, device=device))
        return (word, phrase, whole), mask


class Parallel(nn.Module):
    """Words and cells attended at once, led by how each word goes with each cell (Lu et al., 2016, eq. 3–5).

    Forward    C = tanh(Qᵀ W_b V);  H^v = tanh(W_v V + (W_q Q) C),  H^q = tanh(W_q Q + (W_v V) Cᵀ);
               a^v = softmax(w_hv · H^v), a^q = softmax(w_hq · H^q);  v̂ = Σ_i a^v_i v_i, q̂ = Σ_t a^q_t q_t
    Shapes     Q (M, T, d), 0 where mask (M, T) is False, V (M, R, d) → q̂ (M, d), v̂ (M, d), a^q (M, 1, T),
               a^v (M, 1, R)
    Note       with the paper's columns as rows here; padded words are zeros and add nothing to H^v
    """

    def __init__(self, hidden, generator=None):
        self.affinity, self.v, self.q = (
            nn.Linear(hidden, hidden, bias=False, generator=generator) for _ in range(3)
        )
        self.hv, self.hq = (nn.Linear(hidden, 1, bias=False, generator=generator) for _ in range(2))

    def forward(self, q, v, mask):
        affinity = ops.tanh(ops.matmul(self.affinity(q), ops.transpose(v)))
        for_v, for_q = self.v(v), self.q(q)
        hv = ops.tanh(for_v + ops.matmul(ops.transpose(affinity), for_q))
        hq = ops.tanh(for_q + ops.matmul(affinity, for_v))
        av = ops.softmax(ops.permute(self.hv(hv), axes=(0, 2, 1)))
        aq = ops.softmax(ops.permute(self.hq(hq), axes=(0, 2, 1)), ops.unsqueeze(mask, axis=1))
        return (*(ops.squeeze(ops.matmul(a, x), axis=1) for a, x in ((aq, q), (av, v))), aq, av)


class Alternating(nn.Module):
    """First the words, then the cells, then the words again, each led by what was found (eq. 6).

    Forward    x̂ = 𝒜(X; g) = Σ_i a_i x_i,  a = softmax(w_h · tanh(W_x x_i + W_g g));
               ŝ = 𝒜(Q; 0),  v̂ = 𝒜(V; ŝ),  q̂ = 𝒜(Q; v̂), each with parameters of its own
    Shapes     as ``Parallel``
    """

    def __init__(self, hidden, generator=None):
        self.x, self.g, self.h = (
            nn.ModuleList([nn.Linear(hidden, out, bias=bias, generator=generator) for _ in range(n)])
            for n, out, bias in ((3, hidden, True), (2, hidden, False), (3, 1, False))
        )

    def attend(self, k, x, guide=None, mask=None):
        """The k-th 𝒜(X; g): X (M, ·, d), g (M, d) or None for 0 → x̂ (M, d), a (M, 1, ·)."""
        h = self.x[k](x)
        if guide is not None:
            h = h + ops.unsqueeze(self.g[k - 1](guide), axis=1)
        scores = ops.permute(self.h[k](ops.tanh(h)), axes=(0, 2, 1))
        a = ops.softmax(scores, None if mask is None else ops.unsqueeze(mask, axis=1))
        return ops.squeeze(ops.matmul(a, x), axis=1), a

    def forward(self, q, v, mask):
        summary, _ = self.attend(0, q, None, mask)
        seen, looked = self.attend(1, v, summary)
        found, read = self.attend(2, q, seen, mask)
        return found, seen, read, looked


class CoAttention(Attending):
    """Hierarchical co-attention (Lu et al., 2016, §3.4).

    Forward    v_i = tanh(W f_i + b);  q̂^r, v̂^r of each level r = word, phrase, question;
               h^w = tanh(W_w (q̂^w + v̂^w)),  h^p = tanh(W_p [q̂^p + v̂^p; h^w]),
               h^s = tanh(W_s [q̂^s + v̂^s; h^p]);  z = head(h^s)                                  eq. 7
    Shapes     x (N, 3, H, W), M questions in U wordings, image_of (M,) → z (M, K); maps (M, 3, R),
               words (M, 3, T)

    order      parallel or alternating
    """

    def __init__(self, words, answers, order="parallel", loss="softmax", channels=(16, 32, 64, 64),
                 hidden=128, generator=None):  # fmt: skip
        if order not in ORDERS:
            raise ValueError(f"CoAttention: order: expected {' or '.join(ORDERS)}, got {order!r}")
        self.pictures = PictureCells(channels, generator)
        self.questions = QuestionLevels(words, hidden, generator)
        self.value = nn.Linear(self.pictures.size, hidden, activation="tanh", generator=generator)
        self.levels = nn.ModuleList([ORDERS[order](hidden, generator) for _ in range(3)])
        self.together = nn.ModuleList([
            nn.Linear(size, hidden, activation="tanh", generator=generator)
            for size in (hidden, 2 * hidden, 2 * hidden)
        ])  # fmt: skip
        self.head = AnswerHead(hidden, hidden, answers, loss, generator)

    def look(self, regions, questions, image_of):
        image_of, which = (tensor(i, np.int64, device=regions.device) for i in (image_of, questions.which))
        levels, mask = self.questions(questions)
        v, mask = ops.take(self.value(regions), image_of), ops.take(mask, which)
        h, maps, words = None, [], []
        for level, together, q in zip(self.levels, self.together, levels, strict=True):
            q, seen, read, looked = level(ops.take(q, which), v, mask)
            h = together(q + seen if h is None else ops.concatenate([q + seen, h], axis=1))
            maps.append(looked)
            words.append(read)
        return self.head(h), ops.concatenate(maps, axis=1), ops.concatenate(words, axis=1)


ORDERS = {"parallel": Parallel, "alternating": Alternating}
"""Name → class of (hidden, generator)."""
