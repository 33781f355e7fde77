"""LSTM and GRU: float32 on vectors, other dtypes and machines by BLAS and plain loops.

Both ways run the steps; the gradients of the weights and of x are one product each over all steps at the end.

Algorithm  ``lstm_tiles.py`` and ``gru_tiles.py``; ``recurrence_plain.py``. Back-propagation
           through time: Werbos, 1990. Whole sequences in one call, the products over all steps at once:
           Appleyard, Kočiský & Blunsom, 2016.
Errors     float32 against ``reference`` in float64, of the largest entry: at most 3e-6
           (tested), results and gradients alike; the cells 5e-7
"""

import numpy as np

from . import recurrence_plain, simd
from .linear import matmul

__all__ = [
    "lstm", "lstm_backward", "gru", "gru_backward",
    "lstm_cell", "lstm_cell_backward", "gru_cell", "gru_cell_backward",
]  # fmt: skip


def lstm(x, w_ih, w_hh, bias, h0, c0, lengths, reverse):
    """At each t: gates = x_t W_ihᵀ + h_{t−1} W_hhᵀ + b, then ``lstm_cell``. cells holds the carried state."""
    run = _lstm_tiles().forward if _on_vectors(x) else recurrence_plain.lstm
    return run(x, w_ih, w_hh, bias, h0, c0, _lengths(lengths, x), reverse)


def lstm_backward(dhs, dh_last, dc_last, x, w_ih, w_hh, h0, c0, hs, gates, cells, lengths, reverse):
    """The loop of ``lstm`` from its last line to its first, in the opposite order of time."""
    run = _lstm_tiles().backward if _on_vectors(x) else recurrence_plain.lstm_backward
    lengths = _lengths(lengths, x)
    dgates, dbias, dh, dc = run(dhs, dh_last, dc_last, w_hh, c0, gates, cells, lengths, reverse)
    dx, dw_ih = _of_products(dgates, x, w_ih)
    h_before = _states_before(hs, h0, lengths, reverse)
    return dx, dw_ih, matmul(_rows(dgates), _rows(h_before), True, False), dbias, dh, dc


def gru(x, w_ih, w_hh, b_ih, b_hh, h0, lengths, reverse):
    """At each t: ``gru_cell`` of x_t W_ihᵀ + b_ih and h_{t−1} W_hhᵀ + b_hh."""
    run = _gru_tiles().forward if _on_vectors(x) else recurrence_plain.gru
    return run(x, w_ih, w_hh, b_ih, b_hh, h0, _lengths(lengths, x), reverse)


def gru_backward(dhs, dh_last, x, w_ih, w_hh, h0, hs, gates, lengths, reverse):
    """The loop of ``gru`` from its last line to its first, in the opposite order of time."""
    run = _gru_tiles().backward if _on_vectors(x) else recurrence_plain.gru_backward
    lengths = _lengths(lengths, x)
    h_before = _states_before(hs, h0, lengths, reverse)
    dgates_x, dgates_h, db_ih, db_hh, dh = run(dhs, dh_last, w_hh, h_before, gates, lengths, reverse)
    dx, dw_ih = _of_products(dgates_x, x, w_ih)
    return dx, dw_ih, matmul(_rows(dgates_h), _rows(h_before), True, False), db_ih, db_hh, dh


# ── one step, pointwise ──────────────────────────────────────────────────────────────────────────
def lstm_cell(gates, c):
    """i, f, o = σ(·), g = tanh(·);  c' = f ⊙ c + i ⊙ g;  h = o ⊙ tanh c'."""
    return (_units().lstm_cell if _on_vectors(c) else recurrence_plain.lstm_cell)(gates, c)


def lstm_cell_backward(dh, dc, activated, c, c_new):
    """dc += dh ⊙ o ⊙ (1 − tanh² c');  σ' = σ(1 − σ), tanh' = 1 − tanh²."""
    run = _units().lstm_cell_backward if _on_vectors(c) else recurrence_plain.lstm_cell_backward
    return run(dh, dc, activated, c, c_new)


def gru_cell(gates_x, gates_h, h):
    """r, z = σ(x + h parts);  n = tanh(x part + r ⊙ q), q the h part;  h' = (1 − z) ⊙ n + z ⊙ h."""
    return (_units().gru_cell if _on_vectors(h) else recurrence_plain.gru_cell)(gates_x, gates_h, h)


def gru_cell_backward(dh, gates, h):
    """The direct path z ⊙ dh to h, and the two pre-activations; they differ by the factor r of q."""
    return (_units().gru_cell_backward if _on_vectors(h) else recurrence_plain.gru_cell_backward)(
        dh, gates, h
    )


# ── the two ways, and what they share ────────────────────────────────────────────────────────────
def _on_vectors(x):
    return simd.LANES > 0 and x.dtype == np.float32


def _units():
    from . import recurrence_units

    return recurrence_units


def _lstm_tiles():
    from . import lstm_tiles

    return lstm_tiles


def _gru_tiles():
    from . import gru_tiles

    return gru_tiles


def _lengths(lengths, x):
    return np.full(x.shape[1], len(x)) if lengths is None else lengths


def _rows(x):
    """(T, B, D) → (T·B, D)."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])


def _of_products(dgates, x, w_ih):
    """Of x_t W_ihᵀ: dx, dw_ih."""
    rows = _rows(dgates)
    return matmul(rows, w_ih, False, False).reshape(x.shape), matmul(rows, _rows(x), True, False)


def _states_before(hs, h0, lengths, reverse):
    """h with which each step began (T, B, H): the step before it, or the start of its sequence."""
    before = np.empty_like(hs)
    if len(hs) and reverse:
        before[-1], before[:-1] = h0, hs[1:]
        short = np.flatnonzero((lengths > 0) & (lengths < len(hs)))
        before[lengths[short] - 1, short] = h0[short]
    elif len(hs):
        before[0], before[1:] = h0, hs[:-1]
    return before
