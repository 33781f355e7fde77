"""Show, attend and tell: a recurrent decoder that looks at one part of the picture a word.

Xu, Ba, Kiros, Cho, Courville, Salakhutdinov, Zemel & Bengio, 2015, with soft attention.

    symbol   shape        what
    a_i      (B, R, D)    annotation vectors: the picture's R regions
    y_t      (B,)         the word before, fed back (teacher forcing in training)
    h_t, c_t (B, H)       the state of the LSTM
    e_ti     (B, R)       how well region i fits the state: vᵀ tanh(W_a a_i + U_a h_{t−1})       eq. 4
    α_ti     (B, R)       its softmax over i                                                    eq. 5
    β_t      (B, 1)       gate: σ(w_β · h_{t−1}), how much to look at all                       §4.2.1
    z_t      (B, D)       context: β_t Σ_i α_ti a_i                                             eq. 6, §4.2.1
    logits   (B, V)       L_o (E y_{t−1} + L_h h_t + L_z z_t)                                   eq. 7

In the paper the state that asks, h_{t−1}, has not yet heard the word before: having said "small", the model
chooses where to look for the colour without knowing that it said "small", and may mix two objects. With
``query="current"`` the LSTM first reads that word, and the context before it, and then asks with h_t
(Luong, Pham & Manning, 2015, §3.1 and §3.3; Lu, Xiong, Parikh & Socher, 2017, §2.2):

    h_t, c_t = LSTM([E y_{t−1}; z_{t−1}], h_{t−1}, c_{t−1}),   e_ti = vᵀ tanh(W_a a_i + U_a h_t),   z_0 = 0

How well a region fits may also be an inner product with ``score="dot"``, e_ti = (W_a a_i)ᵀ (U_a h) / √A:
"general" of Luong et al., 2015, eq. 8, its matrix factored into W_aᵀ U_a, with the scale of Vaswani et al.,
2017, §3.2.1. With ``gate=False`` there is no β (the paper's §4.2.1 tells what it adds): z_t = Σ_i α_ti a_i.
"""

import math

from .. import nn, ops
from .caption_decoder import CaptionDecoder, check_pictures, check_words
from .caption_regions import mean_region, only_real, real_regions
from .captioner_steps import decode_steps

__all__ = ["AttentionCaptioner"]


class AttentionCaptioner(CaptionDecoder):
    """Regions of a picture to a distribution over its captions, word by word.

    Forward    h_0 = tanh(W_h mean_i a_i), c_0 = tanh(W_c mean_i a_i)
               h_t, c_t = LSTM([E y_{t−1}; z_t], h_{t−1}, c_{t−1}) with query "previous" (the paper), and
               as the module's docstring says with "current"; there too: the symbols
    Shapes     regions (B, R, D), tokens (B, T + 1), mask (B, R) bool, True where a region is real
               → logits (B, T, V), α (B, T, R)
    Errors     ValueError naming the shapes that were expected, or an unknown option
    Source     Xu et al., 2015, eq. 1 to 9, §4.2.1

    The usual case, additive scores with the gate and no mask, is one operation over all steps in training;
    the others fold the step.
    """

    def __init__(self, vocabulary_size, region_size, hidden=128, embedding=64, attention=64, dropout=0.0,
                 query="previous", generator=None, *, score="additive", gate=True):  # fmt: skip
        super().__init__()
        if query not in ("previous", "current"):
            raise ValueError(f"AttentionCaptioner: query must be 'previous' or 'current', got {query!r}")
        if score not in ("additive", "dot"):
            raise ValueError(f"AttentionCaptioner: score must be 'additive' or 'dot', got {score!r}")
        self.query, self.score, self.gate = query, score, bool(gate)
        self.region_size = region_size
        g = generator
        self.E = nn.Embedding(vocabulary_size, embedding, generator=g)
        self.init_h = nn.Linear(region_size, hidden, generator=g)
        self.init_c = nn.Linear(region_size, hidden, generator=g)
        self.W_a = nn.Linear(region_size, attention, bias=False, generator=g)
        self.U_a = nn.Linear(hidden, attention, generator=g)
        if score == "additive":
            self.v = nn.Linear(attention, 1, bias=False, generator=g)
        if gate:
            self.beta = nn.Linear(hidden, 1, generator=g)
        self.lstm = nn.LSTMCell(embedding + region_size, hidden, generator=g)
        self.L_h = nn.Linear(hidden, embedding, generator=g)
        self.L_z = nn.Linear(region_size, embedding, bias=False, generator=g)
        self.L_o = nn.Linear(embedding, vocabulary_size, generator=g)
        self.dropout = nn.Dropout(dropout, generator=g)

    def start(self, regions, mask=None):
        """What decoding needs of a picture: (B, R, D) → state = (a, W_a a, h_0, c_0, z_0, any mask)."""
        check_pictures(self, regions)
        masks = () if mask is None else (real_regions(self, regions, mask),)
        regions = only_real(regions, *masks) if masks else regions
        mean = mean_region(regions, *masks)
        h, c = ops.tanh(self.init_h(mean)), ops.tanh(self.init_c(mean))
        return regions, self.W_a(regions), h, c, mean * 0.0, *masks

    def scores(self, projected, h):
        """e (B, R): how well each region, W_a a (B, R, A), fits the state h (eq. 4)."""
        asked = self.U_a(h).unsqueeze(1)
        if self.score == "dot":
            return ops.matmul(projected, asked.transpose(1, 2)).squeeze(2) * (1 / math.sqrt(asked.shape[2]))
        return ops.additive_scores(asked, projected, self.v.weight.squeeze(0)).squeeze(1)

    def attend(self, regions, projected, h, mask=None):
        """α (B, R) and the gated context z (B, D) for the state h."""
        alpha = ops.softmax(self.scores(projected, h), mask)
        z = ops.matmul(alpha.unsqueeze(1), regions).squeeze(1)
        return alpha, ops.sigmoid(self.beta(h)) * z if self.gate else z

    def advance(self, state, embedded):
        """One step: state, E y_{t−1} (B, E) → state, (α, h_t, z_t)."""
        regions, projected, h, c, z, *mask = state
        if self.query == "previous":
            alpha, z = self.attend(regions, projected, h, *mask)
        h, c = self.lstm(ops.concatenate([embedded, z], axis=1), (h, c))
        if self.query == "current":
            alpha, z = self.attend(regions, projected, h, *mask)
        return (regions, projected, h, c, z, *mask), (alpha, h, z)

    def predict(self, embedded, h, z):
        """Logits over the vocabulary from the word before, the state and the context (eq. 7)."""
        return self.L_o(self.dropout(embedded + self.L_h(h) + self.L_z(z)))

    def step(self, state, token):
        """state, token (B,) → state, logits (B, V), α (B, R)."""
        embedded = self.E(token)
        state, (alpha, h, z) = self.advance(state, embedded)
        return state, self.predict(embedded, h, z), alpha

    def forward(self, regions, tokens, mask=None):
        """Teacher forcing: after tokens[:, :t + 1], the logits of tokens[:, t + 1]."""
        if mask is not None or self.score != "additive" or not self.gate:
            return super().forward(regions, tokens, mask)
        check_words(self, regions, tokens)
        regions, projected, h, c, _ = self.start(regions)
        embedded = self.E(tokens[:, :-1])
        ask = [
            ops.concatenate([u, b])
            for u, b in zip(self.U_a.parameters(), self.beta.parameters(), strict=True)
        ]
        h, z, alpha = decode_steps(
            embedded.permute(1, 0, 2), regions, projected, h, c, *self.lstm.parameters(), *ask,
            self.v.weight.squeeze(0), query=self.query,
        )  # fmt: skip
        return self.predict(embedded, h.permute(1, 0, 2), z.permute(1, 0, 2)), alpha.permute(1, 0, 2)
