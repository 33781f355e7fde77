"""Questions as vectors: a bag of words, or a recurrent network that reads them."""

from __future__ import annotations

import dataclasses

import numpy as np

from .. import nn, ops
from ..tensor import tensor

__all__ = ["BagOfWords", "BothQuestions", "LSTMQuestions", "QuestionBatch", "QUESTIONS"]


@dataclasses.dataclass(frozen=True)
class QuestionBatch:
    """M questions in U different wordings: each wording is read once.

    ids      int64 (U, T), padded with 0       lengths   int64 (U,), words of each, at least 1
    which    int64 (M,), the wording of each question
    """

    ids: np.ndarray
    lengths: np.ndarray
    which: np.ndarray

    @classmethod
    def of(cls, sentences, which=None):
        """From lists of word numbers; ``which`` is 0 … U − 1 unless given."""
        if not sentences or not all(sentences):
            raise ValueError("QuestionBatch: sentences: expected at least one, none of them empty")
        lengths = np.array([len(s) for s in sentences])
        ids = np.zeros((len(sentences), lengths.max()), np.int64)
        for row, sentence in zip(ids, sentences, strict=True):
            row[: len(sentence)] = sentence
        return cls(ids, lengths, np.arange(len(sentences)) if which is None else np.asarray(which))

    def counts(self, words):
        """How often each word occurs in each wording: float32 (U, V)."""
        found = np.zeros((len(self.ids), words), np.float32)
        real = np.arange(self.ids.shape[1]) < self.lengths[:, None]
        rows = np.broadcast_to(np.arange(len(self.ids))[:, None], self.ids.shape)
        np.add.at(found, (rows[real], self.ids[real]), 1)
        return found


class BagOfWords(nn.Module):
    """The words of a question without their order (Zhou et al., 2015: iBOWIMG).

    Forward    q = relu(W n + b),  n_w how often the word w occurs
    Shapes     wordings (U, T) → (U, H)
    Note       "red left of blue" is "blue left of red" to it
    """

    def __init__(self, words, hidden, generator=None):
        self.words = words
        self.read = nn.Linear(words, hidden, activation="relu", generator=generator)

    def forward(self, batch):
        weight = self.read.weight
        return self.read(tensor(batch.counts(self.words), weight.dtype, device=weight.device))


class LSTMQuestions(nn.Module):
    """A question read word by word (Antol et al., 2015: deeper LSTM Q).

    Forward    x_t = E[w_t];  q = tanh(W [h_T; c_T of each layer] + b),  T the question's own length
    Shapes     wordings (U, T) → (U, H)
    """

    def __init__(self, words, hidden, size=64, layers=2, generator=None):
        self.embed = nn.Embedding(words, size, generator=generator)
        self.lstm = nn.LSTM(size, hidden, layers, generator=generator)
        self.join = nn.Linear(2 * layers * hidden, hidden, activation="tanh", generator=generator)

    def forward(self, batch):
        device = self.embed.weight.device
        ids = tensor(np.ascontiguousarray(batch.ids.T), np.int64, device=device)
        lengths = tensor(batch.lengths, np.int64, device=device)
        _, (h, c) = self.lstm(self.embed(ids), lengths=lengths)
        return self.join(ops.concatenate([s[k] for k in range(h.shape[0]) for s in (h, c)], axis=1))


class BothQuestions(nn.Module):
    """The bag of a question's words, and beside it what an LSTM has read.

    Forward    q = [BagOfWords(n); LSTMQuestions(w)], half of the entries each
    Shapes     wordings (U, T) → (U, H)
    Note       an LSTM's last state tells little of each word before it has learnt to; the bag does at once,
               and what is learnt first of a picture is what single words have to do with it
    """

    def __init__(self, words, hidden, generator=None):
        self.bag = BagOfWords(words, hidden // 2, generator=generator)
        self.order = LSTMQuestions(words, hidden - hidden // 2, generator=generator)

    def forward(self, batch):
        return ops.concatenate([self.bag(batch), self.order(batch)], axis=1)


QUESTIONS = {"bow": BagOfWords, "lstm": LSTMQuestions, "both": BothQuestions}
"""Name → class of (words, hidden, generator=)."""
