"""The LSTM that looks at regions: the formula's twin, gradients, errors, any width, any number of threads."""

import numpy as np
import pytest
from judge import agree, check_gradient, draw

from mmscratch import kernels

reference = kernels.floor("reference")
SHAPES = {  # T, B, E, D, H, R, A
    "one": (1, 1, 1, 1, 1, 1, 1),
    "odd": (3, 5, 3, 7, 9, 4, 11),
    "whole vectors": (2, 4, 16, 32, 64, 8, 64),
    "several tasks": (3, 50, 5, 34, 33, 9, 17),
    "nobody": (2, 0, 3, 4, 5, 2, 3),
}


def case(sizes, dtype, seed=0):
    """What ``attentive_lstm`` takes but its option, and gradients of its first three results."""
    steps, batch, words, size, hidden, count, inner = sizes
    rng = np.random.default_rng(seed)
    shapes = [
        (steps, batch, words), (batch, count, size), (batch, count, inner), (batch, hidden), (batch, hidden),
        (4 * hidden, words + size), (4 * hidden, hidden), (4 * hidden,), (inner + 1, hidden), (inner + 1,),
        (inner,),
    ]  # fmt: skip
    given = [draw(rng, s, dtype) for s in shapes]
    for i in (5, 6, 8):
        given[i] *= dtype(given[i].shape[1] ** -0.5)
    cotangents = [draw(rng, (steps, batch, n), dtype) for n in (hidden, size, count)]
    return given, cotangents


def both_ways(floor, given, cotangents, current):
    """Results and gradients."""
    results = floor.attentive_lstm(*given, current)
    _, regions, projected, _, c0, w_ih, w_hh, _, w_ask, _, weight = given
    hs, _, alphas, *rest = results
    return results, floor.attentive_lstm_backward(
        *cotangents, regions, projected, c0, w_ih, w_hh, w_ask, weight, hs, alphas, *rest, current
    )


@pytest.mark.parametrize("current", [False, True])
@pytest.mark.parametrize("sizes", SHAPES.values(), ids=SHAPES)
def test_equals_the_formula(floor, dtype, sizes, current):
    given, cotangents = case(sizes, dtype)
    agree(both_ways(floor, given, cotangents, current), both_ways(reference, given, cotangents, current))


@pytest.mark.parametrize("current", [False, True])
def test_gradients(floor, current):
    """Of all eleven inputs."""
    given, cotangents = case((3, 2, 2, 3, 4, 3, 2), np.float64)
    _, gradients = both_ways(floor, given, cotangents, current)
    check_gradient(lambda *g: floor.attentive_lstm(*g, current)[:3], given, cotangents, gradients)


def test_first_step_by_hand(floor, dtype):
    """One region is looked at whole: α = 1, and z is the gate times it; then the cell of [x; z; h]."""
    given, _ = case((1, 2, 3, 4, 5, 1, 2), dtype)
    x, regions, _, h0, c0, w_ih, w_hh, bias, w_ask, b_ask, _ = given
    hs, zs, alphas, *_ = floor.attentive_lstm(*given, False)
    gate = 1 / (1 + np.exp(-(h0 @ w_ask[-1] + b_ask[-1])))
    z = gate[:, None] * regions[:, 0]
    h, _, _ = reference.lstm_cell(np.concatenate([x[0], z], 1) @ w_ih.T + h0 @ w_hh.T + bias, c0)
    np.testing.assert_allclose(alphas, 1, rtol=1e-6)
    np.testing.assert_allclose(zs[0], z, rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(hs[0], h, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("current", [False, True])
def test_errors_in_float32(floor, current):
    """As kernels/cpu/attentive.py states them: 3e-6 of the largest entry, in results and in gradients."""
    given, cotangents = case((9, 40, 64, 130, 128, 8, 64), np.float32)
    got = both_ways(floor, given, cotangents, current)
    exact = [[x.astype(np.float64) for x in arrays] for arrays in (given, cotangents)]
    for side, wanted in zip(got, both_ways(reference, *exact, current), strict=True):
        for g, e in zip(side, wanted, strict=True):
            assert np.abs(g - e).max() <= 3e-6 * max(1, np.abs(e).max())


def test_any_number_of_threads(threads):
    """The same bits as on one."""
    numba = pytest.importorskip("numba")
    given, cotangents = case((3, 100, 20, 30, 40, 5, 16), np.float32)
    got = both_ways(kernels.floor("cpu"), given, cotangents, True)
    numba.set_num_threads(1)
    for side, again in zip(got, both_ways(kernels.floor("cpu"), given, cotangents, True), strict=True):
        for a, b in zip(side, again, strict=True):
            np.testing.assert_array_equal(a, b)
