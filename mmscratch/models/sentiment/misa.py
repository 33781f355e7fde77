"""MISA: what modalities share and what is each one's own, kept apart by losses."""

from __future__ import annotations

from ... import nn, ops
from ..fusion.base import Fusion, mean_over

__all__ = ["MISA", "central_moment_discrepancy", "difference_loss"]


class MISA(Fusion):
    """Modality-invariant and -specific representations (Hazarika et al., 2020, eq. 2–10).

    Forward    u_m = LN(W_m x_m + b_m);  shared c_m = σ(S u_m + s), own p_m = σ(P_m u_m + q_m);
               [h_1; …; h_2M] = transformer layer([c_1; …; c_M; p_1; …; p_M]);  h = relu(W [h_1; …; h_2M]
               + b);
               û_m = D(c_m + p_m)
    Loss       L = L_task + α L_sim + β L_diff + γ L_recon
               L_sim = mean over pairs m < n of CMD_5(c_m, c_n)                            (eq. 4)
               L_diff = Σ_m ‖Cᵀ_m P_m‖² + Σ_{m<n} ‖Pᵀ_m P_n‖²  (``difference_loss``)         (eq. 5)
               L_recon = 1/M Σ_m ‖u_m − û_m‖² / D                                          (eq. 6)
    Shapes     x_m (B, D_m) → h (B, H); ``losses``: three Tensors ()
    Errors     ValueError for a width that the heads do not divide
    Note       of a modality that is missing c_m and p_m are 0, and it takes no part in the losses of its row
    """

    def __init__(self, sizes, hidden, generator=None, width=16, heads=2):
        super().__init__(sizes, hidden)
        m = len(self.sizes)
        self.inward = nn.ModuleList(
            [nn.Sequential(nn.Linear(d, width, generator=generator), nn.LayerNorm(width)) for d in self.sizes]
        )
        self.shared = nn.Linear(width, width, activation="sigmoid", generator=generator)
        self.own = nn.ModuleList(
            [nn.Linear(width, width, activation="sigmoid", generator=generator) for _ in self.sizes]
        )
        self.decoder = nn.Linear(width, width, generator=generator)
        self.mix = nn.TransformerEncoderLayer(
            width, heads, 2 * width, 0.0, batch_first=True, generator=generator
        )
        self.out = nn.Linear(2 * m * width, hidden, activation="relu", generator=generator)

    def parts(self, x, there):
        """Lists of u_m, c_m, p_m, each (B, width), 0 where the modality is missing."""
        seen = [there[:, m : m + 1] for m in range(len(x))]
        u = [net(v) * s for net, v, s in zip(self.inward, x, seen, strict=True)]
        shared = [self.shared(v) * s for v, s in zip(u, seen, strict=True)]
        own = [net(v) * s for net, v, s in zip(self.own, u, seen, strict=True)]
        return u, shared, own

    def join(self, x, there):
        return self._joined(x, there)[0]

    def with_losses(self, *inputs, masks=None, present=None):
        """h, and (L_sim, L_diff, L_recon) of the same rows."""
        x, there, masks = self._prepared(list(inputs), masks, present)
        return self._joined([mean_over(v, mask) for v, mask in zip(x, masks, strict=True)], there)

    def _joined(self, x, there):
        u, shared, own = self.parts(x, there)
        z = self.mix(ops.stack([*shared, *own], axis=1))
        h = self.out(ops.reshape(z, shape=(z.shape[0], z.shape[1] * z.shape[2])))
        return h, self.losses(u, shared, own, there)

    def losses(self, u, shared, own, there):
        """(L_sim, L_diff, L_recon)."""
        m = len(u)
        pairs = [(i, j) for i in range(m) for j in range(i + 1, m)]
        similar = sum(central_moment_discrepancy(shared[i], shared[j]) for i, j in pairs) / float(len(pairs))
        differ = sum(difference_loss(c, p) for c, p in zip(shared, own, strict=True))
        differ = differ + sum(difference_loss(own[i], own[j]) for i, j in pairs)
        again = [
            ops.mean(ops.square(v - self.decoder(c + p)) * there[:, i : i + 1])
            for i, (v, c, p) in enumerate(zip(u, shared, own, strict=True))
        ]
        return similar, differ, sum(again) / float(m)


def central_moment_discrepancy(x, y, moments=5, low=0.0, high=1.0):
    """How far two samples' means and central moments are apart (Zellinger et al., 2017, definition 2).

    Forward    CMD = ‖E x − E y‖₂ / (b − a) + Σ_{k=2…K} ‖E(x − E x)ᵏ − E(y − E y)ᵏ‖₂ / (b − a)ᵏ, entry by
               entry
    Shapes     x (B, D), y (B', D), entries in [a, b] → ()
    Errors     ValueError for other shapes, K below 1, or b ≤ a
    Note       ‖v‖₂ is √(Σ v² + 10⁻¹²): its gradient at 0 is 0, not NaN
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(
            f"central_moment_discrepancy: x, y: expected (B, D), (B', D), "
            f"got {tuple(x.shape)}, {tuple(y.shape)}"
        )
    if moments < 1 or not high > low:
        raise ValueError(
            f"central_moment_discrepancy: expected moments ≥ 1 and low < high, got {moments}, {low}, {high}"
        )
    means = [ops.mean(v, axis=0) for v in (x, y)]
    total = _norm(means[0] - means[1]) / (high - low)
    centred = [v - mean[None] for v, mean in zip((x, y), means, strict=True)]
    powers = centred
    for k in range(2, moments + 1):
        powers = [p * c for p, c in zip(powers, centred, strict=True)]
        total = total + _norm(ops.mean(powers[0], axis=0) - ops.mean(powers[1], axis=0)) / (high - low) ** k
    return total


def difference_loss(x, y):
    """How much of one representation another one has (Bousmalis et al., 2016, eq. 5; Hazarika et al., 2020).

    Forward    X, Y less their means over the rows, each row then of length 1;  ‖Xᵀ Y‖² / (D E)
    Shapes     x (B, D), y (B, E) → ()
    Note       the mean over the D·E entries, as the authors' program has it, where the paper writes
               their sum;
               a row of length 0 stays 0
    """
    x, y = (v - ops.mean(v, axis=0, keepdims=True) for v in (x, y))
    x, y = (v / ops.sqrt(ops.sum(ops.square(v), axis=1, keepdims=True) + 1e-12) for v in (x, y))
    return ops.mean(ops.square(ops.matmul(ops.transpose(x), y)))


def _norm(v):
    return ops.sqrt(ops.sum(ops.square(v)) + 1e-12)
