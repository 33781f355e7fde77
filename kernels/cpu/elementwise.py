"""Scalar formulas applied everywhere: NumPy where that is one pass over memory, compiled loops where not."""

import functools

import numpy as np
from numpy import asarray, empty, ndarray

from .. import reference
from ..reference import cast, full
from ..reference.elementwise import QUIET
from .threads import LARGE, SHARE, pieces

__all__ = ["map", "cast", "full"]

_SEVERAL_PASSES = frozenset(
    """
    erf sigmoid softplus gelu gelu_tanh silu mish softsign elu leaky_relu selu hard_sigmoid clip
    gelu_backward gelu_tanh_backward silu_backward mish_backward softsign_backward tanh_backward
    sigmoid_backward relu_backward softplus_backward elu_backward leaky_relu_backward
    clip_backward selu_backward hard_sigmoid_backward
    """.split()
)
"""Formulas that take NumPy several passes over memory."""

_ONE_PASS = frozenset(
    "add sub mul div maximum minimum neg abs square reciprocal relu sqrt exp log tanh".split()
)
"""Formulas that take it one; several threads take half of it, where there are vectors."""

_FLOAT32, _FLOAT64 = np.dtype("float32"), np.dtype("float64")


def map(formula, *operands):
    """y[i] = formula(a[i], b[i], …), operands broadcast against each other."""
    first = operands[0]
    if type(first) is not ndarray or not 1 < first.size < LARGE:  # short arrays should not pay for the others
        for x in operands:
            if getattr(x, "size", 0) >= LARGE:
                y = _compiled(formula, operands, x)
                if y is not None:
                    return y
                break
    try:  # what reference.map does, without calling it: for short arrays a call counts
        return asarray(QUIET[formula](*operands), order="C")
    except (KeyError, RuntimeError):
        return reference.map(formula, *operands)


def _compiled(formula, operands, large):
    """By a compiled loop, if there is one for these operands, one of them the large array; else None."""
    shape, dtype = large.shape, large.dtype
    pattern, flat = "", []
    for x in operands:  # "a" an array like the large one, "p" a single number
        if x is large or (type(x) is ndarray and x.shape == shape and x.dtype == dtype):
            pattern += "a"
            flat.append(x if x.ndim == 1 else x.reshape(-1))
        elif isinstance(x, (int, float)) or (x.ndim == 0 and x.dtype == dtype):
            pattern += "p"
            flat.append(dtype.type(x))
        else:
            return None
    loop = _loop_for(formula, pattern, dtype)
    if loop is None:
        return None
    y = empty(shape, dtype)
    loop(pieces(y.size, SHARE), *flat, y if y.ndim == 1 else y.reshape(-1))
    return y


@functools.cache
def _loop_for(formula, pattern, dtype):
    """The compiled loop, or None if there is none. (Remembered: to look it up takes 3 µs a call.)"""
    if formula in _ONE_PASS:
        from .simd import LANES

        if not LANES or dtype != _FLOAT32:
            return None
    elif formula not in _SEVERAL_PASSES or dtype not in (_FLOAT32, _FLOAT64):
        return None
    from . import elementwise_loops as loops

    return loops.loop(formula, pattern, dtype) if pattern in loops.PATTERNS else None
