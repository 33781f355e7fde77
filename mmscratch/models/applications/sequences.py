"""The next item of a session, from features of the items seen so far: by a GRU, or by self-attention."""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...nn.check import positive
from ...nn.transformer import causal_mask
from ...tensor import tensor

__all__ = ["READERS", "NextItem"]

READERS = ("gru", "attention")


class NextItem(nn.Module):
    """Scores of all items at every place of a session.

    Forward    v_i = W f_i (+ e_i with ``own``: a vector for each item);  h_t = reader(v_{s_1}, …, v_{s_t});
               z_t = h_t · v'_i + b_i over all items i, v'_i = W' f_i (+ e_i)
    Shapes     features f (I, F); sessions (B, T) item numbers → z (B, T, I)
    Errors     ValueError for an unknown reader, features that are not (I, F), a session longer than
               ``longest``
    Source     gru: Hidasi et al., 2016 (GRU4Rec), features of items as in Hidasi, Quadrana et al., 2016;
               attention: Kang & McAuley, 2018 (SASRec): places added, causal self-attention, scores by items
    """

    def __init__(self, features, reader="gru", hidden=48, own=False, longest=16, heads=2, layers=2,
                 generator=None):  # fmt: skip
        features = np.asarray(features, np.float32)
        if features.ndim != 2:
            raise ValueError(f"NextItem: features: expected (I, F), got {features.shape}")
        if reader not in READERS:
            raise ValueError(f"NextItem: reader: expected one of {', '.join(READERS)}, got {reader!r}")
        positive(self, hidden=hidden, longest=longest)
        self.features, self.longest = tensor(features), longest
        self.given = nn.Linear(features.shape[1], hidden, generator=generator)
        self.asked = nn.Linear(features.shape[1], hidden, generator=generator)
        self.own = nn.Embedding(len(features), hidden, generator=generator) if own else None
        self.bias = nn.Embedding(len(features), 1, generator=generator)
        self.bias.weight.data = self.bias.weight.data * np.float32(0)
        if own:
            self.own.weight.data = self.own.weight.data * np.float32(0.1)
        self.gru = self.blocks = None
        if reader == "gru":
            self.gru = nn.GRU(hidden, hidden, batch_first=True, generator=generator)
        else:
            layer = nn.TransformerEncoderLayer(hidden, heads, 2 * hidden, dropout=0.0, batch_first=True,
                                               norm_first=True, generator=generator)  # fmt: skip
            self.blocks = nn.TransformerEncoder(layer, layers, nn.LayerNorm(hidden), generator=generator)
            self.place = nn.Embedding(longest, hidden, generator=generator)
            self.place.weight.data = self.place.weight.data * np.float32(0.1)

    def forward(self, sessions):
        sessions = np.asarray(sessions)
        if sessions.ndim != 2 or sessions.shape[1] > self.longest:
            raise ValueError(f"NextItem: sessions: expected (B, T ≤ {self.longest}), got {sessions.shape}")
        given, asked = self.given(self.features), self.asked(self.features)
        if self.own is not None:
            given, asked = given + self.own.weight, asked + self.own.weight
        x = ops.embedding(given, tensor(sessions))
        if self.gru is not None:
            h = self.gru(x)[0]
        else:
            t = sessions.shape[1]
            h = self.blocks(x + self.place.weight[:t], mask=tensor(causal_mask(t)))
        return ops.matmul(h, ops.transpose(asked)) + self.bias.weight[:, 0]

    def loss(self, sessions):
        """The mean over all places of −ln p(next item)."""
        z = self(sessions[:, :-1])
        return ops.cross_entropy(ops.reshape(z, shape=(-1, z.shape[2])), tensor(sessions[:, 1:].reshape(-1)))
