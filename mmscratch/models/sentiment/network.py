"""A score of a sentence, a picture and a sound: what each says alone, and what a fusion makes of them."""

from __future__ import annotations

from functools import partial

from ... import nn, ops
from ...nn.linear import zeros
from ...tensor import tensor
from ..fusion import make
from ..fusion.base import Fusion, mean_over
from .misa import MISA

__all__ = ["FUSIONS", "LateScores", "MoodScore", "Senses"]

FUSIONS = ("early", "late", "intermediate", "tensor", "low-rank", "mult", "misa")


class LateScores(Fusion):
    """Late fusion of scores (Atrey et al., 2010, §3.1.2): every modality gives its own, and they are
    averaged.

    Forward    ŝ_m = V_m relu(U_m x_m + a_m) + c_m;  ŝ = Σ_m w_m ŝ_m,  w = softmax(v) over those that are
               there
    Shapes     x_m (B, D_m) → ŝ (B, 1)
    Begins     v = 0: the plain mean
    Note       a sum of functions of one modality each. Where a sign is the product of two signs, four cells
               that are equally frequent, such a sum has at most three of them right
    """

    def __init__(self, sizes, hidden, generator=None):
        super().__init__(sizes, hidden)
        self.experts = nn.ModuleList(
            [
                nn.Sequential(
                    nn.Linear(d, hidden, activation="relu", generator=generator),
                    nn.Linear(hidden, 1, generator=generator),
                )
                for d in self.sizes
            ]
        )
        self.weight = zeros(len(self.sizes))

    def join(self, x, there):
        scores = ops.concatenate([net(v) for net, v in zip(self.experts, x, strict=True)], axis=1)
        weights = ops.softmax(ops.broadcast_to(self.weight[None], shape=tuple(there.shape)), there > 0)
        return ops.sum(scores * weights, axis=1, keepdims=True)


class Senses(nn.Module):
    """Three encoders, each taught what its own modality says (as Yu et al., 2020, label each by itself).

    Forward    text z_t = relu(conv₅(E[w_t])), picture z_n = relu(V patch_n + place_n),
               sound z_k = relu(conv₃(mel_k));  p̂_m = W_m Σ z_m / √N_m + b_m, of text the mean times 3
    Shapes     words int (B, T), mask (B, T), patches (B, N, P), mel (B, K, F) → three z (B, ·, width);
               ``polarities``: p̂ (B, 3)
    """

    def __init__(self, words, patches, bands, width=16, generator=None):
        self.words = nn.Embedding(words, width, generator=generator)
        self.near = nn.Conv1d(width, width, 5, padding=2, generator=generator)
        self.patch = nn.Linear(patches[1], width, generator=generator)
        self.place = zeros(patches[0], width)
        self.heard = nn.Conv1d(bands, width, 3, padding=1, generator=generator)
        self.heads = nn.ModuleList([nn.Linear(width, 1, generator=generator) for _ in range(3)])

    def forward(self, words, patches, mel):
        text = ops.transpose(self.near(ops.transpose(self.words(words))))
        picture = self.patch(patches) + self.place[None]
        return tuple(ops.relu(z) for z in (text, picture, ops.transpose(self.heard(ops.transpose(mel)))))

    def polarities(self, words, patches, mel, mask):
        """p̂ of text, picture and sound."""
        text, *rest = self(words, patches, mel)
        sums = [mean_over(text, tensor(mask)) * 3.0]  # of about nine words
        sums += [ops.sum(z, axis=1) * (1 / z.shape[1] ** 0.5) for z in rest]
        return ops.concatenate([head(z) for head, z in zip(self.heads, sums, strict=True)], axis=1)


class MoodScore(nn.Module):
    """A fusion, then a score.

    Forward    ŝ = w relu(W fuse(x_1, …, x_M) + b) + c;  of "late" ŝ = fuse(x_1, …, x_M)
    Loss       mean of (ŝ − s)², and for MISA α L_sim + β L_diff + γ L_recon besides
    Shapes     x_m (B, D_m) or (B, N_m, D_m), present (B, M) bool → ŝ (B,)
    Errors     ValueError for an unknown fusion
    """

    def __init__(self, fusion, sizes, width=16, generator=None, weights=(0.3, 0.1, 0.3)):
        if fusion not in FUSIONS:
            raise ValueError(f"MoodScore: fusion: expected one of {', '.join(FUSIONS)}, got {fusion!r}")
        self.weights = tuple(weights)
        own = {"late": LateScores, "misa": MISA}.get(fusion)
        self.fuse = (own or partial(make, fusion))(sizes, width, generator=generator)
        self.head = None
        if fusion != "late":
            self.head = nn.Sequential(
                nn.Linear(width, width, activation="relu", generator=generator),
                nn.Linear(width, 1, generator=generator),
            )

    def forward(self, *x, masks=None, present=None):
        return self._score(self.fuse(*x, masks=masks, present=present))

    def loss(self, score, *x, masks=None, present=None):
        """The mean over the rows: a Tensor ()."""
        if not isinstance(self.fuse, MISA):
            return ops.mean(ops.square(self(*x, masks=masks, present=present) - score))
        h, extra = self.fuse.with_losses(*x, masks=masks, present=present)
        total = ops.mean(ops.square(self._score(h) - score))
        for weight, part in zip(self.weights, extra, strict=True):
            total = total + weight * part
        return total

    def _score(self, h):
        return ops.squeeze(h if self.head is None else self.head(h), axis=1)
