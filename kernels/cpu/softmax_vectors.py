"""Softmax of float32 rows in vectors: equals ``reference/softmax.py``, its four formulas in two kernels.

A row stays in cache for all its passes (maximum, sum of exponentials, result). Sums are taken lane by lane
over BLOCK columns, then over the blocks, then over the lanes: their order follows from the length of the row
alone. Tails of rows are vectors with fewer lanes. A task is PIECE numbers' worth of rows.

Largest errors against the formula in float64, x ~ 4 N(0, 1), rows of 10 to 10,000 (a test measures them):

    softmax 3e-6 of each probability (those below 2⁻¹²⁶ are 0)     log-softmax 3e-7 of the largest |x − max x|
    gradients 2e-6 of the largest |dy|, times |Σ dy| for log-softmax
"""

from numpy import float32, inf, log

from ..jit import njit
from ..pool import parallel
from .simd import fma, lanes, largest, load_part, power_of_two, splat, store_part, total, where
from .simd_masks import flags, load_or
from .simd_math import _exp_small, _remainder
from .threads import PIECE

_0, _1, _LOW = float32(0), float32(1), float32(-inf)
_END = float32(-88.0297)  # −127 ln 2

BLOCK = 256
"""Columns in a partial sum."""


@njit(inline="always")
def exp_below(x):
    """eˣ for x ≤ 0, two thirds of the work of ``simd_math.exp``: what is below 2⁻¹²⁶ becomes 0."""
    n, r = _remainder(where(x < _END, _END, x))
    return (fma(_exp_small(r), r * r, r) + _1) * power_of_two(n)  # 2⁻¹²⁷ has no normal number: 0


@njit(inline="always")
def _take(x, at, n, seen, seen_at):
    """A vector of the row, −∞ where it is masked or has ended. (``seen`` of no entries: no mask.)"""
    v = load_or(x, at, n, _LOW)
    if seen.size:
        v = where(flags(seen, seen_at, n, x), v, _LOW)
    return v


@njit(inline="always")
def _softmax(x, at, size, seen, seen_at, logarithm, y):
    """y = eˢ / Σ eˢ or s − log Σ eˢ, s = x − max x; 0 or −∞ where masked."""
    top, sums = splat(x, _LOW), splat(x, _0)
    for j in range(0, size, lanes(x)):
        v = _take(x, at + j, size - j, seen, seen_at + j)
        top = where(v > top, v, top)  # NaN is passed over here; the sum will have it
    highest = largest(top)
    highest = _0 if highest == _LOW else highest
    for block in range(0, size, BLOCK):
        part = splat(x, _0)
        for j in range(block, min(size, block + BLOCK), lanes(x)):
            e = exp_below(_take(x, at + j, size - j, seen, seen_at + j) - highest)
            part = part + e
            if not logarithm:
                store_part(y, at + j, e, size - j)
        sums = sums + part
    share, hidden = total(sums), _0
    if logarithm:
        share, hidden = log(share), _LOW
    scale = _1 / share
    for j in range(0, size, lanes(x)):
        if logarithm:
            v = (load_part(x, at + j, size - j) - highest) - share
        else:
            v = load_part(y, at + j, size - j) * scale
        if seen.size:  # also where nothing is seen: there the sum is 0
            v = where(flags(seen, seen_at + j, size - j, x), v, hidden)
        store_part(y, at + j, v, size - j)


@parallel
def forward(task, x, seen, step, size, logarithm, y):
    """Rows of softmax or log-softmax; ``step`` from one row's mask to the next (0: one for all)."""
    height = max(1, PIECE // size)
    for n in range(task * height, min(x.size // size, (task + 1) * height)):
        _softmax(x, n * size, size, seen, n * step, logarithm, y)


@njit(inline="always")
def _backward(dy, y, at, size, logarithm, dx):
    """dx = y (dy − Σ y dy), or dy − eʸ Σ dy over the entries with y > −∞."""
    sums = splat(y, _0)
    for block in range(0, size, BLOCK):
        part = splat(y, _0)
        for j in range(block, min(size, block + BLOCK), lanes(y)):
            g, v = load_part(dy, at + j, size - j), load_part(y, at + j, size - j)
            part = part + (where(v == _LOW, _0, g) if logarithm else g * v)
        sums = sums + part
    along = total(sums)
    for j in range(0, size, lanes(y)):
        g, v = load_part(dy, at + j, size - j), load_part(y, at + j, size - j)
        if logarithm:
            d = where(v == _LOW, _0, g) - exp_below(v) * along
        else:
            d = v * (g - along)
        store_part(dx, at + j, d, size - j)


@parallel
def backward(task, dy, y, size, logarithm, dx):
    """Rows of the gradient of softmax or log-softmax."""
    height = max(1, PIECE // size)
    for n in range(task * height, min(y.size // size, (task + 1) * height)):
        _backward(dy, y, n * size, size, logarithm, dx)
