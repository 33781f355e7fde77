"""Thin-plate splines and compositing: SciPy's interpolator, limits, and what a warp of a picture must do."""

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator
from scipy.ndimage import map_coordinates

from mmscratch.models.applications.thin_plate import AffineMap, ThinPlateSpline, composite, sample

random = np.random.default_rng(0)
SOURCE, TARGET = random.uniform(0, 10, (12, 2)), random.uniform(0, 10, (12, 2))
ASKED = random.uniform(-5, 15, (40, 2))


@pytest.mark.parametrize("smoothing", [0.0, 0.5, 20.0])
def test_spline_is_scipys(smoothing):
    """SciPy's kernel is r² ln r, half of ours, and so is its λ."""
    ours = ThinPlateSpline(SOURCE, TARGET, smoothing)(ASKED)
    theirs = RBFInterpolator(SOURCE, TARGET, kernel="thin_plate_spline", degree=1, smoothing=smoothing / 2)(
        ASKED
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-8)


def test_spline_goes_through_its_landmarks_and_the_side_conditions_hold():
    f = ThinPlateSpline(SOURCE, TARGET)
    np.testing.assert_allclose(f(SOURCE), TARGET, atol=1e-9)
    np.testing.assert_allclose(f.weights.sum(0), 0, atol=1e-10)
    np.testing.assert_allclose(SOURCE.T @ f.weights, 0, atol=1e-9)
    assert f.bending > 0


def test_an_affine_map_does_not_bend_and_is_found_exactly():
    a, b = np.array([[1.2, -0.3], [0.4, 0.8]]), np.array([3.0, -1.0])
    f, g = ThinPlateSpline(SOURCE, SOURCE @ a + b), AffineMap(SOURCE, SOURCE @ a + b)
    for found in (f, g):
        np.testing.assert_allclose(found(ASKED), ASKED @ a + b, atol=1e-8)
    assert abs(f.bending) < 1e-9


def test_with_much_smoothing_it_is_the_best_affine_map():
    f, g = ThinPlateSpline(SOURCE, TARGET, 1e9), AffineMap(SOURCE, TARGET)
    np.testing.assert_allclose(f(ASKED), g(ASKED), atol=1e-4)


def test_no_other_interpolant_of_the_kernel_bends_less():
    """Bending is the energy: a smoothing spline has less, and less with more λ."""
    energies = [ThinPlateSpline(SOURCE, TARGET, s).bending for s in (0, 1, 10, 100)]
    assert all(a > b > 0 for a, b in zip(energies, energies[1:], strict=False))


def test_bending_is_the_integral_of_squared_second_derivatives():
    """∬ f_xx² + 2 f_xy² + f_yy² = 8π · 2 · wᵀKw … up to one constant: the same ratio for two splines."""
    source = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]]) * 4.0
    ratios = []
    for bump in ([0, 0, 0, 0, 1.0], [0, 1.0, 0, 0, 0.3]):
        f = ThinPlateSpline(source, np.stack([bump, np.zeros(5)], 1))
        side = np.linspace(-60, 64, 497)
        h = side[1] - side[0]
        z = f(np.stack(np.meshgrid(side, side), -1).reshape(-1, 2))[:, 0].reshape(497, 497)
        xx = (z[1:-1, 2:] - 2 * z[1:-1, 1:-1] + z[1:-1, :-2]) / h**2
        yy = (z[2:, 1:-1] - 2 * z[1:-1, 1:-1] + z[:-2, 1:-1]) / h**2
        xy = (z[2:, 2:] - z[2:, :-2] - z[:-2, 2:] + z[:-2, :-2]) / (4 * h**2)
        ratios.append((xx**2 + 2 * xy**2 + yy**2).sum() * h**2 / f.bending)
    assert abs(ratios[0] / ratios[1] - 1) < 0.03 and abs(ratios[0] / (16 * np.pi) - 1) < 0.05


def test_sampling_is_scipys_and_whole_places_give_pixels():
    picture = random.uniform(size=(7, 9, 3))
    points = random.uniform(0.5, 6.5, (30, 2))
    got = sample(picture, points)
    for c in range(3):
        theirs = map_coordinates(picture[..., c], [points[:, 1] - 0.5, points[:, 0] - 0.5], order=1)
        np.testing.assert_allclose(got[:, c], theirs, atol=1e-12)
    y, x = np.mgrid[:7, :9] + 0.5
    np.testing.assert_allclose(sample(picture, np.stack([x, y], -1)), picture)
    np.testing.assert_array_equal(sample(picture, np.array([[-3.0, 2], [4, 40]])), 0)


def test_compositing_is_between_the_two():
    under, over = random.uniform(size=(2, 4, 4, 3))
    np.testing.assert_array_equal(composite(under, over, np.zeros((4, 4))), under)
    np.testing.assert_array_equal(composite(under, over, np.ones((4, 4))), over)
    np.testing.assert_allclose(composite(under, over, np.full((4, 4), 0.5)), (under + over) / 2)


@pytest.mark.parametrize(
    "call, words",
    [
        (lambda: AffineMap(SOURCE, TARGET[:5]), r"target: expected \(12, 2\), got \(5, 2\)"),
        (lambda: AffineMap(np.arange(8.0).reshape(4, 2), TARGET[:4]), "not on one line"),
        (lambda: AffineMap(SOURCE * np.nan, TARGET), "source: expected finite"),
        (lambda: ThinPlateSpline(SOURCE, TARGET, -1), "smoothing: expected at least 0, got -1"),
        (lambda: ThinPlateSpline(SOURCE[[0, 0, 1, 2, 3]], TARGET[:5]), "two in one place"),
        (lambda: AffineMap(SOURCE, TARGET)(np.zeros(2)), r"points: expected \(N, 2\), got \(2,\)"),
        (lambda: sample(np.zeros((4, 4)), ASKED), "expected"),
        (
            lambda: composite(np.zeros((4, 4, 3)), np.zeros((4, 4, 3)), np.full((4, 4), 2.0)),
            "alpha: expected",
        ),
        (lambda: composite(np.zeros((4, 4, 3)), np.zeros((4, 5, 3)), np.zeros((4, 4))), "expected one size"),
    ],
)
def test_refused(call, words):
    with pytest.raises(ValueError, match=words):
        call()
