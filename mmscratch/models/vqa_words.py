"""A question word by word, for models that attend over its words."""

from __future__ import annotations

import numpy as np

from .. import nn, ops
from ..tensor import tensor

__all__ = ["WordReader"]


class WordReader(nn.Module):
    """Every word of a question, in the company of those around it (Schuster & Paliwal, 1997).

    Forward    x_t = E[w_t];  c_t = [→LSTM(x)_t ; ←LSTM(x)_t];  y_t = [x_t; c_t]
    Shapes     wordings (U, T) → y (U, T, E + H), mask bool (U, T), True where a word is
    Note       c_t tells the first noun from the second, which x_t cannot
    """

    def __init__(self, words, hidden, size=64, generator=None):
        if hidden % 2:
            raise ValueError(f"WordReader: hidden: expected an even number, half a direction, got {hidden}")
        self.size = size + hidden
        self.embed = nn.Embedding(words, size, generator=generator)
        self.lstm = nn.LSTM(size, hidden // 2, bidirectional=True, generator=generator)

    def forward(self, batch):
        device = self.embed.weight.device
        ids = tensor(np.ascontiguousarray(batch.ids.T), np.int64, device=device)
        x = self.embed(ids)
        c, _ = self.lstm(x, lengths=tensor(batch.lengths, np.int64, device=device))
        mask = np.arange(batch.ids.shape[1]) < np.asarray(batch.lengths)[:, None]
        return ops.permute(ops.concatenate([x, c], axis=2), axes=(1, 0, 2)), tensor(mask, device=device)
