"""LSTM, GRU and RNN, in one or two directions; ONNX orders the gates otherwise than PyTorch and we."""

import functools

import numpy as np

from mmscratch import ops

from .registry import adapter

# Where each of our gates is among ONNX's: ours i f g o, theirs i o f c; ours r z n, theirs z r h.
LSTM_ORDER = (0, 2, 3, 1)
GRU_ORDER = (1, 0, 2)


def _squash(c, direction, count):
    """The functions of one direction; None where they are the usual ones."""
    names = c.get("activations")
    if not names:
        return None
    alphas, betas = iter(c.get("activation_alpha", [])), iter(c.get("activation_beta", []))
    found = []
    for name in names:
        name = name.lower()
        if name == "affine":
            a, b = next(alphas, 1.0), next(betas, 0.0)
            found.append(lambda x, a=a, b=b: ops.add(ops.mul(x, a), b))
        elif name == "scaledtanh":
            a, b = next(alphas, 1.0), next(betas, 1.0)
            found.append(lambda x, a=a, b=b: ops.mul(ops.tanh(ops.mul(x, b)), a))
        elif name == "hardsigmoid":
            found.append(
                functools.partial(ops.hard_sigmoid, slope=next(alphas, 0.2), offset=next(betas, 0.5))
            )
        elif name == "leakyrelu":
            found.append(functools.partial(ops.leaky_relu, negative_slope=next(alphas, 0.01)))
        elif name == "elu":
            found.append(functools.partial(ops.elu, alpha=next(alphas, 1.0)))
        elif name == "thresholdedrelu":
            found.append(functools.partial(ops.threshold, threshold=next(alphas, 1.0)))
        else:
            found.append({"relu": ops.relu, "tanh": ops.tanh, "sigmoid": ops.sigmoid,
                          "softsign": ops.softsign, "softplus": ops.softplus}[name])  # fmt: skip
    # The numbers belong to the functions of both directions, one after the other: only now choose one.
    return tuple(found[direction * count : (direction + 1) * count])


def _reordered(w, order):
    """Rows in blocks of H, the blocks in another order; None stays None."""
    if w is None:
        return None
    h = w.shape[0] // len(order)
    return ops.take(w, np.concatenate([np.arange(h) + g * h for g in order]))


def _entry(x, *key):
    return None if x is None else ops.index(x, key=key if len(key) > 1 else key[0])


@adapter("LSTM", "GRU", "RNN")
def recurrent(c):
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[c.node.op]
    order = {"LSTM": LSTM_ORDER, "GRU": GRU_ORDER, "RNN": (0,)}[c.node.op]
    step = {"LSTM": _lstm, "GRU": _gru, "RNN": _rnn}[c.node.op]
    batch_first = c.get("layout", 0)
    x, w, r = c.x[:3]
    x = ops.transpose(x, axis0=0, axis1=1) if batch_first else x
    hidden = r.shape[-1]
    initial = [c.input(5), c.input(6)] if c.node.op == "LSTM" else [c.input(5)]
    initial = [s if s is None or not batch_first else ops.transpose(s, axis0=0, axis1=1) for s in initial]
    lengths, b, peephole = c.input(4), c.input(3), c.input(7)
    directions = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}
    results = []
    for d, reverse in enumerate(directions[c.get("direction", "forward")]):
        biases = (_entry(b, d, slice(0, gates * hidden)), _entry(b, d, slice(gates * hidden, None)))
        weights = [_reordered(a, order) for a in (_entry(w, d), _entry(r, d), *biases)]
        results.append(
            step(c, d, reverse, x, [_entry(s, d) for s in initial], weights, lengths, _entry(peephole, d))
        )
    hs, *last = (
        ops.stack(parts, axis=1 if i == 0 else 0) for i, parts in enumerate(zip(*results, strict=True))
    )
    if batch_first:  # (T, directions, B, H) → (B, T, directions, H)
        hs = ops.permute(hs, axes=(2, 0, 1, 3))
        last = [ops.transpose(s, axis0=0, axis1=1) for s in last]
    return hs, *last


def _lstm(c, d, reverse, x, initial, weights, lengths, peephole):
    squash, clip, coupled = _squash(c, d, 3), c.get("clip"), c.get("input_forget", 0)
    if squash is None and clip is None and peephole is None and not coupled:
        return ops.lstm(x, *initial, *weights, lengths, reverse=reverse)
    if peephole is not None:  # theirs i, o, f; ours i, f, o
        peephole = ops.take(ops.reshape(peephole, shape=(3, -1)), np.array([0, 2, 1]))
    return ops.lstm_twin(
        x, *initial, *weights, lengths, peephole,
        reverse=reverse, squash=squash or (ops.sigmoid, ops.tanh, ops.tanh), clip=clip, coupled=bool(coupled),
    )  # fmt: skip


def _gru(c, d, reverse, x, initial, weights, lengths, _):
    squash, clip, after = _squash(c, d, 2), c.get("clip"), bool(c.get("linear_before_reset", 0))
    if squash is None and clip is None and after:
        return ops.gru(x, *initial, *weights, lengths, reverse=reverse)
    return ops.gru_twin(
        x, *initial, *weights, lengths,
        reverse=reverse, reset_after=after, squash=squash or (ops.sigmoid, ops.tanh), clip=clip,
    )  # fmt: skip


def _rnn(c, d, reverse, x, initial, weights, lengths, _):
    squash, clip = _squash(c, d, 1), c.get("clip")
    if squash is None and clip is None:
        return ops.rnn(x, *initial, *weights, lengths, reverse=reverse)
    (f,) = squash or (ops.tanh,)
    w_ih, w_hh, b_ih, b_hh = weights

    def step(x_t, state):
        a = ops.add(ops.linear(x_t, w_ih, b_ih), ops.linear(state[0], w_hh, b_hh))
        return (f(a if clip is None else ops.clip(a, min=-clip, max=clip)),)

    hs, (h,) = ops.run(step, x, initial, w_hh.shape[1], lengths, reverse)
    return hs, h
