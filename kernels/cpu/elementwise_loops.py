"""Compiled loops for the formulas of ``map`` that would take NumPy several passes over memory."""

import functools
import types

import numpy as np

from .. import scalar
from ..jit import njit, prange
from . import vector_math
from .threads import PIECE, pieces


@njit
def part(x, piece):
    """One piece of x. (Loops over slices from 0 vectorise; loops over pieces of an index range do not.)"""
    return x[piece * PIECE : (piece + 1) * PIECE]


# One loop for each pattern of operands: a is an array, p one number for all entries. ``formula`` is
# a global that each copy of a loop gets its own of (an argument would defeat the cache, see njit).
formula = None


def _a(a, y):
    for piece in prange(pieces(y.size)):
        u, w = part(a, piece), part(y, piece)
        for i in range(w.size):
            w[i] = formula(u[i])


def _aa(a, b, y):
    for piece in prange(pieces(y.size)):
        u, v, w = part(a, piece), part(b, piece), part(y, piece)
        for i in range(w.size):
            w[i] = formula(u[i], v[i])


def _ap(a, p, y):
    for piece in prange(pieces(y.size)):
        u, w = part(a, piece), part(y, piece)
        for i in range(w.size):
            w[i] = formula(u[i], p)


def _aap(a, b, p, y):
    for piece in prange(pieces(y.size)):
        u, v, w = part(a, piece), part(b, piece), part(y, piece)
        for i in range(w.size):
            w[i] = formula(u[i], v[i], p)


def _app(a, p, q, y):
    for piece in prange(pieces(y.size)):
        u, w = part(a, piece), part(y, piece)
        for i in range(w.size):
            w[i] = formula(u[i], p, q)


def _aapp(a, b, p, q, y):
    for piece in prange(pieces(y.size)):
        u, v, w = part(a, piece), part(b, piece), part(y, piece)
        for i in range(w.size):
            w[i] = formula(u[i], v[i], p, q)


_LOOPS = {"a": _a, "aa": _aa, "ap": _ap, "aap": _aap, "app": _app, "aapp": _aapp}
_pieces = njit(pieces)


@functools.cache
def _formulas(dtype):
    return scalar.formulas(dtype, njit, vector_math)


@functools.cache
def _loop(name, pattern, dtype):
    """The loop of that pattern around one formula. Its own name is its key in the disk cache."""
    loop = _LOOPS[pattern]
    space = {"prange": prange, "part": part, "pieces": _pieces}
    space |= {"__name__": __name__, "formula": _formulas(dtype)[name]}
    copy = types.FunctionType(loop.__code__, space, f"{name}_{pattern}_{dtype}")
    copy.__qualname__ = copy.__name__
    return njit(copy, parallel=True)


def map(formula, pattern, operands, shape, dtype):
    """y[i] = formula(…): operands are arrays of that shape and dtype, or numbers, as ``pattern`` tells."""
    number = dtype.type
    arguments = [
        x.reshape(-1) if kind == "a" else number(x) for kind, x in zip(pattern, operands, strict=True)
    ]
    y = np.empty(shape, dtype)
    _loop(formula, pattern, dtype.name)(*arguments, y.reshape(-1))
    return y


def serves(pattern):
    """Is there a loop for this pattern of operands?"""
    return pattern in _LOOPS
