"""Dilated convolutions, volumes and groups by Winograd's: every geometry against float64, threads, NaN."""

import numpy as np
import pytest
from judge import draw, pass_on_vectors

from mmscratch import kernels

pytest.importorskip("numba")
from mmscratch.kernels.cpu import convolution, simd

if not simd.LANES:
    pytest.skip("no vectors on this machine (simd.LANES is 0)", allow_module_level=True)

from mmscratch.kernels.cpu import convolution_phases as phases

reference = kernels.floor("reference")

LIMITS = {False: (6e-5, 3e-6), True: (6e-6, 7e-7)}
"""Largest and rms error over the rms of the result: F(4 × 4), and F(2 × 2) of precise mode."""

# x, weight, padding, dilation, groups
CASES = {
    "dilation 2": ((3, 17, 28, 28), (20, 17, 3, 3), ((2, 2), (2, 2)), (2, 2)),
    "dilation 2, odd": ((2, 16, 21, 71), (18, 16, 3, 3), ((2, 1), (4, 3)), (2, 2)),
    "lead": ((2, 16, 15, 17), (16, 16, 3, 3), ((1, 2), (3, 0)), (2, 2)),
    "dilation 3": ((1, 16, 20, 19), (16, 16, 3, 3), ((3, 3), (1, 5)), (3, 3)),
    "one axis": ((2, 16, 9, 40), (16, 16, 3, 3), ((1, 1), (0, 0)), (1, 4)),
    "no padding": ((1, 20, 16, 17), (16, 20, 3, 3), ((0, 0), (0, 0)), (2, 2)),
    "mostly padding": ((1, 16, 2, 3), (16, 16, 3, 3), ((9, 8), (7, 11)), (2, 2)),
    "volume": ((2, 16, 5, 12, 13), (24, 16, 3, 3, 3), ((1, 1),) * 3, (1, 1, 1)),
    "volume, dilated in time": ((1, 18, 9, 10, 9), (16, 18, 2, 3, 3), ((0, 2), (1, 0), (2, 1)), (3, 1, 1)),
    "volume, one in time": ((2, 16, 3, 8, 8), (16, 16, 1, 3, 3), ((0, 0), (1, 1), (1, 1)), (1, 1, 1)),
    "volume, mostly padding": ((1, 16, 1, 6, 5), (17, 16, 5, 3, 3), ((4, 5), (1, 1), (1, 1)), (1, 1, 1)),
    "groups": ((3, 48, 28, 28), (60, 16, 3, 3), ((1, 1), (1, 1)), (1, 1), 3),
    "groups, few tiles": ((1, 36, 7, 8), (34, 18, 3, 3), ((2, 0), (1, 1)), (1, 1), 2),
}


def arguments(name, seed=0):
    """x, weight, bias, dy and the other arguments of ``conv``."""
    x_shape, w_shape, padding, dilation, *groups = CASES[name]
    rng = np.random.default_rng(seed)
    axes = zip(x_shape[2:], w_shape[2:], padding, dilation, strict=True)
    out = [n + sum(p) - d * (j - 1) for n, j, p, d in axes]
    shapes = x_shape, w_shape, w_shape[:1], (x_shape[0], w_shape[0], *out)
    options = (1,) * len(out), padding, dilation, *(groups or [1])
    return *(draw(rng, shape, np.float32) for shape in shapes), options


def three(floor, x, weight, bias, dy, options, activation=None):
    """y, dx, dW."""
    return (
        floor.conv(x, weight, bias, *options, activation),
        floor.conv_input_gradient(dy, weight, x.shape, *options),
        floor.conv_weight_gradient(dy, x, weight.shape, *options),
    )


@pytest.fixture(params=[False, True], ids=["F(4x4)", "F(2x2)"])
def precise(request):
    with kernels.precise(request.param):
        yield request.param


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_references_convolution(name, precise, monkeypatch):
    monkeypatch.delattr(convolution, "columns")  # what would serve otherwise
    *arrays, options = arguments(name)
    got = three(convolution, *arrays, options)
    wanted = three(reference, *(a.astype(np.float64) for a in arrays), options)
    for a, b in zip(got, wanted, strict=True):
        assert a.shape == b.shape and a.dtype == np.float32 and a.flags.c_contiguous
        error, size = np.abs(a - b), np.sqrt((b**2).mean())
        largest, usual = LIMITS[precise]
        assert error.max() < largest * size and np.sqrt((error**2).mean()) < usual * size


@pytest.mark.parametrize("name", [name for name in CASES if "groups" not in name])
def test_these_are_served(name):
    x, weight, _, _, (stride, padding, dilation, _) = arguments(name)
    assert phases.serves(weight.shape, x.shape[2:], stride, padding, dilation)


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
@pytest.mark.parametrize("name", ["dilation 2, odd", "volume", "groups"])
def test_the_activation_comes_last(name, activation):
    x, weight, bias, _, options = arguments(name)
    weight *= 0.1
    y = convolution.conv(x, weight, bias, *options, activation)
    wide = (a.astype(np.float64) for a in (x, weight, bias))
    np.testing.assert_allclose(y, reference.conv(*wide, *options, activation), rtol=1e-3, atol=5e-5)


def test_slabs_join_without_a_seam(monkeypatch):
    """One stacked image at a time, and all of them: the same result but for the order of dW's sum."""
    *arrays, options = arguments("volume")
    whole = three(convolution, *arrays, options)
    monkeypatch.setattr(phases, "STACK", 1)
    for a, b in zip(three(convolution, *arrays, options), whole, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=3e-5 * np.abs(b).max())


@pytest.mark.parametrize("name", ["dilation 2, odd", "dilation 3", "volume", "groups"])
def test_threads_change_no_bit(name):
    import numba

    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine gives Numba 1 thread")
    *arrays, options = arguments(name)
    results, before = [], numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(threads)
        results.append(three(convolution, *arrays, options))
    numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", ["dilation 2", "lead", "volume"])
def test_nan_reaches_the_outputs_near_it_alone(name):
    """A NaN spreads over its tile (as with every Winograd), never to another image or far away."""
    x, weight, bias, _, options = arguments(name)
    x[(0, 0, *(-1,) * (x.ndim - 2))] = np.nan
    y = convolution.conv(x, weight, bias, *options)
    hit = np.isnan(reference.conv(x, weight, bias, *options))
    assert np.isnan(y[hit]).all()
    assert not np.isnan(y[1:]).any() and not np.isnan(y[0, :, 0]).any()


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 16])
def test_narrower_vectors(width):
    pass_on_vectors(width, "references", __file__)
