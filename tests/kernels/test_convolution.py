"""Convolution on every floor: SciPy's correlation, agreement, adjointness, gradients."""

import itertools

import numpy as np
import pytest
from judge import agree, check_gradient, draw
from scipy.signal import correlate

from mmscratch import kernels

reference = kernels.floor("reference")

# B, C, K, S, J, stride, padding, dilation, groups
CASES = {
    "one": (1, 1, 1, (1,), (1,), (1,), ((0, 0),), (1,), 1),
    "1-d": (2, 3, 4, (9,), (3,), (2,), ((1, 2),), (2,), 1),
    "1-d, kernel as long as the input": (2, 2, 3, (5,), (5,), (1,), ((0, 0),), (1,), 1),
    "2-d": (2, 3, 5, (7, 6), (3, 2), (1, 1), ((1, 1), (0, 1)), (1, 1), 1),
    "strided": (2, 2, 3, (8, 9), (3, 3), (2, 3), ((1, 0), (2, 1)), (1, 1), 1),
    "rows left over": (1, 2, 2, (8, 7), (2, 2), (3, 4), ((0, 0), (0, 0)), (1, 1), 1),
    "dilated": (1, 2, 3, (9, 8), (3, 2), (1, 2), ((2, 1), (0, 3)), (2, 3), 1),
    "grouped": (2, 6, 4, (5, 5), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),
    "depthwise": (2, 3, 6, (6, 4), (3, 1), (2, 1), ((1, 1), (0, 0)), (1, 1), 3),
    "pointwise": (3, 4, 5, (3, 5), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "pointwise, grouped": (2, 4, 6, (3, 2), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 2),
    "pointwise, strided": (2, 3, 4, (5, 5), (1, 1), (2, 2), ((0, 0), (0, 0)), (1, 1), 1),
    "pointwise, padded": (1, 2, 2, (3, 3), (1, 1), (1, 1), ((1, 0), (0, 1)), (1, 1), 1),
    "mostly padding": (1, 1, 2, (2, 2), (3, 3), (1, 1), ((4, 3), (2, 5)), (2, 1), 1),
    "3-d": (2, 2, 3, (4, 5, 3), (2, 3, 2), (2, 1, 1), ((1, 0), (1, 1), (0, 1)), (1, 2, 1), 1),
    "3-d, grouped": (1, 4, 4, (3, 3, 4), (2, 1, 2), (1, 1, 2), ((0, 0), (0, 0), (1, 1)), (1, 1, 1), 2),
    "no batch": (0, 2, 3, (4, 4), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
}
SMALL = ["one", "1-d", "strided", "dilated", "grouped", "pointwise, strided", "3-d"]


def arguments(case, dtype=np.float64, seed=0):
    """x, weight, bias, and the other arguments of ``conv``."""
    batch, channels, kernels_, spatial, taps, stride, padding, dilation, groups = case
    rng = np.random.default_rng(seed)
    x = draw(rng, (batch, channels, *spatial), dtype)
    weight = draw(rng, (kernels_, channels // groups, *taps), dtype)
    return x, weight, draw(rng, (kernels_,), dtype), (stride, padding, dilation, groups)


def by_scipy(x, weight, bias, stride, padding, dilation, groups):
    """correlate(·, ·, "valid") of padded images with kernels spread out by zeros; then every stride-th."""
    extent = tuple(d * (j - 1) + 1 for j, d in zip(weight.shape[2:], dilation, strict=True))
    spread = np.zeros(weight.shape[:2] + extent)
    spread[(..., *(slice(None, None, d) for d in dilation))] = weight
    x = np.pad(x, ((0, 0), (0, 0), *padding))
    kept = (..., *(slice(None, None, s) for s in stride))
    width = weight.shape[1]
    images = []
    for image, k in itertools.product(x, range(len(weight))):
        first = k // (len(weight) // groups) * width
        parts = [
            correlate(image[first + c], spread[k, c], mode="valid", method="direct") for c in range(width)
        ]
        images.append(sum(parts)[kept] + bias[k])
    return np.stack(images).reshape(len(x), len(weight), *images[0].shape)


@pytest.mark.parametrize("name", [n for n in CASES if n != "no batch"])
def test_the_reference_is_scipys_correlation(name):
    x, weight, bias, options = arguments(CASES[name])
    agree(reference.conv(x, weight, bias, *options), by_scipy(x, weight, bias, *options))


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("name", CASES)
def test_the_activation_comes_last(floor, dtype, name, activation):
    x, weight, bias, options = arguments(CASES[name], dtype)
    wanted = reference.map(activation, reference.conv(x, weight, bias, *options))
    agree(floor.conv(x, weight, bias, *options, activation), wanted)


@pytest.mark.parametrize("name", CASES)
def test_floors_agree(floor, dtype, name):
    x, weight, bias, options = arguments(CASES[name], dtype)
    y = reference.conv(x, weight, bias, *options)
    agree(floor.conv(x, weight, bias, *options), y)
    agree(floor.conv(x, weight, None, *options), reference.conv(x, weight, None, *options))
    dy = draw(np.random.default_rng(1), y.shape, dtype)
    to_input, to_weight = (dy, weight, x.shape, *options), (dy, x, weight.shape, *options)
    agree(floor.conv_input_gradient(*to_input), reference.conv_input_gradient(*to_input))
    agree(floor.conv_weight_gradient(*to_weight), reference.conv_weight_gradient(*to_weight))
    agree(floor.conv_parameter_gradients(*to_weight), reference.conv_parameter_gradients(*to_weight))


@pytest.mark.parametrize(
    "case",
    [
        (3, 8, 12, (20, 23), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 2),
        (2, 4, 8, (700,), (9,), (2,), ((4, 4),), (1,), 1),
        (2, 16, 8, (17, 19), (1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ],
    ids=["2-d", "1-d", "pointwise"],
)
def test_floors_agree_on_large_arrays(floor, dtype, case):
    x, weight, bias, options = arguments(case, dtype)
    y = reference.conv(x, weight, bias, *options)
    agree(floor.conv(x, weight, bias, *options), y)
    to_input, to_weight = (y, weight, x.shape, *options), (y, x, weight.shape, *options)
    agree(floor.conv_input_gradient(*to_input), reference.conv_input_gradient(*to_input))
    agree(floor.conv_weight_gradient(*to_weight), reference.conv_weight_gradient(*to_weight))
    agree(floor.conv_parameter_gradients(*to_weight), reference.conv_parameter_gradients(*to_weight))


@pytest.mark.parametrize("size", [1, 1000, 3000, 20000])
@pytest.mark.parametrize("name", ["1-d", "strided", "3-d", "grouped"])
def test_slabs_of_the_cpu_floor_join_without_a_seam(monkeypatch, name, size):
    """One position at a time, parts of an image, several images: the same result."""
    pytest.importorskip("numba")
    from mmscratch.kernels.cpu import convolution_columns as columns

    monkeypatch.setattr(columns, "SLAB", size)
    x, weight, bias, options = arguments(CASES[name])
    y = reference.conv(x, weight, bias, *options)
    agree(columns.conv(x, weight, bias, *options), y)
    to_input, to_weight = (y, weight, x.shape, *options), (y, x, weight.shape, *options)
    agree(columns.conv_input_gradient(*to_input), reference.conv_input_gradient(*to_input))
    agree(columns.conv_weight_gradient(*to_weight), reference.conv_weight_gradient(*to_weight))


@pytest.mark.parametrize("name", SMALL)
def test_gradient(floor, name):
    x, weight, bias, options = arguments(CASES[name])
    dy = draw(np.random.default_rng(1), reference.conv(x, weight, bias, *options).shape)
    gradients = (
        floor.conv_input_gradient(dy, weight, x.shape, *options),
        floor.conv_weight_gradient(dy, x, weight.shape, *options),
    )
    check_gradient(lambda x, w: reference.conv(x, w, None, *options), (x, weight), (dy,), gradients)


@pytest.mark.parametrize("name", CASES)
def test_the_gradients_are_adjoint_to_the_convolution(floor, name):
    """⟨dy, conv(x, W)⟩ = ⟨dx, x⟩ = ⟨dW, W⟩: conv is linear in each."""
    x, weight, _, options = arguments(CASES[name])
    y = floor.conv(x, weight, None, *options)
    dy = draw(np.random.default_rng(1), y.shape)
    product = np.vdot(dy, y)
    dx = floor.conv_input_gradient(dy, weight, x.shape, *options)
    dweight, dbias = floor.conv_parameter_gradients(dy, x, weight.shape, *options)
    np.testing.assert_allclose([np.vdot(dx, x), np.vdot(dweight, weight)], product, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dbias, np.moveaxis(dy, 1, 0).reshape(len(dbias), -1).sum(axis=1), atol=1e-12)


def test_a_known_edge(floor, dtype):
    """A vertical edge under Sobel's kernel: nothing where the picture is flat, 4 at the step."""
    image = np.zeros((1, 1, 4, 6), dtype)
    image[..., 3:] = 1
    sobel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype).reshape(1, 1, 3, 3)
    y = floor.conv(image, sobel, None, (1, 1), ((0, 0), (0, 0)), (1, 1), 1)
    np.testing.assert_array_equal(y[0, 0], [[0, 4, 4, 0]] * 2)
