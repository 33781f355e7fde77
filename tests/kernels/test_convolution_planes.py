"""Depthwise 3 × 3 on whole planes: every padding against float64, threads, what leaks."""

import itertools

import numpy as np
import pytest
from judge import draw, pass_on_vectors

from mmscratch import kernels

pytest.importorskip("numba")
from mmscratch.kernels.cpu import simd

if not simd.LANES:
    pytest.skip("no vectors on this machine (simd.LANES is 0)", allow_module_level=True)

from mmscratch.kernels.cpu import convolution_planes as planes

reference = kernels.floor("reference")

ERROR = 4e-6
"""Largest error over the same sum of absolute values: what the kernels' docstring states."""

SIZES = [(28, 28), (1, 1), (5, 7), (9, 15), (8, 16), (7, 17), (3, 33), (40, 100)]

PADDING = [((a, b), (c, d)) for a, b, c, d in itertools.product(range(3), repeat=4)]


def options(padding, channels):
    return (1, 1), padding, (1, 1), channels


def near(got, expected, magnitude):
    assert got.dtype == np.float32 and got.shape == expected.shape and got.flags.c_contiguous
    assert (np.abs(got - expected) <= ERROR * magnitude + 1e-30).all()


def check(shape, padding, seed=0):
    """All three kernels against float64, each error beside the sum of the absolute values."""
    rng, channels = np.random.default_rng(seed), shape[1]
    x, w, b = (draw(rng, s, np.float32) for s in (shape, (channels, 1, 3, 3), (channels,)))
    rest = options(padding, channels)
    assert planes.serves(w.shape, shape[2:], (1, 1), padding, (1, 1))
    wide = [a.astype(np.float64) for a in (x, w, b)]
    y = reference.conv(*wide, *rest)
    near(planes.conv(x, w, b, padding), y, reference.conv(*map(np.abs, wide), *rest))
    dy = draw(rng, y.shape, np.float32)
    dy_wide, (x_wide, w_wide, _) = dy.astype(np.float64), wide
    near(
        planes.conv_input_gradient(dy, w, shape, padding),
        reference.conv_input_gradient(dy_wide, w_wide, shape, *rest),
        reference.conv_input_gradient(np.abs(dy_wide), np.abs(w_wide), shape, *rest),
    )
    near(
        planes.conv_weight_gradient(dy, x, w.shape, padding),
        reference.conv_weight_gradient(dy_wide, x_wide, w.shape, *rest),
        reference.conv_weight_gradient(np.abs(dy_wide), np.abs(x_wide), w.shape, *rest),
    )


@pytest.mark.parametrize("size", SIZES)
def test_layers(size):
    for channels in (1, 3, 20):
        check((3, channels, *size), ((1, 1), (1, 1)))


@pytest.mark.parametrize("padding", PADDING)
def test_any_padding(padding):
    check((2, 3, 6, 18), padding)
    check((1, 2, 11, 30), padding)


@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid"])
def test_the_activation_is_applied_to_what_is_written(activation):
    rng = np.random.default_rng(5)
    x, w, b = (draw(rng, s, np.float32) for s in ((2, 5, 9, 35), (5, 1, 3, 3), (5,)))
    y = planes.conv(x, w, b, ((1, 1), (1, 1)), activation)
    wide = (a.astype(np.float64) for a in (x, w, b))
    expected = reference.conv(*wide, *options(((1, 1), (1, 1)), 5), activation)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("padding", [((1, 1), (1, 1)), ((0, 0), (0, 0)), ((2, 0), (0, 2))])
@pytest.mark.parametrize("place", [(0, 0), (4, 17), (8, 0), (8, 20), (0, 20)])
def test_what_is_beside_a_row_does_not_leak(place, padding):
    """NaN in one place reaches those results that meet it, and no other."""
    x, w = np.ones((2, 3, 9, 21), np.float32), np.ones((3, 1, 3, 3), np.float32)
    rest = options(padding, 3)
    dy = np.ones(reference.conv(x, w, None, *rest).shape, np.float32)
    x[(0, 1, *place)] = np.nan
    got, expected = planes.conv(x, w, None, padding), reference.conv(x, w, None, *rest)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    for numbers in (x, np.ones_like(x)):
        got = planes.conv_weight_gradient(dy, numbers, w.shape, padding)
        expected = reference.conv_weight_gradient(dy, numbers, w.shape, *rest)
        np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
        dy[0, 1, min(place[0], dy.shape[2] - 1), min(place[1], dy.shape[3] - 1)] = np.nan


def test_threads_change_no_bit():
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine gives Numba 1 thread")
    rng, padding = np.random.default_rng(4), ((1, 1), (1, 1))
    x, w = draw(rng, (5, 19, 28, 28), np.float32), draw(rng, (19, 1, 3, 3), np.float32)
    results, before = [], numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(threads)
        y = planes.conv(x, w, None, padding)
        dx = planes.conv_input_gradient(y, w, x.shape, padding)
        results.append((y, dx, planes.conv_weight_gradient(y, x, w.shape, padding)))
    numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_what_is_left_to_the_general_way():
    shape, one = (4, 1, 3, 3), ((1, 1), (1, 1))
    assert not planes.serves(shape, (28, 28), (2, 1), one, (1, 1))
    assert not planes.serves(shape, (28, 28), (1, 1), one, (1, 2))
    assert not planes.serves(shape, (28, 28), (1, 1), ((3, 1), (1, 1)), (1, 1))
    assert not planes.serves((4, 1, 3, 5), (28, 28), (1, 1), one, (1, 1))
    assert not planes.serves(shape, (1000, 1000), (1, 1), one, (1, 1))


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 16])
def test_narrower_vectors(width):
    pass_on_vectors(width, "not narrower", __file__)
