"""Convolution by tiles over padded copies: every geometry against float64, exactness, threads, what leaks."""

import numpy as np
import pytest
from judge import draw, pass_on_vectors

from mmscratch import kernels

pytest.importorskip("numba")
from mmscratch.kernels.cpu import simd

if not simd.LANES:
    pytest.skip("no vectors on this machine (simd.LANES is 0)", allow_module_level=True)

from mmscratch.kernels.cpu import convolution_direct as direct
from mmscratch.kernels.cpu import convolution_plan
from mmscratch.kernels.cpu.convolution_boxes import copy_box
from mmscratch.kernels.cpu.convolution_weights import gradients

reference = kernels.floor("reference")

ERROR = 4e-6
"""Largest error over the same sum of absolute values: what the kernels' docstrings state."""

# x, weight, stride, padding, dilation, groups
LARGE = {
    "stem": ((4, 3, 64, 64), (32, 3, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    "wide stem": ((2, 3, 61, 67), (20, 3, 7, 7), (2, 2), ((3, 3), (3, 3)), (1, 1), 1),
    "strided": ((3, 40, 30, 31), (52, 40, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),
    "pointwise": ((3, 70, 28, 28), (130, 70, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    "depthwise": ((2, 50, 57, 56), (50, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 50),
    "long": ((3, 24, 5000), (17, 24, 5), (1,), ((2, 2),), (1,), 1),
    "volume": ((2, 16, 11, 12, 13), (32, 16, 3, 3, 3), (1, 1, 1), ((1, 1),) * 3, (1, 1, 1), 1),
    "far padding": ((1, 2, 70), (3, 2, 65), (1,), ((40, 30),), (2,), 1),
    "patches": ((2, 3, 64, 64), (24, 3, 16, 16), (16, 16), ((0, 0), (0, 0)), (1, 1), 1),
    "many channels": ((1, 700, 5, 5), (30, 700, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
}


def some_geometry(rng):
    """x, weight, stride, padding, dilation, groups such that there are outputs."""
    while True:
        rank, groups = int(rng.integers(1, 4)), int(rng.choice([1, 1, 1, 2, 3, 8]))
        channels, outputs = (int(n) for n in rng.choice([1, 1, 2, 3, 4, 5, 7, 12, 16, 17, 27, 40], 2))
        kernel = tuple(int(n) for n in rng.integers(1, {1: 10, 2: 6, 3: 4}[rank], rank))
        size = tuple(int(n) for n in rng.integers(1, {1: 200, 2: 40, 3: 12}[rank], rank))
        stride = tuple(int(n) for n in rng.integers(1, 5, rank)) if rng.random() < 0.5 else (1,) * rank
        dilation = tuple(int(n) for n in rng.integers(1, 4, rank)) if rng.random() < 0.5 else (1,) * rank
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 5, (rank, 2)))
        axes = zip(size, kernel, padding, dilation, strict=True)
        if all(n + sum(p) > d * (j - 1) for n, j, p, d in axes):
            x = (int(rng.integers(1, 4)), groups * channels, *size)
            return x, (groups * outputs, channels, *kernel), stride, padding, dilation, groups


def near(got, expected, magnitude):
    assert got.dtype == np.float32 and got.shape == expected.shape and got.flags.c_contiguous
    assert (np.abs(got - expected) <= ERROR * magnitude + 1e-30).all()


def check(x_shape, w_shape, *options, seed=0):
    """All three kernels against float64, each error beside the sum of the absolute values."""
    rng = np.random.default_rng(seed)
    x, w, b = (draw(rng, shape, np.float32) for shape in (x_shape, w_shape, w_shape[:1]))
    wide = [a.astype(np.float64) for a in (x, w, b)]
    y = reference.conv(*wide, *options)
    near(direct.conv(x, w, b, *options), y, reference.conv(*map(np.abs, wide), *options))
    dy = draw(rng, y.shape, np.float32)
    dy_wide, (x_wide, w_wide, _) = dy.astype(np.float64), wide
    near(
        direct.conv_input_gradient(dy, w, x_shape, *options),
        reference.conv_input_gradient(dy_wide, w_wide, x_shape, *options),
        reference.conv_input_gradient(np.abs(dy_wide), np.abs(w_wide), x_shape, *options),
    )
    found = gradients(dy, x, w_shape, *options, True)
    exact = reference.conv_parameter_gradients(dy_wide, x_wide, w_shape, *options)
    most = reference.conv_parameter_gradients(np.abs(dy_wide), np.abs(x_wide), w_shape, *options)
    for got, *beside in zip(found, exact, most, strict=True):
        near(got, *beside)
    assert gradients(dy, x, w_shape, *options, False)[1] is None


@pytest.mark.parametrize("name", LARGE)
def test_layers(name):
    check(*LARGE[name])


@pytest.mark.parametrize("seed", range(80))
def test_any_geometry(seed):
    check(*some_geometry(np.random.default_rng(1000 + seed)), seed=seed)


@pytest.mark.parametrize("outputs", range(1, 41))
def test_any_number_of_channels(outputs):
    """Every way in which outputs are divided among tiles, and channels among vectors."""
    check((2, 41 - outputs, 9, 8), (outputs, 41 - outputs, 3, 2), (1, 2), ((1, 0), (0, 2)), (1, 1), 1)


@pytest.mark.parametrize("positions", [1, 40, 300])
def test_boxes_join_without_a_seam(monkeypatch, positions):
    monkeypatch.setattr(convolution_plan, "POSITIONS", positions)
    monkeypatch.setattr(convolution_plan, "FEW", 1)
    for name in ("stem", "strided", "long", "volume", "far padding"):
        _forget()
        check(*LARGE[name])
    _forget()


def _forget():
    for function in (convolution_plan.forward, convolution_plan.backward, convolution_plan.weights):
        function.cache_clear()


@pytest.mark.parametrize("name", ["stem", "strided", "depthwise", "volume", "pointwise"])
def test_the_gradients_are_adjoint(name):
    """⟨dy, conv(x, W)⟩ = ⟨dx, x⟩ = ⟨dW, W⟩."""
    x_shape, w_shape, *options = LARGE[name]
    rng = np.random.default_rng(3)
    x, w = draw(rng, x_shape, np.float32), draw(rng, w_shape, np.float32)
    y = direct.conv(x, w, None, *options)
    dy = draw(rng, y.shape, np.float32)
    dx = direct.conv_input_gradient(dy, w, x_shape, *options)
    dw, _ = gradients(dy, x, w_shape, *options, False)
    products = [np.vdot(a.astype(np.float64), b) for a, b in ((dy, y), (dx, x), (dw, w))]
    scale = np.abs(dy.astype(np.float64) * y).sum()
    np.testing.assert_allclose(products, products[0], rtol=0, atol=1e-6 * scale)


@pytest.mark.parametrize("name", LARGE)
def test_threads_change_no_bit(name):
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine gives Numba 1 thread")
    x_shape, w_shape, *options = LARGE[name]
    rng = np.random.default_rng(4)
    x, w = draw(rng, x_shape, np.float32), draw(rng, w_shape, np.float32)
    results, before = [], numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(threads)
        y = direct.conv(x, w, None, *options)
        dx = direct.conv_input_gradient(y, w, x_shape, *options)
        results.append((y, dx, *gradients(y, x, w_shape, *options, True)))
    numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("name", ["stem", "pointwise", "depthwise", "long"])
def test_the_activation_is_applied_to_what_is_written(name, activation):
    x_shape, w_shape, *options = LARGE[name]
    rng = np.random.default_rng(5)
    x, w, b = (draw(rng, shape, np.float32) for shape in (x_shape, w_shape, w_shape[:1]))
    w *= 0.1
    y = direct.conv(x, w, b, *options, activation)
    expected = reference.conv(*(a.astype(np.float64) for a in (x, w, b)), *options, activation)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["stem", "strided", "volume", "far padding"])
def test_what_is_between_rows_does_not_leak(name):
    """NaN in one place reaches those outputs that meet it, and no other."""
    x_shape, w_shape, *options = LARGE[name]
    x = np.ones(x_shape, np.float32)
    x[(0, 0, *(-1,) * (len(x_shape) - 2))] = np.nan
    w = np.ones(w_shape, np.float32)
    y = direct.conv(x, w, None, *options)
    expected = reference.conv(x, w, None, *options)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(expected))
    dy = np.ones_like(y)
    dy[(0, 0, *(0,) * (len(x_shape) - 2))] = np.nan
    dx = direct.conv_input_gradient(dy, w, x_shape, *options)
    np.testing.assert_array_equal(
        np.isnan(dx), np.isnan(reference.conv_input_gradient(dy, w, x_shape, *options))
    )


@pytest.mark.parametrize("name", sorted(LARGE))
def test_every_entry_of_a_copy_is_written(name):
    """Tiles read what is between channels too: a subnormal number there would cost them dearly."""
    x, w, stride, padding, dilation, groups = LARGE[name]
    size, kernel, stride, before, dilation = direct.three(x[2:], w[2:], stride, padding, dilation)
    after = (0,) * (3 - len(padding)) + tuple(pair[1] for pair in padding)
    axes = zip(size, kernel, stride, before, after, dilation, strict=True)
    out = tuple((n + p + q - d * (j - 1) - 1) // s + 1 for n, j, s, p, q, d in axes)
    boxes, *_ = convolution_plan.forward(size, kernel, stride, before, dilation, out, w[1], w[0] // groups)
    copy = np.full((w[1] + 1) * boxes.channel, np.nan, np.float32)
    x = draw(np.random.default_rng(0), x, np.float32).reshape(-1)
    copy_box(x, 0, w[1], np.zeros(3, np.int64), boxes.size, boxes, copy)
    assert not np.isnan(copy[: w[1] * boxes.channel]).any()


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 16, 0])
def test_narrower_vectors(width):
    """The same kernels on machines with other vectors, and what serves where there are none."""
    pass_on_vectors(width, "layers or channels or floors_agree", __file__ if width else "test_convolution.py")
