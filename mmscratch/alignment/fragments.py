"""Deep fragment alignment: pictures and sentences as sets of parts whose products make the pair's score
(Karpathy, Joulin & Fei-Fei, 2014), and its simpler successor (Karpathy & Fei-Fei, 2015).

    v_i = W_m x_i + b_m                                     a region of the picture
    s_j = f(W_R [e(w_{j−1}); e(w_j)] + b_R)                 two words in a relation; f = max(0, ·)
    S_kl = 1 / (|g_k| (|g_l| + n)) Σ_{i ∈ g_k} Σ_{j ∈ g_l} max(0, v_i · s_j)              2014, eq. 7
    S_kl = Σ_{j ∈ g_l} max_{i ∈ g_k} v_i · s_j                                            2015, eq. 8

The relation is that of neighbours (the papers parse the sentence; in "a red circle" the arcs are those
of neighbours). Two losses are added:

    C_G = Σ_k [Σ_l max(0, S_kl − S_kk + Δ) + Σ_l max(0, S_lk − S_kk + Δ)]    a pair beats the others
    C_F = Σ_i Σ_j κ_ij max(0, 1 − y_ij v_i · s_j)                        every part knows its own

y_ij = −1 where sentence j is of another picture. Where it is of this one it is hidden: sign(v_i · s_j), and
+1 for the best region of each j, so that every fragment has one (multiple instance learning). κ balances the
two kinds: each kind's mean. No word is ever told its object; which region it scores high is the alignment.
"""

import numpy as np

from .. import nn, ops
from ..tensor import tensor

__all__ = ["Fragments", "fragment_loss", "fragment_scores", "ranking_loss", "word_weights"]

KINDS = ("mean", "best")
SMOOTH = 5
"""n of S: a short sentence is no better for being short."""


def fragment_scores(products, region_mask, word_mask, kind="mean"):
    """S of all pairs of pictures and sentences.

    Forward    "mean" 2014's, "best" 2015's, as the module has them
    Shapes     products v_i · s_j (K, L, R, T), region_mask bool (K, R), word_mask bool (L, T) → S (K, L)
    Errors     ValueError for masks that do not fit, a picture or sentence without parts, or an unknown kind
    """
    regions, words = _masks("fragment_scores", products, region_mask, word_mask)
    if kind not in KINDS:
        raise ValueError(f"fragment_scores: kind: expected {' or '.join(KINDS)}, got {kind!r}")
    there = regions[:, None, :, None] & words[None, :, None, :]
    if kind == "mean":
        over = regions.sum(1)[:, None] * (words.sum(1) + SMOOTH)
        total = ops.sum(ops.where(_beside(there), ops.relu(products), 0.0), axis=(2, 3))
        return total * _beside(1 / over, products)
    best = ops.max(ops.where(_beside(there), products, -np.inf), axis=2)
    return ops.sum(ops.where(_beside(np.broadcast_to(words, best.shape)), best, 0.0), axis=2)


def fragment_loss(products, region_mask, word_mask):
    """C_F of a batch whose pair k has its own sentence k.

    Forward    mean over (i, j) of own pairs and mean over those of others of max(0, 1 − y_ij v_i · s_j)
    Shapes     as ``fragment_scores`` with K = L → ()
    """
    regions, words = _masks("fragment_loss", products, region_mask, word_mask)
    k = len(regions)
    if k < 2 or products.shape[:2] != (k, k):
        raise ValueError(
            f"fragment_loss: products {tuple(products.shape)}: expected K = L, at least 2, pairs"
        )
    there = regions[:, None, :, None] & words[None, :, None, :]
    own = np.eye(k, dtype=bool)[:, :, None, None] & there
    y = hidden_labels(products.data, own)
    kappa = own / own.sum() + (there & ~own) / (there & ~own).sum()
    return ops.sum(ops.relu(1.0 - products * _beside(y, products)) * _beside(kappa, products))


def hidden_labels(products, own):
    """y: −1 for strangers; of own pairs sign(v_i · s_j), with +1 for the best region of each j."""
    inside = np.where(own, products, -np.inf)
    best = inside == inside.max(2, keepdims=True)
    return np.where(own & ((products > 0) | best), 1.0, -1.0)


def ranking_loss(scores, margin=0.1):
    """C_G, over the number of pairs K.

    Forward    1/K Σ_k Σ_{l ≠ k} max(0, S_kl − S_kk + Δ) + max(0, S_lk − S_kk + Δ)
    Shapes     S (K, K), pair k on the diagonal → ()
    """
    k = scores.shape[0]
    if scores.ndim != 2 or scores.shape[1] != k:
        raise ValueError(f"ranking_loss: scores: expected (K, K), got {tuple(scores.shape)}")
    others = ~np.eye(k, dtype=bool)
    own = ops.sum(ops.where(_beside(others), 0.0, scores), axis=1)
    cost = ops.relu(scores - own.reshape(k, 1) + margin) + ops.relu(scores - own.reshape(1, k) + margin)
    return ops.sum(ops.where(_beside(others), cost, 0.0)) * (1 / k)


def word_weights(products):
    """Products with fragments (w_{t−1}, w_t) → of each word with each region.

    Forward    w_ti = max(0, v_i · s_t) + max(0, v_i · s_{t+1}): the two fragments that have word t
    Shapes     products (R, T) of one pair → (T, R)
    """
    positive = np.maximum(np.asarray(products, np.float64), 0).T
    return positive + np.pad(positive, ((0, 1), (0, 0)))[1:]


class Fragments(nn.Module):
    """Regions and words to all their products.

    Forward    v_i · s_j of the module, w_0 a word of its own (number 0, which padding has too)
    Shapes     regions (K, R, A), tokens int (L, T) ≥ 1 → (K, L, R, T)
    """

    def __init__(self, vocabulary_size, region_size, dim=64, embedding=32, generator=None):
        super().__init__()
        self.W_m = nn.Linear(region_size, dim, generator=generator)
        self.E = nn.Embedding(vocabulary_size, embedding, generator=generator)
        self.W_R = nn.Linear(2 * embedding, dim, generator=generator)

    def forward(self, regions, tokens):
        (k, r, _), (many, t) = regions.shape, tokens.shape
        e = self.E(tensor(np.pad(np.asarray(tokens), ((0, 0), (1, 0)))))
        s = ops.relu(self.W_R(ops.concatenate([e[:, :-1], e[:, 1:]], axis=2)))
        v = self.W_m(regions)
        d = v.shape[2]
        products = ops.matmul(v.reshape(k * r, d), ops.transpose(s.reshape(many * t, d)))
        return products.reshape(k, r, many, t).permute(0, 2, 1, 3)


def _masks(who, products, region_mask, word_mask):
    regions, words = np.asarray(region_mask, bool), np.asarray(word_mask, bool)
    shape = tuple(products.shape)
    if len(shape) != 4 or regions.shape != (shape[0], shape[2]) or words.shape != (shape[1], shape[3]):
        raise ValueError(
            f"{who}: expected products (K, L, R, T), masks (K, R) and (L, T), got {shape}, {regions.shape}, "
            f"{words.shape}"
        )
    if not regions.any(1).all() or not words.any(1).all():
        raise ValueError(f"{who}: a picture or a sentence has no parts")
    return regions, words


def _beside(values, like=None):
    values = np.ascontiguousarray(values)
    return tensor(values if like is None else values.astype(str(like.dtype)))
