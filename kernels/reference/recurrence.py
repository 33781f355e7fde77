"""LSTM and GRU: one step, the loop through time, and each loop's mirror image."""

import numpy as np

__all__ = [
    "lstm", "lstm_backward", "gru", "gru_backward",
    "lstm_cell", "lstm_cell_backward", "gru_cell", "gru_cell_backward",
]  # fmt: skip


def _sigmoid(x):
    return 0.5 * (1 + np.tanh(0.5 * x))  # the same function as 1/(1 + e⁻ˣ), and it cannot overflow


# ── one step, pointwise ──────────────────────────────────────────────────────────────────────────
def lstm_cell(gates, c):
    """i, f, o = σ(·), g = tanh(·);  c' = f ⊙ c + i ⊙ g;  h = o ⊙ tanh c'."""
    i, f, g, o = np.split(gates, 4, axis=1)
    i, f, g, o = _sigmoid(i), _sigmoid(f), np.tanh(g), _sigmoid(o)
    c_new = f * c + i * g
    h = o * np.tanh(c_new)
    return h, c_new, np.concatenate([i, f, g, o], axis=1)


def lstm_cell_backward(dh, dc, activated, c, c_new):
    """dc += dh ⊙ o ⊙ (1 − tanh² c');  σ' = σ(1 − σ), tanh' = 1 − tanh²."""
    i, f, g, o = np.split(activated, 4, axis=1)
    tanh_c = np.tanh(c_new)
    do = dh * tanh_c
    dc = dc + dh * o * (1 - tanh_c**2)
    df, dc_previous = dc * c, dc * f
    di, dg = dc * g, dc * i
    dgates = [di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)]
    return np.concatenate(dgates, axis=1), dc_previous


def gru_cell(gates_x, gates_h, h):
    """r, z = σ(x + h parts);  n = tanh(x part + r ⊙ q), q the h part;  h' = (1 − z) ⊙ n + z ⊙ h."""
    xr, xz, xn = np.split(gates_x, 3, axis=1)
    hr, hz, q = np.split(gates_h, 3, axis=1)
    r, z = _sigmoid(xr + hr), _sigmoid(xz + hz)
    n = np.tanh(xn + r * q)
    h_new = (1 - z) * n + z * h
    return h_new, np.concatenate([r, z, n, q], axis=1)


def gru_cell_backward(dh, gates, h):
    """The direct path z ⊙ dh to h, and the two pre-activations; they differ by the factor r of q."""
    r, z, n, q = np.split(gates, 4, axis=1)
    dn, dz, dh_previous = dh * (1 - z), dh * (h - n), dh * z
    dn = dn * (1 - n**2)
    dr, dq = dn * q, dn * r
    dr, dz = dr * r * (1 - r), dz * z * (1 - z)
    return np.concatenate([dr, dz, dn], axis=1), np.concatenate([dr, dz, dq], axis=1), dh_previous


# ── the order of time, and who is still running ──────────────────────────────────────────────────
def _times(steps, reverse):
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _running(t, lengths, batch):
    """(B, 1): does sequence b have a step t?"""
    return np.ones((batch, 1), bool) if lengths is None else (t < lengths)[:, None]


def _before(states, start, t, lengths, reverse):
    """The state with which step t began: that of its predecessor, or the start."""
    previous = t + 1 if reverse else t - 1
    if not 0 <= previous < len(states):
        return start
    return np.where(_running(previous, lengths, len(start)), states[previous], start)


# ── whole sequences ──────────────────────────────────────────────────────────────────────────────
def lstm(x, w_ih, w_hh, bias, h0, c0, lengths, reverse):
    """At each t: gates = x_t W_ihᵀ + h_{t−1} W_hhᵀ + b, then ``lstm_cell``; cells holds the carried state."""
    steps, batch, _ = x.shape
    h, c = h0.copy(), c0.copy()
    hs, cells = (np.zeros((steps, *h.shape), x.dtype) for _ in range(2))
    gates = np.zeros((steps, batch, len(w_hh)), x.dtype)
    for t in _times(steps, reverse):
        h_new, c_new, activated = lstm_cell(x[t] @ w_ih.T + h @ w_hh.T + bias, c)
        running = _running(t, lengths, batch)
        h, c = np.where(running, h_new, h), np.where(running, c_new, c)
        hs[t], gates[t], cells[t] = np.where(running, h, 0), np.where(running, activated, 0), c
    return hs, h, c, gates, cells


def lstm_backward(dhs, dh_last, dc_last, x, w_ih, w_hh, h0, c0, hs, gates, cells, lengths, reverse):
    """The loop of ``lstm`` from its last line to its first, in the opposite order of time."""
    steps, batch, _ = x.shape
    dh, dc = dh_last.copy(), dc_last.copy()
    dx, dw_ih, dw_hh, dbias = (np.zeros_like(a) for a in (x, w_ih, w_hh, w_hh[:, 0]))
    for t in reversed(_times(steps, reverse)):
        running = _running(t, lengths, batch)
        h_before = _before(hs, h0, t, lengths, reverse)
        c_before = _before(cells, c0, t, lengths, reverse)
        da, dc_before = lstm_cell_backward(dh + dhs[t], dc, gates[t], c_before, cells[t])
        da = np.where(running, da, 0)
        dh, dc = np.where(running, da @ w_hh, dh), np.where(running, dc_before, dc)
        dx[t] = da @ w_ih
        dw_ih += da.T @ x[t]
        dw_hh += da.T @ h_before
        dbias += da.sum(axis=0)
    return dx, dw_ih, dw_hh, dbias, dh, dc


def gru(x, w_ih, w_hh, b_ih, b_hh, h0, lengths, reverse):
    """At each t: ``gru_cell`` of x_t W_ihᵀ + b_ih and h_{t−1} W_hhᵀ + b_hh."""
    steps, batch, _ = x.shape
    h = h0.copy()
    hs = np.zeros((steps, *h.shape), x.dtype)
    gates = np.zeros((steps, batch, 4 * h.shape[1]), x.dtype)
    for t in _times(steps, reverse):
        h_new, activated = gru_cell(x[t] @ w_ih.T + b_ih, h @ w_hh.T + b_hh, h)
        running = _running(t, lengths, batch)
        h = np.where(running, h_new, h)
        hs[t], gates[t] = np.where(running, h, 0), np.where(running, activated, 0)
    return hs, h, gates


def gru_backward(dhs, dh_last, x, w_ih, w_hh, h0, hs, gates, lengths, reverse):
    """The loop of ``gru`` from its last line to its first, in the opposite order of time."""
    steps, batch, _ = x.shape
    dh = dh_last.copy()
    dx, dw_ih, dw_hh, db_ih, db_hh = (np.zeros_like(a) for a in (x, w_ih, w_hh, w_hh[:, 0], w_hh[:, 0]))
    for t in reversed(_times(steps, reverse)):
        running = _running(t, lengths, batch)
        h_before = _before(hs, h0, t, lengths, reverse)
        dax, dah, direct = gru_cell_backward(dh + dhs[t], gates[t], h_before)
        dax, dah = np.where(running, dax, 0), np.where(running, dah, 0)
        dh = np.where(running, direct + dah @ w_hh, dh)
        dx[t] = dax @ w_ih
        dw_ih += dax.T @ x[t]
        dw_hh += dah.T @ h_before
        db_ih += dax.sum(axis=0)
        db_hh += dah.sum(axis=0)
    return dx, dw_ih, dw_hh, db_ih, db_hh, dh
