"""An LSTM that looks at regions of a picture at every step (Xu et al., 2015), and its mirror image."""

import numpy as np

from .additive import additive_scores, additive_scores_backward
from .recurrence import _sigmoid, lstm_cell, lstm_cell_backward
from .softmax import softmax, softmax_backward

__all__ = ["attentive_lstm", "attentive_lstm_backward"]


def _rows(x):
    """(T, B, N) → (T·B, N)."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])


# ── one look ─────────────────────────────────────────────────────────────────────────────────────
def _look(h, regions, projected, w_ask, b_ask, weight):
    """[q; s] = W_ask h + b;  α = softmax(weight · tanh(projected + q));  z = σ(s) Σ_i α_i regions_i."""
    asked = h @ w_ask.T + b_ask
    asked[:, -1] = _sigmoid(asked[:, -1])
    alpha = softmax(additive_scores(asked[:, None, :-1], projected, weight)[:, 0], None)
    return asked[:, -1:] * np.einsum("br,brd->bd", alpha, regions), alpha, asked


def _look_backward(dz, dalpha, regions, projected, weight, alpha, asked):
    """→ d(asked before σ), dregions, dprojected, dweight."""
    q, gate = asked[:, None, :-1], asked[:, -1:]
    inner = np.einsum("bd,brd->br", dz, regions)
    dgate = np.sum(alpha * inner, axis=1, keepdims=True) * gate * (1 - gate)
    de = softmax_backward(dalpha + gate * inner, alpha)[:, None]
    dq, dweight = additive_scores_backward(de, q, projected, weight)
    dprojected, _ = additive_scores_backward(de.swapaxes(1, 2), projected, q, weight)
    dregions = alpha[:, :, None] * (gate * dz)[:, None]
    return np.concatenate([dq[:, 0], dgate], axis=1), dregions, dprojected, dweight


# ── all steps ────────────────────────────────────────────────────────────────────────────────────
def attentive_lstm(x, regions, projected, h0, c0, w_ih, w_hh, bias, w_ask, b_ask, weight, current):
    """At each t, z_0 = 0: the gates of [x_t; z; h], then ``lstm_cell``; one look before it, or after."""
    given = (regions, projected, w_ask, b_ask, weight)
    w = np.concatenate([w_ih, w_hh], axis=1)
    h, c, z = h0, c0, np.zeros((len(h0), regions.shape[2]), x.dtype)
    steps = []
    for x_t in x:
        if not current:
            z, alpha, asked = _look(h, *given)
        read = np.concatenate([x_t, z, h], axis=1)
        h, c, gates = lstm_cell(read @ w.T + bias, c)
        if current:
            z, alpha, asked = _look(h, *given)
        steps.append((h, z, alpha, read, asked, gates, c))
    return tuple(np.stack(arrays) for arrays in zip(*steps, strict=True))


def attentive_lstm_backward(
    dhs, dzs, dalphas, regions, projected, c0, w_ih, w_hh, w_ask, weight, hs, alphas, read, asked, gates,
    cells, current,
):  # fmt: skip
    """The loop of ``attentive_lstm`` from its last line to its first, in the opposite order of time."""
    words, size = w_ih.shape[1] - regions.shape[2], regions.shape[2]
    w = np.concatenate([w_ih, w_hh], axis=1)
    dh, dc, dz = np.zeros_like(c0), np.zeros_like(c0), np.zeros_like(dzs[0])
    dgates, dasked, dx = np.empty_like(gates), np.empty_like(asked), np.empty_like(read[:, :, :words])
    dregions, dprojected, dweight = np.zeros_like(regions), np.zeros_like(projected), np.zeros_like(weight)

    def look_back(t):
        nonlocal dregions, dprojected, dweight
        dz_t = dz + dzs[t]
        dasked[t], *more = _look_backward(dz_t, dalphas[t], regions, projected, weight, alphas[t], asked[t])
        dregions, dprojected, dweight = dregions + more[0], dprojected + more[1], dweight + more[2]
        return dh + dasked[t] @ w_ask

    for t in reversed(range(len(dhs))):
        if current:
            dh = look_back(t)
        c = cells[t - 1] if t else c0
        dgates[t], dc = lstm_cell_backward(dh + dhs[t], dc, gates[t], c, cells[t])
        dx[t], dz, dh = np.split(dgates[t] @ w, [words, words + size], axis=1)
        if not current:
            dh = look_back(t)
    dw = _rows(dgates).T @ _rows(read)
    asker = hs if current else read[:, :, words + size :]
    dw_ask = _rows(dasked).T @ _rows(asker)
    dw_ih, dw_hh = (np.ascontiguousarray(part) for part in np.split(dw, [words + size], axis=1))
    dbias, db_ask = _rows(dgates).sum(axis=0), _rows(dasked).sum(axis=0)
    dh = np.ascontiguousarray(dh)
    return dx, dregions, dprojected, dh, dc, dw_ih, dw_hh, dbias, dw_ask, db_ask, dweight
