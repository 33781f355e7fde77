"""Questions translated into programs: sequence to sequence, with attention to the question's words."""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..data.vocabulary import Vocabulary
from ..decoding import greedy
from ..tensor import tensor

__all__ = ["ProgramGenerator"]


class ProgramGenerator(nn.Module):
    """An LSTM reads the question, another writes the program (Johnson et al., 2017, "Inferring and executing
    programs"), looking back at the words as Luong et al. (2015) do.

    Forward    e_1 … e_T, (h_0, c_0) = LSTM(E_q w);   h_t = LSTM(E_p z_{t−1}, h_{t−1}), z_0 the start token;
               α_t = softmax over s of h_tᵀ W_a e_s;   c_t = Σ_s α_ts e_s                        eq. 7, 8
               logits of z_t = W_s tanh(W_c [c_t; h_t])                                          eq. 5, 6
    Loss       mean over the tokens, the end token among them, of −log p(z_t | z_<t, question)
    Shapes     questions in U wordings; tokens int64 (U, S + 1), from the start token on → logits (U, S, V)
    Note       words are hidden from those wordings that end before them; the context is not fed back into
               the LSTM, so all S steps are one operation
    """

    def __init__(self, words, tokens, hidden=128, size=64, generator=None):
        self.vocabulary = Vocabulary(tokens)
        self.read = nn.Embedding(words, size, generator=generator)
        self.encoder = nn.LSTM(size, hidden, generator=generator)
        self.embed = nn.Embedding(len(self.vocabulary), size, generator=generator)
        self.decoder = nn.LSTM(size, hidden, generator=generator)
        self.score = nn.Linear(hidden, hidden, bias=False, generator=generator)
        self.join = nn.Linear(2 * hidden, hidden, bias=False, activation="tanh", generator=generator)
        self.write = nn.Linear(hidden, len(self.vocabulary), generator=generator)

    def encode(self, questions):
        """What is read: e (U, T, H), which of it is real (U, 1, T), and the state (1, U, H) of both kinds."""
        device = self.read.weight.device
        ids = tensor(np.ascontiguousarray(questions.ids.T), np.int64, device=device)
        lengths = tensor(questions.lengths, np.int64, device=device)
        e, state = self.encoder(self.read(ids), lengths=lengths)
        real = np.arange(questions.ids.shape[1]) < questions.lengths[:, None]
        return ops.permute(e, axes=(1, 0, 2)), tensor(real[:, None], device=device), state

    def logits(self, h, e, real):
        """Of what follows the decoder's states: h (U, S, H) → (U, S, V)."""
        context, _ = ops.attention(h, self.score(e), e, real, scale=1.0)
        return self.write(self.join(ops.concatenate([context, h], axis=2)))

    def forward(self, questions, tokens):
        e, real, state = self.encode(questions)
        before = tensor(np.ascontiguousarray(np.asarray(tokens)[:, :-1].T), np.int64, device=e.device)
        h, _ = self.decoder(self.embed(before), state)
        return self.logits(ops.permute(h, axes=(1, 0, 2)), e, real)

    def loss(self, questions, programs):
        """Of programs as lists of tokens, one a wording: a Tensor ()."""
        sentences = [self.vocabulary.encode(p) for p in programs]
        tokens = np.full((len(sentences), max(map(len, sentences))), self.vocabulary.pad, np.int64)
        for row, sentence in zip(tokens, sentences, strict=True):
            row[: len(sentence)] = sentence
        logits = self(questions, tokens)
        wanted = np.where(tokens[:, 1:] == self.vocabulary.pad, -1, tokens[:, 1:]).reshape(-1)
        flat = ops.reshape(logits, shape=(-1, logits.shape[2]))
        return ops.cross_entropy(flat, tensor(wanted, np.int64, device=logits.device), ignore_index=-1)

    def step(self, state, token):
        """For ``decoding``: state, the token before (U,) → state, logits of the next (U, V), None."""
        e, real, h, c = state
        y, (h, c) = self.decoder(
            ops.unsqueeze(self.embed(token), axis=0), tuple(ops.unsqueeze(s, axis=0) for s in (h, c))
        )
        after = (e, real, h[0], c[0])
        return after, self.logits(ops.permute(y, axes=(1, 0, 2)), e, real)[:, 0], None

    def generate(self, questions, longest=32):
        """The program of each wording, its likeliest token each time: (lists of tokens, probability (U,))."""
        e, real, (h, c) = self.encode(questions)
        v = self.vocabulary
        forbidden = (v.pad, v.start, v.unk)
        said, log_p, _ = greedy(
            self.step, (e, real, h[0], c[0]), len(questions.ids), v.start, v.end, longest, forbidden=forbidden
        )
        return [v.decode(tokens) for tokens in said], np.exp(log_p)
