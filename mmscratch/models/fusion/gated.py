"""Gated multimodal unit: how much of each modality, decided entry by entry."""

from __future__ import annotations

from ... import nn, ops
from .base import Fusion

__all__ = ["GatedUnit"]


class GatedUnit(Fusion):
    """Gated multimodal unit (Arevalo et al., 2017, eq. 1–4; figure 2a for more than two modalities).

    Forward    h_m = tanh(W_m x_m);
               M = 2      z = σ(W_z [x_1; x_2]);  h = z ⊙ h_1 + (1 − z) ⊙ h_2
               M > 2      z_m = σ(W_zm [x_1; …; x_M]);  h = Σ_m z_m ⊙ h_m
    Shapes     x_m (B, D_m) → h (B, H), gates z (B, H) or (B, M·H)
    Note       without biases, as in the paper: a modality that is missing adds 0
    """

    def __init__(self, sizes, hidden, generator=None):
        super().__init__(sizes, hidden)
        m = len(self.sizes)
        self.values = nn.ModuleList(
            [nn.Linear(d, hidden, bias=False, activation="tanh", generator=generator) for d in self.sizes]
        )
        gates = hidden if m == 2 else m * hidden
        self.gate = nn.Linear(sum(self.sizes), gates, bias=False, activation="sigmoid", generator=generator)

    def join(self, x, there):
        values = [net(v) for net, v in zip(self.values, x, strict=True)]
        z = self.gate(ops.concatenate(x, axis=1))
        if len(values) == 2:
            return z * values[0] + (1.0 - z) * values[1]
        z = ops.reshape(z, shape=(z.shape[0], len(values), self.hidden))
        return ops.sum(z * ops.stack(values, axis=1), axis=1)
