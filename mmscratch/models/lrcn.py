"""Two LSTM layers that hear the word before and see the picture at every step: the plain captioner.

Donahue, Hendricks, Guadarrama, Rohrbach, Venugopalan, Saenko & Darrell, 2015, "Long-term recurrent
convolutional networks": LRCN with unfactored layers. What a list of layers cannot say is here in three lines:
the word before goes in, a distribution comes out at *every* step, and the state goes on to the next.
"""

from .. import nn, ops
from ..tensor import full
from .caption_decoder import CaptionDecoder, check_pictures, check_words

__all__ = ["LRCN"]


class LRCN(CaptionDecoder):
    """Regions of a picture to a distribution over its captions, word by word, without attention.

    Forward    v = tanh(W_v mean_i a_i + b_v)                          the picture, once
               h_t = LSTM_L(… LSTM_1([E y_{t−1}; v])),  h_0 = c_0 = 0  the layers, one above the other
               logits_t = L_o drop(h_t) + b_o
    Shapes     regions a (B, R, D), tokens y (B, T + 1) → logits (B, T, V), None (it does not look anywhere)
    Errors     ValueError naming the shapes that were expected
    Source     Donahue et al., 2015, §3 and §4.2 (two layers, unfactored)
    """

    def __init__(self, vocabulary_size, region_size, hidden=256, embedding=64, layers=2, dropout=0.0,
                 generator=None):  # fmt: skip
        super().__init__()
        self.region_size = region_size
        self.E = nn.Embedding(vocabulary_size, embedding, generator=generator)
        self.W_v = nn.Linear(region_size, embedding, activation="tanh", generator=generator)
        self.lstm = nn.LSTM(
            2 * embedding, hidden, layers, batch_first=True, dropout=dropout, generator=generator
        )
        self.dropout = nn.Dropout(dropout, generator=generator)
        self.L_o = nn.Linear(hidden, vocabulary_size, generator=generator)

    def start(self, regions):
        """What decoding needs of a picture: (B, R, D) → state = (v, h (B, L, H), c (B, L, H))."""
        check_pictures(self, regions)
        v = self.W_v(regions.mean(1))
        shape = len(v), self.lstm.num_layers, self.lstm.hidden_size
        h, c = (full(shape, 0, v.dtype, device=v.device) for _ in "hc")
        return v, h, c

    def step(self, state, token):
        """state, the word before (B,) → state, logits of the next (B, V), None."""
        v, h, c = state
        x = ops.concatenate([self.E(token), v], axis=1).unsqueeze(1)
        y, (h, c) = self.lstm(x, (h.permute(1, 0, 2), c.permute(1, 0, 2)))
        return (v, h.permute(1, 0, 2), c.permute(1, 0, 2)), self.L_o(self.dropout(y.squeeze(1))), None

    def forward(self, regions, tokens):
        """Teacher forcing, all words at once: the same numbers as stepping."""
        check_words(self, regions, tokens)
        v, _, _ = self.start(regions)
        words = self.E(tokens[:, :-1])
        seen = ops.broadcast_to(v.unsqueeze(1), shape=(-1, words.shape[1], -1))
        y, _ = self.lstm(ops.concatenate([words, seen], axis=2))
        return self.L_o(self.dropout(y)), None
