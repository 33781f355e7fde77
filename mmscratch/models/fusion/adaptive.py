"""Adaptive fusion by attention over the modalities: how far each is heard, decided row by row."""

from __future__ import annotations

from ... import nn, ops
from .base import Fusion

__all__ = ["ModalityAttention"]


class ModalityAttention(Fusion):
    """Attention over modalities (Hori et al., 2017, eq. 11–14, without a decoder's state).

    Forward    e_m = v_mᵀ tanh(V_m x_m + c_m);  a = softmax(e) over the modalities that are there;
               h = tanh(Σ_m a_m (W_m x_m + b_m))
    Shapes     x_m (B, D_m) → h (B, H), ``weights``: a (B, M)
    """

    def __init__(self, sizes, hidden, generator=None):
        super().__init__(sizes, hidden)
        self.values = nn.ModuleList([nn.Linear(d, hidden, generator=generator) for d in self.sizes])
        self.keys = nn.ModuleList(
            [nn.Linear(d, hidden, activation="tanh", generator=generator) for d in self.sizes]
        )
        self.scores = nn.ModuleList(
            [nn.Linear(hidden, 1, bias=False, generator=generator) for _ in self.sizes]
        )

    def weights(self, x, there):
        """How far each modality is heard: (B, M), rows that sum to 1."""
        e = [score(key(v)) for score, key, v in zip(self.scores, self.keys, x, strict=True)]
        return ops.softmax(ops.concatenate(e, axis=1), there > 0)

    def join(self, x, there):
        values = ops.stack([net(v) for net, v in zip(self.values, x, strict=True)], axis=1)
        return ops.tanh(ops.sum(values * self.weights(x, there)[:, :, None], axis=1))
