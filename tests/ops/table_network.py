"""Rows of attention, normalization, similarity and dropout."""

import math

import numpy
from table import Row, apart, mask, positive, real

from mmscratch import Tensor, ops
from mmscratch.random import Generator


# ── attention ────────────────────────────────────────────────────────────────────────────────────
def softmax(np, s):
    """Along the last axis; a row of −∞ gives zeros."""
    top = np.max(s, axis=-1, keepdims=True)
    e = np.exp(s - np.where(np.isfinite(top), top, 0.0))
    total = np.sum(e, axis=-1, keepdims=True)
    return e / np.where(total == 0, 1.0, total)


def attention(np, q, k, v, m=None, causal=False, scale=None):
    s = np.matmul(q, np.swapaxes(k, -1, -2)) * (1 / math.sqrt(q.shape[-1]) if scale is None else scale)
    if m is not None:
        s = np.where(m, s, -math.inf) if m.dtype == bool else s + m
    if causal:
        s = np.where(np.arange(s.shape[-2])[:, None] >= np.arange(s.shape[-1]), s, -math.inf)
    p = softmax(np, s)
    return np.matmul(p, v), p


def qkv(lead, rows, columns, d, e):
    return real(*lead, rows, d), real(*lead, columns, d), real(*lead, columns, e)


def shut(*shape):
    """A mask whose first row lets nothing through."""

    def make(rng, dtype):
        m = rng.random(shape) < 0.7
        m[..., 0, :] = False
        m[..., 1:, 0] = True
        return m

    return make


ATTENTION = [
    ("no leading axis", *qkv((), 3, 4, 2, 3), None),
    ("one", *qkv((1,), 1, 1, 1, 1), None),
    ("odd", *qkv((2,), 2, 3, 3, 2), None),
    ("heads", *qkv((2, 2), 2, 3, 2, 2), None),
    ("more leading axes", *qkv((2, 1, 2), 2, 2, 2, 2), None),
    ("mask of keys", *qkv((2, 2), 2, 3, 2, 2), mask(1, 3)),
    ("mask of all", *qkv((2,), 3, 3, 2, 2), mask(2, 3, 3)),
    ("mask of a batch, more axes", *qkv((2, 2, 1), 2, 3, 2, 1), mask(2, 1, 1, 1, 3)),
    ("a row sees nothing", *qkv((1, 2), 3, 3, 2, 2), shut(3, 3)),
    ("float mask", *qkv((2, 2), 2, 3, 2, 2), real(2, 1, 2, 3)),
    ("float mask, broadcast", *qkv((2, 3), 2, 2, 2, 2), real(3, 1, 2)),
    ("large", *qkv((2, 4), 65, 70, 16, 24), None),
    ("large, mask", *qkv((2, 4), 33, 33, 16, 16), mask(2, 1, 1, 33)),
]
CAUSAL = [
    ("causal", *qkv((2,), 4, 4, 2, 2), None),
    ("causal, more keys", *qkv((1, 2), 2, 4, 2, 2), None),
    ("causal, masked", *qkv((1, 2), 3, 3, 2, 2), mask(3, 3)),
    ("causal, float mask", *qkv((2,), 3, 3, 2, 2), real(3, 3)),
    ("causal, large", *qkv((2, 3), 64, 64, 8, 8), None),
]


def additive_scores(np, q, k, w):
    return np.sum(np.tanh(q[..., :, None, :] + k[..., None, :, :]) * w, axis=-1)


def additive(np, q, k, v, wq, wk, w, m=None, b=None):
    q = np.matmul(q, wq.T) + (0.0 if b is None else b)
    s = additive_scores(np, q, np.matmul(k, wk.T), w)
    p = softmax(np, s if m is None else np.where(m, s, -math.inf))
    return np.matmul(p, v), p


ROWS = []
for _op in ("attention", "attention_twin"):
    _f = getattr(ops, _op)
    ROWS += [
        Row(_op, _f, attention, ATTENTION),
        Row(
            _op,
            lambda q, k, v, m, f=_f: f(q, k, v, m, causal=True),
            lambda np, q, k, v, m: attention(np, q, k, v, m, causal=True),
            CAUSAL,
        ),
        Row(
            _op,
            lambda q, k, v, f=_f: f(q, k, v, scale=0.3)[0],
            lambda np, q, k, v: attention(np, q, k, v, scale=0.3)[0],
            [("output only", *qkv((2,), 2, 3, 2, 2))],
        ),
        Row(
            _op,
            lambda q, k, v, f=_f: f(q, k, v)[1],
            lambda np, q, k, v: attention(np, q, k, v)[1],
            [("probability only", *qkv((2,), 2, 3, 2, 2))],
        ),
    ]
ROWS += [
    Row(
        "additive_attention",
        ops.additive_attention,
        additive,
        [
            ("one", real(1, 1), real(1, 1), real(1, 1), real(1, 1), real(1, 1), real(1)),
            ("odd", real(2, 2), real(3, 3), real(3, 2), real(2, 2), real(2, 3), real(2)),
            (
                "batch, mask, bias",
                real(2, 1, 2),
                real(2, 3, 2),
                real(2, 3, 2),
                real(2, 2),
                real(2, 2),
                real(2),
                mask(2, 1, 3),
                real(2),
            ),
            ("large", real(3, 5, 16), real(3, 36, 24), real(3, 36, 24), real(12, 16), real(12, 24), real(12)),
        ],
    ),
    Row(
        "additive_scores",
        ops.additive_scores,
        additive_scores,
        [
            ("one", real(1, 1), real(1, 1), real(1)),
            ("odd", real(2, 3, 2), real(2, 4, 2), real(2)),
            ("large", real(4, 7, 20), real(4, 30, 20), real(20)),
            ("no batch", real(3, 2), real(4, 2), real(2)),
            ("broadcast", real(2, 1, 3, 2), real(3, 4, 2), real(2)),
        ],
    ),
]


# ── normalization ────────────────────────────────────────────────────────────────────────────────
def normed(np, x, w, b, axes, eps, view, center=True):
    mean = np.mean(x, axis=axes, keepdims=True) if center else 0.0
    y = (x - mean) / np.sqrt(np.mean((x - mean) ** 2, axis=axes, keepdims=True) + eps)
    y = y if w is None else y * np.reshape(w, view)
    return y if b is None else y + np.reshape(b, view)


def by_channel(x):
    return (-1,) + (1,) * (x.ndim - 2)


def batch_norm(np, x, w, b):
    axes = (0, *range(2, x.ndim))
    return normed(np, x, w, b, axes, 1e-5, by_channel(x))


def batch_norm_eval(np, x, w, b, m, v):
    y = (x - np.reshape(m, by_channel(x))) / np.sqrt(np.reshape(v, by_channel(x)) + 1e-5)
    y = y if w is None else y * np.reshape(w, by_channel(x))
    return y if b is None else y + np.reshape(b, by_channel(x))


def group_norm(np, x, w, b, groups):
    g = np.reshape(x, (x.shape[0], groups, -1))
    y = np.reshape(normed(np, g, None, None, 2, 1e-5, ()), x.shape)
    y = y if w is None else y * np.reshape(w, by_channel(x))
    return y if b is None else y + np.reshape(b, by_channel(x))


IMAGES = [
    ("odd", (3, 2)),
    ("one axis", (2, 3, 4)),
    ("two axes", (2, 2, 3, 3)),
    ("three axes", (2, 2, 2, 2, 2)),
    ("large", (4, 12, 9, 11)),
]
SPATIAL = [case for case in IMAGES if len(case[1]) > 2]


def images(shapes):
    """x with weight and bias, and without."""
    cases = []
    for name, shape in shapes:
        cases += [
            (name, real(*shape), real(shape[1]), real(shape[1])),
            (f"{name}, bare", real(*shape), None, None),
            (f"{name}, weight", real(*shape), real(shape[1]), None),
        ]
    return cases


def trained(x, w, b):
    m, v = Tensor(numpy.zeros(x.shape[1], x.dtype)), Tensor(numpy.ones(x.shape[1], x.dtype))
    return ops.batch_norm(x, w, b, running_mean=m, running_var=v, training=True)


ENDS = [
    ("one", (1, 2), (2,)),
    ("odd", (3, 5), (5,)),
    ("three axes", (2, 3, 4), (4,)),
    ("two last axes", (2, 3, 4), (3, 4)),
    ("all axes", (3, 4), (3, 4)),
    ("empty", (0, 4), (4,)),
    ("large", (31, 130), (130,)),
]


def ends(bias=True):
    cases = []
    for name, shape, end in ENDS:
        extra = (real(*end),) * (1 + bias)
        cases += [(name, real(*shape), *extra), (f"{name}, bare", real(*shape), *(None,) * (1 + bias))]
    return cases


def _end(x, w):
    return tuple(x.shape[-1:]) if w is None else tuple(w.shape)


def layer_norm(np, x, w, b):
    axes = tuple(range(x.ndim - len(_end(x, w)), x.ndim))
    return normed(np, x, w, b, axes, 1e-5, _end(x, w))


FILM = {"odd": (3, 5), "space": (2, 3, 4, 2), "no space": (2, 3, 0), "large": (40, 25, 9, 11)}


def film(np, x, g, b):
    return np.reshape(1 + g, (*g.shape, *(1,) * (x.ndim - 2))) * x + np.reshape(
        b, (*b.shape, *(1,) * (x.ndim - 2))
    )


def rms_norm(np, x, w):
    axes = tuple(range(x.ndim - len(_end(x, w)), x.ndim))
    return normed(np, x, w, None, axes, 1e-6, _end(x, w), center=False)


ROWS += [
    Row("batch_norm_train", lambda x, w, b: ops.batch_norm_train(x, w, b)[0], batch_norm, images(IMAGES)),
    Row("batch_norm", trained, batch_norm, images(IMAGES)),
    Row("film", ops.film, film, [(n, real(*s), real(*s[:2]), real(*s[:2])) for n, s in FILM.items()]),
    Row(
        "film",
        lambda x, g, b: ops.film(x, g, b, relu=True),
        lambda np, x, g, b: np.maximum(film(np, x, g, b), 0),
        [(f"relu, {n}", real(*s), real(*s[:2]), real(*s[:2])) for n, s in FILM.items()],
    ),
    Row(
        "batch_norm",
        lambda x, w, b, m, v: ops.batch_norm(x, w, b, running_mean=m, running_var=v),
        batch_norm_eval,
        [
            (f"running, {c[0]}", *c[1:], real(s[1]), positive(s[1]))
            for c in images(IMAGES)
            for n, s in IMAGES
            if c[0].split(",")[0] == n
        ],
    ),
    Row(
        "instance_norm",
        ops.instance_norm,
        lambda np, x, w, b: normed(np, x, w, b, tuple(range(2, x.ndim)), 1e-5, by_channel(x)),
        images(SPATIAL),
    ),
    Row(
        "group_norm",
        lambda x, w, b: ops.group_norm(x, w, b, num_groups=2),
        lambda np, x, w, b: group_norm(np, x, w, b, 2),
        images(
            [("odd", (3, 6)), ("one axis", (2, 4, 3)), ("two axes", (2, 4, 2, 3)), ("large", (3, 12, 9, 7))]
        ),
    ),
    Row(
        "group_norm",
        lambda x, w, b: ops.group_norm(x, w, b, num_groups=1),
        lambda np, x, w, b: group_norm(np, x, w, b, 1),
        images([("one group", (2, 3, 2))]),
    ),
    Row(
        "layer_norm", lambda x, w, b: ops.layer_norm(x, w, b, normalized_shape=_end(x, w)), layer_norm, ends()
    ),
    Row(
        "layer_norm_twin",
        lambda x, w, b: ops.layer_norm_twin(x, w, b, normalized_shape=_end(x, w)),
        layer_norm,
        ends(),
    ),
    Row(
        "rms_norm",
        lambda x, w: ops.rms_norm(x, w, normalized_shape=_end(x, w), eps=1e-6),
        rms_norm,
        ends(bias=False),
    ),
]


# ── similarity ───────────────────────────────────────────────────────────────────────────────────
def length(np, x, axis, eps):
    return np.sqrt(np.maximum(np.sum(x * x, axis=axis, keepdims=True), eps * eps))


def cosine(np, a, b, axis=-1):
    return np.sum(a * b / (length(np, a, axis, 1e-8) * length(np, b, axis, 1e-8)), axis=axis)


VECTORS = [
    ("no leading axis", (3,)),
    ("one", (1, 1)),
    ("odd", (3, 5)),
    ("three axes", (2, 3, 4)),
    ("empty", (0, 4)),
    ("large", (40, 129)),
]
PAIRS = [(name, apart(*s), real(*s)) for name, s in VECTORS]
PAIRS += [("broadcast", apart(3, 1, 4), real(1, 2, 4)), ("broadcast rank", apart(3, 4), real(4))]
MATRICES = [
    ("one", apart(1, 2), apart(1, 2)),
    ("odd", apart(3, 4), real(5, 4)),
    ("large", apart(30, 65), real(41, 65)),
]

ROWS += [
    Row(
        "normalize",
        ops.normalize,
        lambda np, x: x / length(np, x, -1, 1e-12),
        [(n, apart(*s)) for n, s in VECTORS],
    ),
    Row(
        "normalize",
        lambda x: ops.normalize(x, axis=0),
        lambda np, x: x / length(np, x, 0, 1e-12),
        [(f"{n}, first axis", apart(*s)) for n, s in VECTORS if n != "empty"],
    ),
    Row(
        "normalize_rows",
        ops.normalize_rows,
        lambda np, x: x / length(np, x, -1, 1e-12),
        [(n, apart(*s)) for n, s in VECTORS],
    ),
    Row("cosine_similarity", ops.cosine_similarity, cosine, PAIRS),
    Row(
        "cosine_similarity",
        lambda a, b: ops.cosine_similarity(a, b, axis=1),
        lambda np, a, b: cosine(np, a, b, 1),
        [("middle axis", apart(2, 3, 4), real(2, 3, 4))],
    ),
    Row("cosine_similarity_twin", ops.cosine_similarity_twin, cosine, PAIRS),
    Row(
        "cosine_similarity_matrix",
        ops.cosine_similarity_matrix,
        lambda np, a, b: cosine(np, a[:, None], b[None]),
        MATRICES,
    ),
    Row("cosine_topk", lambda a, b: ops.cosine_topk(a, b, k=1), None, MATRICES, smooth=False),
    Row(
        "dropout",
        lambda x: ops.dropout(x, p=0.4, generator=Generator(3)),
        None,
        [(n, real(*s)) for n, s in VECTORS],
    ),
    Row(
        "dropout",
        lambda x: ops.dropout(x, p=1, generator=Generator(3)),
        lambda np, x: x * 0.0,
        [("all", real(3, 4))],
    ),
    Row(
        "dropout",
        lambda x: ops.dropout(x, p=0, generator=Generator(3)),
        lambda np, x: x * 1.0,
        [("none", real(3, 4))],
    ),
]
