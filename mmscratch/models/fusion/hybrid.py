"""Hybrid fusion: an early model and every modality alone, their decisions mixed."""

from __future__ import annotations

from ... import ops
from ...nn.linear import zeros
from .late import WeightedPosteriors, expert

__all__ = ["HybridFusion"]


class HybridFusion(WeightedPosteriors):
    """Hybrid fusion, early and late at once (Atrey et al., 2010, §3.1.3; Baltrušaitis et al., 2019, §6.1).

    Forward    p = w_0 p_0(y | x_1, …, x_M) + Σ_m w_m p_m(y | x_m),  w = softmax(a) over those that may speak
    Shapes     x_m (B, D_m), a (M + 1,) → h = log p (B, K); the joint expert is the last
    Note       the joint expert speaks where no modality is missing; elsewhere the others do without it
    """

    def __init__(self, sizes, hidden, generator=None, width=32):
        super().__init__(sizes, hidden, generator, width)
        self.joint = expert(sum(self.sizes), width, hidden, generator)
        self.weight = zeros(len(self.sizes) + 1)

    def say(self, x, there):
        log_p, _ = super().say(x, there)
        whole = ops.min(there, axis=1, keepdims=True)
        joint = ops.log_softmax(self.joint(ops.concatenate(x, axis=1)))
        return [*log_p, joint], ops.concatenate([there, whole], axis=1)
