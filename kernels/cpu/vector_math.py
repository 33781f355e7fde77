"""``math`` for compiled loops, with an exp that the compiler can turn into vector instructions.

The C library's exp is one call an entry; a polynomial is arithmetic, and LLVM computes eight or sixteen
entries at once. float32 only (largest error 1 unit in the last place); float64 keeps the library's.
"""

from math import copysign, cos, erf, erfc, expm1, log, log1p, sin, sqrt, tanh

import numpy as np
from numba import types
from numba.extending import overload

from ..jit import njit

__all__ = ["copysign", "cos", "erf", "erfc", "exp", "expm1", "log", "log1p", "sin", "sqrt", "tanh"]

_f = np.float32
_LOG2_E = _f(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = _f(0.693359375), _f(-2.12194440e-4)  # their sum is ln 2; n · high is exact
_ROUND = _f(12582912.0)  # 1.5 · 2²³: adding and taking it away rounds to a whole number
_LOWEST, _HIGHEST = _f(-104.0), _f(89.0)  # beyond: 0 and ∞
# e^r ≈ 1 + r + r² P(r) on |r| ≤ ½ ln 2, the minimax coefficients of the Cephes library (Moshier, 1984)
_P0, _P1, _P2 = _f(1.9875691500e-4), _f(1.3981999507e-3), _f(8.3334519073e-3)
_P3, _P4, _P5 = _f(4.1665795894e-2), _f(1.6666665459e-1), _f(5.0000001201e-1)


@njit
def _power_of_two(n):
    """2ⁿ, −126 ≤ n ≤ 127, by writing the exponent's bits."""
    return np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)


@njit
def _exp32(x):
    """eˣ = 2ⁿ eʳ with n = round(x / ln 2), r = x − n ln 2."""
    t = _LOWEST if x < _LOWEST else x
    t = _HIGHEST if t > _HIGHEST else t
    n = (t * _LOG2_E + _ROUND) - _ROUND
    r = (t - n * _LN2_HIGH) - n * _LN2_LOW
    p = ((((_P0 * r + _P1) * r + _P2) * r + _P3) * r + _P4) * r + _P5
    y = p * r * r + r + _f(1)
    whole = np.int32(n)
    half = whole >> np.int32(1)
    return y * _power_of_two(half) * _power_of_two(whole - half)  # in two steps: n may exceed 127


def exp(x):
    """eˣ. Compiled code of float32 gets the polynomial above in its place."""
    return np.exp(x)


@overload(exp)
def _exp(x):
    if x == types.float32:
        return lambda x: _exp32(x)
    return lambda x: np.exp(x)
