"""Convolution by 1 × 1 as products of matrices: every way to cut it against float64, threads, what leaks."""

import numpy as np
import pytest
from judge import draw, pass_on_vectors

from mmscratch import kernels

pytest.importorskip("numba")
from mmscratch.kernels.cpu import simd

if not simd.LANES:
    pytest.skip("no vectors on this machine (simd.LANES is 0)", allow_module_level=True)

from mmscratch.kernels.cpu import convolution_pointwise as pointwise

reference = kernels.floor("reference")

ERROR = 4e-6
"""Largest error over the same sum of absolute values: what the kernels' docstring states."""

# x, outputs, stride, groups
LAYERS = {
    "layer": ((3, 70, 28, 28), 130, (1, 1), 1),
    "expand": ((5, 13, 9, 7), 300, (1, 1), 1),
    "deep": ((1, 700, 5, 5), 31, (1, 1), 1),
    "many outputs": ((1, 40, 6, 6), 700, (1, 1), 1),
    "one image": ((1, 24, 61, 67), 17, (1, 1), 1),
    "grouped": ((2, 24, 9, 9), 36, (1, 1), 3),
    "depthwise": ((2, 7, 9, 9), 7, (1, 1), 7),
    "strided": ((3, 20, 31, 30), 33, (2, 2), 1),
    "strided unevenly": ((2, 6, 17, 40), 6, (1, 3), 2),
    "strided rows": ((2, 6, 17, 40), 5, (3, 1), 1),
    "long": ((2, 5, 1000), 9, (2,), 1),
    "volume": ((2, 5, 4, 9, 71), 9, (1, 3, 2), 1),
}


def near(got, expected, magnitude):
    assert got.dtype == np.float32 and got.shape == expected.shape and got.flags.c_contiguous
    assert (np.abs(got - expected) <= ERROR * magnitude + 1e-30).all()


def drawn(name, seed=0):
    """x, weight, bias, and options for the reference and for us."""
    shape, outputs, stride, groups = LAYERS[name]
    rank, rng = len(stride), np.random.default_rng(seed)
    w_shape = (outputs, shape[1] // groups, *(1,) * rank)
    arrays = [draw(rng, s, np.float32) for s in (shape, w_shape, w_shape[:1])]
    return *arrays, (stride, ((0, 0),) * rank, (1,) * rank, groups), (stride, groups)


@pytest.mark.parametrize("name", LAYERS)
def test_layers(name):
    x, w, b, options, ours = drawn(name)
    wide = [a.astype(np.float64) for a in (x, w, b)]
    y = reference.conv(*wide, *options)
    near(pointwise.conv(x, w, b, *ours), y, reference.conv(*map(np.abs, wide), *options))
    dy = draw(np.random.default_rng(1), y.shape, np.float32)
    near(
        pointwise.conv_input_gradient(dy, w, x.shape, *ours),
        reference.conv_input_gradient(dy.astype(np.float64), wide[1], x.shape, *options),
        reference.conv_input_gradient(np.abs(dy.astype(np.float64)), np.abs(wide[1]), x.shape, *options),
    )
    near(
        pointwise.conv_weight_gradient(dy, x, w.shape, *ours),
        reference.conv_weight_gradient(dy.astype(np.float64), wide[0], w.shape, *options),
        reference.conv_weight_gradient(np.abs(dy.astype(np.float64)), np.abs(wide[0]), w.shape, *options),
    )


@pytest.mark.parametrize("activation", [None, "relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("name", ["layer", "deep", "grouped", "strided"])
def test_the_activation_is_applied_once_at_the_end(name, activation):
    x, w, b, options, ours = drawn(name)
    w *= 0.1
    for bias in (None, b):
        y = pointwise.conv(x, w, bias, *ours, activation)
        np.testing.assert_allclose(y, reference.conv(x, w, bias, *options, activation), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_threads_change_no_bit(name):
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine gives Numba 1 thread")
    x, w, b, _, ours = drawn(name)
    results, before = [], numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(threads)
        y = pointwise.conv(x, w, b, *ours)
        dx = pointwise.conv_input_gradient(y, w, x.shape, *ours)
        results.append((y, dx, pointwise.conv_weight_gradient(y, x, w.shape, *ours)))
    numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", LAYERS)
def test_what_is_not_a_number_stays_where_it_belongs(name):
    x, w, b, options, ours = drawn(name)
    x.reshape(-1)[-1], x.reshape(-1)[0] = np.nan, np.inf
    np.testing.assert_array_equal(
        np.isfinite(pointwise.conv(x, w, b, *ours)), np.isfinite(reference.conv(x, w, b, *options))
    )
    dy = np.ones_like(reference.conv(x, w, b, *options))
    dy.reshape(-1)[0] = np.nan
    dx = pointwise.conv_input_gradient(dy, w, x.shape, *ours)
    want = reference.conv_input_gradient(dy, w, x.shape, *options)
    np.testing.assert_array_equal(np.isnan(dx), np.isnan(want))


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 16])
def test_narrower_vectors(width):
    pass_on_vectors(width, "layers or number", __file__)
