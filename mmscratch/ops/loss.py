"""Losses between predictions and classes: cross-entropy in its several forms.

``reduction`` is "mean", "sum" or "none" everywhere. Losses between numbers and between vectors are in
``distance_loss.py``.
"""

import math

import numpy as np

from .. import kernels
from ..autograd import primitive
from . import arithmetic, comparison, elementary
from .activation import softplus
from .broadcast import broadcast_shapes
from .check import check_arrays, check_number, check_optional, integers
from .constants import raw
from .indexing import take, take_along
from .reduction import mean as mean_of
from .reduction import sum as sum_of
from .shape import permute, reshape, unsqueeze
from .softmax import log_softmax

__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "cross_entropy_twin",
    "nll_loss",
]  # fmt: skip


def reduce_loss(op, loss, reduction):
    """The loss of each entry, or their mean or sum, composed.

    Forward    y = loss, mean(loss) or Σ loss
    Shapes     loss (…) → y () for "mean" and "sum", (…) for "none"
    """
    check_reduction(op, reduction)
    if reduction == "none":
        return loss
    return mean_of(loss) if reduction == "mean" else sum_of(loss)


def check_reduction(op, reduction):
    """ValueError in the name of ``op`` unless reduction is "mean", "sum" or "none"."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f'{op}: reduction must be "mean", "sum" or "none", got {reduction!r}')


def _check_smoothing(op, label_smoothing):
    check_number(op, "label_smoothing", label_smoothing)
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"{op}: label_smoothing must be between 0 and 1, got {label_smoothing}")


def cross_entropy(logits, target, weight=None, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"):
    """Cross-entropy between softmax(logits) and classes, or class probabilities (then composed).

    Forward    ℓ = −w_t log softmax(x)_t; with label smoothing ε the target is (1 − ε)·onehot(t) + ε/C
               (Szegedy et al., 2016); "mean" divides by Σ w_t over the targets that are not ignored
    Shapes     logits (B, C, S…) or (C,), target (B, S…) int64 or probabilities like logits, weight (C,)
               → ℓ () or (B, S…)
    Errors     ValueError for shapes that do not fit or a class outside [0, C); TypeError for other targets
    Note       the mean over nothing (everything ignored) is NaN, as in PyTorch
    """
    check_reduction("cross_entropy", reduction)
    _check_smoothing("cross_entropy", label_smoothing)
    check_arrays("cross_entropy", logits=logits)
    check_optional("cross_entropy", weight=weight)
    if not hasattr(raw(target), "dtype"):
        raise TypeError(
            "cross_entropy: target must be an array or a tensor of class numbers (int64) or of "
            f"probabilities, got a {type(target).__name__}"
        )
    if raw(target).dtype.kind == "f":
        return _soft_cross_entropy(logits, target, weight, label_smoothing, reduction)
    rows, shape = _class_last("cross_entropy", logits, target, weight, ignore_index)
    loss = _cross_entropy_rows(
        rows, reshape(target, shape=(-1,)), weight,
        ignore_index=ignore_index, label_smoothing=float(label_smoothing), reduction=reduction,
    )  # fmt: skip
    return reshape(loss, shape=shape) if reduction == "none" else loss


@primitive
def _cross_entropy_rows(logits, target, weight=None, *, ignore_index, label_smoothing, reduction):
    """Cross-entropy of rows.

    Forward    ℓ_n = w_t ((1 − ε)(lse − x_t) + ε/C Σ_v w_v/w_t (lse − x_v)), lse = log Σ exp x
    Backward   ∂ℓ_n/∂x = w_t (softmax(x) − onehot(t)) for ε = 0, because ∂lse/∂x = softmax(x)
    Shapes     logits (N, C), target (N,), weight (C,) → ℓ () or (N,)
    """
    k = kernels.of(logits)
    rows, row_weight, lse = k.cross_entropy(logits, target, weight, ignore_index, label_smoothing)
    total = None
    if reduction == "none":
        loss = rows
    else:
        loss = k.reduce("sum", rows, (0,), False)
    if reduction == "mean":
        total = k.reduce("sum", row_weight, (0,), False)
        loss = k.map("div", loss, total)

    def backward(dloss):
        if total is not None:
            dloss = k.map("div", dloss, total)
        drows = dloss if reduction == "none" else k.expand(dloss.reshape(1), tuple(rows.shape))
        dlogits = k.cross_entropy_backward(drows, logits, target, lse, weight, ignore_index, label_smoothing)
        return dlogits, None, None

    return loss, backward


def cross_entropy_twin(
    logits, target, weight=None, *, ignore_index=-100, label_smoothing=0.0, reduction="mean"
):
    """Cross-entropy line by line: ``cross_entropy`` composed of log-softmax and plain operations.

    Forward    p = log softmax(x);  ℓ = −(1 − ε) w_t p_t − ε/C Σ_v w_v p_v
    Shapes     logits (B, C, S…) or (C,), target (B, S…), weight (C,) → ℓ () or (B, S…)
    """
    check_reduction("cross_entropy_twin", reduction)
    _check_smoothing("cross_entropy_twin", label_smoothing)
    rows, shape = _class_last("cross_entropy_twin", logits, target, weight, ignore_index)
    log_p = log_softmax(rows)
    kept, picked, w = _pick(log_p, reshape(target, shape=(-1,)), weight, ignore_index)
    loss = arithmetic.mul(picked, label_smoothing - 1.0)
    if label_smoothing:
        spread = sum_of(log_p if weight is None else arithmetic.mul(log_p, weight), axis=-1)
        spread = arithmetic.where(kept, spread, 0.0)
        loss = arithmetic.sub(loss, arithmetic.mul(spread, label_smoothing / log_p.shape[-1]))
    return _weighted(loss, w, reduction, shape)


def nll_loss(log_probability, target, weight=None, *, ignore_index=-100, reduction="mean"):
    """Negative log-likelihood of classes, composed: cross-entropy that is given log-probabilities.

    Forward    ℓ = −w_t p_t, 0 where t = ignore_index; "mean" divides by Σ w_t over the rest
    Shapes     log_probability p (B, C, S…) or (C,), target (B, S…), weight (C,) → ℓ () or (B, S…)
    Errors     as in ``cross_entropy``
    """
    check_reduction("nll_loss", reduction)
    rows, shape = _class_last("nll_loss", log_probability, target, weight, ignore_index, "log_probability")
    _, picked, w = _pick(rows, reshape(target, shape=(-1,)), weight, ignore_index)
    return _weighted(elementary.neg(picked), w, reduction, shape)


def _pick(log_p, target, weight, ignore_index):
    """Which targets count (N,), w_t · log p_t (N,), and w_t (N,), both 0 where they do not."""
    kept = comparison.not_equal(target, ignore_index)
    safe = arithmetic.where(kept, target, 0)
    picked = reshape(take_along(log_p, unsqueeze(safe, axis=-1), axis=-1), shape=(-1,))
    picked = arithmetic.where(kept, picked, 0.0)
    if weight is None:
        one = arithmetic.where(kept, arithmetic.add(arithmetic.mul(raw(picked), 0.0), 1.0), 0.0)
        return kept, picked, one
    w = arithmetic.where(kept, take(weight, safe, axis=0), 0.0)
    return kept, arithmetic.mul(picked, w), w


def _weighted(loss, w, reduction, shape):
    if reduction == "none":
        return reshape(loss, shape=shape)
    return sum_of(loss) if reduction == "sum" else arithmetic.div(sum_of(loss), sum_of(w))


def _soft_cross_entropy(logits, target, weight, label_smoothing, reduction):
    if tuple(target.shape) != tuple(logits.shape) or logits.ndim == 0:
        raise ValueError(
            f"cross_entropy: a target of probabilities must have the shape of logits {tuple(logits.shape)}, "
            f"got {tuple(target.shape)}"
        )
    axis = 0 if logits.ndim == 1 else 1
    classes = logits.shape[axis]
    if label_smoothing:
        target = arithmetic.add(arithmetic.mul(target, 1.0 - label_smoothing), label_smoothing / classes)
    log_p = log_softmax(logits, axis=axis)
    if weight is not None:
        log_p = arithmetic.mul(log_p, reshape(weight, shape=(classes,) + (1,) * (logits.ndim - 1 - axis)))
    loss = elementary.neg(sum_of(arithmetic.mul(target, log_p), axis=axis))
    if reduction != "mean":
        return reduce_loss("cross_entropy", loss, reduction)
    return arithmetic.div(sum_of(loss), float(max(math.prod(loss.shape), 1)))


def _class_last(op, logits, target, weight, ignore_index, name="logits"):
    """logits as rows (N, C), and the shape of the targets; everything checked."""
    check_arrays(op, **{name: logits})
    check_arrays(op, target=target)
    check_optional(op, weight=weight)
    if logits.ndim == 0:
        raise ValueError(f"{op}: {name} must be (batch, classes, …) or (classes,), got a single number")
    axis = 0 if logits.ndim == 1 else 1
    classes = logits.shape[axis]
    shape = tuple(logits.shape[:axis]) + tuple(logits.shape[axis + 1 :])
    if tuple(target.shape) != shape:
        raise ValueError(
            f"{op}: {name} {tuple(logits.shape)} need a target of shape {shape} (axis {axis} holds the "
            f"classes), got {tuple(target.shape)}"
        )
    if raw(target).dtype != "int64":
        raise TypeError(f"{op}: target must hold int64 class numbers, got {raw(target).dtype}")
    if weight is not None and tuple(weight.shape) != (classes,):
        raise ValueError(f"{op}: weight must have shape ({classes},), got {tuple(weight.shape)}")
    (ignore_index,) = integers(op, "ignore_index", (ignore_index,))
    _check_classes(op, raw(target), classes, ignore_index)
    if logits.ndim > 2:
        logits = permute(logits, axes=(0, *range(2, logits.ndim), 1))
    return reshape(logits, shape=(math.prod(shape), classes)), shape


def _check_classes(op, target, classes, ignore_index):
    """On the host only: to look at a device array would stop the device."""
    if isinstance(target, np.ndarray):
        wrong = target[((target < 0) | (target >= classes)) & (target != ignore_index)]
        if wrong.size:
            raise ValueError(
                f"{op}: target must be in [0, {classes}) or ignore_index={ignore_index}, got {wrong[0]}"
            )


def binary_cross_entropy_with_logits(logits, target, weight=None, pos_weight=None, *, reduction="mean"):
    """Cross-entropy of yes-or-no questions, composed.

    Forward    ℓ = −w · (v · t log σ(x) + (1 − t) log(1 − σ(x))), v = pos_weight; computed as
               w · ((1 − t) x + (1 + (v − 1) t) · log(1 + e⁻ˣ)), which cannot overflow
    Shapes     logits x (…), target t (…) in [0, 1], weight w and pos_weight broadcasting → ℓ () or (…)
    Errors     ValueError where target has not the shape of logits
    """
    same_shape("binary_cross_entropy_with_logits", "logits", logits, "target", target)
    _check_weights("binary_cross_entropy_with_logits", logits, weight=weight, pos_weight=pos_weight)
    check_reduction("binary_cross_entropy_with_logits", reduction)
    missing = softplus(elementary.neg(logits))
    if pos_weight is not None:
        missing = arithmetic.mul(
            missing, arithmetic.add(arithmetic.mul(arithmetic.sub(pos_weight, 1.0), target), 1.0)
        )
    loss = arithmetic.add(arithmetic.mul(arithmetic.sub(1.0, target), logits), missing)
    loss = loss if weight is None else arithmetic.mul(loss, weight)
    return reduce_loss("binary_cross_entropy_with_logits", loss, reduction)


@primitive
def _binary_entries(p, t):
    """Cross-entropy of probabilities, entry by entry.

    Forward    ℓ = −(t max(log p, −100) + (1 − t) max(log(1 − p), −100))
    Backward   ∂ℓ/∂p = (p − t)/max(p (1 − p), 1e-12);  ∂ℓ/∂t = log(1 − p) − log p, both cut at −100
    Shapes     p (…), t (…) → ℓ (…)
    """
    k = kernels.of(p)
    q, s = k.map("sub", 1.0, p), k.map("sub", 1.0, t)
    log_p, log_q = (k.map("maximum", k.map("log", a), -100.0) for a in (p, q))
    loss = k.map("neg", k.map("add", k.map("mul", t, log_p), k.map("mul", s, log_q)))

    def backward(dl):
        slope = k.map("div", k.map("sub", p, t), k.map("maximum", k.map("mul", p, q), 1e-12))
        return k.map("mul", dl, slope), lambda: k.map("mul", dl, k.map("sub", log_q, log_p))

    return loss, backward


def binary_cross_entropy(probability, target, weight=None, *, reduction="mean"):
    """Cross-entropy of yes-or-no questions answered by probabilities, composed around one rule.

    Forward    ℓ = −w · (t log p + (1 − t) log(1 − p)), the logarithms cut at −100
    Shapes     probability p (…) in [0, 1], target t (…), weight w broadcasting → ℓ () or (…)
    Errors     ValueError where target has not the shape of probability
    Note       from logits use ``binary_cross_entropy_with_logits``, which cannot saturate
    """
    same_shape("binary_cross_entropy", "probability", probability, "target", target)
    _check_weights("binary_cross_entropy", probability, weight=weight)
    check_reduction("binary_cross_entropy", reduction)
    loss = _binary_entries(probability, target)
    loss = loss if weight is None else arithmetic.mul(loss, weight)
    return reduce_loss("binary_cross_entropy", loss, reduction)


def _check_weights(op, x, **weights):
    """Weights must broadcast to the entries that they weigh."""
    check_optional(op, **weights)
    for name, weight in weights.items():
        if weight is not None and broadcast_shapes(op, x, weight) != tuple(x.shape):
            raise ValueError(f"{op}: {name} {tuple(weight.shape)} must broadcast to {tuple(x.shape)}")


def same_shape(op, name_a, a, name_b, b):
    """Refuse what would broadcast silently: (B,) against (B, 1) gives a (B, B) loss."""
    check_arrays(op, **{name_a: a, name_b: b})
    if tuple(a.shape) != tuple(b.shape):
        raise ValueError(
            f"{op}: {name_a} and {name_b} must have one shape, got {tuple(a.shape)} and {tuple(b.shape)}"
        )
