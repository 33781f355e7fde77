"""Recurrent networks over whole sequences, time first, one layer and one direction; and single steps.

Weights are PyTorch's: w_ih (gates·H, D) and w_hh (gates·H, H), the gates in the order i, f, g, o (LSTM) and
r, z, n (GRU). What the kernels compute is written out in ``recurrence_twins.py``.
"""

from .. import kernels
from ..autograd import primitive
from . import arithmetic
from .activation import relu, tanh
from .linear import linear
from .recurrence_twins import check_recurrence, run

__all__ = ["gru", "gru_cell", "lstm", "lstm_cell", "rnn"]


@primitive
def lstm(x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, lengths=None, *, reverse=False):
    """Long short-term memory (Hochreiter & Schmidhuber, 1997; forget gate: Gers et al., 2000).

    Forward    i, f, g, o = σ, σ, tanh, σ of the quarters of x_t W_ihᵀ + b_ih + h_{t−1} W_hhᵀ + b_hh;
               c_t = f ⊙ c_{t−1} + i ⊙ g;  h_t = o ⊙ tanh c_t
    Backward   through time: dc_t += dh_t ⊙ o ⊙ (1 − tanh² c_t), dc_{t−1} = dc_t ⊙ f, dh_{t−1} = dgates W_hh;
               the weights collect Σ_t dgatesᵀ x_t and Σ_t dgatesᵀ h_{t−1}
    Shapes     x (T, B, D), h0, c0 (B, H), w_ih (4H, D), w_hh (4H, H), b_ih, b_hh (4H,), lengths (B,)
               → hs (T, B, H), h (B, H), c (B, H)
    Errors     ValueError for shapes that do not fit; TypeError for lengths that are not int64
    Note       h0, c0 None: zeros. lengths: from t ≥ lengths[b] on hs is 0 and the state stays as it was.
               reverse: time runs backwards, each sequence from its own last step; hs[t] stays at place t
    """
    steps, batch, hidden = check_recurrence("lstm", 4, x, w_ih, w_hh, b_ih, b_hh, lengths, h0=h0, c0=c0)
    k = kernels.of(x)
    h_start, c_start = (k.full((batch, hidden), 0, x.dtype) if s is None else s for s in (h0, c0))
    bias = _sum_of_biases(k, b_ih, b_hh, 4 * hidden, x.dtype)
    hs, h, c, gates, cells = k.lstm(x, w_ih, w_hh, bias, h_start, c_start, lengths, bool(reverse))

    def backward(dhs, dh, dc):
        dx, dw_ih, dw_hh, dbias, dh0, dc0 = k.lstm_backward(
            dhs, dh, dc, x, w_ih, w_hh, h_start, c_start, hs, gates, cells, lengths, bool(reverse)
        )
        return dx, dh0, dc0, dw_ih, dw_hh, dbias, dbias, None

    return (hs, h, c), backward


@primitive
def gru(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, lengths=None, *, reverse=False):
    """Gated recurrent unit (Cho et al., 2014), the reset gate acting after the product.

    Forward    r, z = σ of the first two thirds of x_t W_ihᵀ + b_ih + h_{t−1} W_hhᵀ + b_hh;
               n = tanh(x_t W_inᵀ + b_in + r ⊙ (h_{t−1} W_hnᵀ + b_hn));  h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}
    Backward   through time: dh_{t−1} = z ⊙ dh_t + dgates_h W_hh, where dgates_h differs from dgates_x in its
               last third by the factor r
    Shapes     x (T, B, D), h0 (B, H), w_ih (3H, D), w_hh (3H, H), b_ih, b_hh (3H,), lengths (B,)
               → hs (T, B, H), h (B, H)
    Errors     as in ``lstm``
    Note       h0, lengths and reverse as in ``lstm``
    """
    steps, batch, hidden = check_recurrence("gru", 3, x, w_ih, w_hh, b_ih, b_hh, lengths, h0=h0)
    k = kernels.of(x)
    start = k.full((batch, hidden), 0, x.dtype) if h0 is None else h0
    biases = [k.full((3 * hidden,), 0, x.dtype) if b is None else b for b in (b_ih, b_hh)]
    hs, h, gates = k.gru(x, w_ih, w_hh, *biases, start, lengths, bool(reverse))

    def backward(dhs, dh):
        dx, dw_ih, dw_hh, db_ih, db_hh, dh0 = k.gru_backward(
            dhs, dh, x, w_ih, w_hh, start, hs, gates, lengths, bool(reverse)
        )
        return dx, dh0, dw_ih, dw_hh, db_ih, db_hh, None

    return (hs, h), backward


def rnn(x, h0, w_ih, w_hh, b_ih=None, b_hh=None, lengths=None, *, reverse=False, nonlinearity="tanh"):
    """Simple recurrent network (Elman, 1990), composed.

    Forward    h_t = tanh(x_t W_ihᵀ + b_ih + h_{t−1} W_hhᵀ + b_hh), or relu
    Shapes     x (T, B, D), h0 (B, H), w_ih (H, D), w_hh (H, H), b_ih, b_hh (H,), lengths (B,)
               → hs (T, B, H), h (B, H)
    Note       h0, lengths and reverse as in ``lstm``
    """
    check_recurrence("rnn", 1, x, w_ih, w_hh, b_ih, b_hh, lengths, h0=h0)
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f'rnn: nonlinearity must be "tanh" or "relu", got {nonlinearity!r}')
    squash = tanh if nonlinearity == "tanh" else relu

    def step(x_t, state):
        (h,) = state
        return (squash(arithmetic.add(linear(x_t, w_ih, b_ih), linear(h, w_hh, b_hh))),)

    hs, (h,) = run(step, x, (h0,), w_hh.shape[1], lengths, reverse)
    return hs, h


@primitive
def _lstm_pointwise(gates, c):
    """The pointwise half of an LSTM step.

    Forward    i, f, g, o = σ, σ, tanh, σ of the quarters;  c' = f ⊙ c + i ⊙ g;  h = o ⊙ tanh c'
    Backward   dc' += dh ⊙ o ⊙ (1 − tanh² c');  di = dc' ⊙ g, df = dc' ⊙ c, dg = dc' ⊙ i, do = dh ⊙ tanh c'
    Shapes     gates (B, 4H), c (B, H) → h (B, H), c' (B, H)
    """
    k = kernels.of(gates)
    h, c_new, activated = k.lstm_cell(gates, c)
    return (h, c_new), lambda dh, dc: k.lstm_cell_backward(dh, dc, activated, c, c_new)


@primitive
def _gru_pointwise(gates_x, gates_h, h):
    """The pointwise half of a GRU step.

    Forward    r, z = σ(·), n = tanh(x part + r ⊙ h part);  h' = (1 − z) ⊙ n + z ⊙ h
    Backward   dn = dh' ⊙ (1 − z), dz = dh' ⊙ (h − n), dh = dh' ⊙ z
    Shapes     gates_x (B, 3H), gates_h (B, 3H), h (B, H) → h' (B, H)
    """
    k = kernels.of(gates_x)
    h_new, gates = k.gru_cell(gates_x, gates_h, h)
    return h_new, lambda dh: k.gru_cell_backward(dh, gates, h)


def lstm_cell(x, h, c, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of ``lstm``, composed: two products, then one pointwise kernel.

    Forward    gates = x W_ihᵀ + b_ih + h W_hhᵀ + b_hh; then c', h' as in ``lstm``
    Shapes     x (B, D), h, c (B, H), w_ih (4H, D), w_hh (4H, H), b_ih, b_hh (4H,) → h' (B, H), c' (B, H)
    """
    check_recurrence("lstm_cell", 4, x, w_ih, w_hh, b_ih, b_hh, None, h=h, c=c)
    return _lstm_pointwise(arithmetic.add(linear(x, w_ih, b_ih), linear(h, w_hh, b_hh)), c)


def gru_cell(x, h, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of ``gru``, composed: two products, then one pointwise kernel.

    Forward    h' as in ``gru``
    Shapes     x (B, D), h (B, H), w_ih (3H, D), w_hh (3H, H), b_ih, b_hh (3H,) → h' (B, H)
    """
    check_recurrence("gru_cell", 3, x, w_ih, w_hh, b_ih, b_hh, None, h=h)
    return _gru_pointwise(linear(x, w_ih, b_ih), linear(h, w_hh, b_hh), h)


def _sum_of_biases(k, b_ih, b_hh, size, dtype):
    if b_ih is None or b_hh is None:
        given = b_ih if b_hh is None else b_hh
        return k.full((size,), 0, dtype) if given is None else given
    return k.map("add", b_ih, b_hh)
