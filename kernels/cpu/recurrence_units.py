"""The gates of LSTM and GRU in float32: of one vector of units, and the cell kernels of one step."""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .recurrence_tiles import LANES, POINTWISE, pieces_of, put, put3, put4, take, take4
from .simd import fma
from .simd_math import sigmoid, tanh

__all__ = [
    "gru_cell", "gru_cell_backward", "gru_unit", "gru_unit_backward",
    "lstm_cell", "lstm_cell_backward", "lstm_unit", "lstm_unit_backward",
]  # fmt: skip

_ONE = np.float32(1)


# ── vectors in, vectors out ──────────────────────────────────────────────────────────────────────
@njit(forceinline=True)
def lstm_unit(pre, c):
    """Pre-activations and c → (i, f, g, o), c', h."""
    i, f, g, o = sigmoid(pre[0]), sigmoid(pre[1]), tanh(pre[2]), sigmoid(pre[3])
    c = fma(f, c, i * g)
    return (i, f, g, o), c, o * tanh(c)


@njit(forceinline=True)
def lstm_unit_backward(activated, c, c_new, dh, dc):
    """What ``lstm_unit`` took and gave, dh, dc' → the gradient of the pre-activations, dc."""
    i, f, g, o = activated
    t = tanh(c_new)
    dc = fma(dh * o, fma(-t, t, _ONE), dc)
    di, df = dc * g * i * (_ONE - i), dc * c * f * (_ONE - f)
    dg, do = dc * i * fma(-g, g, _ONE), dh * t * o * (_ONE - o)
    return (di, df, dg, do), dc * f


@njit(forceinline=True)
def gru_unit(n, r, z, q, h):
    """Pre-activations and h → (r, z, n, q), h'."""
    r, z = sigmoid(r), sigmoid(z)
    n = tanh(fma(r, q, n))
    return (r, z, n, q), fma(z, h - n, n)


@njit(forceinline=True)
def gru_unit_backward(gates, h, dh):
    """What ``gru_unit`` took and gave, dh' → (dr, dz, dn, dq) of the pre-activations, direct path to dh."""
    r, z, n, q = gates
    dn = dh * (_ONE - z) * fma(-n, n, _ONE)
    dr, dz = dn * q * r * (_ONE - r), dh * (h - n) * z * (_ONE - z)
    return (dr, dz, dn, dn * r), dh * z


# ── one step ─────────────────────────────────────────────────────────────────────────────────────
def lstm_cell(gates, c):
    """``reference.lstm_cell``: h, c', activated."""
    activated, h, c_new = np.empty_like(gates), np.empty_like(c), np.empty_like(c)
    flat = [a.reshape(-1) for a in (gates, c, activated, h, c_new)]
    pieces = pieces_of(c.size * POINTWISE)
    _lstm_cell(pieces, pieces, *flat, *c.shape)
    return h, c_new, activated


@parallel
def _lstm_cell(task, pieces, gates, c, activated, h, c_new, batch, hidden):
    for b in range(task * batch // pieces, (task + 1) * batch // pieces):
        for k in range(0, hidden, LANES):
            at, to, n = b * hidden + k, 4 * b * hidden + k, hidden - k
            gates_at, c_next, h_next = lstm_unit(take4(gates, to, hidden, n), take(c, at, n))
            put4(activated, to, hidden, gates_at, n)
            put(c_new, at, c_next, n)
            put(h, at, h_next, n)


def lstm_cell_backward(dh, dc, activated, c, c_new):
    """``reference.lstm_cell_backward``: dgates, dc."""
    dgates, dc_before = np.empty_like(activated), np.empty_like(dc)
    flat = [a.reshape(-1) for a in (dh, dc, activated, c, c_new, dgates, dc_before)]
    pieces = pieces_of(c.size * POINTWISE)
    _lstm_cell_backward(pieces, pieces, *flat, *c.shape)
    return dgates, dc_before


@parallel
def _lstm_cell_backward(task, pieces, dh, dc, activated, c, c_new, dgates, dc_before, batch, hidden):
    for b in range(task * batch // pieces, (task + 1) * batch // pieces):
        for k in range(0, hidden, LANES):
            at, to, n = b * hidden + k, 4 * b * hidden + k, hidden - k
            d, dc_at = lstm_unit_backward(
                take4(activated, to, hidden, n),
                take(c, at, n),
                take(c_new, at, n),
                take(dh, at, n),
                take(dc, at, n),
            )
            put4(dgates, to, hidden, d, n)
            put(dc_before, at, dc_at, n)


def gru_cell(gates_x, gates_h, h):
    """``reference.gru_cell``: h', gates."""
    batch, hidden = h.shape
    h_new, gates = np.empty_like(h), np.empty((batch, 4 * hidden), h.dtype)
    flat = [a.reshape(-1) for a in (gates_x, gates_h, h, h_new, gates)]
    pieces = pieces_of(h.size * POINTWISE)
    _gru_cell(pieces, pieces, *flat, batch, hidden)
    return h_new, gates


@parallel
def _gru_cell(task, pieces, gates_x, gates_h, h, h_new, gates, batch, hidden):
    for b in range(task * batch // pieces, (task + 1) * batch // pieces):
        for k in range(0, hidden, LANES):
            at, to, n = b * hidden + k, 3 * b * hidden + k, hidden - k
            r = take(gates_x, to, n) + take(gates_h, to, n)
            z = take(gates_x, to + hidden, n) + take(gates_h, to + hidden, n)
            new, q = take(gates_x, to + 2 * hidden, n), take(gates_h, to + 2 * hidden, n)
            activated, h_at = gru_unit(new, r, z, q, take(h, at, n))
            put4(gates, 4 * b * hidden + k, hidden, activated, n)
            put(h_new, at, h_at, n)


def gru_cell_backward(dh, gates, h):
    """``reference.gru_cell_backward``: dgates_x, dgates_h, dh by the direct path."""
    batch, hidden = h.shape
    dgates_x, dgates_h = np.empty((batch, 3 * hidden), h.dtype), np.empty((batch, 3 * hidden), h.dtype)
    direct = np.empty_like(h)
    flat = [a.reshape(-1) for a in (dh, gates, h, dgates_x, dgates_h, direct)]
    pieces = pieces_of(h.size * POINTWISE)
    _gru_cell_backward(pieces, pieces, *flat, batch, hidden)
    return dgates_x, dgates_h, direct


@parallel
def _gru_cell_backward(task, pieces, dh, gates, h, dgates_x, dgates_h, direct, batch, hidden):
    for b in range(task * batch // pieces, (task + 1) * batch // pieces):
        for k in range(0, hidden, LANES):
            at, to, n = b * hidden + k, 3 * b * hidden + k, hidden - k
            activated = take4(gates, 4 * b * hidden + k, hidden, n)
            d, direct_at = gru_unit_backward(activated, take(h, at, n), take(dh, at, n))
            put3(dgates_x, to, hidden, d, n)
            put3(dgates_h, to, hidden, (d[0], d[1], d[3]), n)
            put(direct, at, direct_at, n)
