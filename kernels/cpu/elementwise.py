"""Scalar formulas applied everywhere: NumPy where that is one pass over memory, compiled loops where not."""

import numpy as np

from .. import reference
from ..reference import cast, full
from .threads import LARGE

__all__ = ["map", "cast", "full"]

_FUSED = frozenset(
    """
    sigmoid gelu gelu_tanh silu mish softsign elu leaky_relu selu hard_sigmoid clip
    gelu_backward gelu_tanh_backward silu_backward mish_backward softsign_backward tanh_backward
    sigmoid_backward relu_backward softplus_backward elu_backward leaky_relu_backward
    clip_backward selu_backward hard_sigmoid_backward
    """.split()
)
"""Formulas of several NumPy passes (softplus has them too, but NumPy's vector exp and log1p win there)."""

_FLOATS = (np.dtype("float32"), np.dtype("float64"))


def map(formula, *operands):
    """y[i] = formula(a[i], b[i], …), operands broadcast against each other."""
    if formula in _FUSED and getattr(operands[0], "size", 0) >= LARGE:
        pattern = _pattern(operands)
        if pattern is not None:
            from . import elementwise_loops as loops

            if loops.serves(pattern):
                return loops.map(formula, pattern, operands, operands[0].shape, operands[0].dtype)
    return reference.map(formula, *operands)


def _pattern(operands):
    """For each operand "a", an array like the first, or "p", a single number; None if there are others."""
    first = operands[0]
    if first.dtype not in _FLOATS:
        return None
    pattern = ""
    for x in operands:
        if isinstance(x, (int, float)):
            pattern += "p"
        elif x.dtype != first.dtype:
            return None
        elif x.shape == first.shape:
            pattern += "a"
        elif x.ndim == 0:
            pattern += "p"
        else:
            return None
    return pattern
