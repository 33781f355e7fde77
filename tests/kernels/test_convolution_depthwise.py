"""Depthwise convolution on registers: every geometry against float64, threads, what leaks."""

import numpy as np
import pytest
from judge import draw, pass_on_vectors

from mmscratch import kernels

pytest.importorskip("numba")
from mmscratch.kernels.cpu import simd

if not simd.LANES:
    pytest.skip("no vectors on this machine (simd.LANES is 0)", allow_module_level=True)

from mmscratch.kernels.cpu import convolution_depthwise as depthwise

reference = kernels.floor("reference")

ERROR = 4e-6
"""Largest error over the same sum of absolute values: what the kernels' docstring states."""

# x, kernel, stride, padding, dilation
LAYERS = {
    "layer": ((3, 20, 28, 28), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    "no padding": ((2, 3, 19, 35), (3, 2), (1, 1), ((0, 0), (0, 0)), (1, 1)),
    "large": ((1, 2, 90, 131), (5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1)),
    "dilated": ((2, 5, 17, 33), (3, 3), (1, 1), ((2, 2), (2, 1)), (2, 3)),
    "one row": ((2, 5, 1, 50), (1, 7), (1, 1), ((0, 0), (3, 3)), (1, 1)),
    "few rows": ((2, 5, 3, 5), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1)),
    "mostly padding": ((2, 2, 2, 3), (3, 4), (1, 1), ((4, 3), (2, 5)), (2, 1)),
    "strided": ((3, 9, 31, 30), (3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1)),
    "strided unevenly": ((2, 3, 31, 40), (5, 3), (1, 3), ((1, 2), (0, 1)), (1, 1)),
    "long": ((2, 5, 9000), (9,), (1,), ((8, 0),), (1,)),
    "volume": ((2, 3, 6, 9, 20), (3, 3, 3), (1, 1, 1), ((1, 1),) * 3, (1, 1, 1)),
}


def near(got, expected, magnitude):
    assert got.dtype == np.float32 and got.shape == expected.shape and got.flags.c_contiguous
    assert (np.abs(got - expected) <= ERROR * magnitude + 1e-30).all()


def drawn(name, seed=0):
    """x, weight, bias, and the options of the kernels here."""
    shape, kernel, *options = LAYERS[name]
    rng, w_shape = np.random.default_rng(seed), (shape[1], 1, *kernel)
    return *(draw(rng, s, np.float32) for s in (shape, w_shape, w_shape[:1])), tuple(options)


def gradients(dy, x, w, stride, padding, dilation):
    """dW, and dx at stride 1."""
    yield depthwise.conv_weight_gradient(dy, x, w.shape, stride, padding, dilation)
    if all(s == 1 for s in stride):
        yield depthwise.conv_input_gradient(dy, w, x.shape, padding, dilation)


def expected(dy, x, w, *options):
    """The same of the reference floor."""
    yield reference.conv_weight_gradient(dy, x, w.shape, *options, len(w))
    yield reference.conv_input_gradient(dy, w, x.shape, *options, len(w))


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    x, w, b, options = drawn(name)
    wide = [a.astype(np.float64) for a in (x, w, b)]
    y = reference.conv(*wide, *options, len(w))
    near(depthwise.conv(x, w, b, *options), y, reference.conv(*map(np.abs, wide), *options, len(w)))
    dy = draw(np.random.default_rng(1), y.shape, np.float32)
    wide = [a.astype(np.float64) for a in (dy, x, w)]
    results = zip(expected(*wide, *options), expected(*map(np.abs, wide), *options), strict=True)
    for got, (want, magnitude) in zip(gradients(dy, x, w, *options), results, strict=False):
        near(got, want, magnitude)


@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("name", ["layer", "strided", "long"])
def test_the_activation_comes_last(name, activation):
    x, w, b, options = drawn(name)
    for bias in (None, b):
        y = depthwise.conv(x, w, bias, *options, activation)
        want = reference.conv(x, w, bias, *options, len(w), activation)
        np.testing.assert_allclose(y, want, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_threads_change_no_bit(name):
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine gives Numba 1 thread")
    x, w, b, options = drawn(name)
    results, before = [], numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(threads)
        y = depthwise.conv(x, w, b, *options)
        results.append((y, *gradients(y, x, w, *options)))
    numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", LAYERS)
def test_what_is_not_a_number_stays_where_it_belongs(name):
    x, w, b, options = drawn(name)
    x.reshape(-1)[-1], x.reshape(-1)[0] = np.nan, np.inf
    want = reference.conv(x, w, b, *options, len(w))
    np.testing.assert_array_equal(np.isfinite(depthwise.conv(x, w, b, *options)), np.isfinite(want))
    dy = np.ones_like(want)
    dy.reshape(-1)[0] = np.nan
    x, w, b, options = drawn(name)
    for got, want in zip(gradients(dy, x, w, *options), expected(dy, x, w, *options), strict=False):
        if got.shape == x.shape:
            np.testing.assert_array_equal(np.isnan(got), np.isnan(want))


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 16])
def test_narrower_vectors(width):
    pass_on_vectors(width, "layers or number", __file__)
