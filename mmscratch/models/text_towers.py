"""Sentences as vectors of one length, for two towers: recurrent, attending, and a bag that has no order.

All take tokens (B, T), filled up with 0 behind each sentence's end, and lengths (B,); what stands in the
filling must not matter. What leaves is not yet of unit length (``two_towers`` sees to that).
"""

import numpy as np

from .. import nn, ops
from ..tensor import Tensor

__all__ = ["TEXT_TOWERS", "BagTower", "RecurrentTower", "TransformerTower", "build_text_tower"]


class RecurrentTower(nn.Module):
    """The last state of a recurrent network, or that of both directions (Kiros et al., 2014).

    Forward    h = LSTM or GRU(E[tokens]);  y = W h_n + b, h_n the state at each sentence's own last word
    Shapes     tokens int64 (B, T), lengths (B,) → y (B, E)
    Errors     ValueError naming the argument whose shape does not fit, or a length outside 1 … T

    bidirectional    h_n of both directions, one after the other
    """

    def __init__(self, kind, vocabulary_size, size, embedding=64, hidden=128, layers=1, bidirectional=False,
                 dropout=0.0, generator=None):  # fmt: skip
        layer = {"lstm": nn.LSTM, "gru": nn.GRU}[kind]
        self.kind, self.size = kind, size
        self.E = nn.Embedding(vocabulary_size, embedding, generator=generator)
        self.rnn = layer(
            embedding, hidden, layers, dropout=dropout, bidirectional=bidirectional, generator=generator
        )
        self.dropout = nn.Dropout(dropout, generator=generator)
        self.W = nn.Linear(hidden * (2 if bidirectional else 1), size, generator=generator)

    def forward(self, tokens, lengths):
        words = self.E(_checked(self, tokens, lengths).T)  # time first
        _, end = self.rnn(words, lengths=np.asarray(lengths, np.int64))
        state = end[0] if self.kind == "lstm" else end
        last = [state[-2], state[-1]] if self.rnn.bidirectional else [state[-1]]
        return self.W(self.dropout(ops.concatenate(last, axis=1) if len(last) > 1 else last[0]))


class TransformerTower(nn.Module):
    """What the last place of a Transformer encoder has gathered (Radford et al., 2021, §2.4, without their
    causal mask).

    Forward    x = √H E[tokens] + PE;  h = encoder(x), norms first, no attention to the filling;
               y = W h_end + b, "end" the place of each sentence's last token
    Shapes     tokens int64 (B, T), lengths (B,) → y (B, E)
    Errors     as ``RecurrentTower``; ValueError for a sentence longer than ``max_length``
    """

    def __init__(self, vocabulary_size, size, hidden=128, layers=2, heads=4, dropout=0.0, max_length=256,
                 generator=None):  # fmt: skip
        g, self.size = generator, size
        self.E = nn.Embedding(vocabulary_size, hidden, generator=g)
        nn.init.normal_(self.E.weight, std=hidden**-0.5, generator=g)
        self.positions = nn.SinusoidalPositions(max_length, hidden, batch_first=True)
        layer = nn.TransformerEncoderLayer(
            hidden, heads, 4 * hidden, dropout, batch_first=True, norm_first=True, generator=g
        )
        self.encoder = nn.TransformerEncoder(layer, layers, nn.LayerNorm(hidden), generator=g)
        self.W = nn.Linear(hidden, size, generator=g)

    def forward(self, tokens, lengths):
        tokens, lengths = _checked(self, tokens, lengths), np.asarray(lengths)
        b, t = tokens.shape
        words = self.E(tokens)
        x = self.positions(words * float(np.sqrt(words.shape[2])))
        h = self.encoder(x, src_key_padding_mask=np.arange(t) >= lengths[:, None])
        end = Tensor(np.arange(b) * t + lengths - 1)
        return self.W(ops.take(ops.reshape(h, shape=(b * t, -1)), end))


class BagTower(nn.Module):
    """The mean of the words' vectors, which knows no order, through a layer: the control.

    Forward    f = (1/n) Σ_t E[w_t] over the sentence's own words;  y = W₂ relu(W₁ f + b₁) + b₂
    Shapes     tokens int64 (B, T), lengths (B,) → y (B, E)
    Errors     as ``RecurrentTower``
    """

    def __init__(self, vocabulary_size, size, embedding=128, hidden=128, generator=None):
        self.size = size
        self.E = nn.Embedding(vocabulary_size, embedding, generator=generator)
        self.W1 = nn.Linear(embedding, hidden, generator=generator)
        self.W2 = nn.Linear(hidden, size, generator=generator)

    def forward(self, tokens, lengths):
        tokens, lengths = _checked(self, tokens, lengths), np.asarray(lengths)
        words = self.E(tokens)
        share = (np.arange(tokens.shape[1]) < lengths[:, None]) / lengths[:, None]
        mean = ops.sum(words * Tensor(share[:, :, None].astype(str(words.dtype))), axis=1)
        return self.W2(ops.relu(self.W1(mean)))


def _checked(tower, tokens, lengths):
    """tokens as int64 (B, T), a Tensor, where each length lies in 1 … T."""
    values = tokens.numpy() if isinstance(tokens, Tensor) else np.asarray(tokens)
    lengths, name = np.asarray(lengths), type(tower).__name__
    if values.ndim != 2 or values.dtype.kind not in "iu":
        raise ValueError(f"{name}: tokens must be integers (B, T), got {values.dtype} {values.shape}")
    if lengths.shape != values.shape[:1] or lengths.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: lengths must be {len(values)} integers, got {lengths.dtype} {lengths.shape}"
        )
    if lengths.size and not (1 <= lengths.min() and lengths.max() <= values.shape[1]):
        raise ValueError(
            f"{name}: lengths must lie in 1 … {values.shape[1]}, got {lengths.min()} … {lengths.max()}"
        )
    return Tensor(np.ascontiguousarray(values, np.int64))


TEXT_TOWERS = ("lstm", "gru", "transformer", "bow")


def build_text_tower(name, vocabulary_size, size, *, embedding=64, hidden=128, layers=1, heads=4, dropout=0.0,
                     bidirectional=False, generator=None):  # fmt: skip
    """A text tower by its name, with those of the options that it has."""
    g = generator
    if name in ("lstm", "gru"):
        return RecurrentTower(
            name, vocabulary_size, size, embedding, hidden, layers, bidirectional, dropout, g
        )
    if name == "transformer":
        return TransformerTower(vocabulary_size, size, hidden, layers, heads, dropout, generator=g)
    if name == "bow":
        return BagTower(vocabulary_size, size, embedding, hidden, g)
    raise ValueError(f"text: expected {' or '.join(TEXT_TOWERS)}, got {name!r}")
