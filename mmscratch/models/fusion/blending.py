"""Gradient blending: how much each loss counts, by how far it generalises for how much it overfits."""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...tensor import tensor
from .intermediate import IntermediateFusion

__all__ = ["BlendedClassifier", "blend", "blending_weights", "overfitting_to_generalisation"]


def blending_weights(training, validation):
    """Weights of several losses from where training took them (Wang et al., 2020, prop. 1 and alg. 2).

    Forward    G_k = L*_k(N) − L*_k(N + n),  O_k = (L* − Lᵀ)_k(N + n) − (L* − Lᵀ)_k(N);
               w_k = (G_k / O_k²) / Σ_j G_j / O_j²,  Lᵀ the loss of training and L* that of validation
    Shapes     training, validation (2, K): before and after → float64 (K,), sum 1
    Errors     ValueError for other shapes, what is not finite, or where no loss has generalised
    Note       w minimises E (Σ w_k o_k / Σ w_k G_k)² over all w, where o_k are independent with mean 0 and
               E o_k² = O_k²: the expected squared ratio of overfitting to generalisation. A loss that grew on
               validation gets 0. |O_k| is taken as 10⁻⁶ at least
    """
    training, validation = (_losses(n, x) for n, x in (("training", training), ("validation", validation)))
    if training.shape != validation.shape:
        raise ValueError(
            f"blending_weights: training {training.shape} and validation {validation.shape}: "
            "expected the same (2, K)"
        )
    gain = np.maximum(validation[0] - validation[1], 0)
    gap = validation - training
    value = gain / np.maximum(np.abs(gap[1] - gap[0]), 1e-6) ** 2
    if not value.sum() > 0:
        raise ValueError(
            "blending_weights: validation: no loss has become smaller, so there is nothing to weigh"
        )
    return value / value.sum()


def overfitting_to_generalisation(weights, gain, overfit):
    """E (Σ w_k o_k / Σ w_k G_k)² = Σ w_k² O_k² / (Σ w_k G_k)², what ``blending_weights`` makes least."""
    w, g, o = (np.asarray(x, np.float64) for x in (weights, gain, overfit))
    return float((w**2 * o**2).sum() / (w @ g) ** 2)


def blend(losses, weights):
    """L = Σ_k w_k L_k: the loss of each modality's own head and of the joint one, as a Tensor ()."""
    if len(losses) != len(weights):
        raise ValueError(f"blend: {len(losses)} losses and {len(weights)} weights: expected as many")
    total = 0.0
    for loss, w in zip(losses, weights, strict=True):
        total = total + loss * float(w)
    return total


class BlendedClassifier(nn.Module):
    """Features side by side, and a head for each modality beside the joint one (Wang et al., 2020, §3).

    Forward    z_m of ``IntermediateFusion``;  s_m = U_m z_m + d_m;  s = W relu(V [z_1; …; z_M] + c) + b
               L_m = mean of −log softmax(s_m)[y] over the rows that have m;
               L_{M+1} = mean of −log softmax(s)[y];  L = Σ_k w_k L_k
    Shapes     x_m (B, D_m) or (B, N_m, D_m) → s (B, K); weights w (M + 1,), the joint head's last
    Errors     ValueError for weights of another number
    Begins     w = 1/(M + 1)
    Note       the heads of single modalities serve training alone: what is predicted is the joint head's
    """

    def __init__(self, sizes, classes, hidden=16, generator=None):
        self.fuse = IntermediateFusion(sizes, hidden, generator)
        self.head = nn.Linear(hidden, classes, generator=generator)
        self.own = nn.ModuleList([nn.Linear(hidden, classes, generator=generator) for _ in self.fuse.sizes])
        self.weights = np.full(len(self.own) + 1, 1 / (len(self.own) + 1))

    def forward(self, *inputs, masks=None, present=None):
        return self.head(self.fuse(*inputs, masks=masks, present=present))

    def losses(self, target, *inputs, masks=None, present=None):
        """L_1 … L_{M+1}: a list of Tensors ()."""
        z, there = self.fuse.parts(*inputs, masks=masks, present=present)
        target = tensor(target, np.int64, device=inputs[0].device)
        found = []
        for m, (head, part) in enumerate(zip(self.own, z, strict=True)):
            loss = ops.nll_loss(ops.log_softmax(head(part)), target, reduction="none") * there[:, m]
            found.append(ops.sum(loss) / ops.maximum(ops.sum(there[:, m]), 1.0))
        return [*found, ops.cross_entropy(self.head(self.fuse.together(z)), target)]

    def loss(self, target, *inputs, masks=None, present=None):
        """L: a Tensor ()."""
        return blend(self.losses(target, *inputs, masks=masks, present=present), self.weights)


def _losses(name, x):
    x = np.asarray(x, np.float64)
    if x.ndim != 2 or len(x) != 2 or not np.isfinite(x).all():
        raise ValueError(f"blending_weights: {name}: expected finite losses (2, K), got {x.tolist()}")
    return x
