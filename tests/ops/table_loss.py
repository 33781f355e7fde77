"""Rows of losses."""

import itertools

import numpy
from table import Row, apart, positive, real, whole

from mmscratch import ops

REDUCTIONS = ("mean", "sum", "none")


def reduced(np, loss, reduction):
    return loss if reduction == "none" else np.mean(loss) if reduction == "mean" else np.sum(loss)


# ── classes ──────────────────────────────────────────────────────────────────────────────────────
def class_last(np, x):
    return x if x.ndim == 1 else np.moveaxis(x, 1, -1)


def log_softmax(np, x):
    e = x - np.max(x, axis=-1, keepdims=True)
    return e - np.log(np.sum(np.exp(e), axis=-1, keepdims=True))


def likelihood(np, log_p, target, w, reduction, smoothing=0.0, ignore=-100):
    """By one-hot rows; log_p has the classes last."""
    classes = log_p.shape[-1]
    w = numpy.ones(classes) if w is None else w
    kept = target != ignore
    hot = (target[..., None] == numpy.arange(classes)) * 1.0
    goal = ((1 - smoothing) * hot + smoothing / classes) * kept[..., None]
    loss = -np.sum(goal * log_p * w, axis=-1)
    weight = np.sum(hot * w, axis=-1) * kept
    return loss if reduction == "none" else np.sum(loss) / (np.sum(weight) if reduction == "mean" else 1.0)


SCORES = [
    ("one class", (2, 1), (2,), 1),
    ("one", (1, 2), (1,), 2),
    ("odd", (5, 3), (5,), 3),
    ("one sample", (4,), (), 4),
    ("one axis", (2, 3, 4), (2, 4), 3),
    ("two axes", (2, 3, 2, 2), (2, 2, 2), 3),
    ("large", (130, 57), (130,), 57),
]


def scores(kind=""):
    return [(f"{n}{kind}", real(*x), whole(*t, high=c)) for n, x, t, c in SCORES]


def weight_of(x):
    """One weight a class: a constant of the row, for no gradient goes to it."""
    return numpy.linspace(0.5, 1.5, x.shape[0 if x.ndim == 1 else 1]).astype(x.dtype)


def no_weight(x):
    return None


ROWS = []
for _reduction, (_kind, _weight) in itertools.product(
    REDUCTIONS, {"": no_weight, ", weight": weight_of}.items()
):
    for _smoothing, _op in itertools.product((0.0, 0.2), ("cross_entropy", "cross_entropy_twin")):
        _options = {"reduction": _reduction, "label_smoothing": _smoothing}
        ROWS.append(
            Row(
                _op,
                lambda x, t, name=_op, w=_weight, o=_options: getattr(ops, name)(x, t, w(x), **o),
                lambda np, x, t, w=_weight, r=_reduction, s=_smoothing: likelihood(
                    np, log_softmax(np, class_last(np, x)), t, w(x), r, s
                ),
                scores(_kind),
            )
        )
    ROWS.append(
        Row(
            "nll_loss",
            lambda x, t, w=_weight, r=_reduction: ops.nll_loss(x, t, w(x), reduction=r),
            lambda np, x, t, w=_weight, r=_reduction: likelihood(np, class_last(np, x), t, w(x), r),
            scores(_kind),
        )
    )


def soft(np, x, t):
    """Against probabilities, smoothed by 0.1."""
    goal = 0.9 * class_last(np, t) + 0.1 / x.shape[1]
    return -np.sum(goal * log_softmax(np, class_last(np, x)), axis=-1)


for _reduction in REDUCTIONS:
    for _op in ("cross_entropy", "cross_entropy_twin", "nll_loss"):
        ROWS.append(
            Row(
                _op,
                lambda x, t, name=_op, r=_reduction: getattr(ops, name)(x, t, ignore_index=1, reduction=r),
                lambda np, x, t, r=_reduction, logits=_op != "nll_loss": likelihood(
                    np, log_softmax(np, x) if logits else x, t, None, r, ignore=1
                ),
                [("some ignored", real(6, 3), lambda rng, dtype: numpy.array([0, 1, 2, 1, 0, 2]))],
            )
        )
    ROWS.append(
        Row(
            "cross_entropy",
            lambda x, t, r=_reduction: ops.cross_entropy(x, t, reduction=r, label_smoothing=0.1),
            lambda np, x, t, r=_reduction: reduced(np, soft(np, x, t), r),
            [
                ("probabilities", real(4, 3), positive(4, 3)),
                ("probabilities, one axis", real(2, 3, 2), positive(2, 3, 2)),
            ],
        )
    )

# ── entries and vectors ──────────────────────────────────────────────────────────────────────────
SHAPES = [("0-d", ()), ("one", (1,)), ("odd", (3, 5)), ("three axes", (2, 3, 4)), ("large", (60, 70))]


def pairs(first=real, second=real):
    return [(name, first(*shape), second(*shape)) for name, shape in SHAPES]


def share(*shape):
    return real(*shape, low=0.05, high=0.95)


def signs(*shape):
    return lambda rng, dtype: numpy.where(rng.random(shape) < 0.5, -1.0, 1.0).astype(dtype)


def add_rows(op, loss, cases, **options):
    """One row for each reduction; loss gives the entries."""
    for reduction in REDUCTIONS:
        ROWS.append(
            Row(
                op,
                lambda *a, name=op, r=reduction: getattr(ops, name)(*a, reduction=r, **options),
                lambda np, *a, r=reduction: reduced(np, loss(np, *a), r),
                cases,
            )
        )


def bce(np, p, t, w=None):
    loss = -(t * np.log(p) + (1 - t) * np.log(1 - p))
    return loss if w is None else loss * w


def bce_logits(np, x, t, w=None, v=None):
    p = 1 / (1 + np.exp(-x))
    loss = -((1.0 if v is None else v) * t * np.log(p) + (1 - t) * np.log(1 - p))
    return loss if w is None else loss * w


def huber(np, e, d):
    return np.where(np.abs(e) <= d, e * e / 2, d * (np.abs(e) - d / 2))


def cosine(np, a, b):
    return np.sum(a * b, axis=-1) / np.sqrt(np.sum(a * a, axis=-1) * np.sum(b * b, axis=-1))


def unless(sign):
    """1 where the target is +1. The target carries no gradient here."""
    return sign > 0


def distance(np, a, b, p):
    return np.sum(np.abs(a - b + 1e-6) ** p, axis=-1) ** (1 / p)


def triplet(np, a, b, c, p=2, swap=False):
    far = distance(np, a, c, p)
    far = np.minimum(far, distance(np, b, c, p)) if swap else far
    return np.maximum(distance(np, a, b, p) - far + 1.0, 0.0)


add_rows(
    "binary_cross_entropy", bce, pairs(share, share) + [("weight", share(3, 2), share(3, 2), positive(2))]
)
add_rows(
    "binary_cross_entropy_with_logits",
    bce_logits,
    pairs(real, share)
    + [
        ("weights", real(3, 2), share(3, 2), positive(2), positive(2)),
        ("one weight", real(3, 2), share(3, 2), None, positive(2)),
    ],
)
add_rows("mse_loss", lambda np, x, t: (x - t) ** 2, pairs())
add_rows("l1_loss", lambda np, x, t: np.abs(x - t), pairs())
add_rows("huber_loss", lambda np, x, t: huber(np, x - t, 0.7), pairs(), delta=0.7)
add_rows("smooth_l1_loss", lambda np, x, t: huber(np, x - t, 0.7) / 0.7, pairs(), beta=0.7)
add_rows("smooth_l1_loss", lambda np, x, t: np.abs(x - t), pairs()[1:3], beta=0)
add_rows("kl_div", lambda np, x, t: t * (np.log(t) - x), pairs(real, positive))
add_rows("kl_div", lambda np, x, t: np.exp(t) * (t - x), pairs(), log_target=True)
ROWS.append(
    Row(
        "kl_div",
        lambda x, t: ops.kl_div(x, t, reduction="batchmean"),
        lambda np, x, t: np.sum(t * (np.log(t) - x)) / len(x),
        pairs(real, positive)[1:],
    )
)

TWO = [("one vector", (3,)), ("odd", (3, 4)), ("large", (40, 33))]
for _reduction in REDUCTIONS:
    ROWS += [
        Row(
            "cosine_embedding_loss",
            lambda a, b, t, r=_reduction: ops.cosine_embedding_loss(a, b, t, margin=0.2, reduction=r),
            lambda np, a, b, t, r=_reduction: reduced(
                np, np.where(unless(t), 1 - cosine(np, a, b), np.maximum(cosine(np, a, b) - 0.2, 0.0)), r
            ),
            [(n, apart(*s), real(*s), signs(*s[:-1])) for n, s in TWO],
        ),
        Row(
            "hinge_embedding_loss",
            lambda x, t, r=_reduction: ops.hinge_embedding_loss(x, t, margin=0.8, reduction=r),
            lambda np, x, t, r=_reduction: reduced(np, np.where(unless(t), x, np.maximum(0.8 - x, 0.0)), r),
            pairs(apart, signs),
        ),
        Row(
            "margin_ranking_loss",
            lambda a, b, t, r=_reduction: ops.margin_ranking_loss(a, b, t, margin=0.3, reduction=r),
            lambda np, a, b, t, r=_reduction: reduced(np, np.maximum(0.3 - t * (a - b), 0.0), r),
            [(n, apart(*s), real(*s), signs(*s)) for n, s in SHAPES],
        ),
    ]
    for _p, _swap in ((2, False), (2, True), (3, False)):
        ROWS.append(
            Row(
                "triplet_margin_loss",
                lambda a, b, c, r=_reduction, p=_p, s=_swap: ops.triplet_margin_loss(
                    a, b, c, p=p, swap=s, reduction=r
                ),
                lambda np, a, b, c, r=_reduction, p=_p, s=_swap: reduced(np, triplet(np, a, b, c, p, s), r),
                [(n, apart(*s), real(*s), real(*s)) for n, s in TWO],
            )
        )
