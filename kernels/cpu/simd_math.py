"""exp, log, tanh, erf … of float32 vectors: polynomials, so that all lanes are computed at once.

The C library's functions take one number a call; here every lane goes the same way and ``where`` picks.
Largest errors over all float32 (u: units in the last place against float64, a test measures them):

    exp 1 u    expm1 2 u    log 1 u    log1p 3 u    sigmoid 3 u    tanh 2 u    erf 3 u    erfc 10 u

Infinities and NaN give what NumPy gives; results below the smallest normal number may be 0 instead.
Argument reductions after Cody & Waite (1980); exp's polynomial is that of the Cephes library
(Moshier, 1984), the others are Chebyshev and rational fits made for this file.
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
    shift_exponent,
    where,
)  # fmt: skip

__all__ = ["erf", "erfc", "exp", "expm1", "gelu", "gelu_backward", "log", "log1p", "sigmoid", "tanh"]

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
def _half_normal(x):
    """e^(−a²/2), a = |x|, and Φ(−a) e^(a²/2) as numerator and denominator, Φ the normal distribution.

    The exponent's reduction takes a · (−a/2) within its fma, so that a² is not rounded. The fraction is a fit
    for 0 ≤ a < 13.2, within 5e-9; all its terms are positive, no digits are lost. Beyond, the power is 0.
    """
    a = absolute(x)
    a = where(a > _f(13.2), _f(13.2), a)  # NaN comes through
    n = rint(a * (_LOG2_E * _f(-0.5)) * a)
    r = fma(n, -_LN2_LOW, fma(a, a * _f(-0.5), n * -_LN2_HIGH))
    e = fma(r, _f(0.0013814601845085954), _f(0.008368715219001455))
    e = fma(e, r, _f(0.041668387888287764))
    e = fma(e, r, _f(0.16666520645345007))
    e = fma(e, r, _f(0.4999999344869892))
    e = fma(e, r, _f(1))
    e = where(a < _f(13.2), shift_exponent(fma(e, r, _f(1)), n), _f(0))
    p = fma(a, _f(0.004020166242387515), _f(0.03998401140102261))
    p = fma(p, a, _f(0.1813062864701617))
    p = fma(p, a, _f(0.4356856888790806))
    p = fma(p, a, _f(0.5))
    q = fma(a, _f(0.010076919151662615), _f(0.10023243488934577))
    q = fma(q, a, _f(0.4643790850036135))
    q = fma(q, a, _f(1.1944822640094757))
    q = fma(q, a, _f(1.6692562967964122))
    return e, p, fma(q, a, _f(1))


@njit(inline="always")
def gelu(x):
    """x Φ(x), Φ(a) = 1 − Φ(−a)."""
    e, p, q = _half_normal(x)
    tail = p / q * e  # the quotient does not wait for the power
    return x * where(x < _f(0), tail, _f(1) - tail)


@njit(inline="always")
def gelu_backward(dy, x):
    """The slope is Φ(x) + x φ(x): s = Φ(−a) − a φ(a) for x = −a, 1 − s for x = a."""
    e, p, q = _half_normal(x)
    s = fma(absolute(x), _f(-0.3989422804014327), p / q) * e
    return dy * where(x < _f(0), s, _f(1) - s)
