"""Stacked cross attention: a picture and a sentence compared part by part, before they are summed up.

Lee, Chen, Hua, Hu & He, 2018 (SCAN), §3. Two towers squeeze a sentence into one vector before they have seen
the picture; here every word looks at the regions first (text → image), or every region at the words
(image → text), and what it finds there says how well it is met.

    symbol     shape            what
    v_i        (P, R, D)        regions of P pictures: W a_i + b, of unit length
    e_j        (C, T, D)        words of C captions: mean of a GRU's two directions, of unit length
    s_ij                        v_i · e_j, their cosine
    s̄_ij                        f(s_ij) / √Σ_q f(s_qj)², over the q that ask
    α_ij                        softmax of λ1 s̄_ij over what is asked
    a_j                         Σ_i α_ij v_i
    r_j                         cos(e_j, a_j), the relevance of the picture to word j
    S                           LSE: ln Σ_j exp(λ2 r_j) / λ2;  mean: Σ_j r_j / n

written for text → image, where words ask regions (there the s̄ are normalised over the words j); in
image → text they change places.

Four things to know before one trusts the scores:

f       the paper has [x]₊, the authors' program a leaky rectifier of slope 0.1: "relu" and "leaky" (which
        is the default, and learns where [x]₊ has no slope)
s̄       is normalised over those who ask (of text → image the words), not over what is asked: a region that
        fits every word somewhat is held back. The other axis is another model
LSE     is of a sum: n words of one relevance r score r + ln n / λ2, so the longer caption wins. Ranking
        pictures for a caption that shifts all scores alike; ranking captions for a picture it does not.
        "lse-mean" subtracts ln n / λ2 (ours); "mean" is the paper's other choice
masks   padded words and missing regions neither ask nor are asked

For all P × C pairs nothing of width D is made: with any multiple w of α, e_j · Σ w_i v_i = Σ w_i s_ij and
‖Σ w_i v_i‖² = wᵀ G w, G = V Vᵀ of the picture's own regions. So the softmax's denominator cancels in r, too.
"""

import numpy as np

from .. import nn, ops
from ..tensor import Tensor, tensor
from .caption_regions import only_real, real_regions

__all__ = ["SCAN", "cross_attention", "pool"]

DIRECTIONS = ("text", "image", "both")
POOLINGS = ("lse", "lse-mean", "mean")
RECTIFIERS = {"leaky": 0.1, "relu": 0.0}
TINY = 1e-8


def cross_attention(asking, asked, asking_mask=None, asked_mask=None, *, smooth=9.0, rectifier="leaky"):
    """How well every part of one side is met by each set of the other, for all pairs of sets.

    Forward    s = q · k;  s̄ = f(s) / ‖f(s)‖ over the q of a set;  w = exp(λ1 s̄), 0 for a masked k;
               r = cos(q, Σ w k) = Σ w s / √(wᵀ G w),  G = K Kᵀ;  α = w / Σ w
    Shapes     asking q (Q, N, D), asked k (K, M, D), rows of unit length; masks bool (Q, N), (K, M), True
               where real → r (K, Q, N), w (K, Q, N, M)
    Errors     ValueError where widths differ, for an unknown rectifier, or λ1 outside 0 … 40 (e^40 squared
               is what float32 holds)
    Note       r and w of masked q mean nothing
    """
    if asking.ndim != 3 or asked.ndim != 3 or asking.shape[2] != asked.shape[2]:
        raise ValueError(
            f"cross_attention: expected sets (Q, N, D) and (K, M, D), got {tuple(asking.shape)} and "
            f"{tuple(asked.shape)}"
        )
    if rectifier not in RECTIFIERS or not 0 < smooth <= 40:
        raise ValueError(
            f"cross_attention: expected 0 < smooth ≤ 40 and rectifier {' or '.join(RECTIFIERS)}, "
            f"got {smooth!r} and {rectifier!r}"
        )
    (sets, n, d), (others, m, _) = asking.shape, asked.shape
    s = ops.matmul(asking.reshape(sets * n, d), ops.transpose(asked.reshape(others * m, d)))
    s = s.reshape(sets, n, others, m)
    over_asking = s.permute(2, 0, 3, 1)  # (K, Q, M, N): those who ask last, for their norm
    positive = ops.leaky_relu(over_asking, negative_slope=RECTIFIERS[rectifier])
    if asking_mask is not None:
        positive = ops.where(asking_mask.reshape(1, sets, 1, n), positive, 0.0)
    w = ops.exp(ops.normalize(positive, eps=TINY).permute(0, 1, 3, 2) * smooth)
    if asked_mask is not None:
        w = ops.where(asked_mask.reshape(others, 1, 1, m), w, 0.0)
    gram = ops.matmul(asked, asked.permute(0, 2, 1))
    mixed = ops.matmul(w.reshape(others, sets * n, m), gram).reshape(others, sets, n, m)
    square = ops.maximum(ops.sum(mixed * w, axis=3), TINY**2)
    return ops.sum(w * s.permute(2, 0, 1, 3), axis=3) * ops.rsqrt(square), w


def pool(relevance, mask=None, pooling="lse", sharpness=6.0):
    """Relevances of the parts to one score.

    Forward    lse: ln Σ_j exp(λ2 r_j) / λ2;  lse-mean: the same − ln n / λ2;  mean: Σ_j r_j / n
    Shapes     relevance (K, Q, N), mask bool (Q, N) with n True in a row → (K, Q)
    """
    if pooling not in POOLINGS or not sharpness > 0:
        raise ValueError(
            f"pool: expected pooling {' or '.join(POOLINGS)} and sharpness > 0, "
            f"got {pooling!r} and {sharpness!r}"
        )
    _, sets, n = relevance.shape
    count = np.full(sets, n) if mask is None else mask.numpy().sum(1)
    if pooling == "mean":
        kept = relevance if mask is None else ops.where(mask.reshape(1, sets, n), relevance, 0.0)
        return ops.sum(kept, axis=2) * _beside(relevance, 1 / count)
    if mask is not None:
        relevance = ops.where(mask.reshape(1, sets, n), relevance, -np.inf)
    score = ops.logsumexp(relevance * sharpness, axis=2) * (1 / sharpness)
    return score if pooling == "lse" else score - _beside(relevance, np.log(count) / sharpness)


class SCAN(nn.Module):
    """Pictures and captions to the score of every pair.

    Forward    S of the module's table; direction "both": the mean of the two directions' scores, of the same
               v and e (the paper averages two models that were trained apart)
    Shapes     regions (P, R, A), tokens (C, T), lengths (C,), region_mask bool (P, R) → S (P, C)
    Errors     ValueError naming what came and what was expected
    Source     Lee et al., 2018; λ1 = 9, λ2 = 6 are its choices for text → image, 4 and 5 for image → text

    smooth, sharpness    λ1 and λ2; None: the paper's for the direction
    scaled     every feature of the regions is read with mean 0 and deviation 1, as ``scale_by`` found them: a
               single linear layer cannot bring out a region's place beside features of another size
    """

    PAPER = {"text": (9.0, 6.0), "image": (4.0, 5.0)}

    def __init__(self, vocabulary_size, region_size, dim=128, embedding=64, direction="text", pooling="lse",
                 rectifier="leaky", smooth=None, sharpness=None, scaled=False, generator=None):  # fmt: skip
        super().__init__()
        for name, value, known in (
            ("direction", direction, DIRECTIONS),
            ("pooling", pooling, POOLINGS),
            ("rectifier", rectifier, tuple(RECTIFIERS)),
        ):
            if value not in known:
                raise ValueError(f"SCAN: {name}: expected {' or '.join(known)}, got {value!r}")
        for name, value in (("smooth", smooth), ("sharpness", sharpness)):
            if value is not None and not value > 0:
                raise ValueError(f"SCAN: {name}: expected more than 0, got {value!r}")
        self.direction, self.pooling, self.rectifier = direction, pooling, rectifier
        self.smooth, self.sharpness, self.region_size = smooth, sharpness, region_size
        self.scaled = bool(scaled)
        if scaled:
            self.middle = nn.Buffer(np.zeros(region_size, np.float32))
            self.spread = nn.Buffer(np.ones(region_size, np.float32))
        self.W = nn.Linear(region_size, dim, generator=generator)
        self.E = nn.Embedding(vocabulary_size, embedding, generator=generator)
        self.gru = nn.GRU(embedding, dim, batch_first=True, bidirectional=True, generator=generator)

    def scale_by(self, regions):
        """Take mean and deviation from regions (N, R, A), an array; without ``scaled`` nothing happens."""
        if self.scaled:
            flat = np.asarray(regions, np.float64).reshape(-1, self.region_size)
            self.middle.data = flat.mean(0).astype(np.float32)
            self.spread.data = np.maximum(flat.std(0), 1e-6).astype(np.float32)

    def encode_regions(self, regions, mask=None):
        """v (P, R, D) of unit length, and the mask as a Tensor (P, R) or None."""
        if regions.ndim != 3 or regions.shape[2] != self.region_size or 0 in regions.shape:
            raise ValueError(
                f"SCAN: regions: expected (P, R, {self.region_size}), got {tuple(regions.shape)}"
            )
        mask = real_regions(self, regions, mask)
        if self.scaled:
            regions = (regions - self.middle) / self.spread
        return ops.normalize(self.W(only_real(regions, mask)), eps=TINY), mask

    def encode_words(self, tokens, lengths):
        """e (C, T, D) of unit length, 0 where there is no word, and the mask (C, T)."""
        if tokens.ndim != 2:
            raise ValueError(f"SCAN: tokens: expected (C, T), got {tuple(tokens.shape)}")
        lengths = lengths.numpy() if isinstance(lengths, Tensor) else np.asarray(lengths)
        hidden, _ = self.gru(self.E(tokens), None, lengths)
        forwards, backwards = ops.chunk(hidden, chunks=2, axis=2)
        mask = tensor(np.arange(tokens.shape[1]) < lengths[:, None], device=hidden.device)
        return ops.normalize((forwards + backwards) * 0.5, eps=TINY), mask

    def forward(self, regions, tokens, lengths, region_mask=None):
        return self.score(self.encode_regions(regions, region_mask), self.encode_words(tokens, lengths))

    def score(self, pictures, captions):
        """S (P, C) of what ``encode_regions`` and ``encode_words`` gave."""
        scores = []
        if self.direction in ("text", "both"):
            scores.append(self._one_way(captions, pictures, "text"))
        if self.direction in ("image", "both"):
            scores.append(ops.transpose(self._one_way(pictures, captions, "image")))
        return scores[0] if len(scores) == 1 else (scores[0] + scores[1]) * 0.5

    def attention(self, pictures, captions):
        """Where each word of a caption looks in its picture: α (B, T, R) of B pairs, text → image."""
        (v, v_mask), (e, e_mask) = pictures, captions
        if v.shape[0] != e.shape[0]:
            raise ValueError(f"SCAN: expected as many captions as pictures, got {e.shape[0]}, {v.shape[0]}")
        rows = []
        for i in range(e.shape[0]):
            masks = (None if mask is None else mask[i : i + 1] for mask in (e_mask, v_mask))
            _, w = cross_attention(
                e[i : i + 1], v[i : i + 1], *masks, smooth=self._options("text")[0], rectifier=self.rectifier
            )
            rows.append(w[0] / ops.sum(w[0], axis=2, keepdims=True))
        return ops.concatenate(rows, axis=0)

    def _one_way(self, asking, asked, direction):
        """Scores (K, Q) of K sets that are asked by Q sets."""
        smooth, sharpness = self._options(direction)
        relevance, _ = cross_attention(
            asking[0], asked[0], asking[1], asked[1], smooth=smooth, rectifier=self.rectifier
        )
        return pool(relevance, asking[1], self.pooling, sharpness)

    def _options(self, direction):
        given = (self.smooth, self.sharpness)
        return tuple(p if g is None else g for g, p in zip(given, self.PAPER[direction], strict=True))


def _beside(x, values):
    """Numbers (Q,) as a Tensor of x's type, where x is."""
    return tensor(values.astype(np.dtype(str(x.dtype))), device=x.device)
