"""The one normalization on every floor: statistics, five norms, agreement, gradients."""

import numpy as np
import pytest
from judge import agree, check_gradient, draw

from mmscratch import kernels

reference = kernels.floor("reference")
EPS = 1e-5

# (B, G, K, L), across_batch, center
CASES = {
    "one": ((1, 1, 1, 1), False, True),
    "batch norm": ((4, 3, 1, 5), True, True),
    "batch norm of features": ((6, 5, 1, 1), True, True),
    "layer norm": ((5, 1, 7, 1), False, True),
    "RMS norm": ((5, 1, 7, 1), False, False),
    "instance norm": ((3, 4, 1, 9), False, True),
    "group norm": ((3, 2, 3, 5), False, True),
    "everything": ((3, 2, 3, 4), True, True),
    "across the batch, uncentred": ((3, 2, 3, 4), True, False),
    "long rows": ((2, 1, 19, 1), False, True),
    "no batch": ((0, 2, 3, 4), False, True),
}


def arguments(shape, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    channels = shape[1] * shape[2]
    return draw(rng, shape, dtype) + dtype(0.5), draw(rng, channels, dtype), draw(rng, channels, dtype)


def by_loops(x, weight, bias, eps, across_batch, center):
    """Ioffe & Szegedy (2015), algorithm 1, set by set."""
    y = np.zeros(x.shape)
    for b, g in np.ndindex(1 if across_batch else len(x), x.shape[1]):
        members = (slice(None) if across_batch else slice(b, b + 1), g)
        values = [float(v) for v in x[members].ravel()]
        mean = sum(values) / len(values) if center else 0.0
        variance = sum((v - mean) ** 2 for v in values) / len(values)
        y[members] = (x[members] - mean) / (variance + eps) ** 0.5
    for k in range(len(weight)):
        y[:, k // x.shape[2], k % x.shape[2]] *= weight[k]
        y[:, k // x.shape[2], k % x.shape[2]] += bias[k]
    return y


@pytest.mark.parametrize("name", [n for n in CASES if n != "no batch"])
def test_the_reference_is_the_definition(name):
    shape, across_batch, center = CASES[name]
    x, weight, bias = arguments(shape)
    y, _, _ = reference.normalize(x, weight, bias, EPS, across_batch, center)
    agree(y, by_loops(x, weight, bias, EPS, across_batch, center))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_floors_agree(floor, dtype, name, affine):
    shape, across_batch, center = CASES[name]
    x, weight, bias = arguments(shape, dtype)
    weight, bias = (weight, bias) if affine else (None, None)
    expected = reference.normalize(x, weight, bias, EPS, across_batch, center)
    agree(floor.normalize(x, weight, bias, EPS, across_batch, center), expected)
    dy = draw(np.random.default_rng(1), shape, dtype)
    backward = (dy, x, weight, *expected[1:], across_batch, center)
    agree(floor.normalize_backward(*backward), reference.normalize_backward(*backward))


@pytest.mark.parametrize(
    ("shape", "across_batch"),
    [((70, 1, 513, 1), False), ((9, 40, 1, 121), True), ((9, 10, 4, 121), False), ((600, 70, 1, 1), True)],
    ids=["layer norm", "batch norm", "group norm", "batch norm of features"],
)
def test_floors_agree_on_large_arrays(floor, dtype, shape, across_batch):
    x, weight, bias = arguments(shape, dtype)
    expected = reference.normalize(x, weight, bias, EPS, across_batch, True)
    agree(floor.normalize(x, weight, bias, EPS, across_batch, True), expected)
    dy = draw(np.random.default_rng(1), shape, dtype)
    backward = (dy, x, weight, *expected[1:], across_batch, True)
    agree(floor.normalize_backward(*backward), reference.normalize_backward(*backward))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("name", [n for n in CASES if n != "no batch"])
def test_gradient(floor, name, affine):
    shape, across_batch, center = CASES[name]
    x, weight, bias = arguments(shape)
    if not affine:
        weight, bias = None, None
    eps = 0.1  # so large that a set of one entry has a gradient worth the name
    _, mean, rstd = floor.normalize(x, weight, bias, eps, across_batch, center)
    dy = draw(np.random.default_rng(1), shape)
    dx, dweight, dbias = floor.normalize_backward(dy, x, weight, mean, rstd, across_batch, center)

    def f(x, weight, bias):
        return reference.normalize(x, weight, bias, eps, across_batch, center)[0]

    if affine:
        check_gradient(f, (x, weight, bias), (dy,), (dx, dweight, dbias))
    else:
        check_gradient(lambda x: f(x, None, None), (x,), (dy,), (dx,))
        ones = np.ones(shape[1] * shape[2])
        expected = reference.normalize_backward(dy, x, ones, mean, rstd, across_batch, center)
        agree((dx, dweight, dbias), expected, rtol=1e-10)


def test_statistics(floor, dtype):
    """Each set comes out with mean 0 and variance σ²/(σ² + eps); mean and rstd are those of the set."""
    x = arguments((3, 4, 2, 25), dtype)[0] * dtype(3) + dtype(7)
    for across_batch, axes in ((False, (2, 3)), (True, (0, 2, 3))):
        y, mean, rstd = floor.normalize(x, None, None, 0.5, across_batch, True)
        variance = x.astype(np.float64).var(axes)
        np.testing.assert_allclose(y.mean(axes, dtype=np.float64), 0, atol=1e-6)
        np.testing.assert_allclose(y.astype(np.float64).var(axes), variance / (variance + 0.5), rtol=1e-5)
        np.testing.assert_allclose(mean.ravel(), x.mean(axes, dtype=np.float64).ravel(), rtol=1e-6)
        np.testing.assert_allclose(rstd.ravel(), (variance.ravel() + 0.5) ** -0.5, rtol=1e-5)


def test_a_great_mean_does_not_drown_the_variance(floor):
    """float32 at 10,000 ± 1: E[x²] − E[x]² in float32 would give nonsense, the two-pass sum does not."""
    x = (10_000 + np.random.default_rng(0).standard_normal((4, 1, 512, 1))).astype(np.float32)
    y, _, rstd = floor.normalize(x, None, None, EPS, False, True)
    exact = x.astype(np.float64)
    expected = (exact - exact.mean((2, 3), keepdims=True)) / exact.std((2, 3), keepdims=True)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(rstd[:, 0], 1 / exact.std((1, 2, 3)), rtol=1e-4)


def test_the_gradient_leaves_what_normalization_ignores(floor):
    """y does not change when x is shifted or scaled (eps = 0): dx is orthogonal to 1 and to x."""
    x, weight, bias = arguments((4, 2, 3, 5))
    _, mean, rstd = floor.normalize(x, weight, bias, 0.0, False, True)
    dy = draw(np.random.default_rng(1), x.shape)
    dx, _, _ = floor.normalize_backward(dy, x, weight, mean, rstd, False, True)
    np.testing.assert_allclose(dx.sum((2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose((dx * x).sum((2, 3)), 0, atol=1e-12)
