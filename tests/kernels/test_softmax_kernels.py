"""Softmax: SciPy, masks, rows with nothing in them, infinities, gradients."""

import numpy as np
import pytest
from judge import agree, check_gradient, draw
from scipy import special

from mmscratch import kernels

reference = kernels.floor("reference")
SHAPES = {"one row": (5,), "one": (1, 1), "odd": (3, 5, 7), "no rows": (0, 4), "large": (130, 401)}
MASKS = ["none", "full", "broadcast"]


def case(shape, mask, dtype, seed=0):
    rng = np.random.default_rng(seed)
    x = 4 * draw(rng, shape, dtype)
    if mask == "none":
        return x, None
    seen = rng.random(shape if mask == "full" else shape[-1:]) > 0.4
    return x, seen


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_scipy_agrees(served, dtype, shape):
    x, _ = case(shape, "none", dtype)
    exact = x.astype(np.float64)
    agree(served.softmax(x, None), special.softmax(exact, axis=-1).astype(dtype))
    agree(served.log_softmax(x, None), special.log_softmax(exact, axis=-1).astype(dtype))


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_masked_is_softmax_of_what_is_left(served, dtype, shape, mask):
    x, seen = case(shape, mask, dtype)
    full = np.broadcast_to(True if seen is None else seen, shape)
    y, log_y = served.softmax(x, seen), served.log_softmax(x, seen)
    for place in np.ndindex(shape[:-1]):
        kept = full[place]
        if kept.any():
            agree(y[place][kept], special.softmax(x[place][kept].astype(np.float64)).astype(dtype))
        assert (y[place][~kept] == 0).all() and (log_y[place][~kept] == -np.inf).all()
    np.testing.assert_allclose(np.exp(log_y), y, rtol=1e-4, atol=1e-7)


def test_a_row_without_anything(served, dtype):
    x, seen = np.ones((2, 3), dtype), np.array([[False] * 3, [True, False, True]])
    assert served.softmax(x, seen).tolist() == [[0, 0, 0], [0.5, 0, 0.5]]
    assert (served.log_softmax(x, seen)[0] == -np.inf).all()
    dx = served.log_softmax_backward(x, served.log_softmax(x, seen))
    np.testing.assert_allclose(dx, [[0, 0, 0], [0, 0, 0]], atol=1e-6)


def test_what_is_masked_does_not_count_whatever_it_holds(served, dtype):
    x = np.array([[np.nan, 1, 2], [np.inf, 1, 2]], dtype)
    seen = np.array([False, True, True])
    agree(served.softmax(x, seen)[:, 1:].copy(), special.softmax(x[:, 1:], axis=-1))
    assert (served.softmax(x, seen)[:, 0] == 0).all()


def test_rows_with_infinities(served, dtype):
    """Like the formula: −∞ has no share; a row of −∞ alone and one with +∞ or NaN have no answer."""
    x = np.array([[0, -np.inf, 0], [-np.inf] * 3, [np.inf, 0, 0], [np.nan, 0, 0], [1e4, -1e4, 1e4]], dtype)
    y, log_y = served.softmax(x, None), served.log_softmax(x, None)
    assert y[0].tolist() == [0.5, 0, 0.5] and y[4].tolist() == [0.5, 0, 0.5]
    assert np.isnan(y[1]).all() and np.isnan(y[2, 0]) and np.isnan(y[3]).all()
    agree(y, reference.softmax(x, None))
    agree(log_y, reference.log_softmax(x, None))


@pytest.mark.parametrize("mask", MASKS)
def test_gradients(served, mask):
    x, seen = case((4, 6), mask, np.float64, seed=1)
    dy = draw(np.random.default_rng(2), x.shape)
    y = served.softmax(x, seen)
    check_gradient(lambda x: served.softmax(x, seen), [x], [dy], [served.softmax_backward(dy, y)])
    y = served.log_softmax(x, seen)
    counted = dy if seen is None else np.where(np.broadcast_to(seen, x.shape), dy, 0.0)
    finite = lambda x, s=served: np.nan_to_num(s.log_softmax(x, seen), neginf=0.0)  # noqa: E731
    check_gradient(finite, [x], [counted], [served.log_softmax_backward(dy, y)])


def test_backwards_agree(floor, dtype, threads):
    x, seen = case((130, 401), "full", dtype)
    dy = draw(np.random.default_rng(3), x.shape, dtype)
    y, log_y = reference.softmax(x, seen), reference.log_softmax(x, seen)
    agree(floor.softmax_backward(dy, y), reference.softmax_backward(dy, y))
    agree(floor.log_softmax_backward(dy, log_y), reference.log_softmax_backward(dy, log_y))
