"""Early fusion: the inputs side by side, and one model of them."""

from __future__ import annotations

from ... import nn, ops
from .base import Fusion, mean_over

__all__ = ["EarlyFusion"]


class EarlyFusion(Fusion):
    """Early (input-level) fusion (Atrey et al., 2010, §3.1.1; Baltrušaitis et al., 2019, §6.1).

    Forward    e_t = relu(W₁ [x_1t; …; x_Mt] + b₁);  h = relu(W₂ mean_t e_t + b₂)
    Shapes     x_m (B, D_m) or (B, N, D_m) → h (B, H)
    Errors     ValueError for sequences of several lengths: side by side means step by step, so they must be
               aligned first. A vector beside a sequence is repeated at every step
    Note       the mean is over steps at which some modality takes part; one that does not is 0 there
    """

    sequences = True
    fewest = 1

    def __init__(self, sizes, hidden, generator=None):
        super().__init__(sizes, hidden)
        self.step = nn.Linear(sum(self.sizes), hidden, activation="relu", generator=generator)
        self.out = nn.Linear(hidden, hidden, activation="relu", generator=generator)

    def join(self, x, there, masks):
        x, mask = side_by_side(type(self).__name__, x, masks)
        return self.out(mean_over(self.step(x), mask))


def side_by_side(name, x, masks):
    """Aligned sequences as one: x_m (B, N, D_m) → (B, N, Σ D_m), and where any takes part (B, N)."""
    lengths = sorted({v.shape[1] for v in x} - {1})
    if len(lengths) > 1:
        found = ", ".join(str(v.shape[1]) for v in x)
        raise ValueError(f"{name}: expected sequences of one length, aligned step by step, got {found}")
    n = lengths[0] if lengths else 1
    x = [v if v.shape[1] == n else ops.tile(v, repeats=(1, n, 1)) for v in x]
    some = masks[0]
    for mask in masks[1:]:  # of different lengths 1 and N: broadcasts
        some = ops.logical_or(some, mask)
    some = some if some.shape[1] == n else ops.broadcast_to(some, shape=(some.shape[0], n))
    return ops.concatenate(x, axis=2), some
