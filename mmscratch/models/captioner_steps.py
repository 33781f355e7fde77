"""All steps of the captioner's decoder in one operation: what ``AttentionCaptioner.advance`` does, T times.

Where the words are known beforehand (training), one kernel takes the state through all of them, and much of a
step need not wait for the step before it: the gradient of every weight is one product over all steps, and not
T small ones (Appleyard, Kočiský & Blunsom, 2016). Letters are those of ``captioner.py``; arrays over all
steps have time first.
"""

from .. import kernels
from ..autograd import primitive

__all__ = ["decode_steps"]


@primitive
def decode_steps(x, regions, projected, h0, c0, w_ih, w_hh, b_ih, b_hh, w_ask, b_ask, v, *, query):
    """Equations 1 to 6 of the decoder for given words.

    Forward    for t = 1 … T, z_0 = 0; the first line comes after the second with query "current":
               α_t = softmax(v · tanh(W_a a + q)), z_t = σ(s) Σ_i α_ti a_i, [q; s] = W_ask h_{t−1} + b_ask
               h_t, c_t = LSTM([x_t; z_t], h_{t−1}, c_{t−1})
    Backward   through time, from the last step to the first; ∂L/∂W = Σ_t of its products at all steps
    Shapes     x (T, B, E), regions (B, R, D), projected = W_a a (B, R, A), h0, c0 (B, H), w_ih (4H, E + D),
               w_hh (4H, H), b_ih, b_hh (4H,), w_ask (A + 1, H): U_a above w_β, b_ask (A + 1,), v (A,)
               → h (T, B, H), z (T, B, D), α (T, B, R)
    """
    k, current = kernels.of(x), query == "current"
    bias = k.map("add", b_ih, b_hh)
    hs, zs, alphas, *rest = k.attentive_lstm(
        x, regions, projected, h0, c0, w_ih, w_hh, bias, w_ask, b_ask, v, current
    )

    def backward(dhs, dzs, dalphas):
        *before, dbias, dw_ask, db_ask, dv = k.attentive_lstm_backward(
            dhs, dzs, dalphas, regions, projected, c0, w_ih, w_hh, w_ask, v, hs, alphas, *rest, current
        )
        return (*before, dbias, dbias, dw_ask, db_ask, dv)

    return (hs, zs, alphas), backward
