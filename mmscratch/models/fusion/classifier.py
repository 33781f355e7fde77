"""A fusion with a head of classes: the same training and the same questions for every method."""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...tensor import tensor
from . import make

__all__ = ["FusionClassifier"]


class FusionClassifier(nn.Module):
    """Scores of K classes from several modalities, whatever the fusion.

    Forward    z = W fuse(x_1, …, x_M) + b;  of a fusion that decides itself, z = log p
               L = mean of −log softmax(z)[y];  of late ones and hybrid, each expert its own (``expert_loss``)
    Shapes     x_m (B, D_m) or (B, N_m, D_m) → z (B, K)
    Errors     ValueError for an unknown fusion

    ``hidden`` is the width of h, or of the experts of a fusion that decides itself.
    """

    def __init__(self, fusion, sizes, classes, hidden=16, generator=None, **options):
        late = fusion == "hybrid" or fusion.startswith("late")
        if late:
            options = {"width": hidden, **options}
        self.fuse = make(fusion, sizes, classes if late else hidden, generator=generator, **options)
        self.head = None if late else nn.Linear(hidden, classes, generator=generator)

    def forward(self, *inputs, masks=None, present=None):
        h = self.fuse(*inputs, masks=masks, present=present)
        return h if self.head is None else self.head(h)

    def loss(self, target, *inputs, masks=None, present=None):
        """The mean over the rows: a Tensor ()."""
        options = {"masks": masks, "present": present}
        if self.head is None:
            return self.fuse.expert_loss(target, *inputs, **options)
        z = self(*inputs, **options)
        return ops.cross_entropy(z, tensor(target, np.int64, device=z.device))

    def mixing_loss(self, target, *inputs, masks=None, present=None):
        """What late fusions learn of rows their experts do not see; None of the others."""
        if self.head is not None:
            return None
        return self.fuse.mixing_loss(target, *inputs, masks=masks, present=present)
