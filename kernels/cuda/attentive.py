"""The LSTM that looks at regions at every step, composed of kernels. Equal to ``reference.attentive``.

What does not wait for the step before is one product over all steps: x's part of the gates before them, the
gradient of every weight after them (Appleyard, Kočiský & Blunsom, 2016).
"""

from .additive import additive_scores, additive_scores_backward
from .elementwise import full, map
from .layout import concatenate, permute, slice
from .linear import linear, matmul
from .recurrence import lstm_cell, lstm_cell_backward
from .reduce import reduce
from .softmax import softmax, softmax_backward

__all__ = ["attentive_lstm", "attentive_lstm_backward"]


def attentive_lstm(x, regions, projected, h0, c0, w_ih, w_hh, bias, w_ask, b_ask, weight, current):
    """At each t, z_0 = 0: the gates of [x_t; z; h], then ``lstm_cell``; one look before it, or after."""
    (steps, batch, words), given = x.shape, (regions, projected, w_ask, b_ask, weight)
    from_x = linear(_rows(x), _columns(w_ih, 0, words), bias).reshape(steps, batch, len(bias))
    w = concatenate([_columns(w_ih, words), w_hh], 1)
    h, c, z = h0, c0, full((batch, regions.shape[2]), 0, x.dtype)
    states = []
    for t in range(steps):
        if not current:
            z, alpha, asked = _look(h, *given)
        read = concatenate([z, h], 1)
        h, c, gates = lstm_cell(map("add", _step(from_x, t), linear(read, w, None)), c)
        if current:
            z, alpha, asked = _look(h, *given)
        states.append((h, z, alpha, read, asked, gates, c))
    hs, zs, alphas, read, asked, gates, cells = (_stack(arrays) for arrays in zip(*states, strict=True))
    return hs, zs, alphas, concatenate([x, read], 2), asked, gates, cells


def attentive_lstm_backward(
    dhs, dzs, dalphas, regions, projected, c0, w_ih, w_hh, w_ask, weight, hs, alphas, read, asked, gates,
    cells, current,
):  # fmt: skip
    """The loop of ``attentive_lstm`` from its last line to its first, in the opposite order of time."""
    (steps, batch, hidden), size, before = hs.shape, regions.shape[2], w_ih.shape[1]
    w = concatenate([w_ih, w_hh], 1)
    dh, dc, dz = (full((batch, n), 0, dhs.dtype) for n in (hidden, hidden, size))
    every = [None] * steps

    def look_back(t, dz, dh):
        dz, looked = map("add", dz, _step(dzs, t)), (regions, projected, weight)
        asks = _look_backward(dz, _step(dalphas, t), *looked, _step(alphas, t), _step(asked, t))
        return map("add", dh, matmul(asks[0], w_ask, False, False)), asks

    for t in reversed(range(steps)):
        if current:
            dh, asks = look_back(t, dz, dh)
        c = _step(cells, t - 1) if t else c0
        dh = map("add", dh, _step(dhs, t))
        da, dc = lstm_cell_backward(dh, dc, _step(gates, t), c, _step(cells, t))
        d = matmul(da, w, False, False)
        dz, dh = _columns(d, before - size, before), _columns(d, before)
        if not current:
            dh, asks = look_back(t, dz, dh)
        every[t] = (da, _columns(d, 0, before - size), *asks)
    da, dx, dasked, du, de = (_stack(arrays) for arrays in zip(*every, strict=True))
    queries = permute(_columns(asked, 0, len(weight)), (1, 0, 2))
    dprojected, dweight = additive_scores_backward(permute(de, (1, 2, 0)), projected, queries, weight)
    dregions = matmul(permute(alphas, (1, 2, 0)), permute(du, (1, 0, 2)), False, False)
    dw = matmul(_rows(da), _rows(read), True, False)
    asker = hs if current else _columns(read, before)
    dw_ask = matmul(_rows(dasked), _rows(asker), True, False)
    dbias, db_ask = (reduce("sum", _rows(a), (0,), False) for a in (da, dasked))
    dw_ih, dw_hh = _columns(dw, 0, before), _columns(dw, before)
    return dx, dregions, dprojected, dh, dc, dw_ih, dw_hh, dbias, dw_ask, db_ask, dweight


def _look(h, regions, projected, w_ask, b_ask, weight):
    """→ z, α, [q; σ(s)]."""
    (batch, _, size), count = projected.shape, regions.shape[2]
    asked = linear(h, w_ask, b_ask)
    q, gate = _columns(asked, 0, size), map("sigmoid", _columns(asked, size))
    alpha = softmax(additive_scores(q.reshape(batch, 1, size), projected, weight), None)
    z = map("mul", gate, matmul(alpha, regions, False, False).reshape(batch, count))
    return z, alpha.reshape(batch, alpha.shape[2]), concatenate([q, gate], 1)


def _look_backward(dz, dalpha, regions, projected, weight, alpha, asked):
    """→ d[q; s], du = σ(s) dz, de."""
    (batch, count, size), wide = projected.shape, regions.shape[2]
    q, gate = _columns(asked, 0, size), _columns(asked, size)
    inner = matmul(dz.reshape(batch, 1, wide), regions, False, True).reshape(batch, count)
    dgate = reduce("sum", map("mul", alpha, inner), (1,), True)
    de = softmax_backward(map("add", dalpha, map("mul", gate, inner)), alpha)
    dq, _ = additive_scores_backward(
        de.reshape(batch, 1, count), q.reshape(batch, 1, size), projected, weight
    )
    dasked = concatenate([dq.reshape(batch, size), map("sigmoid_backward", dgate, gate)], 1)
    return dasked, map("mul", gate, dz), de


def _rows(x):
    """(T, B, N) → (T·B, N)."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])


def _stack(arrays):
    return concatenate([a.reshape(1, *a.shape) for a in arrays], 0)


def _step(x, t):
    """x[t], of an array over all steps."""
    return slice(x, (t, 0, 0), (1, 1, 1), (1, *x.shape[1:])).reshape(*x.shape[1:])


def _columns(x, first, end=None):
    """x[…, first:end]."""
    *lead, size = x.shape
    end = size if end is None else end
    return slice(x, (0,) * len(lead) + (first,), (1,) * x.ndim, (*lead, end - first))
