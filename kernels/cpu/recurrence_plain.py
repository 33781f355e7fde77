"""LSTM and GRU by BLAS and plain loops: for float64, and where there are no vectors.

The products with x for all steps at once, then a product with h and a pointwise pass a step. Backwards, each
step gives its share of the gates' gradient. The pointwise passes are in ``recurrence_loops.py``.
"""

import numpy as np

from . import recurrence_loops as loops
from .linear import linear

__all__ = [
    "lstm", "lstm_backward", "gru", "gru_backward",
    "lstm_cell", "lstm_cell_backward", "gru_cell", "gru_cell_backward",
]  # fmt: skip


# ── one step, pointwise ──────────────────────────────────────────────────────────────────────────
def lstm_cell(gates, c):
    """i, f, o = σ(·), g = tanh(·);  c' = f ⊙ c + i ⊙ g;  h = o ⊙ tanh c'."""
    activated, h, c_new = np.zeros_like(gates), np.empty_like(c), np.empty_like(c)
    loops.lstm(0, _always(c), activated, gates, c, np.empty_like(c), h, c_new)
    return h, c_new, activated


def lstm_cell_backward(dh, dc, activated, c, c_new):
    """dc += dh ⊙ o ⊙ (1 − tanh² c');  σ' = σ(1 − σ), tanh' = 1 − tanh²."""
    dgates, dc = np.empty_like(activated), dc.copy()
    loops.lstm_backward(0, _always(c), np.zeros_like(dh), activated, c, c_new, dh.copy(), dc, dgates)
    return dgates, dc


def gru_cell(gates_x, gates_h, h):
    """r, z = σ(x + h parts);  n = tanh(x part + r ⊙ q), q the h part;  h' = (1 − z) ⊙ n + z ⊙ h."""
    h, h_new = h.copy(), np.empty_like(h)
    gates = np.empty((len(h), 4 * h.shape[1]), h.dtype)
    loops.gru(0, _always(h), gates_x, gates_h, np.zeros_like(gates_h[:1]).reshape(-1), h, h_new, gates)
    return h_new, gates


def gru_cell_backward(dh, gates, h):
    """The direct path z ⊙ dh to h, and the two pre-activations; they differ by the factor r of q."""
    dgates = np.empty((2, len(h), 3 * h.shape[1]), h.dtype)
    dh = dh.copy()
    loops.gru_backward(0, _always(h), np.zeros_like(dh), gates, h, dh, *dgates)
    return dgates[0].copy(), dgates[1].copy(), dh


# ── whole sequences ──────────────────────────────────────────────────────────────────────────────
def lstm(x, w_ih, w_hh, bias, h0, c0, lengths, reverse):
    """At each t: gates = x_t W_ihᵀ + h_{t−1} W_hhᵀ + b, then ``lstm_cell``. cells holds the carried state."""
    steps, batch, _ = x.shape
    gates = linear(_rows(x), w_ih, bias).reshape(steps, batch, len(w_ih))
    hs = np.empty((steps, *h0.shape), x.dtype)
    cells = np.empty_like(hs)
    h, c = h0.copy(), c0
    product = np.empty_like(gates, shape=gates.shape[1:])
    for t in _times(steps, reverse):
        np.matmul(h, w_hh.T, out=product)
        loops.lstm(t, lengths, gates[t], product, c, h, hs[t], cells[t])
        c = cells[t]
    return hs, h, c.copy(), gates, cells


def lstm_backward(dhs, dh_last, dc_last, w_hh, c0, gates, cells, lengths, reverse):
    """The loop of ``lstm`` from its last line to its first: dgates, their sum, dh0, dc0."""
    steps = len(dhs)
    dgates = np.empty_like(gates)
    dh, dc = dh_last.copy(), dc_last.copy()
    product = np.empty_like(dh)
    for t in reversed(_times(steps, reverse)):
        before = t + 1 if reverse else t - 1
        c_before = cells[before] if 0 <= before < steps else c0
        loops.lstm_backward(t, lengths, dhs[t], gates[t], c_before, cells[t], dh, dc, dgates[t])
        dh += np.matmul(dgates[t], w_hh, out=product)
    return dgates, dgates.sum(axis=(0, 1)), dh, dc


def gru(x, w_ih, w_hh, b_ih, b_hh, h0, lengths, reverse):
    """At each t: ``gru_cell`` of x_t W_ihᵀ + b_ih and h_{t−1} W_hhᵀ + b_hh."""
    steps, batch, _ = x.shape
    from_x = linear(_rows(x), w_ih, b_ih).reshape(steps, batch, len(w_ih))
    hs = np.empty((steps, *h0.shape), x.dtype)
    gates = np.empty((steps, batch, 4 * h0.shape[1]), x.dtype)
    h = h0.copy()
    from_h = np.empty_like(from_x, shape=from_x.shape[1:])
    for t in _times(steps, reverse):
        np.matmul(h, w_hh.T, out=from_h)
        loops.gru(t, lengths, from_x[t], from_h, b_hh, h, hs[t], gates[t])
    return hs, h, gates


def gru_backward(dhs, dh_last, w_hh, h_before, gates, lengths, reverse):
    """The loop of ``gru`` from its last line to its first: dgates_x, dgates_h, their sums, dh0."""
    steps, batch, hidden = h_before.shape
    dgates_x = np.empty((steps, batch, 3 * hidden), gates.dtype)
    dgates_h = np.empty_like(dgates_x)
    dh = dh_last.copy()
    product = np.empty_like(dh)
    for t in reversed(_times(steps, reverse)):
        loops.gru_backward(t, lengths, dhs[t], gates[t], h_before[t], dh, dgates_x[t], dgates_h[t])
        dh += np.matmul(dgates_h[t], w_hh, out=product)
    return dgates_x, dgates_h, dgates_x.sum(axis=(0, 1)), dgates_h.sum(axis=(0, 1)), dh


def _times(steps, reverse):
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _always(state):
    """Lengths with which every row runs at step 0."""
    return np.ones(len(state), np.int64)


def _rows(x):
    """(T, B, D) → (T·B, D)."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])
