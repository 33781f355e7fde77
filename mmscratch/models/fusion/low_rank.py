"""Low-rank fusion: tensor fusion without ever making the tensor."""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...nn import init
from ...nn.check import positive
from ...nn.linear import zeros
from .base import Fusion
from .tensor_fusion import with_one

__all__ = ["LowRankFusion"]


class LowRankFusion(Fusion):
    """Low-rank multimodal fusion (Liu, Shen et al., 2018, eq. 5–8).

    Forward    h = Σ_{r ≤ R} w_r ⊙_m W_m^(r) [x_m; 1] + b,  ⊙_m the product over the modalities
    Shapes     x_m (B, D_m), W_m (R·H, D_m + 1), w (R,), b (H,) → h (B, H)
    Errors     ValueError where rank is no positive integer
    Note       it is ``TensorFusion`` with the weight Σ_r w_r W_1^(r) ⊗ … ⊗ W_M^(r) (``tensor_weight``), at
               R H Σ (D_m + 1) parameters and products instead of H Π (D_m + 1)
    Begins     W_m^(r) Xavier uniform, but for the column of the one, which is 1: a product of small factors
               would vanish;  w = 1/R, b = 0
    """

    def __init__(self, sizes, hidden, generator=None, rank=4):
        super().__init__(sizes, hidden)
        positive(self, rank=rank)
        self.rank = rank
        self.factors = nn.ModuleList(
            [nn.Linear(d + 1, rank * hidden, bias=False, generator=generator) for d in self.sizes]
        )
        self.rank_weight, self.bias = zeros(rank), zeros(hidden)
        self.reset_parameters(generator)

    def reset_parameters(self, generator=None):
        """Draw the parameters anew."""
        for d, factor in zip(self.sizes, self.factors, strict=True):
            bound = (6 / (d + 1 + self.hidden)) ** 0.5
            init.uniform_(factor.weight, -bound, bound, generator)
            weight = factor.weight.detach().numpy().copy()
            weight[:, -1] = 1
            init.set_(factor.weight, weight)
        init.constant_(self.rank_weight, 1 / self.rank)
        init.zeros_(self.bias)

    def join(self, x, there):
        product = None
        for v, factor in zip(x, self.factors, strict=True):
            y = factor(with_one(v))
            product = y if product is None else product * y
        terms = ops.reshape(product, shape=(product.shape[0], self.rank, self.hidden))
        return ops.sum(terms * self.rank_weight[None, :, None], axis=1) + self.bias

    def tensor_weight(self):
        """The weight of the same map as a ``TensorFusion``'s linear layer: an array (H, Π (D_m + 1))."""
        full = self.rank_weight.detach().numpy()[:, None, None]
        for factor in self.factors:
            w = factor.weight.detach().numpy().reshape(self.rank, self.hidden, -1)
            full = (full[..., :, None] * w[..., None, :]).reshape(self.rank, self.hidden, -1)
        return np.ascontiguousarray(full.sum(0))
