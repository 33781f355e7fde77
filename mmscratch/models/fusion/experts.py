"""A mixture of experts: each modality alone and all of them together, and a gate that chooses."""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...tensor import tensor
from .base import Fusion

__all__ = ["MixtureOfExperts"]


class MixtureOfExperts(Fusion):
    """Mixture of experts (Jacobs et al., 1991, eq. 1; with ``top``: Shazeer et al., 2017, eq. 3 and 5).

    Forward    E_m(x_m) = relu(W_m x_m + b_m), E_0 = relu(W_02 relu(W_01 [x_1; …; x_M] + b_01) + b_02);
               g = softmax(W_g [x_1; …; x_M; there] + b_g);  h = Σ_{k ≤ M} g_k E_k
    Shapes     x_m (B, D_m) → h (B, H), ``gates``: g (B, M + 1), those of the modalities first
    Errors     ValueError where ``top`` is not in 1 … M + 1
    Note       the experts of one modality have a gate of 0 where it is missing, and the joint one where any
               is. ``top`` keeps the largest gates of a row, before the softmax; which are kept is not learnt
    """

    def __init__(self, sizes, hidden, generator=None, top=None):
        super().__init__(sizes, hidden)
        m, width = len(self.sizes), sum(self.sizes)
        if top is not None and not 1 <= top <= m + 1:
            raise ValueError(f"MixtureOfExperts: top: expected 1 … {m + 1}, got {top}")
        self.top = m + 1 if top is None else int(top)
        self.alone = nn.ModuleList(
            [nn.Linear(d, hidden, activation="relu", generator=generator) for d in self.sizes]
        )
        self.joint = nn.Sequential(
            nn.Linear(width, hidden, activation="relu", generator=generator),
            nn.Linear(hidden, hidden, activation="relu", generator=generator),
        )
        self.gate = nn.Linear(width + m, m + 1, generator=generator)

    def gates(self, x, there):
        """How far each expert is heard: (B, M + 1), rows that sum to 1."""
        scores = self.gate(ops.concatenate([*x, there], axis=1))
        may = np.concatenate([(t := there.numpy() > 0), t.all(1, keepdims=True)], axis=1)
        if self.top < may.shape[1]:
            order = np.argsort(-np.where(may, scores.detach().numpy(), -np.inf), axis=1, kind="stable")
            kept = np.zeros_like(may)
            np.put_along_axis(kept, order[:, : self.top], True, axis=1)
            may = may & kept
        return ops.softmax(scores, tensor(may, device=scores.device))

    def join(self, x, there):
        said = [net(v) for net, v in zip(self.alone, x, strict=True)]
        said = ops.stack([*said, self.joint(ops.concatenate(x, axis=1))], axis=1)
        return ops.sum(said * self.gates(x, there)[:, :, None], axis=1)
