"""Rows of arithmetic, elementary functions, comparisons, activations and softmax."""

import math

import autograd.scipy.special as hips_special
import numpy
import scipy.special
from table import Row, apart, binary, mask, positive, real, unary, whole

from mmscratch import ops


def special(np):
    """SciPy's special functions, differentiable where np is HIPS's."""
    return scipy.special if np is numpy else hips_special


def sigmoid(np, x):
    return 1 / (1 + np.exp(-x))


def elu(np, x, a):
    return np.where(x > 0, x, a * (np.exp(np.minimum(x, 0)) - 1))


def masked_softmax(np, x, m, axis=-1):
    e = np.where(m, np.exp(x), 0.0)
    total = np.sum(e, axis=axis, keepdims=True)
    return e / np.where(total == 0, 1.0, total)


def glu(np, x):
    half = x.shape[1] // 2
    return x[:, :half] * sigmoid(np, x[:, half:])


def odd_numbers(*shape):
    """Floats, NaN and infinities."""

    def make(rng, dtype):
        return rng.choice([0.0, 1.5, -2.0, math.nan, math.inf, -math.inf], shape).astype(dtype)

    return make


UNARY = unary(apart)
WIDE = unary(lambda *shape: apart(*shape, gap=0.7, offset=0.31))
SMOOTH = unary(real)
POSITIVE = unary(positive)

ARITHMETIC = [
    Row("add", ops.add, lambda np, a, b: a + b, binary()),
    Row("add", lambda a: ops.add(a, 2.5), lambda np, a: a + 2.5, SMOOTH),
    Row("sub", ops.sub, lambda np, a, b: a - b, binary()),
    Row("sub", lambda a: ops.sub(1.5, a), lambda np, a: 1.5 - a, SMOOTH),
    Row("mul", ops.mul, lambda np, a, b: a * b, binary()),
    Row("mul", lambda a: ops.mul(a, a), lambda np, a: a * a, SMOOTH),
    Row("div", ops.div, lambda np, a, b: a / b, binary(real, positive)),
    Row("div", lambda a: ops.div(2.0, a), lambda np, a: 2.0 / a, POSITIVE),
    Row("pow", ops.pow, lambda np, a, b: a**b, binary(positive, real)),
    Row("pow", lambda a: ops.pow(a, 3), lambda np, a: a**3.0, UNARY),
    Row("pow", lambda a: ops.pow(a, 0), lambda np, a: a * 0.0 + 1.0, UNARY),
    Row("pow", lambda a: ops.pow(a, -0.5), lambda np, a: a**-0.5, POSITIVE),
    Row("pow", lambda a: ops.pow(2.0, a), lambda np, a: 2.0**a, SMOOTH),
    Row(
        "remainder",
        ops.remainder,
        lambda np, a, b: np.mod(a, b),
        binary(apart, lambda *s: real(*s, low=5, high=6)),
        hips=False,
    ),
    Row(
        "remainder",
        lambda a: ops.remainder(a, 0.7),
        lambda np, a: np.mod(a, 0.7),
        unary(lambda *s: apart(*s, gap=0.7, offset=0.3)),
        rtol32=1e-3,
    ),
    Row(
        "maximum",
        ops.maximum,
        lambda np, a, b: np.maximum(a, b),
        binary(apart, lambda *s: apart(*s, offset=0.031)),
    ),
    Row("maximum", lambda a: ops.maximum(a, 0.1), lambda np, a: np.maximum(a, 0.1), UNARY),
    Row(
        "minimum",
        ops.minimum,
        lambda np, a, b: np.minimum(a, b),
        binary(apart, lambda *s: apart(*s, offset=0.031)),
    ),
    Row("clip", lambda a: ops.clip(a, min=-0.2, max=0.3), lambda np, a: np.clip(a, -0.2, 0.3), UNARY),
    Row("clip", lambda a: ops.clip(a, min=-0.2), lambda np, a: np.maximum(a, -0.2), UNARY),
    Row("clip", lambda a: ops.clip(a, max=0.3), lambda np, a: np.minimum(a, 0.3), UNARY),
    Row(
        "where",
        ops.where,
        lambda np, m, a, b: np.where(m, a, b),
        [
            ("0-d", mask(), real(), real()),
            ("empty", mask(0, 3), real(0, 3), real(0, 3)),
            ("one", mask(1), real(1), real(1)),
            ("odd", mask(3, 5), real(3, 5), real(3, 5)),
            ("large", mask(301, 131), real(301, 131), real(301, 131)),
        ],
    ),
    Row(
        "where",
        ops.where,
        lambda np, m, a, b: np.where(m, a, b),
        [
            ("broadcast", mask(3, 1), real(4), real(2, 1, 1)),
            ("broadcast empty", mask(0, 3), real(3), real(1, 3)),
            ("broadcast large", mask(301, 131), real(131), real(301, 1)),
        ],
        hips=False,  # HIPS does not sum the gradient of where over the repeated axes
    ),
    Row(
        "where",
        lambda m, a: ops.where(m, a, 0.5),
        lambda np, m, a: np.where(m, a, 0.5),
        [("odd", mask(3, 5), real(3, 5)), ("broadcast", mask(5), real(3, 5))],
    ),
]

ELEMENTARY = [
    Row("neg", ops.neg, lambda np, x: -x, SMOOTH),
    Row("abs", ops.abs, lambda np, x: np.abs(x), UNARY),
    Row("sign", ops.sign, lambda np, x: np.sign(x), UNARY),
    Row("exp", ops.exp, lambda np, x: np.exp(x), SMOOTH),
    Row("log", ops.log, lambda np, x: np.log(x), POSITIVE),
    Row("sqrt", ops.sqrt, lambda np, x: np.sqrt(x), POSITIVE),
    Row("rsqrt", ops.rsqrt, lambda np, x: 1 / np.sqrt(x), POSITIVE),
    Row("reciprocal", ops.reciprocal, lambda np, x: 1 / x, POSITIVE),
    Row("square", ops.square, lambda np, x: x * x, SMOOTH),
    Row("sin", ops.sin, lambda np, x: np.sin(x), SMOOTH),
    Row("cos", ops.cos, lambda np, x: np.cos(x), SMOOTH),
    Row("erf", ops.erf, lambda np, x: special(np).erf(x), SMOOTH),
    Row("floor", ops.floor, lambda np, x: np.floor(x), UNARY, hips=False),
    Row("ceil", ops.ceil, lambda np, x: np.ceil(x), UNARY, hips=False),
    Row("round", ops.round, lambda np, x: np.round(x), UNARY, hips=False),
    Row("cast", lambda x: ops.cast(x, dtype=x.dtype), lambda np, x: x * 1.0, SMOOTH),
    Row("cast", lambda x: ops.cast(x, dtype="int64"), lambda np, x: x.astype("int64"), UNARY, smooth=False),
    Row("cast", lambda x: ops.cast(x, dtype="bool"), lambda np, x: x != 0, SMOOTH, smooth=False),
]

COMPARISON = [
    *(
        Row(
            name,
            getattr(ops, name),
            lambda np, a, b, name=name: getattr(np, name)(a, b),
            binary(apart),
            smooth=False,
        )
        for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
    ),
    *(
        Row(
            name,
            getattr(ops, name),
            lambda np, a, b, name=name: getattr(np, name)(a, b),
            binary(mask),
            smooth=False,
        )
        for name in ("logical_and", "logical_or", "logical_xor")
    ),
    Row("equal", lambda a: ops.equal(a, 2), lambda np, a: a == 2, unary(whole), smooth=False),
    Row("logical_not", ops.logical_not, lambda np, a: np.logical_not(a), unary(mask), smooth=False),
    Row("isnan", ops.isnan, lambda np, a: np.isnan(a), unary(odd_numbers), smooth=False),
    Row("isfinite", ops.isfinite, lambda np, a: np.isfinite(a), unary(odd_numbers), smooth=False),
]


ACTIVATION = [
    Row("relu", ops.relu, lambda np, x: np.maximum(x, 0), UNARY),
    Row("relu6", ops.relu6, lambda np, x: np.clip(x, 0, 6), WIDE),
    Row("sigmoid", ops.sigmoid, sigmoid, SMOOTH),
    Row("log_sigmoid", ops.log_sigmoid, lambda np, x: -np.log(1 + np.exp(-x)), SMOOTH),
    Row("tanh", ops.tanh, lambda np, x: np.tanh(x), SMOOTH),
    Row("softplus", ops.softplus, lambda np, x: np.log(1 + np.exp(x)), SMOOTH),
    Row("gelu", ops.gelu, lambda np, x: x * 0.5 * (1 + special(np).erf(x / 2**0.5)), SMOOTH),
    Row(
        "gelu",
        lambda x: ops.gelu(x, approximate="tanh"),
        lambda np, x: 0.5 * x * (1 + np.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x**3))),
        SMOOTH,
    ),
    Row("silu", ops.silu, lambda np, x: x * sigmoid(np, x), SMOOTH),
    Row("mish", ops.mish, lambda np, x: x * np.tanh(np.log(1 + np.exp(x))), SMOOTH),
    Row("elu", lambda x: ops.elu(x, alpha=1.3), lambda np, x: elu(np, x, 1.3), UNARY),
    Row("selu", ops.selu, lambda np, x: 1.0507009873554805 * elu(np, x, 1.6732632423543772), UNARY),
    Row("celu", lambda x: ops.celu(x, alpha=0.7), lambda np, x: elu(np, x / 0.7, 1.0) * 0.7, UNARY),
    Row(
        "leaky_relu",
        lambda x: ops.leaky_relu(x, negative_slope=0.2),
        lambda np, x: np.where(x > 0, x, 0.2 * x),
        UNARY,
    ),
    Row(
        "prelu",
        ops.prelu,
        lambda np, x, w: np.where(x > 0, x, x * np.reshape(w, (-1,) + (1,) * (np.ndim(x) - 2))),
        [
            ("odd", apart(2, 3), real(3)),
            ("one", apart(2, 3), real(1)),
            ("three axes", apart(2, 3, 4), real(3)),
            ("empty", apart(0, 3), real(3)),
            ("large", apart(20, 3, 700), real(3)),
        ],
    ),
    Row("hard_sigmoid", ops.hard_sigmoid, lambda np, x: np.clip(x / 6 + 0.5, 0, 1), WIDE),
    Row("hard_swish", ops.hard_swish, lambda np, x: x * np.clip(x / 6 + 0.5, 0, 1), WIDE),
    Row("hard_tanh", ops.hard_tanh, lambda np, x: np.clip(x, -1, 1), WIDE),
    Row("softsign", ops.softsign, lambda np, x: x / (1 + np.abs(x)), UNARY),
    Row("tanhshrink", ops.tanhshrink, lambda np, x: x - np.tanh(x), SMOOTH),
    Row(
        "threshold",
        lambda x: ops.threshold(x, threshold=0.1, value=-3.0),
        lambda np, x: np.where(x > 0.1, x, -3.0),
        UNARY,
    ),
    Row(
        "glu",
        lambda x: ops.glu(x, axis=1),
        lambda np, x: glu(np, x),
        [
            ("odd", real(3, 6)),
            ("one", real(1, 2)),
            ("empty", real(0, 4)),
            ("empty axis", real(3, 0)),
            ("three axes", real(2, 4, 3)),
            ("large", real(301, 64)),
        ],
    ),
]


ROWED = [
    ("one", real(1)),
    ("row", real(5)),
    ("odd", real(3, 5)),
    ("three axes", real(2, 3, 4)),
    ("empty", real(0, 5)),
    ("large", real(301, 131)),
]
MASKED = [
    ("odd", real(3, 5), mask(3, 5)),
    ("row mask", real(3, 5), mask(5)),
    ("column mask", real(3, 5), mask(3, 1)),
    ("three axes", real(2, 3, 4), mask(2, 1, 4)),
    ("large", real(301, 131), mask(301, 131)),
]

SOFTMAX = [
    Row("softmax", ops.softmax, lambda np, x: masked_softmax(np, x, True), ROWED),
    Row(
        "softmax",
        lambda x: ops.softmax(x, axis=0),
        lambda np, x: masked_softmax(np, x, True, 0),
        ROWED[:4] + ROWED[5:],
    ),
    Row("softmax", lambda x: ops.softmax(x * 300), None, ROWED),
    Row("softmax", ops.softmax, masked_softmax, MASKED),
    Row(
        "softmax",
        lambda x, m: ops.softmax(x, m, axis=0),
        lambda np, x, m: masked_softmax(np, x, m, 0),
        MASKED,
    ),
    Row("log_softmax", ops.log_softmax, lambda np, x: np.log(masked_softmax(np, x, True)), ROWED),
    Row(
        "log_softmax",
        lambda x: ops.log_softmax(x, axis=0),
        lambda np, x: np.log(masked_softmax(np, x, True, 0)),
        ROWED[:4] + ROWED[5:],
    ),
    Row(
        "log_softmax",
        lambda x, m: ops.where(m, ops.log_softmax(x, m), 0.0),
        lambda np, x, m: np.where(m, np.log(np.where(m, masked_softmax(np, x, m), 1.0)), 0.0),
        MASKED,
    ),
]

ROWS = ARITHMETIC + ELEMENTARY + COMPARISON + ACTIVATION + SOFTMAX
