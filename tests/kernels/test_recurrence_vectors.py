"""LSTM and GRU on vectors: their error, any width of vectors, the same bits however work is shared."""

import numpy as np
import pytest

pytest.importorskip("numba")
from judge import pass_on_vectors
from test_recurrence import GATES, arguments, backward_arguments, cotangents_of

from mmscratch import kernels
from mmscratch.kernels.cpu import recurrence_tiles, simd

reference, cpu = kernels.floor("reference"), kernels.floor("cpu")


def case(net, batch, hidden, steps=4, lengths=True):
    """What ``lstm`` or ``gru`` takes, in float32, with weights as small as those of a network."""
    lengths = [steps, 0, 1, steps - 1] if lengths else None
    x, w_ih, w_hh, *rest = arguments(net, steps, batch, 9, hidden, lengths, np.float32)
    return x, w_ih * np.float32(1 / 3), w_hh * np.float32(hidden**-0.5), *rest


def both_ways(floor, net, given, reverse):
    """Results and gradients."""
    results = getattr(floor, net)(*given, reverse)
    cotangents = cotangents_of(net, results, results[0].dtype)
    back = backward_arguments(net, given, results, cotangents, reverse)
    return *results, *getattr(floor, f"{net}_backward")(*back)


def in_float64(given):
    return [None if a is None else a.astype(np.float64) if a.dtype == np.float32 else a for a in given]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("batch", [1, 2, 5, 64])
@pytest.mark.parametrize("hidden", [1, 3, 16, 17, 40, 128])
@pytest.mark.parametrize("net", GATES)
def test_float32_error(net, hidden, batch, reverse):
    """At most 3e-6 of the largest entry, in results and in gradients."""
    for lengths in (True, False):
        given = case(net, batch, hidden, lengths=lengths)
        got = both_ways(cpu, net, given, reverse)
        for g, e in zip(got, both_ways(reference, net, in_float64(given), reverse), strict=True):
            assert g.dtype == np.float32 and g.shape == e.shape and g.flags.c_contiguous
            assert np.abs(g - e).max() <= 3e-6 * max(1, np.abs(e).max())


def test_error_of_the_cells():
    rng = np.random.default_rng(0)
    a, x, h, c, dh, dc = (rng.standard_normal((70, n * 33)).astype(np.float32) for n in (4, 3, 3, 1, 1, 1))
    for name, given in {"lstm_cell": (a, c), "gru_cell": (x, h, c)}.items():
        exact = getattr(reference, name)(*in_float64(given))
        got = getattr(cpu, name)(*given)
        if name == "lstm_cell":
            back = dh, dc, got[2], c, got[1]
        else:
            back = dh, got[1], c
        exact += getattr(reference, f"{name}_backward")(*in_float64(back))
        got += getattr(cpu, f"{name}_backward")(*back)
        for g, e in zip(got, exact, strict=True):
            assert np.abs(g - e).max() <= 5e-7 * max(1, np.abs(e).max())


@pytest.mark.skipif(not simd.LANES, reason="no vectors on this machine")
@pytest.mark.parametrize("by_rows", [True, False])
@pytest.mark.parametrize("batch", [2, 13])
@pytest.mark.parametrize("net", GATES)
def test_how_steps_are_shared_does_not_matter(net, batch, by_rows, monkeypatch):
    numba = pytest.importorskip("numba")
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine gives Numba 1 thread")
    given = case(net, batch, 72)
    monkeypatch.setattr(recurrence_tiles, "NEAR", 1 << 60 if by_rows else 0)
    alone = both_ways(cpu, net, given, True)  # one piece
    monkeypatch.setattr(recurrence_tiles, "SHARED", 0)
    shared, before = [], numba.get_num_threads()
    try:
        for threads in (1, 2):
            numba.set_num_threads(threads)
            shared.append(both_ways(cpu, net, given, True))
    finally:
        numba.set_num_threads(before)
    for a, one, two in zip(alone, *shared, strict=True):
        np.testing.assert_array_equal(one, two)
        if a.ndim > 1 or not by_rows:
            np.testing.assert_array_equal(a, one)
        else:  # the gradient of a bias: the rows are added up piece by piece
            np.testing.assert_allclose(a, one, atol=1e-6 * np.abs(a).max())


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 16, 0])
def test_narrower_vectors(width):
    tests = "test_floors_agree_on_large_arrays", "test_floors_agree", "test_cells_agree"
    pass_on_vectors(width, "cpu and float32", *(f"test_recurrence.py::{name}" for name in tests))
