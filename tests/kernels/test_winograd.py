"""Winograd's convolution against the reference: every way the tiles can lie, and how exact it is."""

import contextlib

import numpy as np
import pytest
from judge import draw, pass_on_vectors

from mmscratch import kernels

pytest.importorskip("numba")
from mmscratch.kernels.cpu import convolution, simd

if not simd.LANES:
    pytest.skip("no vectors on this machine (simd.LANES is 0)", allow_module_level=True)

from mmscratch.kernels.cpu import winograd
from mmscratch.kernels.cpu import winograd_transforms as transforms

reference = kernels.floor("reference")
ONE = ((1, 1), (1, 1))

# batch, input channels, output channels, height, width, padding
CASES = {
    "one tile": (1, 16, 16, 4, 4, ONE),
    "less than a tile": (1, 16, 16, 3, 3, ((0, 0), (0, 0))),
    "narrow, rows within a group": (3, 17, 33, 7, 9, ONE),
    "images within a group": (5, 16, 20, 5, 3, ((1, 0), (0, 2))),
    "groups across rows": (2, 19, 16, 13, 90, ONE),
    "wide, read in place": (1, 16, 17, 21, 200, ONE),
    "as wide as a group": (2, 16, 16, 9, 4 * simd.LANES, ONE),
    "no padding": (2, 16, 16, 18, 70, ((0, 0), (0, 0))),
    "padding 2": (2, 16, 16, 9, 67, ((2, 2), (2, 2))),
    "one-sided": (2, 16, 16, 10, 11, ((0, 2), (3, 0))),
    "more padding than the filter": (1, 16, 16, 6, 5, ((5, 4), (3, 6))),
    "many channels": (1, 70, 100, 11, 12, ONE),
    "many blocks": (4, 16, 18, 64, 64, ONE),
    "no images": (0, 16, 16, 8, 8, ONE),
}

# largest error over root mean square of the result, rms error over the same
LIMITS = {False: (6e-5, 3e-6), True: (4e-6, 5e-7)}


def arguments(name, seed=0):
    """x, weight, bias, dy: float32."""
    batch, channels, outputs, height, width, padding = CASES[name]
    rng = np.random.default_rng(seed)
    out = [n + sum(p) - 2 for n, p in zip((height, width), padding, strict=True)]
    return (
        draw(rng, (batch, channels, height, width), np.float32),
        draw(rng, (outputs, channels, 3, 3), np.float32),
        draw(rng, (outputs,), np.float32),
        draw(rng, (batch, outputs, *out), np.float32),
        padding,
    )


def expected(name):
    """y, dx, dW in float64 by the reference, of the very numbers that the kernels get."""
    x, weight, bias, dy, padding = arguments(name)
    x, weight, bias, dy = (a.astype(np.float64) for a in (x, weight, bias, dy))
    rest = ((1, 1), padding, (1, 1), 1)
    return (
        reference.conv(x, weight, bias, *rest),
        reference.conv_input_gradient(dy, weight, x.shape, *rest),
        reference.conv_weight_gradient(dy, x, weight.shape, *rest),
    )


def computed(name):
    x, weight, bias, dy, padding = arguments(name)
    rest = ((1, 1), padding, (1, 1), 1)
    return (
        convolution.conv(x, weight, bias, *rest),
        convolution.conv_input_gradient(dy, weight, x.shape, *rest),
        convolution.conv_weight_gradient(dy, x, weight.shape, *rest),
    )


def errors(got, wanted):
    """(largest, root mean square) of the error over the root mean square of what is wanted."""
    assert got.shape == wanted.shape and got.dtype == np.float32 and got.flags.c_contiguous
    if not wanted.any():
        return np.abs(got).max(initial=0), 0
    error = np.abs(got - wanted)
    size = np.sqrt((wanted**2).mean())
    return error.max() / size, np.sqrt((error**2).mean()) / size


@pytest.fixture(params=[False, True], ids=["F(4x4)", "F(2x2)"])
def precise(request):
    with kernels.precise(request.param):
        yield request.param


@pytest.fixture(params=["by filters", "by tiles"])
def division(request, monkeypatch):
    """Both ways in which the work is divided, whatever the number of tiles."""
    monkeypatch.setattr(winograd, "FEW", 10**9 if request.param == "by filters" else 0)


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_references_convolution(name, precise, division):
    for got, wanted in zip(computed(name), expected(name), strict=True):
        largest, usual = errors(got, wanted)
        assert largest < LIMITS[precise][0] and usual < LIMITS[precise][1]


def test_it_is_not_the_columns_that_are_tested(monkeypatch):
    monkeypatch.delattr(convolution, "columns")  # what would serve otherwise
    assert len(computed("one tile")) == len(expected("one tile"))


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_activation_and_no_bias(activation, division):
    x, weight, bias, _, padding = arguments("groups across rows")
    for b in (None, bias):
        got = convolution.conv(x, weight * 0.1, b, (1, 1), padding, (1, 1), 1, activation)
        wanted = reference.conv(x, weight * np.float32(0.1), b, (1, 1), padding, (1, 1), 1, activation)
        np.testing.assert_allclose(got, wanted, atol=5e-5)


@pytest.mark.parametrize("name", ["narrow, rows within a group", "many channels", "many blocks"])
def test_the_gradients_are_adjoint(name):
    """⟨dy, conv(x, W)⟩ = ⟨dx, x⟩ = ⟨dW, W⟩."""
    x, weight, _, dy, padding = arguments(name)
    y, dx, dweight = computed(name)
    y -= arguments(name)[2][:, None, None]
    product = np.vdot(y.astype(np.float64), dy)
    spread = np.sqrt(y.size) * np.abs(y).mean()  # of such a product of random numbers
    assert abs(np.vdot(dx.astype(np.float64), x) - product) < 1e-5 * spread
    assert abs(np.vdot(dweight.astype(np.float64), weight) - product) < 1e-5 * spread


def test_the_number_of_threads_does_not_matter(division):
    numba = pytest.importorskip("numba")
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("this machine gives Numba 1 thread")
    results = []
    before = numba.get_num_threads()
    for count in (1, 2):
        numba.set_num_threads(count)
        with contextlib.suppress(KeyError):
            results.append(computed("many blocks"))
        numba.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_both_divisions_give_the_same_bits(monkeypatch):
    results = []
    for few in (0, 10**9):
        monkeypatch.setattr(winograd, "FEW", few)
        results.append(computed("many channels"))
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_error_is_what_the_documentation_says():
    """64 channels, normal numbers: F(4×4) and, in precise mode, F(2×2)."""
    rng = np.random.default_rng(0)
    x, weight = draw(rng, (1, 64, 40, 40), np.float32), draw(rng, (64, 64, 3, 3), np.float32)
    rest = ((1, 1), ONE, (1, 1), 1)
    wanted = reference.conv(x.astype(np.float64), weight.astype(np.float64), None, *rest)
    for on, largest, usual in ((False, 4e-5, 2e-6), (True, 3e-6, 3e-7)):
        with kernels.precise(on):
            found = errors(convolution.conv(x, weight, None, *rest), wanted)
        assert found[0] < largest and found[1] < usual


def test_precise_is_a_switch_and_a_context():
    assert not kernels.is_precise()
    with kernels.precise():
        assert kernels.is_precise()
        with kernels.precise(False):
            assert not kernels.is_precise()
        assert kernels.is_precise()
    assert not kernels.is_precise()
    with pytest.raises(TypeError, match="precise: expected True or False, got 'yes'"):
        kernels.precise("yes")


@pytest.mark.parametrize("m", [4, 2])
def test_the_matrices_are_winograds(m):
    """The maps, read off as matrices, satisfy Aᵀ[(G g) ⊙ (Bᵀ d)] = the correlation of d with g."""
    names = {4: ("_bt4", "_g4", "_at4", "_a4", "_gt4"), 2: ("_bt2", "_g2", "_at2", "_a2", "_gt2")}[m]
    # The one-dimensional maps are written for vectors; by columns of the identity they become matrices.
    bt, g, at, a, gt = (matrix(getattr(transforms, name), size) for name, size in zip(
        names, (m + 2, 3, m + 2, m, m + 2), strict=True
    ))  # fmt: skip
    np.testing.assert_array_equal(a, at.T)
    np.testing.assert_allclose(gt, g.T, rtol=1e-7)
    d, f = np.random.default_rng(0).standard_normal((m + 2,)), np.array([0.5, -2.0, 3.0])
    np.testing.assert_allclose(at @ ((g @ f) * (bt @ d)), np.correlate(d, f, "valid"), rtol=1e-6, atol=1e-6)


def matrix(function, size):
    """The matrix of a linear map of ``size`` numbers, its formula run by Python."""
    plain = {**vars(transforms), "fma": lambda a, b, c: a * b + c, "_f": float}
    formula = type(lambda: 0)(function.py_func.__code__, plain)
    return np.array([formula(*row) for row in np.eye(size)]).T


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 16])
def test_narrower_vectors(width):
    pass_on_vectors(width, "references_convolution or activation", __file__)
