"""A Transformer that writes captions: every word looks at the words before it and at the regions.

Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser & Polosukhin, 2017: their decoder, with a picture's
regions where the source sentence stood (for captions: Sharma, Ding, Goodman & Soricut, 2018).

    symbol   shape         what
    m_i      (B, R, H)     memory: W_m a_i, the regions in the decoder's width
    x_t      (B, T, H)     √H E y_{t−1} + PE_t                                    §3.4, §3.5
    a        (B, T, H)     x + attention of each word to itself and those before   §3.2.3
    c        (B, T, H)     a + attention of each word to the regions
    y        (B, T, H)     c + W₂ relu(W₁ c + b₁) + b₂                             §3.3
    logits   (B, T, V)     L_o y_t of the last layer

The norms stand before the blocks, with one more at the end (Xiong et al., 2020: it learns without a warm-up),
or after the residuals as in the paper, with ``norm_first=False``.

Nothing recurs, so that training takes all words at once, the future hidden by a mask. Decoding takes one word
at a time: what earlier words offer as keys and values never changes, so a step keeps them and adds its own.
"""

import functools
import math

from .. import nn, ops
from .caption_decoder import CaptionDecoder, check_pictures, check_words
from .caption_regions import only_real, real_regions

__all__ = ["TransformerCaptioner"]


class TransformerCaptioner(CaptionDecoder):
    """Regions of a picture to a distribution over its captions, with attention alone.

    Forward    as the table above, ``layers`` times
    Shapes     regions (B, R, D), tokens (B, T + 1), mask (B, R) bool, True where a region is real
               → logits (B, T, V), α (B, T, R), the last layer's attention to the regions, mean over heads;
               state (mask or None, for each layer K, V of the regions (B, G, R, H/G), for each layer K, V of
               the words so far (B, G, t, H/G), None before the first)
    Errors     ValueError naming the shapes that were expected, or a sentence longer than ``max_length``
    Begins     E ~ N(0, 1/H), so that √H E is as large as PE; the others as their layers do
    Source     Vaswani et al., 2017, §3

    feedforward    inner width of the blocks' networks, 4 H unless given
    dropout        on every block's output, on attention, in the networks, and on √H E y + PE    §5.4
    """

    def __init__(self, vocabulary_size, region_size, hidden=128, layers=2, heads=4, feedforward=None,
                 dropout=0.0, norm_first=True, max_length=256, generator=None):  # fmt: skip
        super().__init__()
        g = generator
        self.region_size = region_size
        self.E = nn.Embedding(vocabulary_size, hidden, generator=g)
        nn.init.normal_(self.E.weight, std=hidden**-0.5, generator=g)
        self.positions = nn.SinusoidalPositions(max_length, hidden, batch_first=True)
        self.W_m = nn.Linear(region_size, hidden, generator=g)
        layer = nn.TransformerDecoderLayer(
            hidden, heads, feedforward or 4 * hidden, dropout, batch_first=True, norm_first=norm_first,
            generator=g,
        )  # fmt: skip
        norm = nn.LayerNorm(hidden) if norm_first else None
        self.decoder = nn.TransformerDecoder(layer, layers, norm, generator=g)
        self.L_o = nn.Linear(hidden, vocabulary_size, generator=g)
        self.dropout = nn.Dropout(dropout, generator=g)

    def start(self, regions, mask=None):
        """What decoding needs of a picture: (B, R, D) → state."""
        check_pictures(self, regions)
        mask = real_regions(self, regions, mask)
        memory = self.W_m(only_real(regions, mask))
        seen = tuple(layer.multihead_attn.keys_values(memory, memory) for layer in self.decoder.layers)
        return mask, seen, None

    def step(self, state, token):
        """state, the word before (B,) → state, logits of the next (B, V), α (B, R)."""
        mask, seen, said = state
        place = 0 if said is None else said[0][0].shape[2]
        if place >= self.positions.max_length:
            raise ValueError(
                f"TransformerCaptioner: a sentence has at most max_length = {self.positions.max_length} words"
            )
        x = self.embed(token.unsqueeze(1), place)
        kept = []

        def attend_words(n, layer, x):
            k, v = layer.self_attn.keys_values(x, x)
            if said is not None:
                k, v = (ops.concatenate([old, new], axis=2) for old, new in zip(said[n], (k, v), strict=True))
            kept.append((k, v))
            return layer.self_attn.attend(x, k, v)[0]

        y, alpha = self.decode(x, mask, seen, attend_words)
        return (mask, seen, tuple(kept)), self.L_o(y).squeeze(1), alpha.squeeze(1)

    def forward(self, regions, tokens, mask=None):
        """Teacher forcing, all words at once: each sees itself and those before it."""
        check_words(self, regions, tokens)
        if tokens.shape[1] - 1 > self.positions.max_length:
            raise ValueError(
                f"TransformerCaptioner: tokens must be (B, T + 1) with T at most max_length = "
                f"{self.positions.max_length}, got {tuple(tokens.shape)}"
            )
        mask, seen, _ = self.start(regions, mask)

        def attend_words(n, layer, x):
            return layer.self_attn(x, x, x, is_causal=True, need_weights=False)[0]

        y, alpha = self.decode(self.embed(tokens[:, :-1]), mask, seen, attend_words)
        return self.L_o(y), alpha

    def embed(self, tokens, place=0):
        """√H E y + PE: tokens (B, T), the first of them at ``place`` → (B, T, H)."""
        x = self.E(tokens)
        table = self.positions.table[place : place + tokens.shape[1]]
        return self.dropout(x * math.sqrt(x.shape[2]) + table)

    def decode(self, x, mask, seen, attend_words):
        """All layers: x (B, T, H) → y (B, T, H), last α (B, T, R); attend_words: how words look back."""
        real = None if mask is None else mask.unsqueeze(1).unsqueeze(1)
        for n, (layer, (k, v)) in enumerate(zip(self.decoder.layers, seen, strict=True)):
            x, weights = _through(layer, x, k, v, real, functools.partial(attend_words, n, layer))
        norm = self.decoder.norm
        return x if norm is None else norm(x), weights.mean(1)


def _through(layer, x, k, v, real, attend_words):
    """One layer → its output, and its weights of the regions (B, G, T, R)."""
    looks = []

    def attend_regions(x):
        output, weights = layer.multihead_attn.attend(x, k, v, real)
        looks.append(weights)
        return output

    return layer.blocks(x, attend_words, attend_regions), looks[0]
