"""All steps of the captioner's decoder in one operation: what ``AttentionCaptioner.advance`` does, T times.

Where the words are known beforehand (training), much of a step does not wait for the step before it. Taken
out of the loop, it is one product over all steps and not T small ones (Appleyard, Kočiský & Blunsom, 2016):

    before   X W_xᵀ + b of all words, W_ih = [W_x W_z]
    a step   [z; h] [W_z W_hh]ᵀ, the gates, the attention
    after    the gradient of every weight, from the gradients of its products at all steps

Letters are those of ``captioner.py``; arrays over all steps have time first.
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
    steps, batch, words = x.shape
    hidden, size = h0.shape[1], regions.shape[2]
    look = _Look(k, regions, projected, w_ask, b_ask, v)
    w_x = k.slice(w_ih, (0, 0), (1, 1), (4 * hidden, words))
    w_z = k.slice(w_ih, (0, words), (1, 1), (4 * hidden, size))
    w_zh = k.concatenate([w_z, w_hh], 1)
    rows = x.reshape(steps * batch, words)
    from_x = k.linear(rows, w_x, k.map("add", b_ih, b_hh)).reshape(steps, batch, 4 * hidden)

    h, c, z = h0, c0, k.full((batch, size), 0, x.dtype)
    read, hs, zs, cs, gates, looks = [], [], [], [c0], [], []
    for t in range(steps):
        if not current:
            z, seen = look(h)
            looks.append(seen)
            zs.append(z)
        read.append(k.concatenate([z, h], 1))
        a = k.map("add", _step(k, from_x, t), k.linear(read[t], w_zh, None))
        h, c, activated = k.lstm_cell(a, c)
        hs.append(h)
        cs.append(c)
        gates.append(activated)
        if current:
            z, seen = look(h)
            looks.append(seen)
            zs.append(z)
    read, hs, zs = k.concatenate(read, 0), _stack(k, hs), _stack(k, zs)
    del from_x, h, c, z

    def backward(dhs, dzs, dalphas):
        dh, dc = (k.full((batch, hidden), 0, x.dtype) for _ in "hc")
        dz = k.full((batch, size), 0, x.dtype)
        da, asked, down = [None] * steps, [None] * steps, look.begin()

        def look_back(t, dz, dh):
            """∂L/∂h of the state that asked, of ∂L/∂z_t."""
            asked[t] = down(looks[t], _step(k, dalphas, t), k.map("add", dz, _step(k, dzs, t)))
            return k.map("add", dh, k.matmul(asked[t], w_ask, False, False))

        for t in reversed(range(steps)):
            dh = k.map("add", dh, _step(k, dhs, t))
            if current:
                dh = look_back(t, dz, dh)
            da[t], dc = k.lstm_cell_backward(dh, dc, gates[t], cs[t], cs[t + 1])
            d = k.matmul(da[t], w_zh, False, False)
            dz = k.slice(d, (0, 0), (1, 1), (batch, size))
            dh = k.slice(d, (0, size), (1, 1), (batch, hidden))
            if not current:
                dh = look_back(t, dz, dh)
        da, asked = k.concatenate(da, 0), k.concatenate(asked, 0)
        db = k.reduce("sum", da, (0,), False)
        dw_zh = k.matmul(da, read, True, False)
        dw_z = k.slice(dw_zh, (0, 0), (1, 1), (4 * hidden, size))

        def dw_ask():
            if current:
                return k.matmul(asked, hs.reshape(steps * batch, hidden), True, False)
            before = k.slice(read, (0, size), (1, 1), (steps * batch, hidden))
            return k.matmul(asked, before, True, False)

        dprojected, dv = down.projected(looks)
        return (
            lambda: k.matmul(da, w_x, False, False).reshape(x.shape),
            lambda: down.regions(looks),
            dprojected,
            dh,
            dc,
            lambda: k.concatenate([k.matmul(da, rows, True, False), dw_z], 1),
            lambda: k.slice(dw_zh, (0, size), (1, 1), (4 * hidden, hidden)),
            db,
            db,
            dw_ask,
            lambda: k.reduce("sum", asked, (0,), False),
            dv,
        )

    return (hs, zs, _stack(k, [seen.alpha for seen in looks])), backward


class _Seen:
    """What one look leaves for the way back: the query, α, the context before its gate, the gate."""

    __slots__ = ("alpha", "beta", "context", "query")

    def __init__(self, query, alpha, context, beta):
        self.query, self.alpha, self.context, self.beta = query, alpha, context, beta


class _Look:
    """Equations 4 to 6 for a state that asks: h → z, and what the way back needs."""

    def __init__(self, k, regions, projected, w_ask, b_ask, v):
        self.k, self.regions, self.projected, self.v = k, regions, projected, v
        self.w_ask, self.b_ask = w_ask, b_ask

    def __call__(self, h):
        k, (batch, count, size) = self.k, self.projected.shape
        asked = k.linear(h, self.w_ask, self.b_ask)
        q = k.slice(asked, (0, 0), (1, 1), (batch, size)).reshape(batch, 1, size)
        beta = k.map("sigmoid", k.slice(asked, (0, size), (1, 1), (batch, 1)))
        alpha = k.softmax(k.additive_scores(q, self.projected, self.v), None)
        context = k.matmul(alpha, self.regions, False, False).reshape(batch, self.regions.shape[2])
        return k.map("mul", beta, context), _Seen(q, alpha.reshape(batch, count), context, beta)

    def begin(self):
        return _LookBack(self)


class _LookBack:
    """The gradients of ``_Look``; those of what all looks share wait until all have been gone through."""

    def __init__(self, look):
        self.look, self.k = look, look.k
        self.contexts, self.scores = [], []

    def __call__(self, seen, dalpha, dz):
        """∂L/∂(W_ask h + b_ask) of one look."""
        k, look = self.k, self.look
        batch, count, _ = look.projected.shape
        dbeta = k.reduce("sum", k.map("mul", dz, seen.context), (1,), True)
        du = k.map("mul", dz, seen.beta)
        self.contexts.insert(0, du)
        from_z = k.matmul(du.reshape(batch, 1, du.shape[1]), look.regions, False, True)
        de = k.softmax_backward(k.map("add", dalpha, from_z.reshape(batch, count)), seen.alpha)
        self.scores.insert(0, de)
        dq, _ = k.additive_scores_backward(de.reshape(batch, 1, count), seen.query, look.projected, look.v)
        return k.concatenate([dq.reshape(batch, dq.shape[2]), k.map("sigmoid_backward", dbeta, seen.beta)], 1)

    def regions(self, looks):
        """Σ_t α_t ⊗ ∂L/∂(context of t), one product over the steps for each picture."""
        alphas, du = self._beside([s.alpha for s in looks], 2), self._beside(self.contexts, 1)
        return self.k.matmul(alphas, du, False, False)

    def projected(self, looks):
        """∂L/∂(W_a a) and ∂L/∂v, from all looks at once."""
        k, look = self.k, self.look
        queries = k.concatenate([s.query for s in looks], 1)
        return k.additive_scores_backward(self._beside(self.scores, 2), look.projected, queries, look.v)

    def _beside(self, arrays, axis):
        """Arrays (B, N), one a step, as (B, T, N) with axis 1, (B, N, T) with axis 2."""
        return self.k.concatenate([a.reshape(*a.shape[:axis], 1, *a.shape[axis:]) for a in arrays], axis)


def _step(k, array, t):
    """array[t], of an array over all steps."""
    return k.slice(array, (t, 0, 0), (1, 1, 1), (1, *array.shape[1:])).reshape(array.shape[1:])


def _stack(k, arrays):
    return k.concatenate([a.reshape(1, *a.shape) for a in arrays], 0)
