"""Losses as modules; the formulas are in ``ops.loss`` and ``ops.distance_loss``.

``reduction`` is "mean", "sum" or "none". A class weight is a buffer: it moves with the module.
"""

import numpy as np

from .. import ops
from .module import Buffer, Module

__all__ = [
    "BCELoss", "BCEWithLogitsLoss", "CosineEmbeddingLoss", "CrossEntropyLoss", "HingeEmbeddingLoss",
    "HuberLoss", "KLDivLoss", "L1Loss", "MSELoss", "MarginRankingLoss", "NLLLoss", "SmoothL1Loss",
    "TripletMarginLoss",
]  # fmt: skip

REDUCTIONS = ("mean", "sum", "none")


class _Loss(Module):
    allowed = REDUCTIONS

    def __init__(self, reduction="mean"):
        if reduction not in self.allowed:
            raise ValueError(
                f"{type(self).__name__}: reduction must be one of {self.allowed}, got {reduction!r}"
            )
        self.reduction = reduction

    def _constant(self, name, values):
        """A weight that is given, not learnt."""
        if values is None:
            return None
        values = values.numpy() if hasattr(values, "numpy") else np.asarray(values)
        values = values.astype(np.float32) if values.dtype.kind != "f" else values
        if values.ndim > 1 and name == "weight":
            raise ValueError(f"{type(self).__name__}: weight must be (C,), got shape {values.shape}")
        return Buffer(np.array(values))

    def extra_repr(self):
        options = {k: v for k, v in vars(self).items() if isinstance(v, int | float | str | bool)}
        return ", ".join(f"{k}={v!r}" for k, v in options.items() if k != "training")


class CrossEntropyLoss(_Loss):
    """ℓ = −w_t ((1 − ε) log p_t + …), p = softmax(logits); the mean is weighted by w_t.

    Shapes     logits (B, C, S…), target (B, S…) class numbers, or (B, C, S…) probabilities → ()
    """

    def __init__(self, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
        super().__init__(reduction)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"CrossEntropyLoss: label_smoothing must be in [0, 1], got {label_smoothing}")
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self.weight = self._constant("weight", weight)

    def forward(self, logits, target):
        return ops.cross_entropy(
            logits, target, self.weight, ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing, reduction=self.reduction,
        )  # fmt: skip


class NLLLoss(_Loss):
    """ℓ = −w_t x_t of log-probabilities x.

    Shapes     x (B, C, S…), target (B, S…) → ()
    """

    def __init__(self, weight=None, ignore_index=-100, reduction="mean"):
        super().__init__(reduction)
        self.ignore_index = ignore_index
        self.weight = self._constant("weight", weight)

    def forward(self, log_probability, target):
        return ops.nll_loss(
            log_probability, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction
        )


class MSELoss(_Loss):
    """ℓ = (x − t)².

    Shapes     x, t (…) → ()
    """

    def forward(self, x, target):
        return ops.mse_loss(x, target, reduction=self.reduction)


class L1Loss(_Loss):
    """ℓ = |x − t|.

    Shapes     x, t (…) → ()
    """

    def forward(self, x, target):
        return ops.l1_loss(x, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """ℓ = d²/(2β) where d = |x − t| < β, else d − β/2  (Girshick, 2015).

    Shapes     x, t (…) → ()
    """

    def __init__(self, reduction="mean", beta=1.0):
        super().__init__(reduction)
        self.beta = beta

    def forward(self, x, target):
        return ops.smooth_l1_loss(x, target, beta=self.beta, reduction=self.reduction)


class HuberLoss(_Loss):
    """ℓ = d²/2 where d = |x − t| ≤ δ, else δ (d − δ/2)  (Huber, 1964).

    Shapes     x, t (…) → ()
    """

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__(reduction)
        self.delta = delta

    def forward(self, x, target):
        return ops.huber_loss(x, target, delta=self.delta, reduction=self.reduction)


class BCELoss(_Loss):
    """ℓ = −w (t log p + (1 − t) log(1 − p)), the logarithms not below −100.

    Shapes     p, t (…) → ()
    """

    def __init__(self, weight=None, reduction="mean"):
        super().__init__(reduction)
        self.weight = self._constant("weight of entries", weight)

    def forward(self, probability, target):
        return ops.binary_cross_entropy(probability, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """ℓ = −w (v t log σ(x) + (1 − t) log(1 − σ(x))), v = pos_weight.

    Shapes     x, t (…) → ()
    """

    def __init__(self, weight=None, reduction="mean", pos_weight=None):
        super().__init__(reduction)
        self.weight = self._constant("weight of entries", weight)
        self.pos_weight = self._constant("pos_weight", pos_weight)

    def forward(self, logits, target):
        return ops.binary_cross_entropy_with_logits(
            logits, target, self.weight, self.pos_weight, reduction=self.reduction
        )


class KLDivLoss(_Loss):
    """ℓ = t (log t − x) of log-probabilities x; "batchmean" divides the sum by B.

    Shapes     x, t (B, …) → ()
    """

    allowed = (*REDUCTIONS, "batchmean")

    def __init__(self, reduction="mean", log_target=False):
        super().__init__(reduction)
        self.log_target = bool(log_target)

    def forward(self, log_probability, target):
        return ops.kl_div(log_probability, target, log_target=self.log_target, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """ℓ = 1 − cos(a, b) where t = 1, max(0, cos(a, b) − margin) where t = −1.

    Shapes     a, b (B, D), t (B,) → ()
    """

    def __init__(self, margin=0.0, reduction="mean"):
        super().__init__(reduction)
        self.margin = margin

    def forward(self, a, b, target):
        return ops.cosine_embedding_loss(a, b, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """ℓ = max(0, margin − t (a − b)).

    Shapes     a, b, t (…) → ()
    """

    def __init__(self, margin=0.0, reduction="mean"):
        super().__init__(reduction)
        self.margin = margin

    def forward(self, a, b, target):
        return ops.margin_ranking_loss(a, b, target, margin=self.margin, reduction=self.reduction)


class HingeEmbeddingLoss(_Loss):
    """ℓ = x where t = 1, max(0, margin − x) where t = −1.

    Shapes     x, t (…) → ()
    """

    def __init__(self, margin=1.0, reduction="mean"):
        super().__init__(reduction)
        self.margin = margin

    def forward(self, x, target):
        return ops.hinge_embedding_loss(x, target, margin=self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """ℓ = max(0, ‖a − p‖ − ‖a − n‖ + margin)  (Balntas et al., 2016).

    Shapes     anchor a, positive p, negative n (B, D) → ();  swap: ‖p − n‖ where it is the smaller
    """

    def __init__(self, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction="mean"):
        super().__init__(reduction)
        if not margin > 0:
            raise ValueError(f"TripletMarginLoss: margin must be positive, got {margin}")
        self.margin, self.p, self.eps, self.swap = margin, p, eps, bool(swap)

    def forward(self, anchor, positive, negative):
        return ops.triplet_margin_loss(
            anchor, positive, negative, margin=self.margin, p=self.p, eps=self.eps, swap=self.swap,
            reduction=self.reduction,
        )  # fmt: skip
