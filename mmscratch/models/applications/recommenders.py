"""Recommenders from implicit feedback: matrix factorisation, BPR, and VBPR, which looks at pictures.

All give scores (U, I) by ``scores()``. Items for which nothing was taken in training are cold: what matrix
factorisation and BPR know of them is where they began, and ``scores(known)`` says so by leaving that out.
"""

from __future__ import annotations

import numpy as np

from ... import nn, ops
from ...nn.check import positive
from ...tensor import tensor

__all__ = ["BPR", "VBPR", "ImplicitMF", "bpr_loss", "draw_triples"]


class ImplicitMF:
    """Matrix factorisation of implicit feedback by alternating least squares.

    Forward    L = Σ_ui c_ui (p_ui − x_uᵀ y_i)² + λ (Σ‖x_u‖² + Σ‖y_i‖²),  c_ui = 1 + α p_ui;
               x_u = (Yᵀ C_u Y + λI)⁻¹ Yᵀ C_u p_u, and likewise y_i: each half step is the exact minimum, so L
               never rises
    Shapes     taken p (U, I) of 0 and 1 → scores (U, I)
    Errors     ValueError for another rank, entries other than 0 and 1, sizes below 1, λ not above 0
    Source     Hu, Koren & Volinsky, 2008, eq. 3 to 5; the factors are those of Koren, Bell & Volinsky, 2009
    """

    def __init__(self, factors=8, alpha=4.0, penalty=5.0, rounds=12, seed=0):
        if min(factors, rounds) < 1 or not penalty > 0 or not alpha >= 0:
            raise ValueError(
                "ImplicitMF: factors, rounds, penalty, alpha: expected at least 1, at least 1, above 0, "
                f"at least 0; got {factors}, {rounds}, {penalty}, {alpha}"
            )
        self.factors, self.alpha, self.penalty, self.rounds, self.seed = factors, alpha, penalty, rounds, seed

    def fit(self, taken):
        """Alternate; ``losses_`` holds L after each half step."""
        p = np.asarray(taken, np.float64)
        if p.ndim != 2 or not np.isin(p, (0, 1)).all():
            raise ValueError(f"ImplicitMF: taken: expected (U, I) of 0 and 1, got shape {p.shape}")
        random = np.random.default_rng(self.seed)
        self.x = np.zeros((p.shape[0], self.factors))
        self.y = random.normal(scale=0.1, size=(p.shape[1], self.factors))
        self.losses_ = []
        for _ in range(self.rounds):
            self.x = self._solved(self.y, p)
            self.losses_.append(self.loss(p))
            self.y = self._solved(self.x, p.T)
            self.losses_.append(self.loss(p))
        return self

    def _solved(self, y, p):
        """The best factors of the rows of p, given its columns': Yᵀ C_u Y = YᵀY + α Σ_{i taken} y yᵀ."""
        gram = y.T @ y + self.penalty * np.eye(self.factors)
        left = gram + self.alpha * np.einsum("ui,ik,il->ukl", p, y, y, optimize=True)
        right = (1 + self.alpha) * (p @ y)
        return np.linalg.solve(left, right[:, :, None])[:, :, 0]

    def loss(self, taken):
        """L of the present factors."""
        weight = 1 + self.alpha * taken
        size = (self.x**2).sum() + (self.y**2).sum()
        return float((weight * (taken - self.x @ self.y.T) ** 2).sum() + self.penalty * size)

    def scores(self, known=None):
        """x_uᵀ y_i; of a cold item ALS itself makes y_i = 0, so nothing is left out."""
        return self.x @ self.y.T


def draw_triples(taken, size, generator):
    """(user, taken item, item not taken), pairs uniform over what was taken: Rendle et al.'s bootstrap.

    Shapes     taken bool (U, I) → three int64 (size,)
    """
    users, items = np.nonzero(taken)
    chosen = generator.integers(0, len(users), size)
    u, i = users[chosen], items[chosen]
    j = generator.integers(0, taken.shape[1], size)
    wrong = taken[u, j]
    while wrong.any():
        j[wrong] = generator.integers(0, taken.shape[1], int(wrong.sum()))
        wrong = taken[u, j]
    return u, i, j


def bpr_loss(above, below):
    """Bayesian personalised ranking: what was taken should score above what was not.

    Forward    L = −mean ln σ(x_ui − x_uj)
    Backward   ∂L/∂x_ui = −(1 − σ(x_ui − x_uj))/B = −∂L/∂x_uj: a pair that is in order hardly pulls
    Shapes     above x_ui (B,), below x_uj (B,) → ()
    Source     Rendle et al., 2009, eq. for BPR-Opt (§4.1); ln σ is a smooth stand-in for AUC's step (§4.1.1)
    """
    return -ops.mean(ops.log_sigmoid(above - below))


class BPR(nn.Module):
    """Factors of users and items, and a bias of items, trained on triples.

    Forward    x_ui = b_i + γ_u · γ_i;  L = BPR + λ mean over the triples of what they touch, squared
    Shapes     user (B,), item (B,) → (B,);  ``scores`` (U, I)
    Errors     ValueError for sizes below 1
    Source     Rendle et al., 2009, §4.3.1 (matrix factorisation as the scorer)
    """

    def __init__(self, users, items, factors=8, generator=None):
        positive(self, users=users, items=items, factors=factors)
        self.user = nn.Embedding(users, factors, generator=generator)
        self.item = nn.Embedding(items, factors, generator=generator)
        self.bias = nn.Embedding(items, 1, generator=generator)
        for table, scale in ((self.user, 0.1), (self.item, 0.1), (self.bias, 0.0)):
            table.weight.data = table.weight.data * np.float32(scale)

    def forward(self, user, item):
        return ops.sum(self.user(user) * self.item(item), axis=1) + self.bias(item)[:, 0]

    def loss(self, user, above, below, penalty=0.0):
        """−mean ln σ, and the penalty on the rows that the triples touch."""
        u, i, j = (tensor(k) for k in (user, above, below))
        value = bpr_loss(self(u, i), self(u, j))
        if penalty:
            touched = (self.user(u), self.item(i), self.item(j), self.bias(i), self.bias(j))
            value = value + penalty * sum(ops.mean(ops.sum(ops.square(t), axis=1)) for t in touched)
        return value

    def scores(self, known=None):
        """All scores, float32 (U, I). known (I,) bool: where False, the item's own numbers count as 0."""
        item, bias = self.item.weight.data, self.bias.weight.data[:, 0]
        if known is not None:
            item, bias = np.where(known[:, None], item, 0), np.where(known, bias, 0)
        return self.user.weight.data @ item.T + bias


class VBPR(BPR):
    """BPR that also looks: an item's picture through a learnt projection, liked by each user in its own way.

    Forward    x_ui = b_i + γ_u · γ_i + θ_u · (E f_i) + β' · f_i
    Shapes     features f (I, F) → E (V, F), θ_u (V,), β' (F,); user, item (B,) → (B,)
    Errors     ValueError for features that are not (I, F), or sizes below 1
    Source     He & McAuley, 2016, eq. 4 (without α and β_u, which cancel in every triple)

    A cold item has a picture: of ``scores(known)`` the last two terms remain. ``factors=0`` has these alone.
    """

    def __init__(self, users, features, factors=8, visual=8, generator=None):
        features = np.asarray(features, np.float32)
        if features.ndim != 2:
            raise ValueError(f"VBPR: features: expected (I, F), got {features.shape}")
        positive(self, visual=visual)
        super().__init__(users, len(features), max(factors, 1), generator=generator)
        self.latent = factors > 0
        self.features = tensor(features)
        self.taste = nn.Embedding(users, visual, generator=generator)
        self.taste.weight.data = self.taste.weight.data * np.float32(0.1)
        self.project = nn.Linear(features.shape[1], visual, bias=False, generator=generator)
        self.common = nn.Linear(features.shape[1], 1, bias=False, generator=generator)
        self.common.weight.data = self.common.weight.data * np.float32(0)

    def forward(self, user, item):
        f = ops.embedding(self.features, item)
        seen = ops.sum(self.taste(user) * self.project(f), axis=1) + self.common(f)[:, 0]
        return seen + super().forward(user, item) if self.latent else seen

    def loss(self, user, above, below, penalty=0.0):
        value = super().loss(user, above, below, penalty)
        if penalty:
            tastes = ops.mean(ops.sum(ops.square(self.taste(tensor(user))), axis=1))
            shared = ops.sum(ops.square(self.project.weight)) + ops.sum(ops.square(self.common.weight))
            value = value + penalty * (tastes + 0.1 * shared)
        return value

    def scores(self, known=None):
        f = self.features.data
        seen = self.taste.weight.data @ (f @ self.project.weight.data.T).T + f @ self.common.weight.data[0]
        return seen + super().scores(known) if self.latent else seen
