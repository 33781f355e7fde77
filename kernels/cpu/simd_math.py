"""exp, log, tanh, erf … of float32 vectors: polynomials, so that all lanes are computed at once.

The C library's functions take one number a call; here every lane goes the same way and ``where`` picks.
Largest errors over all float32 (u: units in the last place against float64, a test measures them):

    exp 1 u    expm1 2 u    log 1 u    log1p 3 u    sigmoid 3 u    tanh 2 u    erf 3 u    erfc 10 u

Infinities and NaN give what NumPy gives; results below the smallest normal number may be 0 instead.
Argument reductions after Cody & Waite (1980); exp's polynomial is that of the Cephes library
(Moshier, 1984), the others are Chebyshev fits made for this file.
"""

from numpy import float32, inf, nan

from ..jit import njit
from .simd import (
    absolute,
    copysign,
    exponent,
    fma,
    ldexp,
    mantissa,
    maximum,
    minimum,
    power_of_two,
    rint,
    where,
)  # fmt: skip

__all__ = ["erf", "erfc", "exp", "expm1", "log", "log1p", "normal_cdf", "normal_pdf", "sigmoid", "tanh"]

_f = float32
_LOG2_E = _f(1.4426950408889634)
_LN2_HIGH, _LN2_LOW = _f(0.693359375), _f(-2.12194440e-4)  # their sum is ln 2; n · high is exact
_SMALLEST = _f(1.17549435e-38)  # normal number


@njit(inline="always")
def _remainder(x):
    """n = round(x / ln 2) and r = x − n ln 2, |r| ≤ ½ ln 2."""
    n = rint(x * _LOG2_E)
    return n, fma(n, -_LN2_LOW, fma(n, -_LN2_HIGH, x))


@njit(inline="always")
def _exp_small(r):
    """P with eʳ = 1 + r + r² P."""
    p = fma(r, _f(1.9875691500e-4), _f(1.3981999507e-3))
    p = fma(p, r, _f(8.3334519073e-3))
    p = fma(p, r, _f(4.1665795894e-2))
    p = fma(p, r, _f(1.6666665459e-1))
    return fma(p, r, _f(5.0000001201e-1))


@njit(inline="always")
def exp(x):
    """eˣ = 2ⁿ eʳ. Beyond −104 and 89: 0 and ∞."""
    t = where(x < _f(-104.0), _f(-104.0), x)
    t = where(t > _f(89.0), _f(89.0), t)  # NaN comes through; each is one instruction
    n, r = _remainder(t)
    return ldexp(fma(_exp_small(r), r * r, r) + _f(1), n)


@njit(inline="always")
def expm1(x):
    """eˣ − 1 = 2ⁿ (eʳ − 1) + (2ⁿ − 1): no digits are lost near 0."""
    t = minimum(maximum(x, _f(-30.0)), _f(89.0))
    n, r = _remainder(t)
    y = fma(_exp_small(r), r * r, r)
    half = rint(n * _f(0.5))
    a, b = power_of_two(half), power_of_two(n - half)
    large = (y + _f(1)) * a * b  # near the largest number 2ⁿ alone would overflow
    power = power_of_two(minimum(n, _f(127)))
    return where(n > _f(40), large, fma(y, power, power - _f(1)))


@njit(inline="always")
def _log_of(m, e):
    """log(m · 2ᵉ) for ½√2 < m < √2: with f = m − 1, f − ½f² + f³ P(f) + e ln 2, small terms first."""
    f = m - _f(1)
    p = fma(f, _f(0.07149753891329301), _f(-0.11571200727244099))
    p = fma(p, f, _f(0.11661511061607))
    p = fma(p, f, _f(-0.12411050683959858))
    p = fma(p, f, _f(0.14249936532987573))
    p = fma(p, f, _f(-0.16668480239506686))
    p = fma(p, f, _f(0.20000707478390523))
    p = fma(p, f, _f(-0.24999989048734875))
    p = fma(p, f, _f(0.3333333119084813))
    square = f * f
    small = fma(e, _LN2_LOW, fma(f * square, p, _f(-0.5) * square))
    return fma(e, _LN2_HIGH, f + small)


@njit(inline="always")
def log(x):
    """log x = log m + e ln 2 with x = m 2ᵉ; −∞ at 0, NaN below."""
    tiny = x < _SMALLEST
    t = where(tiny, x * _f(8388608.0), x)  # 2²³: numbers below the normal ones
    m, e = mantissa(t), exponent(t)
    high = m > _f(1.41421356)
    m, e = where(high, m * _f(0.5), m), where(high, e + _f(1), e)
    y = _log_of(m, where(tiny, e - _f(23), e))
    y = where(x == _f(inf), x, y)
    y = where(x == _f(0), _f(-inf), y)
    return where(x >= _f(0), y, _f(nan))


@njit(inline="always")
def log1p(x):
    """log(1 + x) = log(u) · (x / (u − 1)) with u = 1 + x rounded (Kahan): the rounding cancels."""
    u = x + _f(1)
    rounded = u - _f(1)
    y = log(u) * (x / where(rounded == _f(0), _f(1), rounded))
    y = where(rounded == _f(0), x, y)
    return where(absolute(u) == _f(inf), log(u), where(u == _f(0), _f(-inf), y))


@njit(inline="always")
def sigmoid(x):
    """1 / (1 + e⁻ˣ)."""
    return _f(1) / (exp(-x) + _f(1))


@njit(inline="always")
def tanh(x):
    """|x| < 0.625: x + x³ Q(x²); beyond: 1 − 2 / (e^2|x| + 1) with the sign of x."""
    a, z = absolute(x), x * x
    q = fma(z, _f(0.0022958412619836647), _f(-0.00834698049392374))
    q = fma(q, z, _f(0.02176996091709854))
    q = fma(q, z, _f(-0.05395940590832778))
    q = fma(q, z, _f(0.13333304277861524))
    q = fma(q, z, _f(-0.3333333317785047))
    small = fma(q * z, x, x)
    large = _f(1) - _f(2) / (exp(a + a) + _f(1))
    return where(a < _f(0.625), small, copysign(large, x))


@njit(inline="always")
def _erf_small(x):
    """x P(x²) for |x| ≤ 1."""
    z = x * x
    p = fma(z, _f(7.882497102377997e-05), _f(-0.0008018854990453304))
    p = fma(p, z, _f(0.0051893119424238614))
    p = fma(p, z, _f(-0.026854328795933392))
    p = fma(p, z, _f(0.11283597463485125))
    p = fma(p, z, _f(-0.37612626903580254))
    return x * fma(p, z, _f(1.1283791658815028))


@njit(inline="always")
def _erfc_large(a):
    """erfc(a) = e^(−a²) W(t), t = (a − 2) / (a + 2), for a ≥ 0.9; a² is taken with its rounding error."""
    t = (a - _f(2)) / (a + _f(2))
    w = fma(t, _f(0.00014302829340200746), _f(7.05720981030389e-05))
    w = fma(w, t, _f(-0.0009758586484448262))
    w = fma(w, t, _f(-0.0008539603742775469))
    w = fma(w, t, _f(0.0069971278458850995))
    w = fma(w, t, _f(0.0037335293842693843))
    w = fma(w, t, _f(-0.07897857831816422))
    w = fma(w, t, _f(0.24165817391485392))
    w = fma(w, t, _f(-0.42718584742139437))
    w = fma(w, t, _f(0.25539567641411764))
    square = a * a
    lost = fma(a, a, -square)
    e = exp(-square)
    return w * fma(e, -lost, e)


@njit(inline="always")
def erf(x):
    """2/√π ∫₀ˣ e^(−t²) dt: a polynomial within ±1, 1 − erfc beyond."""
    a = absolute(x)
    outer = _f(1) - _erfc_large(minimum(a, _f(10.2)))
    return where(a < _f(1), _erf_small(x), copysign(outer, x))


@njit(inline="always")
def erfc(x):
    """1 − erf x, with all its digits in the right tail."""
    a = absolute(x)
    tail = _erfc_large(minimum(a, _f(10.2)))
    outer = where(x < _f(0), _f(2) - tail, tail)
    return where(a < _f(0.9), _f(1) - _erf_small(x), outer)


@njit(inline="always")
def _bell(x):
    """a = |x|, at most 14.5 (beyond, what follows is 0), and e^(−a²/2), with the rounding error of a²."""
    a = absolute(x)
    a = where(a > _f(14.5), _f(14.5), a)
    square = a * a
    lost = fma(a, a, -square)
    e = exp(square * _f(-0.5))
    return a, fma(e, lost * _f(-0.5), e)


@njit(inline="always")
def normal_pdf(x):
    """φ(x) = e^(−x²/2) / √(2π)."""
    a, e = _bell(x)
    return e * _f(0.3989422804014327)


@njit(inline="always")
def normal_cdf(x):
    """Φ(−a) = e^(−a²/2) W(t), t = (a − 3) / (a + 3), for a ≥ 0; Φ(a) = 1 − Φ(−a).

    The compiler computes the exponential once for this and ``normal_pdf``.
    """
    a, e = _bell(x)
    t = (a - _f(3)) / (a + _f(3))
    w = fma(t, _f(5.316148235579021e-05), _f(0.00011501384869916365))
    w = fma(w, t, _f(-0.0003390123602002859))
    w = fma(w, t, _f(-0.000983288511633873))
    w = fma(w, t, _f(0.002904387190937996))
    w = fma(w, t, _f(0.006131942383944988))
    w = fma(w, t, _f(-0.046213261783123016))
    w = fma(w, t, _f(0.12322504073381424))
    w = fma(w, t, _f(-0.20640261471271515))
    w = fma(w, t, _f(0.12151394784450531))
    tail = w * e
    return where(x > _f(0), _f(1) - tail, tail)
