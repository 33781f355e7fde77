"""Losses of two towers: what makes a picture and its caption neighbours.

All read similarities S of a batch, S_ij of picture i and text j, pair i on the diagonal, and one truth table:

    positives_ij    text j is true of picture i too: the same caption, or a caption of the same picture

which is no negative of picture i, or the loss would punish the model for being right. Each loss has one
direction written out, rows asking columns; the other is the same of Sᵀ. There may be more columns than rows
(a momentum queue): then both directions are given.

``blind`` is the least loss of a model that gives all pairs one score: a training whose loss stays there has
learned nothing (``models.collapse`` watches for it).
"""

import numpy as np

from .. import nn, ops
from ..tensor import Tensor

__all__ = ["LOSSES", "HardestNegative", "InfoNCE", "SigLIP", "SumHinge", "build_loss"]

HIDDEN = -1e9  # a logit that no softmax sees


class RetrievalLoss(nn.Module):
    """Both directions of a loss.

    Forward    L = w (L_row(S, P) + L_row(Sᵀ, Pᵀ))
    Shapes     rows S (B, M), columns (B, M) (None: Sᵀ, and M = B), positives bool, the same → ()
    Errors     ValueError where the pair of a row is not in its column, or the shapes do not fit
    """

    weight = 1.0

    def forward(self, rows, columns=None, positives=None, column_positives=None):
        if columns is None:
            if rows.ndim != 2 or rows.shape[0] != rows.shape[1]:
                raise ValueError(
                    f"{type(self).__name__}: S must be (B, B), or both directions be given, "
                    f"got {tuple(rows.shape)}"
                )
            columns = ops.transpose(rows)
            column_positives = None if positives is None else np.asarray(positives).T
        first = self.one_way(rows, _table(self, rows, positives))
        second = self.one_way(columns, _table(self, columns, column_positives))
        return (first + second) * self.weight

    def one_way(self, scores, positives):
        """The loss of rows that ask columns: scores (B, M), positives bool (B, M) → ()."""
        raise NotImplementedError

    def blind(self, positives):
        """The least loss, both ways, of a model that gives all pairs one score; positives (B, M), or B."""
        positives = np.eye(positives, dtype=bool) if isinstance(positives, int) else np.asarray(positives)
        square = positives.shape[0] == positives.shape[1]
        ways = (positives, positives.T) if square else (positives, positives)
        return self.weight * sum(self.blind_way(way) for way in ways)

    def settle(self):
        """Bring parameters that have left their bounds back; called before each step."""


def _table(loss, scores, positives):
    """positives as bool (B, M), the diagonal among them."""
    b, m = scores.shape
    if m < b:
        raise ValueError(
            f"{type(loss).__name__}: {b} rows need as many columns at least, got {tuple(scores.shape)}"
        )
    if positives is None:
        return np.eye(b, m, dtype=bool)
    positives = np.asarray(positives)
    if positives.shape != (b, m) or positives.dtype != bool:
        raise ValueError(
            f"{type(loss).__name__}: positives: expected bool {(b, m)} as the scores, "
            f"got {positives.dtype} {positives.shape}"
        )
    if not positives.diagonal().all():
        raise ValueError(f"{type(loss).__name__}: positives: each row's own column must be among them")
    return positives


def _violations(scores, positives, margin):
    """[m + S_ij − S_ii]₊, 0 where j is a positive of i: (B, M)."""
    own = ops.take_along(scores, Tensor(np.arange(len(positives))[:, None]), axis=1)
    cost = ops.relu(scores - own + margin)
    return ops.where(Tensor(positives), 0.0, cost)


class SumHinge(RetrievalLoss):
    """All negatives inside the margin (Kiros et al., 2014, eq. 6).

    Forward    L_row = Σ_i Σ_{j ∉ P_i} [m + S_ij − S_ii]₊
    Backward   ∂L_row/∂S_ij = 1 where the bracket is positive, and minus their number at (i, i)
    Shapes     as ``RetrievalLoss``
    Blind      m for each negative: 2·B·(B − 1)·m without further positives
    """

    def __init__(self, margin=0.2):
        self.margin = _positive(self, "margin", margin)

    def one_way(self, scores, positives):
        return ops.sum(_violations(scores, positives, self.margin))

    def blind_way(self, positives):
        return self.margin * int((~positives).sum())


class HardestNegative(RetrievalLoss):
    """The worst negative alone, VSE++ (Faghri et al., 2018, eq. 6), reached gently from the mean of all.

    Forward    L_row = Σ_i ( λ max_{j ∉ P_i} v_ij + (1 − λ) mean_{j ∉ P_i} v_ij ),  v_ij = [m + S_ij − S_ii]₊
    Shapes     as ``RetrievalLoss``
    Blind      m for each row that has a negative: 2·B·m, whatever λ

    share      λ, 1 unless set. At 1 from the beginning the worst negative of an untrained model pulls all
               vectors into one point, where the loss stays at 2·B·m: so let λ rise from 0 in the first steps
    """

    def __init__(self, margin=0.2):
        self.margin, self.share = _positive(self, "margin", margin), 1.0

    def one_way(self, scores, positives):
        cost = _violations(scores, positives, self.margin)
        worst = ops.sum(ops.max(cost, axis=1))
        if self.share >= 1:
            return worst
        count = np.maximum((~positives).sum(1), 1).astype(scores.dtype)
        return worst * self.share + ops.sum(ops.sum(cost, axis=1) / Tensor(count)) * (1 - self.share)

    def blind_way(self, positives):
        return self.margin * int((~positives).any(1).sum())


class InfoNCE(RetrievalLoss):
    """Which of the columns is the row's? A softmax with a learned temperature (van den Oord et al., 2018).

    Forward    P = softmax_j(e^τ S_ij);  L_row = −(1/B) Σ_ij Y_ij ln P_ij;  L = ½ (L_row(S) + L_row(Sᵀ))
    Backward   ∂L_row/∂(e^τ S) = (P − Y)/B
    Shapes     as ``RetrievalLoss``
    Blind      ln B, without further positives
    Begins     τ = ln(1/0.07), kept ≤ ln 100  (Radford et al., 2021, §2.5)

    several    share: Y_ij = 1/|P_i| on all positives (UniCL: Yang et al., 2022); mask: Y = I, and the other
               positives are left out of the softmax
    """

    weight = 0.5
    MOST = float(np.log(100))

    def __init__(self, temperature=0.07, several="share"):
        self.several = _several(self, several)
        temperature = _positive(self, "temperature", temperature)
        self.tau = nn.Parameter(np.full((), np.log(1 / temperature), np.float32))
        self.settle()

    def settle(self):
        self.tau.data = np.asarray(np.minimum(self.tau.detach().numpy(), self.MOST), self.tau.dtype)

    def one_way(self, scores, positives):
        b = len(positives)
        logits = scores * ops.exp(self.tau)
        if self.several == "mask":
            logits = ops.where(Tensor(_others(positives)), HIDDEN, logits)
            positives = np.eye(*positives.shape, dtype=bool)
        wanted = (positives / positives.sum(1, keepdims=True)).astype(scores.dtype)
        log_p = ops.log_softmax(logits, axis=1)
        return ops.sum(ops.where(Tensor(positives), log_p, 0.0) * Tensor(wanted)) * (-1 / b)

    def blind_way(self, positives):
        hidden = _others(positives).sum(1) if self.several == "mask" else 0
        return float(np.log(positives.shape[1] - hidden + np.zeros(len(positives))).mean())


class SigLIP(RetrievalLoss):
    """Every pair by itself: does it belong together? (Zhai et al., 2023, eq. 1)

    Forward    L_row = −(1/B) Σ_ij ln σ(z_ij (e^τ S_ij + b)),  z = 1 on positives, −1 elsewhere;
               L = ½ (L_row(S) + L_row(Sᵀ)), which is the paper's single sum where there is one matrix
    Backward   ∂L/∂(e^τ S_ij + b) = (σ(e^τ S_ij + b) − [z_ij = 1])/B
    Shapes     as ``RetrievalLoss``
    Blind      M·H(p) of the entropy H and the share p of positives
    Begins     e^τ = 10, b = −10: at first nothing belongs together

    several    share: further positives have z = 1; mask: they are left out
    """

    weight = 0.5

    def __init__(self, scale=10.0, bias=-10.0, several="share"):
        self.several = _several(self, several)
        self.tau = nn.Parameter(np.full((), np.log(_positive(self, "scale", scale)), np.float32))
        self.bias = nn.Parameter(np.full((), bias, np.float32))

    def one_way(self, scores, positives):
        sign = np.where(positives, 1, -1).astype(scores.dtype)
        log_p = ops.log_sigmoid((scores * ops.exp(self.tau) + self.bias) * Tensor(sign))
        if self.several == "mask":
            log_p = ops.where(Tensor(_others(positives)), 0.0, log_p)
        return ops.sum(log_p) * (-1 / len(positives))

    def blind_way(self, positives):
        hidden = int(_others(positives).sum()) if self.several == "mask" else 0
        total, true = positives.size - hidden, int(positives.sum()) - hidden
        shares = np.array([true / total, 1 - true / total])
        return float(-total / len(positives) * (shares * np.log(np.maximum(shares, 1e-300))).sum())


def _others(positives):
    """The positives of a row that are not its own pair."""
    return positives & ~np.eye(*positives.shape, dtype=bool)


def _several(loss, value):
    if value not in ("share", "mask"):
        raise ValueError(f"{type(loss).__name__}: several: expected share or mask, got {value!r}")
    return value


def _positive(loss, name, value):
    if not value > 0:
        raise ValueError(f"{type(loss).__name__}: {name}: expected more than 0, got {value}")
    return float(value)


LOSSES = {"sum": SumHinge, "hardest": HardestNegative, "infonce": InfoNCE, "siglip": SigLIP}
"""Name → class; order embeddings (Vendrov et al., 2016) are ``sum`` of another score, see ``two_towers``."""


def build_loss(name, margin=0.2, temperature=0.07, several="share"):
    """A loss by its name, with those of the options that it has."""
    if name not in LOSSES:
        raise ValueError(f"loss: expected {' or '.join(LOSSES)}, got {name!r}")
    if name in ("sum", "hardest"):
        return LOSSES[name](margin)
    return InfoNCE(temperature, several) if name == "infonce" else SigLIP(several=several)
