"""LSTM and GRU on every floor: a step by hand, lengths, reversal, agreement, gradients through time."""

import math

import numpy as np
import pytest
from judge import agree, check_gradient, draw

from mmscratch import kernels

reference = kernels.floor("reference")

# T, B, D, H
SIZES = {
    "one": (1, 1, 1, 1),
    "odd": (5, 3, 4, 2),
    "wide": (3, 4, 2, 7),
    "one step": (1, 2, 3, 3),
}  # T, B, D, H
LENGTHS = {"whole": None, "lengths": [3, 0, 5], "lengths as long as T": [5, 5, 5], "nobody": [0, 0, 0]}
GATES = {"lstm": 4, "gru": 3}


def arguments(net, steps, batch, features, hidden, lengths=None, dtype=np.float64, seed=0):
    """What ``lstm`` or ``gru`` takes, but for reverse."""
    rng = np.random.default_rng(seed)
    rows = GATES[net] * hidden
    x, w_ih, w_hh = (
        draw(rng, s, dtype) for s in ((steps, batch, features), (rows, features), (rows, hidden))
    )
    biases = [draw(rng, rows, dtype) for _ in range(1 if net == "lstm" else 2)]
    states = [draw(rng, (batch, hidden), dtype) for _ in range(2 if net == "lstm" else 1)]
    lengths = None if lengths is None else np.resize(np.array(lengths), batch).clip(0, steps)
    return x, w_ih, w_hh, *biases, *states, lengths


def forward(floor, net, given, reverse):
    return getattr(floor, net)(*given, reverse)


def backward_arguments(net, given, results, cotangents, reverse):
    """Arguments of the backward kernel from those of the forward one, its results and the cotangents."""
    if net == "lstm":
        x, w_ih, w_hh, _, h0, c0, lengths = given
        hs, _, _, gates, cells = results
        return *cotangents, x, w_ih, w_hh, h0, c0, hs, gates, cells, lengths, reverse
    x, w_ih, w_hh, _, _, h0, lengths = given
    hs, _, gates = results
    return *cotangents, x, w_ih, w_hh, h0, hs, gates, lengths, reverse


def cotangents_of(net, results, dtype=np.float64):
    rng = np.random.default_rng(1)
    return tuple(draw(rng, y.shape, dtype) for y in results[: 3 if net == "lstm" else 2])


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────
def sigma(a):
    return 1 / (1 + math.exp(-a))


def dot(row, vector):
    return sum(float(r) * float(v) for r, v in zip(row, vector, strict=True))


def lstm_step(x, h, c, w_ih, w_hh, bias):
    """One sequence, one step, number by number."""
    size = len(h)
    a = [dot(w_ih[k], x) + dot(w_hh[k], h) + bias[k] for k in range(4 * size)]
    c_new = [sigma(a[size + k]) * c[k] + sigma(a[k]) * math.tanh(a[2 * size + k]) for k in range(size)]
    return [sigma(a[3 * size + k]) * math.tanh(c_new[k]) for k in range(size)], c_new


def gru_step(x, h, w_ih, w_hh, b_ih, b_hh):
    size = len(h)
    ax = [dot(w_ih[k], x) + b_ih[k] for k in range(3 * size)]
    ah = [dot(w_hh[k], h) + b_hh[k] for k in range(3 * size)]
    new = []
    for k in range(size):
        r, z = sigma(ax[k] + ah[k]), sigma(ax[size + k] + ah[size + k])
        n = math.tanh(ax[2 * size + k] + r * ah[2 * size + k])
        new.append((1 - z) * n + z * h[k])
    return new


def by_hand(net, given, reverse):
    """hs and the last states: each sequence alone, cut to its length, and turned round for ``reverse``."""
    x, w_ih, w_hh, *rest, lengths = given
    if net == "lstm":
        bias, h0, c0 = rest
    else:
        b_ih, b_hh, h0 = rest
        c0 = h0
    hs, last = np.zeros((len(x), *h0.shape)), []
    for b in range(x.shape[1]):
        times = list(range(len(x) if lengths is None else lengths[b]))
        h, c = list(h0[b]), list(c0[b])
        for t in reversed(times) if reverse else times:
            if net == "lstm":
                h, c = lstm_step(x[t, b], h, c, w_ih, w_hh, bias)
            else:
                h = gru_step(x[t, b], h, w_ih, w_hh, b_ih, b_hh)
            hs[t, b] = h
        last.append((h, c))
    h_last, c_last = (np.array([state[i] for state in last]) for i in range(2))
    return (hs, h_last, c_last) if net == "lstm" else (hs, h_last)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("net", GATES)
def test_the_reference_is_the_recurrence_by_hand(net, lengths, reverse):
    given = arguments(net, *SIZES["odd"], LENGTHS[lengths])
    expected = by_hand(net, given, reverse)
    agree(forward(reference, net, given, reverse)[: len(expected)], expected)


# ── the floors ───────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("net", GATES)
def test_floors_agree(floor, dtype, net, size, lengths, reverse):
    given = arguments(net, *SIZES[size], LENGTHS[lengths], dtype)
    expected = forward(reference, net, given, reverse)
    agree(forward(floor, net, given, reverse), expected)
    back = backward_arguments(net, given, expected, cotangents_of(net, expected, dtype), reverse)
    name = f"{net}_backward"
    agree(getattr(floor, name)(*back), getattr(reference, name)(*back))


@pytest.mark.parametrize("net", GATES)
def test_floors_agree_on_large_arrays(floor, dtype, net):
    given = arguments(net, 7, 20, 33, 48, [7, 3, 0, 5, 6], dtype)
    given = (given[0], *(w * dtype(0.2) for w in given[1:3]), *given[3:])
    expected = forward(reference, net, given, True)
    agree(forward(floor, net, given, True), expected)
    back = backward_arguments(net, given, expected, cotangents_of(net, expected, dtype), True)
    name = f"{net}_backward"
    agree(getattr(floor, name)(*back), getattr(reference, name)(*back))


@pytest.mark.parametrize("steps, batch", [(0, 2), (3, 0)])
@pytest.mark.parametrize("net", GATES)
def test_nothing_to_do(floor, dtype, net, steps, batch):
    given = arguments(net, steps, batch, 2, 3, None, dtype)
    results = forward(floor, net, given, False)
    agree(results, forward(reference, net, given, False))
    back = backward_arguments(net, given, results, cotangents_of(net, results, dtype), False)
    name = f"{net}_backward"
    agree(getattr(floor, name)(*back), getattr(reference, name)(*back))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("lengths", LENGTHS)
@pytest.mark.parametrize("net", GATES)
def test_gradient(floor, net, lengths, reverse):
    given = arguments(net, 4, 3, 2, 2, LENGTHS[lengths])
    results = forward(floor, net, given, reverse)
    cotangents = cotangents_of(net, results)
    back = backward_arguments(net, given, results, cotangents, reverse)
    gradients = getattr(floor, f"{net}_backward")(*back)

    def f(*inputs):
        return forward(reference, net, (*inputs, given[-1]), reverse)[: len(cotangents)]

    check_gradient(f, given[:-1], cotangents, gradients)


def test_what_lies_beyond_a_sequence_does_not_count(floor, dtype):
    """Other padding, the same results; and no gradient flows into the padding."""
    for net in GATES:
        given = arguments(net, *SIZES["odd"], LENGTHS["lengths"], dtype)
        beyond = np.arange(5)[:, None] >= given[-1]
        other = given[0].copy()
        other[beyond] = 77
        for reverse in (False, True):
            results = forward(floor, net, given, reverse)
            agree(forward(floor, net, (other, *given[1:]), reverse), results, rtol=0)
            assert np.all(results[0][beyond] == 0)
            back = backward_arguments(net, given, results, cotangents_of(net, results, dtype), reverse)
            assert np.all(getattr(floor, f"{net}_backward")(*back)[0][beyond] == 0)


def test_arguments_are_left_alone(floor, dtype):
    for net in GATES:
        given = arguments(net, *SIZES["odd"], LENGTHS["lengths"], dtype)
        before = [a.copy() for a in given]
        results = forward(floor, net, given, True)
        cotangents = cotangents_of(net, results, dtype)
        kept = [y.copy() for y in (*results, *cotangents)]
        getattr(floor, f"{net}_backward")(*backward_arguments(net, given, results, cotangents, True))
        agree([*given, *results, *cotangents], [*before, *kept], rtol=0)


def test_huge_arguments_saturate(floor, dtype):
    given = arguments("lstm", 2, 2, 2, 2, None, dtype)
    results = forward(floor, "lstm", (given[0] * 1000, given[1] * 1000, *given[2:]), False)
    assert all(np.all(np.isfinite(y)) for y in results)


# ── one step ─────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("batch, hidden", [(1, 1), (3, 5), (0, 2), (2, 16)])
def test_cells_agree(floor, dtype, batch, hidden):
    rng = np.random.default_rng(0)
    a, c, h, dh, dc = (draw(rng, (batch, n * hidden), dtype) for n in (4, 1, 1, 1, 1))
    expected = reference.lstm_cell(a, c)
    agree(floor.lstm_cell(a, c), expected)
    back = (dh, dc, expected[2], c, expected[1])
    agree(floor.lstm_cell_backward(*back), reference.lstm_cell_backward(*back))
    ax, ah = draw(rng, (batch, 3 * hidden), dtype), draw(rng, (batch, 3 * hidden), dtype)
    expected = reference.gru_cell(ax, ah, h)
    agree(floor.gru_cell(ax, ah, h), expected)
    back = (dh, expected[1], h)
    agree(floor.gru_cell_backward(*back), reference.gru_cell_backward(*back))


def test_gradient_of_the_cells(floor):
    rng = np.random.default_rng(0)
    a, ax, ah = draw(rng, (2, 12)), draw(rng, (2, 9)), draw(rng, (2, 9))
    c, h, dh, dc = (draw(rng, (2, 3)) for _ in range(4))
    _, c_new, activated = floor.lstm_cell(a, c)
    gradients = floor.lstm_cell_backward(dh, dc, activated, c, c_new)
    check_gradient(lambda a, c: reference.lstm_cell(a, c)[:2], (a, c), (dh, dc), gradients)
    _, gates = floor.gru_cell(ax, ah, h)
    gradients = floor.gru_cell_backward(dh, gates, h)
    check_gradient(lambda *given: reference.gru_cell(*given)[0], (ax, ah, h), (dh,), gradients)
