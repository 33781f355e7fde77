"""Scalar formulas applied everywhere, casting, filling."""

import math

import numpy as np

from ..quiet import quiet, quietly

_SQRT2 = math.sqrt(2.0)
_SQRT_2PI = math.sqrt(2.0 * math.pi)
_SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715


def _erf(x):
    from scipy.special import erf

    return erf(x)


def _erfc(x):
    from scipy.special import erfc

    return erfc(x)


def _sigmoid(x):
    """1 / (1 + e⁻ˣ), written with e^−|x| ≤ 1 so that nothing overflows."""
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, e) / (1.0 + e)


def _softplus(x):
    """log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|)."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def _normal_cdf(x):
    """Φ(x) = ½ (1 + erf(x/√2)) = ½ erfc(−x/√2), which keeps its digits in the left tail."""
    return 0.5 * _erfc(-x / _SQRT2)


def _normal_pdf(x):
    """φ(x) = e^(−x²/2) / √(2π)."""
    return np.exp(-0.5 * x * x) / _SQRT_2PI


def _gelu_argument(x):
    """u of gelu_tanh = ½ x (1 + tanh u) (Hendrycks & Gimpel, 2016): √(2/π) (x + 0.044715 x³)."""
    return _SQRT_2_OVER_PI * (x + _CUBIC * x * x * x)


def _gelu_tanh(x):
    # ½ (1 + tanh u) = σ(2u), which keeps its digits in the left tail.
    return x * _sigmoid(2.0 * _gelu_argument(x))


def _gelu_tanh_backward(dy, x):
    x = np.clip(x, -100.0, 100.0)  # the slope is 0 or 1 beyond; x² would overflow to 0 · ∞
    s = _sigmoid(2.0 * _gelu_argument(x))
    du = _SQRT_2_OVER_PI * (1.0 + 3.0 * _CUBIC * x * x)
    return dy * (s + 2.0 * x * s * (1.0 - s) * du)


def _silu_backward(dy, x):
    s = _sigmoid(x)
    return dy * s * (1.0 + x * (1.0 - s))


def _mish_backward(dy, x):
    t = np.tanh(_softplus(x))
    return dy * (t + x * (1.0 - t * t) * _sigmoid(x))


def _elu(x, alpha):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0.0)))


def _elu_backward(dy, x, alpha):
    return dy * np.where(x > 0, 1.0, alpha * np.exp(np.minimum(x, 0.0)))


def _hard_sigmoid_backward(dy, x, slope, offset):
    line = slope * x + offset
    return np.where((line > 0) & (line < 1), dy * slope, 0.0)


_FORMULAS = {
    # one operand
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "reciprocal": lambda x: 1.0 / x,
    "square": np.square,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "erf": _erf,
    "floor": np.floor,
    "ceil": np.ceil,
    "round": np.rint,
    "isnan": np.isnan,
    "isfinite": np.isfinite,
    "logical_not": np.logical_not,
    "sigmoid": _sigmoid,
    "relu": lambda x: np.maximum(x, 0),
    "softplus": _softplus,
    "gelu": lambda x: x * _normal_cdf(x),
    "gelu_tanh": _gelu_tanh,
    "silu": lambda x: x * _sigmoid(x),
    "mish": lambda x: x * np.tanh(_softplus(x)),
    "softsign": lambda x: x / (1.0 + np.abs(x)),
    # two
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "remainder": np.remainder,
    "equal": np.equal,
    "not_equal": np.not_equal,
    "less": np.less,
    "less_equal": np.less_equal,
    "greater": np.greater,
    "greater_equal": np.greater_equal,
    "logical_and": np.logical_and,
    "logical_or": np.logical_or,
    "logical_xor": np.logical_xor,
    "elu": _elu,
    "leaky_relu": lambda x, slope: np.where(x > 0, x, slope * x),
    "gelu_backward": lambda dy, x: dy * (_normal_cdf(x) + x * _normal_pdf(x)),
    "gelu_tanh_backward": _gelu_tanh_backward,
    "silu_backward": _silu_backward,
    "mish_backward": _mish_backward,
    "softsign_backward": lambda dy, x: dy / np.square(1.0 + np.abs(x)),
    "tanh_backward": lambda dy, y: dy * (1.0 - y * y),
    "sigmoid_backward": lambda dy, y: dy * y * (1.0 - y),
    "relu_backward": lambda dy, y: np.where(y > 0, dy, 0.0),
    "softplus_backward": lambda dy, x: dy * _sigmoid(x),
    # three
    "where": np.where,
    "clip": lambda x, low, high: np.minimum(np.maximum(x, low), high),
    "elu_backward": _elu_backward,
    "leaky_relu_backward": lambda dy, x, slope: np.where(x > 0, dy, slope * dy),
    "selu": lambda x, alpha, gamma: gamma * _elu(x, alpha),
    "hard_sigmoid": lambda x, slope, offset: np.minimum(np.maximum(slope * x + offset, 0.0), 1.0),
    # four
    "clip_backward": lambda dy, x, low, high: np.where((x >= low) & (x <= high), dy, 0.0),
    "selu_backward": lambda dy, x, alpha, gamma: gamma * _elu_backward(dy, x, alpha),
    "hard_sigmoid_backward": _hard_sigmoid_backward,
}


QUIET = {name: quiet(f) for name, f in _FORMULAS.items() if type(f) is np.ufunc}
"""The formulas that are one pass of NumPy: they take the operands as they come."""


def map(formula, *operands):
    """y[i] = formula(a[i], b[i], …), operands broadcast against each other."""
    try:
        y = QUIET[formula](*operands)
    except (KeyError, RuntimeError):  # it is composed of several; or another thread is in there
        y = quietly(_FORMULAS[formula], *_arrays(operands))
    return np.asarray(y, order="C")


def _arrays(operands):
    """Numbers as arrays of the common dtype: a formula composed of several might lift them to float64."""
    dtype = np.result_type(*operands)
    return [x if isinstance(x, np.ndarray) else np.asarray(x, dtype) for x in operands]


def cast(x, dtype):
    """A copy of x with another dtype."""
    return quietly(x.astype, dtype, order="C")


def full(shape, value, dtype):
    """A new array filled with one value."""
    return np.full(shape, value, dtype)
