"""LSTM and GRU: one step, and the loop through time. Equal to ``reference.recurrence``.

What does not depend on the state is one matrix product for all steps: x_t W_ihᵀ forwards; dx, dW and db
backwards. A step is then one launch (``steps.py``) for everything else. Nothing comes back to the host
between steps. Errors: those of the products, carried through T steps.
"""

from .cells import gru_kernels, lstm_kernels
from .launch import launch_each
from .layout import permute
from .layout import slice as window
from .linear import matrices
from .memory import empty
from .reduce import reduce
from .steps import backward_step, forward_step, previous_states

__all__ = [
    "lstm", "lstm_backward", "gru", "gru_backward",
    "lstm_cell", "lstm_cell_backward", "gru_cell", "gru_cell_backward",
]  # fmt: skip


def _copy(x):
    return window(x, (0,) * x.ndim, (1,) * x.ndim, x.shape)


def _times(steps, reverse):
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _rows(x):
    """(T, B, D) → (T·B, D)."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])


def _lengths(lengths, x):
    """lengths, or something in its place that is not read; and whether it is."""
    return (x, False) if lengths is None else (lengths, True)


# ── one step, pointwise ──────────────────────────────────────────────────────────────────────────
def lstm_cell(gates, c):
    """i, f, o = σ(·), g = tanh(·);  c' = f ⊙ c + i ⊙ g;  h = o ⊙ tanh c' → h, c', activated."""
    h, c_new, activated = empty(c.shape, c.dtype), empty(c.shape, c.dtype), empty(gates.shape, c.dtype)
    cell = lstm_kernels(c.dtype)[2]
    launch_each(cell, c.size, h, c_new, activated, gates, c, c.size, c.shape[1])
    return h, c_new, activated


def lstm_cell_backward(dh, dc, activated, c, c_new):
    """dc += dh ⊙ o ⊙ (1 − tanh² c');  σ' = σ(1 − σ), tanh' = 1 − tanh² → dgates, dc_previous."""
    dgates, before = empty(activated.shape, c.dtype), empty(c.shape, c.dtype)
    cell = lstm_kernels(c.dtype)[3]
    launch_each(cell, c.size, dgates, before, dh, dc, activated, c, c_new, c.size, c.shape[1])
    return dgates, before


def gru_cell(gates_x, gates_h, h):
    """r, z = σ(x + h parts);  n = tanh(x part + r ⊙ q), q the h part;  h' = (1−z) ⊙ n + z ⊙ h → h', gates."""
    h_new, gates = empty(h.shape, h.dtype), empty((h.shape[0], 4 * h.shape[1]), h.dtype)
    cell = gru_kernels(h.dtype)[2]
    launch_each(cell, h.size, h_new, gates, gates_x, gates_h, h, h.size, h.shape[1])
    return h_new, gates


def gru_cell_backward(dh, gates, h):
    """→ the gradients of the two pre-activations, which differ by the factor r of q, and z ⊙ dh."""
    dgates_x, dgates_h = (empty((h.shape[0], 3 * h.shape[1]), h.dtype) for _ in range(2))
    direct = empty(h.shape, h.dtype)
    cell = gru_kernels(h.dtype)[3]
    launch_each(cell, h.size, dgates_x, dgates_h, direct, dh, gates, h, h.size, h.shape[1])
    return dgates_x, dgates_h, direct


# ── whole sequences ──────────────────────────────────────────────────────────────────────────────
def _gates_together(w_hh, hidden):
    """Rows gate · H + unit in the order unit · gates + gate: a unit's gates become neighbours."""
    gates = w_hh.shape[0] // max(hidden, 1)
    return permute(w_hh.reshape(gates, hidden, hidden), (1, 0, 2)).reshape(w_hh.shape)


def lstm(x, w_ih, w_hh, bias, h0, c0, lengths, reverse):
    """At each t: gates = x_t W_ihᵀ + h_{t−1} W_hhᵀ + b, then ``lstm_cell`` → hs, h, c, gates, cells."""
    steps, batch, _ = x.shape
    h, h_new, c = _copy(h0), empty(h0.shape, h0.dtype), _copy(c0)
    hs, cells = (empty((steps, *h.shape), x.dtype) for _ in range(2))
    gates = empty((steps, batch, w_hh.shape[0]), x.dtype)
    from_x = matrices(_rows(x), w_ih, transpose_b=True, extra=bias, extra_steps=(0, 1))
    weight = _gates_together(w_hh, h.shape[1])
    for t in _times(steps, reverse):
        forward_step(4, h_new, h, weight, hs, gates, cells, c, from_x, bias, *_lengths(lengths, x), t)
        h, h_new = h_new, h
    return hs, h, c, gates, cells


def lstm_backward(dhs, dh_last, dc_last, x, w_ih, w_hh, h0, c0, hs, gates, cells, lengths, reverse):
    """The loop of ``lstm`` from its last line to its first → dx, dw_ih, dw_hh, dbias, dh0, dc0."""
    steps = x.shape[0]
    carried, dc = _copy(dh_last), _copy(dc_last)
    da = empty(gates.shape, x.dtype)
    times = (*_lengths(lengths, x), steps, reverse)
    order = _times(steps, reverse)[::-1]
    for t in order:
        state = (dhs, gates, cells, c0, *times, t, t == order[0])
        backward_step(4, da, da, carried, dc, w_hh, *state)
    dh = _into_start(w_hh, da, order, carried)
    before = previous_states(hs, h0, *times)
    rows = _rows(da)
    dx = matrices(rows, w_ih).reshape(x.shape)
    dw_ih = matrices(rows, _rows(x), transpose_a=True)
    dw_hh = matrices(rows, _rows(before), transpose_a=True)
    return dx, dw_ih, dw_hh, reduce("sum", rows, (0,), False), dh, dc


def gru(x, w_ih, w_hh, b_ih, b_hh, h0, lengths, reverse):
    """At each t: ``gru_cell`` of x_t W_ihᵀ + b_ih and h_{t−1} W_hhᵀ + b_hh → hs, h, gates."""
    steps, batch, _ = x.shape
    h, h_new = _copy(h0), empty(h0.shape, h0.dtype)
    hs = empty((steps, *h.shape), x.dtype)
    gates = empty((steps, batch, 4 * h.shape[1]), x.dtype)
    from_x = matrices(_rows(x), w_ih, transpose_b=True, extra=b_ih, extra_steps=(0, 1))
    weight = _gates_together(w_hh, h.shape[1])
    for t in _times(steps, reverse):
        forward_step(3, h_new, h, weight, hs, gates, hs, h, from_x, b_hh, *_lengths(lengths, x), t)
        h, h_new = h_new, h
    return hs, h, gates


def gru_backward(dhs, dh_last, x, w_ih, w_hh, h0, hs, gates, lengths, reverse):
    """The loop of ``gru`` from its last line to its first → dx, dw_ih, dw_hh, db_ih, db_hh, dh0."""
    steps, batch, _ = x.shape
    carried = _copy(dh_last)
    dax, dah = (empty((steps, batch, 3 * h0.shape[1]), x.dtype) for _ in range(2))
    times = (*_lengths(lengths, x), steps, reverse)
    order = _times(steps, reverse)[::-1]
    for t in order:
        backward_step(3, dax, dah, carried, carried, w_hh, dhs, gates, hs, h0, *times, t, t == order[0])
    dh = _into_start(w_hh, dah, order, carried)
    before = previous_states(hs, h0, *times)
    dx = matrices(_rows(dax), w_ih).reshape(x.shape)
    dw_ih = matrices(_rows(dax), _rows(x), transpose_a=True)
    dw_hh = matrices(_rows(dah), _rows(before), transpose_a=True)
    return dx, dw_ih, dw_hh, *(reduce("sum", _rows(d), (0,), False) for d in (dax, dah)), dh


def _into_start(w_hh, da, order, carried):
    """dh₀ = da_t W_hh + carried for the step t that came first; carried is what passed the product by."""
    if not len(order):
        return carried
    first = da.rows(order[-1], order[-1] + 1).reshape(da.shape[1:])
    return matrices(first, w_hh, extra=carried, extra_steps=(carried.shape[1], 1))
