"""Compiled loops for the formulas of ``map``: one pass over memory, on all threads.

Each equals the formula of the same name in ``reference/elementwise.py``. The formulas are those of
``scalar.py``: of float32 compiled for vectors, with the functions of ``simd_math.py``; of float64, and where
the machine has no vectors, for one number at a time, with the C library's. A piece of work is SHARE entries.

Largest relative errors of float32 against the same formula in float64, −87 ≤ x ≤ 87, in units of 2⁻²⁴
(a test measures them):

    exp 2   log 2   tanh 3   erf 4   sigmoid 4   softplus 4   silu 4   mish 6   elu 5   selu 7
    gelu 8 where x > −13, smaller results are 0; gelu_tanh 40 where |x| < 4, growing with x² in the left tail
    without vectors exp 4, log 4, and gelu 20 where x > −4: rounding x/√2, which erfc is asked, costs most
"""

import functools
import types

import numpy as np

from .. import scalar
from ..jit import njit
from ..pool import parallel
from . import rows, simd, simd_math, vector_math
from .threads import SHARE

__all__ = ["PATTERNS", "loop"]


@njit
def part(x, piece):
    """One piece of x. (Loops over slices from 0 vectorise; loops over pieces of an index range do not.)"""
    return x[piece * SHARE : (piece + 1) * SHARE]


AHEAD = 1024
"""So many entries ahead a pair asks for its line of the cache: the arithmetic of a few pairs fills what the
core looks ahead by itself, and memory would wait for it."""

# One loop for each pattern of operands: a is an array, p one number for all entries. Each copy of a loop
# has globals of its own: the formula, and whether it goes by vectors, pairs of them, or numbers.
formula = load = store = step = None


def _a(piece, a, y):
    u, w = part(a, piece), part(y, piece)
    for i in range(0, w.size, step(w)):
        left = w.size - i
        store(w, i, left, formula(load(u, i, left)))


def _aa(piece, a, b, y):
    u, v, w = part(a, piece), part(b, piece), part(y, piece)
    for i in range(0, w.size, step(w)):
        left = w.size - i
        store(w, i, left, formula(load(u, i, left), load(v, i, left)))


def _ap(piece, a, p, y):
    u, w = part(a, piece), part(y, piece)
    for i in range(0, w.size, step(w)):
        left = w.size - i
        store(w, i, left, formula(load(u, i, left), p))


def _pa(piece, p, a, y):
    u, w = part(a, piece), part(y, piece)
    for i in range(0, w.size, step(w)):
        left = w.size - i
        store(w, i, left, formula(p, load(u, i, left)))


def _aap(piece, a, b, p, y):
    u, v, w = part(a, piece), part(b, piece), part(y, piece)
    for i in range(0, w.size, step(w)):
        left = w.size - i
        store(w, i, left, formula(load(u, i, left), load(v, i, left), p))


def _app(piece, a, p, q, y):
    u, w = part(a, piece), part(y, piece)
    for i in range(0, w.size, step(w)):
        left = w.size - i
        store(w, i, left, formula(load(u, i, left), p, q))


def _aapp(piece, a, b, p, q, y):
    u, v, w = part(a, piece), part(b, piece), part(y, piece)
    for i in range(0, w.size, step(w)):
        left = w.size - i
        store(w, i, left, formula(load(u, i, left), load(v, i, left), p, q))


PATTERNS = {"a": _a, "aa": _aa, "ap": _ap, "pa": _pa, "aap": _aap, "app": _app, "aapp": _aapp}
_inlined = njit(forceinline=True)


def _one(w):
    return 1


def _load_one(x, i, left):
    return x[i]


def _store_one(x, i, left, value):
    x[i] = value


def _two(w):
    return 2 * simd.LANES


def _load_two(x, i, left):
    simd.prefetch(x, i + AHEAD)
    return simd.load_pair(x, i) if left >= 2 * simd.LANES else simd.load_pair_part(x, i, left)


def _store_two(x, i, left, value):
    if left >= 2 * simd.LANES:
        simd.store(x, i, value)
    else:
        simd.store_part(x, i, value, left)


_BY_NUMBERS = {"step": njit(_one), "load": njit(_load_one), "store": njit(_store_one)}
_BY_VECTORS = {"step": rows.step, "load": rows.load_some, "store": rows.store_some}
_BY_PAIRS = {"step": _inlined(_two), "load": _inlined(_load_two), "store": _inlined(_store_two)}
"""While one vector of a pair waits for its last result, the units compute the other."""

_LONG = {
    "exp", "log", "tanh", "erf", "sigmoid", "softplus", "gelu", "gelu_tanh", "silu", "mish", "elu", "selu",
    "pow", "gelu_backward", "gelu_tanh_backward", "silu_backward", "mish_backward", "softplus_backward",
    "elu_backward", "selu_backward",
}  # fmt: skip
"""Formulas of many steps, which go by pairs. The others wait for memory alone."""


@functools.cache
def _formulas(dtype):
    """The formulas for one dtype."""
    if simd.LANES and dtype == np.float32:
        names = ("where", "maximum", "minimum", "sqrt")
        better = {name: getattr(simd, name) for name in names} | {"abs": simd.absolute}
        better |= {name: getattr(simd_math, name) for name in ("gelu", "gelu_backward")}
        return scalar.formulas(dtype, _inlined, simd_math, better=better)
    return scalar.formulas(dtype, njit, vector_math)


def _words(name, dtype):
    """How the loop of a formula reads and writes."""
    if not (simd.LANES and dtype == np.float32):
        return _BY_NUMBERS
    return _BY_PAIRS if name in _LONG and simd.BYTES >= 32 else _BY_VECTORS


def loop(name, pattern, dtype):
    """``loop(name, …)(pieces(y.size, SHARE), *operands, y)``: y[i] = formula(…).

    Operands are flat arrays or numbers. Its own name is its key in the disk cache.
    """
    formula, words = _formulas(dtype)[name], _words(name, dtype)
    space = {"__name__": __name__, "part": part, "formula": formula, **words}
    copy = types.FunctionType(PATTERNS[pattern].__code__, space, f"{name}_{pattern}_{dtype.name}")
    copy.__qualname__ = copy.__name__
    return parallel(copy)
