"""Tensor fusion: every product of entries of different modalities, and every modality alone."""

from __future__ import annotations

import math

from ... import nn, ops
from ...ops.constants import full_beside
from .base import Fusion

__all__ = ["TensorFusion", "outer_product", "with_one"]


def with_one(x):
    """[x; 1]: x (B, D) → (B, D + 1)."""
    return ops.concatenate([x, full_beside(x, (x.shape[0], 1), 1.0)], axis=1)


def outer_product(vectors):
    """The outer product of each row's vectors, flat, the last one's entries next to each other.

    Forward    Z[b, i₁, …, i_M] = Π_m x_m[b, i_m]
    Backward   ∂L/∂x_m = ∂L/∂Z contracted with all the others, which the product rule of each step gives
    Shapes     x_m (B, D_m) → (B, Π D_m)
    """
    z = vectors[0]
    for x in vectors[1:]:
        z = ops.reshape(z[:, :, None] * x[:, None, :], shape=(x.shape[0], z.shape[1] * x.shape[1]))
    return z


class TensorFusion(Fusion):
    """Tensor fusion network (Zadeh et al., 2017, eq. 1–2, and the first layer after it).

    Forward    Z = [x_1; 1] ⊗ … ⊗ [x_M; 1];  h = W vec(Z) + b
    Shapes     x_m (B, D_m), W (H, Π (D_m + 1)) → h (B, H)
    Note       the ones keep products of fewer modalities: with x_m = 0, as of one that is missing, Z holds
               exactly the tensor of the others. W has H Π (D_m + 1) entries: see ``LowRankFusion``
    """

    def __init__(self, sizes, hidden, generator=None):
        super().__init__(sizes, hidden)
        self.linear = nn.Linear(math.prod(d + 1 for d in self.sizes), hidden, generator=generator)

    def join(self, x, there):
        return self.linear(outer_product([with_one(v) for v in x]))
