"""Vectors at the end of a row: what is there is read and written, what is not is left alone."""

from ..jit import njit
from .simd import below, lanes, load, load_part, store, store_part, where


@njit(forceinline=True)
def load_some(x, i, left):
    """The vector at i, of which ``left`` entries exist; 0 in the lanes behind them."""
    return load(x, i) if left >= lanes(x) else load_part(x, i, left)


@njit(forceinline=True)
def load_or(x, i, left, other):
    """The same with ``other`` in the lanes behind."""
    return load(x, i) if left >= lanes(x) else where(below(x, left), load_part(x, i, left), other)


@njit(forceinline=True)
def store_some(x, i, left, v):
    """As many lanes of v as exist at i."""
    if left >= lanes(x):
        store(x, i, v)
    else:
        store_part(x, i, v, left)
