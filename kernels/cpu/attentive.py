"""The LSTM that looks at regions at every step: float32 on vectors, the rest by the formula.

Algorithm  ``attentive_tiles.py``; the gradients of the weights are one product each over all steps
           (Appleyard, Kočiský & Blunsom, 2016)
Errors     float32 against ``reference`` in float64, of the largest entry: at most 3e-6 (tested)
"""

import numpy as np

from .. import reference
from . import simd
from .linear import matmul

__all__ = ["attentive_lstm", "attentive_lstm_backward"]


def attentive_lstm(x, regions, projected, h0, c0, w_ih, w_hh, bias, w_ask, b_ask, weight, current):
    """At each t, z_0 = 0: the gates of [x_t; z; h], then ``lstm_cell``; one look before it, or after."""
    run = _tiles().forward if _on_vectors(x) else reference.attentive_lstm
    return run(x, regions, projected, h0, c0, w_ih, w_hh, bias, w_ask, b_ask, weight, bool(current))


def attentive_lstm_backward(
    dhs, dzs, dalphas, regions, projected, c0, w_ih, w_hh, w_ask, weight, hs, alphas, read, asked, gates,
    cells, current,
):  # fmt: skip
    """The loop of ``attentive_lstm`` from its last line to its first, in the opposite order of time."""
    if not _on_vectors(dhs):
        return reference.attentive_lstm_backward(
            dhs, dzs, dalphas, regions, projected, c0, w_ih, w_hh, w_ask, weight, hs, alphas, read, asked,
            gates, cells, current,
        )  # fmt: skip
    dx, dregions, dprojected, dh, dc, dgates, dasked, dbias, db_ask, dweight = _tiles().backward(
        dhs, dzs, dalphas, regions, projected, c0, w_ih, w_hh, w_ask, weight, alphas, asked, gates, cells,
        bool(current),
    )  # fmt: skip
    before = w_ih.shape[1]
    dw = matmul(_rows(dgates), _rows(read), True, False)
    asker = hs if current else np.ascontiguousarray(read[:, :, before:])
    dw_ask = matmul(_rows(dasked), _rows(asker), True, False)
    dw_ih, dw_hh = np.ascontiguousarray(dw[:, :before]), np.ascontiguousarray(dw[:, before:])
    return dx, dregions, dprojected, dh, dc, dw_ih, dw_hh, dbias, dw_ask, db_ask, dweight


def _on_vectors(x):
    return simd.LANES > 0 and x.dtype == np.float32


def _tiles():
    from . import attentive_tiles

    return attentive_tiles


def _rows(x):
    """(T, B, N) → (T·B, N)."""
    return x.reshape(x.shape[0] * x.shape[1], x.shape[2])
