"""Late fusion: every modality decides alone, and the decisions are brought together."""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...nn.linear import zeros
from ...ops.constants import full_beside
from ...tensor import tensor
from .base import Fusion, mean_over

__all__ = ["LateFusion", "ProductOfExperts", "Stacking", "WeightedPosteriors", "expert"]


def expert(size, width, classes, generator):
    """Scores of one modality alone: W₂ relu(W₁ x + b₁) + b₂."""
    return nn.Sequential(
        nn.Linear(size, width, activation="relu", generator=generator),
        nn.Linear(width, classes, generator=generator),
    )


class LateFusion(Fusion):
    """What late (decision-level) fusions share (Atrey et al., 2010, §3.1.2; Baltrušaitis et al., 2019, §6.1).

    Forward    log p_m = log softmax(f_m(x_m));  h = combine(log p_1, …, log p_M), the logarithm of posteriors
    Shapes     x_m (B, D_m) → h (B, K); here ``hidden`` is K, the number of classes
    Note       of classes that are known by two modalities together and by none alone (XOR) the p_m know
               nothing, so no ``combine`` can: see tests/models/fusion/test_fusion_xor.py
    """

    decides = True

    def __init__(self, sizes, hidden, generator=None, width=32):
        super().__init__(sizes, hidden)
        self.experts = nn.ModuleList([expert(d, width, hidden, generator) for d in self.sizes])

    def parts(self, *inputs, masks=None, present=None):
        """What each expert says: M Tensors log p_m (B, K); and which may speak, (B, M) floats."""
        x, there, masks = self._prepared(inputs, masks, present)
        return self.say([mean_over(v, mask) for v, mask in zip(x, masks, strict=True)], there)

    def say(self, x, there):
        """As ``parts``, of what is prepared already."""
        return [ops.log_softmax(f(v)) for f, v in zip(self.experts, x, strict=True)], there

    def combine(self, log_p, there):
        """All decisions to one: log p (B, K)."""
        raise NotImplementedError(f"{type(self).__name__}: combine is not written")

    def join(self, x, there):
        return self.combine(*self.say(x, there))

    def expert_loss(self, target, *inputs, masks=None, present=None):
        """Each expert learns by itself: Σ_m mean of −log p_m[y] over the rows that have m. A Tensor ()."""
        log_p, there = self.parts(*inputs, masks=masks, present=present)
        target = tensor(target, np.int64, device=inputs[0].device)
        total = 0.0
        for m, each in enumerate(log_p):
            loss = ops.nll_loss(each, target, reduction="none") * there[:, m]
            total = total + ops.sum(loss) / ops.maximum(ops.sum(there[:, m]), 1.0)
        return total

    def mixing_loss(self, target, *inputs, masks=None, present=None):
        """mean of −log p[y], the experts held as they are: for rows that the experts do not learn from."""
        log_p, there = self.parts(*inputs, masks=masks, present=present)
        target = tensor(target, np.int64, device=inputs[0].device)
        return ops.nll_loss(self.combine([each.detach() for each in log_p], there), target)


class WeightedPosteriors(LateFusion):
    """A weighted mean of posteriors (the linear opinion pool: Stone, 1961).

    Forward    p = Σ_m w_m p_m,  w = softmax(a) over the modalities that are there
    Shapes     x_m (B, D_m), a (M,) → h = log p (B, K)
    Begins     a = 0: the plain mean
    """

    def __init__(self, sizes, hidden, generator=None, width=32):
        super().__init__(sizes, hidden, generator, width)
        self.weight = zeros(len(self.experts))

    def combine(self, log_p, there):
        a = ops.broadcast_to(self.weight[None], shape=tuple(there.shape))
        log_w = ops.log_softmax(a, there > 0)
        return ops.logsumexp(ops.stack(log_p, axis=1) + log_w[:, :, None], axis=1)


class ProductOfExperts(LateFusion):
    """A product of posteriors (Hinton, 2002, eq. 1; with exponents: the logarithmic opinion pool).

    Forward    log p = Σ_m α_m log p_m − log Σ_k exp Σ_m α_m log p_m[k], over the modalities that are there
    Shapes     x_m (B, D_m), α (M,) → h = log p (B, K)
    Begins     α = 1
    Note       for modalities that are independent given the class, and classes equally frequent, α = 1 is
               Bayes' rule
    """

    def __init__(self, sizes, hidden, generator=None, width=32):
        super().__init__(sizes, hidden, generator, width)
        self.exponent = zeros(len(self.experts))
        nn.init.ones_(self.exponent)

    def combine(self, log_p, there):
        power = there * self.exponent
        return ops.log_softmax(ops.sum(ops.stack(log_p, axis=1) * power[:, :, None], axis=1))


class Stacking(LateFusion):
    """A second model that learns from what the first ones say (Wolpert, 1992).

    Forward    log p = log softmax(Σ_m V_m log p_m + b); log p_m = −log K of a modality that is missing
    Shapes     x_m (B, D_m), [V_1 … V_M] (K, M·K), b (K,) → h = log p (B, K)
    Begins     V_m = 1/M times the identity, b = 0
    Note       the second model is to be fitted to decisions about rows that the experts did not learn from
               (``mixing_loss``), else it learns to trust the one that has learnt them by heart
    """

    def __init__(self, sizes, hidden, generator=None, width=32):
        super().__init__(sizes, hidden, generator, width)
        m = len(self.experts)
        self.second = nn.Linear(m * hidden, hidden, generator=generator)
        nn.init.set_(self.second.weight, np.tile(np.eye(hidden) / m, (1, m)))
        nn.init.zeros_(self.second.bias)

    def combine(self, log_p, there):
        unknown = full_beside(log_p[0], log_p[0].shape, -np.log(self.hidden))
        told = [ops.where(there[:, m : m + 1] > 0, p, unknown) for m, p in enumerate(log_p)]
        return ops.log_softmax(self.second(ops.concatenate(told, axis=1)))
