"""The scalar formulas of ``map``, each written once: compiled by the cpu and by the cuda floor.

They are plain Python on numbers, so both compilers, Numba's CUDA simulator and a reader understand them.

Precision: a bare 0.5 is float64 to Numba and would silently lift float32 arithmetic to float64. So every
constant is written ``number(0.5)``, and ``formulas(np.float32, …)`` gives a copy of this file in which
``number`` is ``np.float32``. All operands of a formula have that one type (logic and ``where``'s
condition excepted); the result then has it too.

Not-a-number: a comparison with NaN is false; each choice below is turned so that NaN comes through.

Vectors: most formulas choose by ``where`` and not by ``if``. Then x may also be a vector of neighbouring
numbers (``cpu/simd.py``), which all go the same way: ``formulas`` is given that floor's functions instead.
What is not chosen was computed all the same, and may be ∞ or NaN.
"""

import math
import types

import numpy as np

from .interface import FORMULAS

number = float  # stands for the type of the copy, see formulas()
fmod = math.fmod

_WHOLE = 4503599627370496  # 2⁵²: every float64 or float32 of at least this size is a whole number


# ── one operand ──────────────────────────────────────────────────────────────────────────────────
def neg(x):
    return -x


def abs(x):
    return where(x <= number(0), number(0) - x, x)  # 0 − x, not −x: |−0| is +0


def sign(x):
    return where(x > number(0), number(1), where(x < number(0), number(-1), x))


def exp(x):
    return math.exp(x)


def log(x):
    return math.log(x)


def sqrt(x):
    return math.sqrt(x)


def reciprocal(x):
    return number(1) / x


def square(x):
    return x * x


def sin(x):
    return math.sin(x)


def cos(x):
    return math.cos(x)


def tanh(x):
    return math.tanh(x)


def erf(x):
    return math.erf(x)


def _truncate(x):
    """x without its fraction, for |x| < 2⁵² (math.floor would give an integer type, on cuda too)."""
    return number(int(x))


def floor(x):
    if not abs(x) < number(_WHOLE):
        return x
    t = _truncate(x)
    return math.copysign(t - number(1) if t > x else t, x)


def ceil(x):
    if not abs(x) < number(_WHOLE):
        return x
    t = _truncate(x)
    return math.copysign(t + number(1) if t < x else t, x)


def round(x):
    """To the nearest whole number, halves to the even one."""
    if not abs(x) < number(_WHOLE):
        return x
    size = abs(x)
    low = _truncate(size)
    rest = size - low
    odd = low - number(2) * _truncate(low * number(0.5)) == number(1)
    up = rest > number(0.5) or (rest == number(0.5) and odd)
    return math.copysign(low + number(1) if up else low, x)


def isnan(x):
    return x != x


def isfinite(x):
    return x - x == number(0)


def logical_not(x):
    return x == 0


def sigmoid(x):
    """1 / (1 + e⁻ˣ), by e^−|x| ≤ 1 so that nothing overflows."""
    e = math.exp(-abs(x))
    return where(x >= number(0), number(1), e) / (number(1) + e)


def relu(x):
    return where(x < number(0), number(0), x)


def softplus(x):
    """log(1 + eˣ) = max(x, 0) + log(1 + e), e = e^−|x|.

    log(1 + e) as log(u) · e / (u − 1) with u = 1 + e rounded: the rounding errors cancel (Kahan), and
    the C library's log1p costs ten times as much as its log.
    """
    e = math.exp(-abs(x))
    u = number(1) + e
    return relu(x) + where(u == number(1), e, math.log(u) * (e / (u - number(1))))


def _normal_cdf(x):
    """Φ(x) = ½ erfc(−x/√2): unlike ½ (1 + erf(x/√2)) it keeps its digits in the left tail."""
    return number(0.5) * math.erfc(x * number(-0.7071067811865476))


def _normal_pdf(x):
    """φ(x) = e^(−x²/2) / √(2π)."""
    return math.exp(number(-0.5) * x * x) * number(0.3989422804014327)


def gelu(x):
    return x * _normal_cdf(x)


def _gelu_argument(x):
    """2 √(2/π) (x + 0.044715 x³): ½ (1 + tanh u) = σ(2u)."""
    return number(1.5957691216057308) * (x + number(0.044715) * x * x * x)


def gelu_tanh(x):
    return x * sigmoid(_gelu_argument(x))


def silu(x):
    return x * sigmoid(x)


def _mish_gate(x):
    """tanh(softplus x) = ((1 + eˣ)² − 1) / ((1 + eˣ)² + 1), by e^−|x| ≤ 1; no cancellation."""
    e = math.exp(-abs(x))
    up = where(x >= number(0), number(1) + number(2) * e, e * (e + number(2)))
    return up / (up + where(x >= number(0), number(2) * e * e, number(2)))


def mish(x):
    return x * _mish_gate(x)


def softsign(x):
    return x / (number(1) + abs(x))


# ── two operands ─────────────────────────────────────────────────────────────────────────────────
def add(a, b):
    return a + b


def sub(a, b):
    return a - b


def mul(a, b):
    return a * b


def div(a, b):
    return a / b


def pow(a, b):
    return a**b


def maximum(a, b):
    return a if a >= b or a != a else b


def minimum(a, b):
    return a if a <= b or a != a else b


def remainder(a, b):
    """a − b ⌊a/b⌋: the sign of b, as Python and NumPy have it."""
    r = fmod(a, b)
    if r == number(0):
        return math.copysign(number(0), b)
    return r + b if (r < number(0)) != (b < number(0)) else r


def equal(a, b):
    return a == b


def not_equal(a, b):
    return a != b


def less(a, b):
    return a < b


def less_equal(a, b):
    return a <= b


def greater(a, b):
    return a > b


def greater_equal(a, b):
    return a >= b


def logical_and(a, b):
    return a != 0 and b != 0


def logical_or(a, b):
    return a != 0 or b != 0


def logical_xor(a, b):
    return (a != 0) != (b != 0)


def elu(x, alpha):
    return where(x > number(0), x, alpha * math.expm1(x))


def leaky_relu(x, slope):
    return where(x > number(0), x, slope * x)


def gelu_backward(dy, x):
    return dy * (_normal_cdf(x) + x * _normal_pdf(x))


def gelu_tanh_backward(dy, x):
    x = clip(x, number(-100), number(100))  # the slope is 0 or 1 beyond; x² would overflow to 0 · ∞
    s = sigmoid(_gelu_argument(x))
    du = number(1.5957691216057308) * (number(1) + number(0.134145) * x * x)
    return dy * (s + x * s * (number(1) - s) * du)


def silu_backward(dy, x):
    s = sigmoid(x)
    return dy * s * (number(1) + x * (number(1) - s))


def mish_backward(dy, x):
    t = _mish_gate(x)
    return dy * (t + x * (number(1) - t * t) * sigmoid(x))


def softsign_backward(dy, x):
    d = number(1) + abs(x)
    return dy / (d * d)


def tanh_backward(dy, y):
    return dy * (number(1) - y * y)


def sigmoid_backward(dy, y):
    return dy * y * (number(1) - y)


def relu_backward(dy, y):
    return where(y > number(0), dy, number(0))


def softplus_backward(dy, x):
    return dy * sigmoid(x)


# ── three operands ───────────────────────────────────────────────────────────────────────────────
def where(condition, a, b):
    return a if condition else b


def clip(x, low, high):
    return minimum(maximum(x, low), high)


def elu_backward(dy, x, alpha):
    return where(x > number(0), dy, dy * alpha * math.exp(x))


def leaky_relu_backward(dy, x, slope):
    return where(x > number(0), dy, slope * dy)


def selu(x, alpha, gamma):
    return gamma * elu(x, alpha)


def hard_sigmoid(x, slope, offset):
    return clip(slope * x + offset, number(0), number(1))


# ── four operands ────────────────────────────────────────────────────────────────────────────────
def clip_backward(dy, x, low, high):
    return where((x >= low) & (x <= high), dy, number(0))


def selu_backward(dy, x, alpha, gamma):
    return gamma * elu_backward(dy, x, alpha)


def hard_sigmoid_backward(dy, x, slope, offset):
    line = slope * x + offset
    return where((line > number(0)) & (line < number(1)), dy * slope, number(0))


# ── random numbers ───────────────────────────────────────────────────────────────────────────────
def philox(low, high, k0, k1):
    """Philox4x32-10 (Salmon et al., 2011): four words of the block (low, high, 0, 0) under key (k0, k1).

    Everything is uint64 holding 32-bit values: products of two fit, and sums are cut back.
    """
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    c0, c1, c2, c3 = low, high, np.uint64(0), np.uint64(0)
    for _ in range(10):
        left, right = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        c0, c1, c2, c3 = (right >> half) ^ c1 ^ k0, right & mask, (left >> half) ^ c3 ^ k1, left & mask
        k0, k1 = (k0 + np.uint64(0x9E3779B9)) & mask, (k1 + np.uint64(0xBB67AE85)) & mask
    return c0, c1, c2, c3


# ── a copy for one type of number ────────────────────────────────────────────────────────────────
def formulas(dtype, compile, functions=math, fmod=np.fmod, better=None):
    """Name → formula for operands of one dtype, each passed through ``compile`` (a floor's jit).

    ``functions`` stands for ``math`` in them: ``numpy_math`` where they run as plain Python (CUDA's
    simulator), because Python's own math raises at log 0 and always answers in float64.
    ``fmod`` stands apart because Numba has np.fmod for the host only, and math.fmod for CUDA only.
    better: name → what the floor has in the place of a formula (vectors choose by one instruction).
    """
    dtype = np.dtype(dtype)
    space = {"math": functions, "fmod": fmod, "number": dtype.type, "_WHOLE": _WHOLE, "__name__": __name__}
    names = [name for arity in FORMULAS.values() for name in arity]
    for name in [*names, "_truncate", "_normal_cdf", "_normal_pdf", "_gelu_argument", "_mish_gate"]:
        copy = types.FunctionType(globals()[name].__code__, space, name)
        copy.__qualname__ = f"{name}_{dtype.name}"
        space[name] = compile(copy)
    space |= better or {}
    return {name: space[name] for name in names}


def _as_numpy(function):
    def apply(x):
        return type(x)(function(x))

    return apply


numpy_math = types.SimpleNamespace(
    **{
        name: getattr(np, name)
        for name in ("exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tanh", "copysign")
    },
    erf=_as_numpy(math.erf),
    erfc=_as_numpy(math.erfc),
)
"""Python's ``math``, by NumPy's scalars: no exceptions, and float32 stays float32."""
