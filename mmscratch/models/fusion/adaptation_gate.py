"""Multimodal adaptation gate: the others shift the first, but not far."""

from __future__ import annotations

from ... import nn, ops
from ...nn.linear import zeros
from .base import Fusion, mean_over

__all__ = ["AdaptationGate"]


class AdaptationGate(Fusion):
    """Multimodal adaptation gate, MAG (Rahman et al., 2020, eq. 1–5).

    Forward    Z = P x_1;  g_m = relu(W_gm [x_m; Z] + b_gm);  S = Σ_{m > 1} g_m ⊙ (W_m x_m) + b;
               α = min(β ‖Z‖ / ‖S‖, 1);  h = mean over steps of layer norm(Z + α S)
    Shapes     x_1 (B, N, D_1) or (B, D_1), x_m of the same N or vectors → h (B, H)
    Errors     ValueError where a sequence is neither one step nor as long as the first
    Note       P stands for the network whose hidden state Z is shifted. ‖α S‖ ≤ β ‖Z‖: the first modality
               leads, and without it nothing is left to be shifted. At S = 0, α is 1
    """

    sequences = True

    def __init__(self, sizes, hidden, generator=None, beta=1.0, dropout=0.0):
        super().__init__(sizes, hidden)
        if not beta > 0:
            raise ValueError(f"AdaptationGate: beta: expected more than 0, got {beta}")
        self.beta = float(beta)
        lead, *others = self.sizes
        self.lead = nn.Linear(lead, hidden, bias=False, generator=generator)
        self.gates = nn.ModuleList(
            [nn.Linear(d + hidden, hidden, activation="relu", generator=generator) for d in others]
        )
        self.shifts = nn.ModuleList([nn.Linear(d, hidden, bias=False, generator=generator) for d in others])
        self.bias = zeros(hidden)
        self.norm = nn.LayerNorm(hidden)
        self.dropout = nn.Dropout(dropout, generator=generator)

    def join(self, x, there, masks):
        return mean_over(self.dropout(self.norm(self.shifted(x))), masks[0])

    def shifted(self, x):
        """Z + α S, step by step: x_m (B, N or 1, D_m) → (B, N, H)."""
        z, shift = self.lead(x[0]), self.bias
        n = z.shape[1]
        for m, (v, gate, net) in enumerate(zip(x[1:], self.gates, self.shifts, strict=True), start=1):
            if v.shape[1] not in (1, n):
                raise ValueError(
                    f"AdaptationGate: modality {m} has {v.shape[1]} steps, expected 1 or, as the first, {n}"
                )
            v = v if v.shape[1] == n else ops.tile(v, repeats=(1, n, 1))
            shift = shift + gate(ops.concatenate([v, z], axis=2)) * net(v)
        size, far = ops.norm(z, axis=2, keepdims=True), ops.norm(shift, axis=2, keepdims=True)
        still = far == 0
        alpha = ops.where(still, 1.0, ops.minimum(self.beta * size / ops.where(still, 1.0, far), 1.0))
        return z + alpha * shift
