"""Entry by entry: arithmetic, comparison, activations, clipping, dropout."""

import functools

import numpy as np

from mmscratch import ops
from mmscratch.random import Generator

from .registry import adapter

for _name, _function in {
    "Abs": ops.abs, "Neg": ops.neg, "Sign": ops.sign, "Exp": ops.exp, "Log": ops.log, "Sqrt": ops.sqrt,
    "Reciprocal": ops.reciprocal, "Sin": ops.sin, "Cos": ops.cos, "Tanh": ops.tanh, "Sigmoid": ops.sigmoid,
    "Erf": ops.erf, "Relu": ops.relu, "Softplus": ops.softplus, "Softsign": ops.softsign, "Mish": ops.mish,
    "Floor": ops.floor, "Ceil": ops.ceil, "Round": ops.round,
}.items():  # fmt: skip
    adapter(_name)(lambda c, f=_function: f(c.x[0]))


def _aligned(c):
    """The two operands; before opset 7 ``broadcast`` and ``axis`` say where the second one belongs."""
    a, b = c.x
    if c.get("broadcast") and b.ndim < a.ndim and c.get("axis") is not None:
        b = ops.reshape(b, shape=b.shape + (1,) * (a.ndim - c.get("axis") % a.ndim - b.ndim))
    return a, b


for _name, _function in {"Add": ops.add, "Sub": ops.sub, "Mul": ops.mul}.items():
    adapter(_name)(lambda c, f=_function: f(*_aligned(c)))


@adapter("Div")
def div(c):
    a, b = _aligned(c)
    if c.dtype[0].kind == "f":
        return ops.div(a, b)
    # float64 finds the quotient up to 2⁵³; what it has left over, divided again, makes it exact.
    large, small = ops.abs(a), ops.abs(b)
    first = _whole_quotient(large, small)
    left = ops.sub(large, ops.mul(first, small))
    return ops.mul(ops.mul(ops.sign(a), ops.sign(b)), ops.add(first, _whole_quotient(left, small)))


def _whole_quotient(a, b):
    return ops.cast(
        ops.floor(ops.div(ops.cast(a, dtype="float64"), ops.cast(b, dtype="float64"))), dtype="int64"
    )


def _truncate(x):
    return ops.mul(ops.sign(x), ops.floor(ops.abs(x)))


def _integer_power(a, b):
    """a to the b by squaring, b ≥ 0: exact, where float64 is not beyond 2⁵³."""
    a, b = (ops.broadcast_to(x, shape=np.broadcast_shapes(a.shape, b.shape)) for x in (a, b))
    y = np.ones(a.shape, np.int64)
    for bit in range(int(np.max(b, initial=0)).bit_length()):
        y = ops.mul(y, ops.where(np.asarray(b >> bit & 1, bool), a, np.ones((), np.int64)))
        a = ops.mul(a, a)
    return y


@adapter("Pow")
def power(c):
    a, b = _aligned(c)
    if a.dtype == b.dtype and a.dtype.kind == "f":
        return ops.pow(a, b)
    if a.dtype.kind == b.dtype.kind == "i" and not (b < 0).any():
        return _integer_power(a, b)
    y = ops.pow(ops.cast(a, dtype="float64"), ops.cast(b, dtype="float64"))
    return y if c.dtype[0].kind == "f" else _truncate(y)


_COMPARE = {
    "Greater": ops.greater, "Less": ops.less,
    "GreaterOrEqual": ops.greater_equal, "LessOrEqual": ops.less_equal,
    "And": ops.logical_and, "Or": ops.logical_or, "Xor": ops.logical_xor,
}  # fmt: skip
for _name, _function in _COMPARE.items():
    adapter(_name, out="bool")(lambda c, f=_function: f(*_aligned(c)))
adapter("Not", out="bool")(lambda c: ops.logical_not(c.x[0]))


@adapter("Equal", out="bool")
def equal(c):
    a, b = _aligned(c)
    if a.dtype.kind in "UO":  # words are compared by their number in one list of words
        _, number = np.unique(np.concatenate([a.reshape(-1), b.reshape(-1)]).astype(str), return_inverse=True)
        number = number.astype(np.int64)
        a, b = number[: a.size].reshape(a.shape), number[a.size :].reshape(b.shape)
    return ops.equal(a, b)


adapter("Max")(lambda c: functools.reduce(ops.maximum, c.x))
adapter("Min")(lambda c: functools.reduce(ops.minimum, c.x))
adapter("Sum")(lambda c: functools.reduce(ops.add, c.x))
adapter("Mean")(lambda c: ops.div(functools.reduce(ops.add, c.x), float(len(c.x))))
adapter("Where", out="T1")(lambda c: ops.where(*c.x))
adapter("Identity")(lambda c: c.x[0])


@adapter("Clip")
def clip(c):
    low, high = (c.x[i].item() if c.has(i) else c.get(n) for i, n in ((1, "min"), (2, "max")))
    if low is None and high is None:
        return c.x[0]
    return ops.clip(c.x[0], min=low, max=high)


# ── activations ──────────────────────────────────────────────────────────────────────────────────
adapter("Elu")(lambda c: ops.elu(c.x[0], alpha=c.get("alpha", 1.0)))
adapter("Celu")(lambda c: ops.celu(c.x[0], alpha=c.get("alpha", 1.0)))
adapter("LeakyRelu")(lambda c: ops.leaky_relu(c.x[0], negative_slope=c.get("alpha", 0.01)))
adapter("HardSigmoid")(
    lambda c: ops.hard_sigmoid(c.x[0], slope=c.get("alpha", 0.2), offset=c.get("beta", 0.5))
)
adapter("HardSwish")(lambda c: ops.hard_swish(c.x[0]))
adapter("Gelu")(lambda c: ops.gelu(c.x[0], approximate=c.get("approximate", "none")))
adapter("ThresholdedRelu")(lambda c: ops.threshold(c.x[0], threshold=c.get("alpha", 1.0), value=0.0))


@adapter("Selu")
def selu(c):
    # Before opset 6 the constants were rounded to four places.
    alpha, gamma = (1.6732, 1.0507) if c.opset < 6 else (1.6732631921768188, 1.0507010221481323)
    return ops.selu(c.x[0], alpha=c.get("alpha", alpha), gamma=c.get("gamma", gamma))


@adapter("PRelu")
def prelu(c):
    x, slope = c.x
    if c.opset < 7 and slope.ndim == 1 and slope.size > 1:  # one slope a channel, before broadcasting came
        slope = ops.reshape(slope, shape=slope.shape + (1,) * (x.ndim - 2))
    return ops.where(ops.less(x, 0), ops.mul(slope, x), x)


def _as_rows(c, x, default):
    """Before opset 13 the axes from ``axis`` on are one: x as a matrix, and the way back."""
    axis = c.get("axis", 1 if c.opset < 13 else default)
    if c.opset >= 13:
        return x, axis
    axis %= x.ndim
    return ops.reshape(x, shape=(int(np.prod(x.shape[:axis])), -1)), 1


@adapter("Softmax", "LogSoftmax", "Hardmax")
def softmax(c):
    x, axis = _as_rows(c, c.x[0], -1)
    if c.node.op == "Hardmax":
        last = ops.transpose(x, axis0=axis, axis1=-1)
        hot = ops.one_hot(ops.argmax(last, axis=-1), num_classes=last.shape[-1])
        y = ops.transpose(ops.cast(hot, dtype=x.dtype), axis0=axis, axis1=-1)
    else:
        y = (ops.softmax if c.node.op == "Softmax" else ops.log_softmax)(x, axis=axis)
    return ops.reshape(y, shape=c.x[0].shape)


# ── dropout ──────────────────────────────────────────────────────────────────────────────────────
def dropout_ratio(node, opset, inputs):
    """The share that a Dropout node drops: 0 unless it trains."""
    if opset < 12:
        trains = opset < 7 and not node.attributes.get("is_test", 0)
        return node.attributes.get("ratio", 0.5) if trains else 0.0
    if len(inputs) < 3 or inputs[2] is None or not bool(inputs[2]):
        return 0.0
    return 0.5 if inputs[1] is None else float(inputs[1])


@adapter("Dropout", out=("T", "bool"))
def dropout(c):
    ratio = dropout_ratio(c.node, c.opset, c.x)
    seed = c.get("seed", 0)
    y = ops.dropout(c.x[0], p=ratio, generator=Generator(seed)) if ratio else c.x[0]
    ones = ops.add(ops.mul(c.x[0], 0.0), 1.0)
    kept = ops.dropout(ones, p=ratio, generator=Generator(seed)) if ratio else ones
    mask = ops.not_equal(kept, 0.0)
    return (y, mask) if c.wants(1) else y


def check_random_dropout(ratio, x, y, mask=None):
    """Which entries a training dropout keeps is left open by the specification; the rest is not."""
    kept = y != 0
    assert y.dtype == x.dtype and y.shape == x.shape
    np.testing.assert_allclose(y[kept], (x / (1 - ratio))[kept] if ratio < 1 else y[kept], rtol=1e-5)
    assert abs(kept.mean() - (1 - ratio)) <= 5 * np.sqrt(ratio * (1 - ratio) / x.size)
    if mask is not None:
        assert mask.dtype == bool and (mask[x != 0] == kept[x != 0]).all()
