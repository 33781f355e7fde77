"""Bottom-up and top-down attention: one LSTM that looks, and one that speaks.

Anderson, He, Buehler, Teney, Johnson, Gould & Zhang, 2018. "Bottom-up" is where the regions come from: boxes
that a detector proposes, as many as a picture has. "Top-down" is which of them the sentence so far asks for.

    symbol      shape       what
    v_i         (B, R, D)   features of the boxes; v̄ their mean
    Π_t         (B,)        the word before; W_e Π_t (B, E) its vector
    h¹_t, c¹_t  (B, H)      attention LSTM, of [h²_{t−1}; v̄; W_e Π_t]                        eq. 2
    a_it        (B, R)      w_aᵀ tanh(W_va v_i + W_ha h¹_t)                                  eq. 3
    α_t         (B, R)      softmax over the boxes that are there                            eq. 4
    v̂_t         (B, D)      Σ_i α_it v_i                                                     eq. 5
    h²_t, c²_t  (B, H)      language LSTM, of [v̂_t; h¹_t]                                    eq. 6
    logits      (B, V)      L_o h²_t + b, the paper's W_p and b_p                            eq. 7
"""

from .. import nn, ops
from ..tensor import full
from .caption_decoder import CaptionDecoder, check_pictures, check_words
from .caption_regions import mean_region, only_real, real_regions

__all__ = ["TopDownCaptioner"]


class TopDownCaptioner(CaptionDecoder):
    """Boxes of a picture to a distribution over its captions, word by word, with two LSTMs.

    Forward    as the table above; h¹, c¹, h², c² begin at 0
    Shapes     regions (B, R, D), tokens (B, T + 1), mask (B, R) bool, True where a box is real
               → logits (B, T, V), α (B, T, R), 0 where there is no box;
               state ((v, W_va v, v̄, mask or None), h¹, c¹, h², c²)
    Errors     ValueError naming the shapes that were expected
    Source     Anderson et al., 2018, §3.2

    dropout    on h²_t before the output layer
    """

    def __init__(self, vocabulary_size, region_size, hidden=128, embedding=64, attention=64, dropout=0.0,
                 generator=None):  # fmt: skip
        super().__init__()
        g = generator
        self.region_size, self.hidden = region_size, hidden
        self.E = nn.Embedding(vocabulary_size, embedding, generator=g)
        self.attention_lstm = nn.LSTMCell(hidden + region_size + embedding, hidden, generator=g)
        self.W_va = nn.Linear(region_size, attention, bias=False, generator=g)
        self.W_ha = nn.Linear(hidden, attention, bias=False, generator=g)
        self.w_a = nn.Linear(attention, 1, bias=False, generator=g)
        self.language_lstm = nn.LSTMCell(region_size + hidden, hidden, generator=g)
        self.L_o = nn.Linear(hidden, vocabulary_size, generator=g)
        self.dropout = nn.Dropout(dropout, generator=g)

    def start(self, regions, mask=None):
        """What decoding needs of a picture: (B, R, D) → state."""
        check_pictures(self, regions)
        mask = real_regions(self, regions, mask)
        v = only_real(regions, mask)
        zero = full((v.shape[0], self.hidden), 0, v.dtype, device=v.device)
        return (v, self.W_va(v), mean_region(v, mask), mask), zero, zero, zero, zero

    def advance(self, state, word):
        """One step of both LSTMs: state, W_e Π_t (B, E) → state, α (B, R)."""
        (v, projected, mean, mask), h1, c1, h2, c2 = state
        h1, c1 = self.attention_lstm(ops.concatenate([h2, mean, word], axis=1), (h1, c1))
        a = ops.additive_scores(self.W_ha(h1).unsqueeze(1), projected, self.w_a.weight.squeeze(0))
        alpha = ops.softmax(a.squeeze(1), mask)
        seen = ops.matmul(alpha.unsqueeze(1), v).squeeze(1)
        h2, c2 = self.language_lstm(ops.concatenate([seen, h1], axis=1), (h2, c2))
        return (state[0], h1, c1, h2, c2), alpha

    def step(self, state, token):
        """state, the word before (B,) → state, logits of the next (B, V), α (B, R)."""
        state, alpha = self.advance(state, self.E(token))
        return state, self.L_o(self.dropout(state[3])), alpha

    def forward(self, regions, tokens, mask=None):
        """Teacher forcing: the words' vectors before the loop, all logits after it, each in one product."""
        check_words(self, regions, tokens)
        state, words = self.start(regions, mask), self.E(tokens[:, :-1])
        said, looks = [], []
        for t in range(words.shape[1]):
            state, alpha = self.advance(state, words[:, t])
            said.append(state[3])
            looks.append(alpha)
        return self.L_o(self.dropout(ops.stack(said, axis=1))), ops.stack(looks, axis=1)
