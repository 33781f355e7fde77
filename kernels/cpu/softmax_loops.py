"""Softmax by plain compiled loops over rows: for float64, and where there are no vectors."""

import numpy as np

from ..jit import njit
from ..pool import parallel
from . import vector_math as math
from .row_loops import dot, largest, total
from .threads import PIECE


@njit
def _shift(row, seen, out):
    """out = row − its maximum, −∞ where masked. (A row of −∞ alone is left as it is.)"""
    for v in range(row.size):
        out[v] = row[v] if not seen.size or seen[v] else row.dtype.type(-np.inf)
    top = largest(out)
    if top > -np.inf:
        for v in range(row.size):
            out[v] -= top


@njit
def _softmax(row, seen, logarithm, out):
    _shift(row, seen, out)
    share = np.empty_like(out)
    for v in range(out.size):
        share[v] = math.exp(out[v])
    every = total(share)
    scale, rest = out.dtype.type(1 / every), out.dtype.type(np.log(every))
    for v in range(out.size):
        if seen.size and not seen[v]:  # also in a row that sees nothing: 0 · ∞ is not 0
            out[v] = -np.inf if logarithm else 0
        else:
            out[v] = out[v] - rest if logarithm else share[v] * scale


@parallel
def forward(task, x, seen, step, size, logarithm, y):
    """Rows of softmax or log-softmax; ``step`` from one row's mask to the next (0: one for all)."""
    height = max(1, PIECE // size)
    for n in range(task * height, min(x.size // size, (task + 1) * height)):
        row = slice(n * size, (n + 1) * size)
        _softmax(x[row], seen[n * step : n * step + size], logarithm, y[row])


@njit
def _backward(dy, y, logarithm, dx):
    """dx = y (dy − Σ y dy), or dy − eʸ Σ dy over the entries with y > −∞."""
    if not logarithm:
        along = dy.dtype.type(dot(y, dy))
        for v in range(y.size):
            dx[v] = y[v] * (dy[v] - along)
        return
    for v in range(y.size):
        dx[v] = dy[v] if y[v] != -np.inf else dy.dtype.type(0)
    along = dy.dtype.type(total(dx))
    for v in range(y.size):
        dx[v] -= math.exp(y[v]) * along


@parallel
def backward(task, dy, y, size, logarithm, dx):
    """Rows of the gradient of softmax or log-softmax."""
    height = max(1, PIECE // size)
    for n in range(task * height, min(y.size // size, (task + 1) * height)):
        row = slice(n * size, (n + 1) * size)
        _backward(dy[row], y[row], logarithm, dx[row])
