"""Losses between numbers and between vectors; every one composed of plain operations.

``reduction`` is "mean", "sum" or "none" everywhere, as in ``loss.py``.
"""

from . import arithmetic, comparison, elementary
from .check import check_number
from .loss import check_reduction, reduce_loss, same_shape
from .reduction import sum as sum_of
from .similarity import cosine_similarity

__all__ = [
    "cosine_embedding_loss", "hinge_embedding_loss", "huber_loss", "kl_div", "l1_loss", "margin_ranking_loss",
    "mse_loss", "smooth_l1_loss", "triplet_margin_loss",
]  # fmt: skip


def mse_loss(prediction, target, *, reduction="mean"):
    """Squared error, composed.

    Forward    ℓ = (x − t)²
    Shapes     prediction x (…), target t (…) → ℓ () or (…)
    """
    check_reduction("mse_loss", reduction)
    same_shape("mse_loss", "prediction", prediction, "target", target)
    return reduce_loss("mse_loss", elementary.square(arithmetic.sub(prediction, target)), reduction)


def l1_loss(prediction, target, *, reduction="mean"):
    """Absolute error, composed.

    Forward    ℓ = |x − t|
    Shapes     prediction x (…), target t (…) → ℓ () or (…)
    """
    check_reduction("l1_loss", reduction)
    same_shape("l1_loss", "prediction", prediction, "target", target)
    return reduce_loss("l1_loss", elementary.abs(arithmetic.sub(prediction, target)), reduction)


def huber_loss(prediction, target, *, delta=1.0, reduction="mean"):
    """A parabola near 0 and lines beyond (Huber, 1964), composed.

    Forward    ℓ = e²/2 where |e| ≤ δ, else δ(|e| − δ/2), e = x − t; as ½ m² + δ(|e| − m), m = min(|e|, δ)
    Shapes     prediction x (…), target t (…) → ℓ () or (…)
    """
    return _huber("huber_loss", prediction, target, delta, 1.0, reduction)


def smooth_l1_loss(prediction, target, *, beta=1.0, reduction="mean"):
    """Huber's loss divided by its threshold (Girshick, 2015, eq. 3), composed.

    Forward    ℓ = e²/2β where |e| < β, else |e| − β/2, e = x − t; β = 0 is the absolute error
    Shapes     prediction x (…), target t (…) → ℓ () or (…)
    """
    check_number("smooth_l1_loss", "beta", beta)
    if beta == 0:
        return l1_loss(prediction, target, reduction=reduction)
    return _huber("smooth_l1_loss", prediction, target, beta, 1.0 / beta, reduction)


def _huber(op, prediction, target, delta, factor, reduction):
    check_reduction(op, reduction)
    same_shape(op, "prediction", prediction, "target", target)
    check_number(op, "the threshold", delta)
    if not delta > 0:
        raise ValueError(f"{op}: the threshold must be positive, got {delta}")
    size = elementary.abs(arithmetic.sub(prediction, target))
    inner = arithmetic.minimum(size, delta)
    loss = arithmetic.add(
        arithmetic.mul(elementary.square(inner), 0.5), arithmetic.mul(arithmetic.sub(size, inner), delta)
    )
    return reduce_loss(op, loss if factor == 1.0 else arithmetic.mul(loss, factor), reduction)


def kl_div(log_prediction, target, *, log_target=False, reduction="mean"):
    """Divergence of Kullback & Leibler (1951) of the prediction from the target, composed.

    Forward    ℓ = t (log t − x), 0 where t = 0; with log_target, t given as its logarithm, e^t (t − x)
    Shapes     log_prediction x (…), target t (…) → ℓ () or (…)
    Note       "batchmean" divides the sum by the first axis, which is the divergence proper; "mean" is the
               mean over entries, as in PyTorch
    """
    if reduction != "batchmean":
        check_reduction("kl_div", reduction)
    same_shape("kl_div", "log_prediction", log_prediction, "target", target)
    if log_target:
        loss = arithmetic.mul(elementary.exp(target), arithmetic.sub(target, log_prediction))
    else:
        positive = comparison.greater(target, 0.0)
        log_t = elementary.log(arithmetic.where(positive, target, 1.0))
        loss = arithmetic.mul(target, arithmetic.sub(log_t, log_prediction))
    if reduction == "batchmean":
        return arithmetic.div(sum_of(loss), float(log_prediction.shape[0]))
    return reduce_loss("kl_div", loss, reduction)


def cosine_embedding_loss(a, b, target, *, margin=0.0, reduction="mean"):
    """Pairs that belong together point one way, others apart, composed.

    Forward    ℓ = 1 − cos(a, b) where t = 1;  max(0, cos(a, b) − margin) where t = −1
    Shapes     a, b (B, D) or (D,), target t (B,) or () of ±1 → ℓ () or (B,)
    """
    check_number("cosine_embedding_loss", "margin", margin)
    check_reduction("cosine_embedding_loss", reduction)
    same_shape("cosine_embedding_loss", "a", a, "b", b)
    cosine = cosine_similarity(a, b, axis=-1)
    same_shape("cosine_embedding_loss", "cos(a, b)", cosine, "target", target)
    apart = arithmetic.maximum(arithmetic.sub(cosine, margin), 0.0)
    loss = arithmetic.where(comparison.greater(target, 0), arithmetic.sub(1.0, cosine), apart)
    return reduce_loss("cosine_embedding_loss", loss, reduction)


def margin_ranking_loss(a, b, target, *, margin=0.0, reduction="mean"):
    """a should lie above b by the margin where t = 1, below where t = −1; composed.

    Forward    ℓ = max(0, margin − t (a − b))
    Shapes     a, b, target t (…) → ℓ () or (…)
    """
    check_number("margin_ranking_loss", "margin", margin)
    check_reduction("margin_ranking_loss", reduction)
    same_shape("margin_ranking_loss", "a", a, "b", b)
    same_shape("margin_ranking_loss", "a", a, "target", target)
    gap = arithmetic.mul(target, arithmetic.sub(a, b))
    return reduce_loss("margin_ranking_loss", arithmetic.maximum(arithmetic.sub(margin, gap), 0.0), reduction)


def triplet_margin_loss(
    anchor, positive, negative, *, margin=1.0, p=2, eps=1e-6, swap=False, reduction="mean"
):
    """The anchor should be nearer to the positive than to the negative (Balntas et al., 2016), composed.

    Forward    ℓ = max(0, d(a, p) − d(a, n) + margin), d(x, y) = (Σ |x − y + eps|^p)^(1/p)
               with swap, d(p, n) in place of d(a, n) where it is smaller
    Shapes     anchor a, positive p, negative n (B, D) or (D,) → ℓ () or (B,)
    """
    check_number("triplet_margin_loss", "margin", margin)
    check_number("triplet_margin_loss", "p", p, least=1)
    check_number("triplet_margin_loss", "eps", eps)
    check_reduction("triplet_margin_loss", reduction)
    same_shape("triplet_margin_loss", "anchor", anchor, "positive", positive)
    same_shape("triplet_margin_loss", "anchor", anchor, "negative", negative)

    def distance(x, y):
        gap = elementary.abs(arithmetic.add(arithmetic.sub(x, y), eps))
        return arithmetic.pow(sum_of(arithmetic.pow(gap, p), axis=-1), 1.0 / p)

    far = distance(anchor, negative)
    far = arithmetic.minimum(far, distance(positive, negative)) if swap else far
    gap = arithmetic.add(arithmetic.sub(distance(anchor, positive), far), margin)
    return reduce_loss("triplet_margin_loss", arithmetic.maximum(gap, 0.0), reduction)


def hinge_embedding_loss(x, target, *, margin=1.0, reduction="mean"):
    """A distance x should be small where t = 1, and beyond the margin where t = −1; composed.

    Forward    ℓ = x where t = 1;  max(0, margin − x) where t = −1
    Shapes     x, target t (…) → ℓ () or (…)
    """
    check_number("hinge_embedding_loss", "margin", margin)
    check_reduction("hinge_embedding_loss", reduction)
    same_shape("hinge_embedding_loss", "x", x, "target", target)
    apart = arithmetic.maximum(arithmetic.sub(margin, x), 0.0)
    return reduce_loss(
        "hinge_embedding_loss", arithmetic.where(comparison.greater(target, 0), x, apart), reduction
    )
