"""Multi-level fusion: a central network that takes from every layer of every modality's own."""

from __future__ import annotations

from ... import nn
from ...nn.check import positive
from ...nn.linear import zeros
from .base import Fusion

__all__ = ["CentralNetwork"]


class CentralNetwork(Fusion):
    """CentralNet, fusion at every level (Vielzeuf et al., 2018, eq. 1).

    Forward    h_mⁱ = relu(V_mⁱ h_mⁱ⁻¹ + c_mⁱ), h_m⁰ = x_m;
               cⁱ = relu(Wⁱ (α_0ⁱ cⁱ⁻¹ + Σ_m α_mⁱ h_mⁱ) + bⁱ), c⁰ = 0;  h = c^L
    Shapes     x_m (B, D_m), α (L, M + 1) → h (B, H)
    Begins     α = 1/(number of terms): the mean
    Note       what is missing adds 0 at every level. The paper adds a loss of each modality's own network:
               ``blending`` says how to weigh such losses
    """

    def __init__(self, sizes, hidden, generator=None, levels=2):
        super().__init__(sizes, hidden)
        positive(self, levels=levels)
        m = len(self.sizes)
        self.own = nn.ModuleList([
            nn.ModuleList([
                nn.Linear(hidden if i else d, hidden, activation="relu", generator=generator)
                for i in range(levels)
            ])
            for d in self.sizes
        ])  # fmt: skip
        self.central = nn.ModuleList(
            [nn.Linear(hidden, hidden, activation="relu", generator=generator) for _ in range(levels)]
        )
        self.alpha = zeros(levels, m + 1)
        nn.init.constant_(self.alpha, 1 / (m + 1))

    def join(self, x, there):
        h, c = list(x), None
        for i, layer in enumerate(self.central):
            h = [net[i](v) for net, v in zip(self.own, h, strict=True)]
            total = 0.0 if c is None else self.alpha[i, 0] * c
            for m, v in enumerate(h):
                total = total + self.alpha[i, m + 1] * (v * there[:, m : m + 1])
            c = layer(total)
        return c
