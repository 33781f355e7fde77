"""The pointwise passes of LSTM and GRU, for one step t of a batch; row b runs where t < lengths[b].

σ(a) = ½ + ½ tanh(a/2), so one ``np.tanh`` serves all gates: NumPy has it vectorised, where a compiled
loop would call the C library number by number.
"""

import numpy as np

from ..jit import njit

__all__ = ["lstm", "lstm_backward", "gru", "gru_backward"]


def lstm(t, lengths, gates, product, c, h, h_out, c_out):
    """gates + product → gates (activated), h_out, c_out, and h; a row that does not run keeps h and c."""
    _lstm_open(gates, product)
    np.tanh(gates, out=gates)
    _lstm_cell(t, lengths, gates, c, c_out)
    np.tanh(c_out, out=h_out)
    _lstm_close(t, lengths, gates, h, h_out)


def lstm_backward(t, lengths, dh_out, gates, c, c_out, dh, dc, dgates):
    """dh + dh_out, dc → dgates, dc (of the step before), dh (0: the caller adds dgates W_hh)."""
    _lstm_backward(t, lengths, dh_out, gates, c, np.tanh(c_out), dh, dc, dgates)


def gru(t, lengths, from_x, from_h, bias, h, h_out, gates):
    """from_x, from_h + bias → gates (activated), h_out, and h; a row that does not run keeps h."""
    size = h.shape[1]
    _gru_open(from_x, from_h, bias, gates)
    np.tanh(gates[:, : 2 * size], out=gates[:, : 2 * size])
    _gru_reset(from_x, gates)
    np.tanh(gates[:, 2 * size : 3 * size], out=gates[:, 2 * size : 3 * size])
    _gru_close(t, lengths, gates, h, h_out)


@njit
def _lstm_open(gates, product):
    """a, halved for the three gates that are a σ."""
    size = gates.shape[1] // 4
    half = gates.dtype.type(0.5)
    for b in range(len(gates)):
        for j in range(2 * size):
            gates[b, j] = (gates[b, j] + product[b, j]) * half
        for j in range(2 * size, 3 * size):
            gates[b, j] += product[b, j]
        for j in range(3 * size, 4 * size):
            gates[b, j] = (gates[b, j] + product[b, j]) * half


@njit
def _lstm_cell(t, lengths, gates, c, c_out):
    size = c.shape[1]
    half = gates.dtype.type(0.5)
    for b in range(len(gates)):
        if t >= lengths[b]:
            gates[b], c_out[b] = 0, c[b]
            continue
        i, f = gates[b, :size], gates[b, size : 2 * size]
        g, o = gates[b, 2 * size : 3 * size], gates[b, 3 * size :]
        for j in range(size):
            i[j], f[j], o[j] = half + half * i[j], half + half * f[j], half + half * o[j]
            c_out[b, j] = f[j] * c[b, j] + i[j] * g[j]


@njit
def _lstm_close(t, lengths, gates, h, h_out):
    """h_out holds tanh c."""
    size = h.shape[1]
    for b in range(len(gates)):
        if t >= lengths[b]:
            h_out[b] = 0
            continue
        for j in range(size):
            h_out[b, j] *= gates[b, 3 * size + j]
            h[b, j] = h_out[b, j]


@njit
def _lstm_backward(t, lengths, dh_out, gates, c, tanh_c, dh, dc, dgates):
    size = c.shape[1]
    one = gates.dtype.type(1)
    for b in range(len(gates)):
        if t >= lengths[b]:
            dgates[b] = 0
            continue
        for j in range(size):
            i, f = gates[b, j], gates[b, size + j]
            g, o = gates[b, 2 * size + j], gates[b, 3 * size + j]
            d = dh[b, j] + dh_out[b, j]
            e = dc[b, j] + d * o * (one - tanh_c[b, j] * tanh_c[b, j])
            dgates[b, j] = e * g * i * (one - i)
            dgates[b, size + j] = e * c[b, j] * f * (one - f)
            dgates[b, 2 * size + j] = e * i * (one - g * g)
            dgates[b, 3 * size + j] = d * tanh_c[b, j] * o * (one - o)
            dc[b, j] = e * f
            dh[b, j] = 0


@njit
def _gru_open(from_x, from_h, bias, gates):
    """Halved arguments of r and z, and q."""
    size = gates.shape[1] // 4
    half = gates.dtype.type(0.5)
    for b in range(len(gates)):
        for j in range(2 * size):
            gates[b, j] = (from_x[b, j] + from_h[b, j] + bias[j]) * half
        for j in range(2 * size, 3 * size):
            gates[b, size + j] = from_h[b, j] + bias[j]


@njit
def _gru_reset(from_x, gates):
    """r, z, and the argument of n."""
    size = gates.shape[1] // 4
    half = gates.dtype.type(0.5)
    for b in range(len(gates)):
        for j in range(2 * size):
            gates[b, j] = half + half * gates[b, j]
        for j in range(size):
            gates[b, 2 * size + j] = from_x[b, 2 * size + j] + gates[b, j] * gates[b, 3 * size + j]


@njit
def _gru_close(t, lengths, gates, h, h_out):
    size = h.shape[1]
    one = gates.dtype.type(1)
    for b in range(len(gates)):
        if t >= lengths[b]:
            gates[b], h_out[b] = 0, 0
            continue
        for j in range(size):
            z, n = gates[b, size + j], gates[b, 2 * size + j]
            h_out[b, j] = (one - z) * n + z * h[b, j]
            h[b, j] = h_out[b, j]


@njit
def gru_backward(t, lengths, dh_out, gates, h, dh, dgates_x, dgates_h):
    """dh + dh_out → dgates_x, dgates_h, dh (the direct path: the caller adds dgates_h W_hh)."""
    size = h.shape[1]
    one = gates.dtype.type(1)
    for b in range(len(gates)):
        if t >= lengths[b]:
            dgates_x[b], dgates_h[b] = 0, 0
            continue
        for j in range(size):
            r, z = gates[b, j], gates[b, size + j]
            n, q = gates[b, 2 * size + j], gates[b, 3 * size + j]
            d = dh[b, j] + dh_out[b, j]
            dn = d * (one - z) * (one - n * n)
            dr, dz = dn * q * r * (one - r), d * (h[b, j] - n) * z * (one - z)
            dgates_x[b, j], dgates_x[b, size + j], dgates_x[b, 2 * size + j] = dr, dz, dn
            dgates_h[b, j], dgates_h[b, size + j], dgates_h[b, 2 * size + j] = dr, dz, dn * r
            dh[b, j] = d * z
