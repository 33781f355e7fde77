"""Rows of recurrent networks, whole sequences and single steps."""

import numpy
from table import Row, real, whole

from mmscratch import ops


def sigmoid(np, x):
    return 1 / (1 + np.exp(-x))


def sequence(np, step, x, states, lengths, reverse):
    """hs (T, B, H) and the last states; after its length a sequence stays as it is and gives 0."""
    outputs = [None] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        new = step(x[t], states)
        runs = numpy.ones((x.shape[1], 1), bool) if lengths is None else (t < lengths)[:, None]
        states = [np.where(runs, n, s) for n, s in zip(new, states, strict=True)]
        outputs[t] = np.where(runs, new[0], 0.0)
    return np.stack(outputs), *states


def start(np, x, w_hh, *states):
    return [np.zeros((x.shape[1], w_hh.shape[1])) if s is None else s for s in states]


def plus(np, a, b):
    return a if b is None else a + b


def lstm_step(np, x, state, w_ih, w_hh, b_ih, b_hh, peephole=None, limit=None, coupled=False):
    h, c = state
    n = w_hh.shape[1]
    a = plus(np, plus(np, np.matmul(x, w_ih.T) + np.matmul(h, w_hh.T), b_ih), b_hh)
    a_i, a_f, a_g, a_o = (a[:, k * n : (k + 1) * n] for k in range(4))
    p = numpy.zeros((3, n)) if peephole is None else peephole

    def cut(z):
        return z if limit is None else np.clip(z, -limit, limit)

    i, g = sigmoid(np, cut(a_i + p[0] * c)), np.tanh(cut(a_g))
    f = 1 - i if coupled else sigmoid(np, cut(a_f + p[1] * c))
    c = f * c + i * g
    return [sigmoid(np, cut(a_o + p[2] * c)) * np.tanh(c), c]


def gru_step(np, x, state, w_ih, w_hh, b_ih, b_hh, after=True):
    (h,) = state
    n = w_hh.shape[1]
    a, q = plus(np, np.matmul(x, w_ih.T), b_ih), plus(np, np.matmul(h, w_hh.T), b_hh)
    r = sigmoid(np, a[:, :n] + q[:, :n])
    z = sigmoid(np, a[:, n : 2 * n] + q[:, n : 2 * n])
    inner = r * q[:, 2 * n :]
    if not after:
        inner = plus(np, np.matmul(r * h, w_hh[2 * n :].T), None if b_hh is None else b_hh[2 * n :])
    return [(1 - z) * np.tanh(a[:, 2 * n :] + inner) + z * h]


def rnn_step(np, x, state, w_ih, w_hh, b_ih, b_hh, relu=False):
    a = plus(np, plus(np, np.matmul(x, w_ih.T) + np.matmul(state[0], w_hh.T), b_ih), b_hh)
    return [np.maximum(a, 0.0) if relu else np.tanh(a)]


def lstm(np, x, h0, c0, w_ih, w_hh, b_ih, b_hh, lengths, peephole=None, reverse=False, **more):
    return sequence(
        np,
        lambda x_t, s: lstm_step(np, x_t, s, w_ih, w_hh, b_ih, b_hh, peephole, **more),
        x,
        start(np, x, w_hh, h0, c0),
        lengths,
        reverse,
    )


def one_state(step, **fixed):
    def twin(np, x, h0, w_ih, w_hh, b_ih, b_hh, lengths, reverse=False):
        return sequence(
            np,
            lambda x_t, s: step(np, x_t, s, w_ih, w_hh, b_ih, b_hh, **fixed),
            x,
            start(np, x, w_hh, h0),
            lengths,
            reverse,
        )

    return twin


SIZES = [
    ("one", 1, 1, 1, 1),
    ("odd", 3, 2, 2, 1),
    ("one step", 1, 2, 2, 2),
    ("large", 12, 7, 18, 16),
]  # T, B, D, H


def sequences(gates, states, sizes=SIZES):
    cases = []
    for name, t, b, d, h in sizes:
        x, initial = real(t, b, d), (real(b, h),) * states
        w, bias = (real(gates * h, d, low=-1, high=1), real(gates * h, h, low=-1, high=1)), real(gates * h)
        cases += [
            (name, x, *initial, *w, bias, bias, None),
            (f"{name}, lengths", x, *initial, *w, bias, bias, whole(b, low=0, high=t + 1)),
            (f"{name}, no biases, no states", x, *(None,) * states, *w, None, None, None),
            (f"{name}, one bias", x, *initial, *w, bias, None, None),
        ]
    return cases


def cells(gates, states):
    cases = []
    for name, _, b, d, h in SIZES:
        w, bias = (real(gates * h, d), real(gates * h, h)), real(gates * h)
        cases += [
            (name, real(b, d), *(real(b, h),) * states, *w, bias, bias),
            (f"{name}, no biases", real(b, d), *(real(b, h),) * states, *w, None, None),
        ]
    return cases


def peeping(cases):
    """The cases with the sizes' peepholes put behind."""
    hidden = {name: h for name, _, _, _, h in SIZES}
    return [(*case, real(3, hidden[case[0].split(",")[0]])) for case in cases]


ROWS = [
    Row("lstm_cell", ops.lstm_cell, lambda np, x, h, c, *w: tuple(lstm_step(np, x, (h, c), *w)), cells(4, 2)),
    Row("gru_cell", ops.gru_cell, lambda np, x, h, *w: gru_step(np, x, (h,), *w)[0], cells(3, 1)),
    Row(
        "rnn",
        lambda *a: ops.rnn(*a, nonlinearity="relu"),
        one_state(rnn_step, relu=True),
        sequences(1, 1, SIZES[1:2]),
    ),
]
for _reverse in (False, True):
    for _op in ("lstm", "lstm_twin"):
        ROWS.append(
            Row(
                _op,
                lambda *a, name=_op, r=_reverse: getattr(ops, name)(*a, reverse=r),
                lambda np, *a, r=_reverse: lstm(np, *a, reverse=r),
                sequences(4, 2),
            )
        )
    for _op in ("gru", "gru_twin"):
        ROWS.append(
            Row(
                _op,
                lambda *a, name=_op, r=_reverse: getattr(ops, name)(*a, reverse=r),
                lambda np, *a, r=_reverse: one_state(gru_step)(np, *a, reverse=r),
                sequences(3, 1),
            )
        )
    ROWS += [
        Row(
            "rnn",
            lambda *a, r=_reverse: ops.rnn(*a, reverse=r),
            lambda np, *a, r=_reverse: one_state(rnn_step)(np, *a, reverse=r),
            sequences(1, 1),
        ),
        Row(
            "gru_twin",
            lambda *a, r=_reverse: ops.gru_twin(*a, reverse=r, reset_after=False),
            lambda np, *a, r=_reverse: one_state(gru_step, after=False)(np, *a, reverse=r),
            sequences(3, 1),
        ),
        Row(
            "lstm_twin",
            lambda *a, r=_reverse: ops.lstm_twin(*a, reverse=r),
            lambda np, *a, r=_reverse: lstm(np, *a, reverse=r),
            peeping(sequences(4, 2)),
        ),
    ]
ROWS += [
    Row(
        "lstm_twin",
        lambda *a: ops.lstm_twin(*a, clip=0.7),
        lambda np, *a: lstm(np, *a, limit=0.7),
        peeping(sequences(4, 2, SIZES[1:2])),
    ),
    Row(
        "lstm_twin",
        lambda *a: ops.lstm_twin(*a, coupled=True),
        lambda np, *a: lstm(np, *a, coupled=True),
        sequences(4, 2, SIZES[1:2]),
    ),
]
