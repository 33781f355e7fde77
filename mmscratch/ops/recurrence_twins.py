"""LSTM and GRU step by step from plain operations: what the kernels in ``recurrence.py`` must equal.

Here are also the variants that no kernel computes: peepholes, a reset gate before the product, other
squashing functions, clipped pre-activations.
"""

from . import arithmetic, comparison
from .activation import sigmoid, tanh
from .check import check_arrays, check_number, check_optional
from .constants import full_beside, raw
from .indexing import index as entry
from .linear import linear
from .shape import reshape, split, stack

__all__ = ["gru_twin", "lstm_twin", "run"]


def run(step, x, states, hidden, lengths, reverse):
    """Carry states through time, composed: ``step(x_t, states)`` gives the next states, the first is kept.

    Forward    s_t = step(x_t, s_{t−1}), for t < lengths[b]; after that the state stays and the output is 0
    Shapes     x (T, B, D), states (B, H) each (None: zeros), lengths (B,) → hs (T, B, H), last states (B, H)
    """
    steps, batch = x.shape[:2]
    states = tuple(full_beside(x, (batch, hidden), 0) if s is None else s for s in states)
    if steps == 0:
        return full_beside(x, (0, batch, hidden), 0), states
    outputs = [None] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        new = step(entry(x, key=t), states)
        if lengths is None:
            states, outputs[t] = new, new[0]
            continue
        running = reshape(comparison.greater(raw(lengths), t), shape=(batch, 1))
        states = tuple(arithmetic.where(running, n, s) for n, s in zip(new, states, strict=True))
        outputs[t] = arithmetic.where(running, new[0], 0.0)
    return stack(outputs, axis=0), states


def lstm_twin(
    x, h0, c0, w_ih, w_hh, b_ih=None, b_hh=None, lengths=None, peephole=None,
    *, reverse=False, squash=(sigmoid, tanh, tanh), clip=None, coupled=False,
):  # fmt: skip
    """``lstm`` line by line, composed; with peepholes (Gers & Schmidhuber, 2000) if asked for.

    Forward    a = x_t W_ihᵀ + b_ih + h_{t−1} W_hhᵀ + b_hh, in quarters a_i, a_f, a_g, a_o
               i = σ(a_i + p_i ⊙ c_{t−1});  f = σ(a_f + p_f ⊙ c_{t−1});  g = tanh a_g
               c_t = f ⊙ c_{t−1} + i ⊙ g;  o = σ(a_o + p_o ⊙ c_t);  h_t = o ⊙ tanh c_t
    Shapes     x (T, B, D), h0, c0 (B, H), w_ih (4H, D), w_hh (4H, H), b_ih, b_hh (4H,), lengths (B,),
               peephole (3, H), the rows p_i, p_f, p_o → hs (T, B, H), h (B, H), c (B, H)
    Note       squash: other functions for σ, the tanh of g and the tanh of c. clip: a is cut to ±clip.
               coupled: f = 1 − i (Greff et al., 2017)
    """
    check_recurrence("lstm_twin", 4, x, w_ih, w_hh, b_ih, b_hh, lengths, h0=h0, c0=c0)
    check_optional("lstm_twin", peephole=peephole)
    if peephole is not None and tuple(peephole.shape) != (3, w_hh.shape[1]):
        raise ValueError(
            f"lstm_twin: peephole must have shape {(3, w_hh.shape[1])}, got {tuple(peephole.shape)}"
        )
    if clip is not None:
        check_number("lstm_twin", "clip", clip, least=0)
    gate, inner, outer = squash

    def seen(a, row, c):
        a = a if peephole is None else arithmetic.add(a, arithmetic.mul(entry(peephole, key=row), c))
        return a if clip is None else arithmetic.clip(a, min=-clip, max=clip)

    def step(x_t, state):
        h, c = state
        a_i, a_f, a_g, a_o = _parts(arithmetic.add(linear(x_t, w_ih, b_ih), linear(h, w_hh, b_hh)), 4)
        i = gate(seen(a_i, 0, c))
        f = arithmetic.sub(1.0, i) if coupled else gate(seen(a_f, 1, c))
        g = inner(a_g if clip is None else arithmetic.clip(a_g, min=-clip, max=clip))
        c = arithmetic.add(arithmetic.mul(f, c), arithmetic.mul(i, g))
        o = gate(seen(a_o, 2, c))
        return arithmetic.mul(o, outer(c)), c

    hs, (h, c) = run(step, x, (h0, c0), w_hh.shape[1], lengths, reverse)
    return hs, h, c


def gru_twin(
    x, h0, w_ih, w_hh, b_ih=None, b_hh=None, lengths=None,
    *, reverse=False, reset_after=True, squash=(sigmoid, tanh), clip=None,
):  # fmt: skip
    """``gru`` line by line, composed; ``reset_after=False`` is the cell as Cho et al. (2014) wrote it.

    Forward    r = σ(x_t W_irᵀ + h_{t−1} W_hrᵀ + b_r);  z likewise
               n = tanh(x_t W_inᵀ + b_in + r ⊙ (h_{t−1} W_hnᵀ + b_hn)), or with reset_after=False
               n = tanh(x_t W_inᵀ + b_in + (r ⊙ h_{t−1}) W_hnᵀ + b_hn)
               h_t = (1 − z) ⊙ n + z ⊙ h_{t−1}
    Shapes     x (T, B, D), h0 (B, H), w_ih (3H, D), w_hh (3H, H), b_ih, b_hh (3H,), lengths (B,)
               → hs (T, B, H), h (B, H)
    Note       squash: other functions for σ and tanh. clip: their arguments are cut to [−clip, clip]
    """
    check_recurrence("gru_twin", 3, x, w_ih, w_hh, b_ih, b_hh, lengths, h0=h0)
    if clip is not None:
        check_number("gru_twin", "clip", clip, least=0)
    gate, inner = squash
    hidden = w_hh.shape[1]
    w_last = entry(w_hh, key=slice(2 * hidden, None))
    b_last = None if b_hh is None else entry(b_hh, key=slice(2 * hidden, None))

    def cut(a):
        return a if clip is None else arithmetic.clip(a, min=-clip, max=clip)

    def step(x_t, state):
        (h,) = state
        xr, xz, xn = _parts(linear(x_t, w_ih, b_ih), 3)
        hr, hz, hn = _parts(linear(h, w_hh, b_hh), 3)
        r, z = gate(cut(arithmetic.add(xr, hr))), gate(cut(arithmetic.add(xz, hz)))
        q = arithmetic.mul(r, hn) if reset_after else linear(arithmetic.mul(r, h), w_last, b_last)
        n = inner(cut(arithmetic.add(xn, q)))
        return (arithmetic.add(arithmetic.mul(arithmetic.sub(1.0, z), n), arithmetic.mul(z, h)),)

    hs, (h,) = run(step, x, (h0,), hidden, lengths, reverse)
    return hs, h


def _parts(a, n):
    """The n equal parts of the last axis."""
    return split(a, sizes=[a.shape[-1] // n] * n, axis=-1)


def check_recurrence(op, gates, x, w_ih, w_hh, b_ih, b_hh, lengths, **states):
    """The sizes T (absent for a cell), B and H, or an error that names what does not fit."""
    check_arrays(op, x=x, w_ih=w_ih, w_hh=w_hh)
    check_optional(op, b_ih=b_ih, b_hh=b_hh, lengths=lengths)
    cell = op.endswith("cell")
    (check_arrays if cell else check_optional)(op, **states)
    axes = 2 if cell else 3
    if x.ndim != axes or w_ih.ndim != 2 or w_hh.ndim != 2:
        raise ValueError(
            f"{op}: x must have {axes} axes ({'' if axes == 2 else 'time, '}batch, features) and the weights "
            f"two, got x {tuple(x.shape)}, w_ih {tuple(w_ih.shape)}, w_hh {tuple(w_hh.shape)}"
        )
    hidden, batch = w_hh.shape[1], x.shape[-2]
    wanted = {
        "w_ih": (w_ih, (gates * hidden, x.shape[-1])),
        "w_hh": (w_hh, (gates * hidden, hidden)),
        "b_ih": (b_ih, (gates * hidden,)),
        "b_hh": (b_hh, (gates * hidden,)),
        "lengths": (lengths, (batch,)),
        **{name: (state, (batch, hidden)) for name, state in states.items()},
    }
    for name, (array, shape) in wanted.items():
        if array is not None and tuple(array.shape) != shape:
            raise ValueError(
                f"{op}: {name} must have shape {shape} for x {tuple(x.shape)} and a hidden size of {hidden}, "
                f"got {tuple(array.shape)}"
            )
    if lengths is not None and raw(lengths).dtype != "int64":
        raise TypeError(f"{op}: lengths must be int64, got {lengths.dtype}")
    return x.shape[0], batch, hidden
