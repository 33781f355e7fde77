"""Intermediate fusion: features of each modality, side by side."""

from __future__ import annotations

from ... import nn, ops
from .base import Fusion, mean_over

__all__ = ["IntermediateFusion"]


class IntermediateFusion(Fusion):
    """Intermediate (feature-level) fusion (Ngiam et al., 2011; Baltrušaitis et al., 2019, §6.2).

    Forward    z_m = relu(V_m x_m + c_m);  h = relu(W [z_1; …; z_M] + b)
    Shapes     x_m (B, D_m) → h (B, H)
    Note       some surveys call this "late fusion": each modality's features are extracted, then joined, then
               modelled together. In the literature late fusion joins decisions: see ``late``. The layer after
               the concatenation is what makes it more than a sum: a linear map of [z_1; …; z_M] alone is a
               function of each modality plus one of each other, and cannot tell XOR
    """

    def __init__(self, sizes, hidden, generator=None):
        super().__init__(sizes, hidden)
        self.features = nn.ModuleList(
            [nn.Linear(d, hidden, activation="relu", generator=generator) for d in self.sizes]
        )
        width = len(self.sizes) * hidden
        self.out = nn.Linear(width, hidden, activation="relu", generator=generator)

    def parts(self, *inputs, masks=None, present=None):
        """What stands side by side: M Tensors z_m (B, H), 0 if missing; which are there, (B, M)."""
        x, there, masks = self._prepared(inputs, masks, present)
        return self.say([mean_over(v, mask) for v, mask in zip(x, masks, strict=True)], there), there

    def say(self, x, there):
        """As the first of ``parts``, of what is prepared already."""
        return [net(v) * there[:, m : m + 1] for m, (net, v) in enumerate(zip(self.features, x, strict=True))]

    def join(self, x, there):
        return self.together(self.say(x, there))

    def together(self, z):
        """h of what stands side by side."""
        return self.out(ops.concatenate(z, axis=1))
