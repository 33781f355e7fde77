"""What cosine similarity, cos θ = a·b / (‖a‖ ‖b‖), must do: checks of any implementation.

An implementation is two functions on NumPy vectors: ``value(a, b)``, a number, and ``slope(a, b)``, its
gradient ∂cos/∂a. Each check raises AssertionError. The checks that the library passes must fail on faulty
variants.
"""

import math

import numpy as np

RNG = np.random.default_rng(42)
PAIRS = [(RNG.standard_normal(n), RNG.standard_normal(n)) for n in (2, 3, 8, 64)]


def the_worked_example(value, slope):
    """[1, 0, 1] and [0, 1, 1]: 1/(√2 √2) = 0.5."""
    np.testing.assert_allclose(value(np.array([1.0, 0, 1]), np.array([0.0, 1, 1])), 0.5, rtol=1e-12)


def lies_between_minus_one_and_one(value, slope):
    """Cauchy & Schwarz; the ends are reached by parallel vectors, the middle by perpendicular ones."""
    for a, b in PAIRS:
        assert abs(value(a, b)) <= 1 + 1e-12
        np.testing.assert_allclose([value(a, a), value(a, -a)], [1, -1], rtol=1e-12)
    np.testing.assert_allclose(value(np.array([3.0, 4.0]), np.array([-4.0, 3.0])), 0, atol=1e-12)


def length_does_not_matter(value, slope):
    """cos(λa, μb) = cos(a, b) for λ, μ > 0."""
    for a, b in PAIRS:
        np.testing.assert_allclose(value(7 * a, 0.01 * b), value(a, b), rtol=1e-10)


def is_the_cosine_of_the_angle(value, slope):
    for angle in (0.1, 1.0, 2.5):
        b = np.array([math.cos(angle), math.sin(angle)])
        np.testing.assert_allclose(value(np.array([2.0, 0.0]), b), math.cos(angle), rtol=1e-10)


def both_count_alike(value, slope):
    for a, b in PAIRS:
        np.testing.assert_allclose(value(a, b), value(b, a), rtol=1e-12)


def is_distance_on_the_sphere(value, slope):
    """‖â − b̂‖² = 2 − 2 cos: for unit vectors both rank alike."""
    for a, b in PAIRS:
        a, b = a / np.linalg.norm(a), b / np.linalg.norm(b)
        np.testing.assert_allclose(((a - b) ** 2).sum(), 2 - 2 * value(a, b), rtol=1e-9)


def a_zero_vector_has_cosine_zero(value, slope):
    """0/0 is left open by the formula; the cosine with nothing is 0, and no gradient becomes NaN."""
    with np.errstate(all="ignore"):
        assert value(np.zeros(3), np.ones(3)) == 0
        assert np.isfinite(slope(np.ones(3), np.zeros(3))).all()
        assert np.isfinite(slope(np.zeros(3), np.ones(3))).all()


def the_gradient_is_tangent(value, slope):
    """a · ∂cos/∂a = 0: walking along a changes its length only."""
    for a, b in PAIRS:
        g = slope(a, b)
        assert abs(a @ g) <= 1e-12 * np.linalg.norm(a) * max(np.linalg.norm(g), 1e-3)


def the_gradient_is_the_formula(value, slope):
    """∂cos/∂a = (b̂ − cos · â)/‖a‖."""
    for a, b in PAIRS:
        n, m = np.linalg.norm(a), np.linalg.norm(b)
        cos = a @ b / (n * m)
        np.testing.assert_allclose(slope(a, b), (b / m - cos * a / n) / n, rtol=1e-9, atol=1e-12)


def the_gradient_is_the_derivative(value, slope):
    for a, b in PAIRS:
        step = 1e-5 * np.eye(len(a))
        numeric = [(value(a + h, b) - value(a - h, b)) / 2e-5 for h in step]
        np.testing.assert_allclose(slope(a, b), numeric, rtol=1e-6, atol=1e-8)


CHECKS = [
    the_worked_example, lies_between_minus_one_and_one, length_does_not_matter, is_the_cosine_of_the_angle,
    both_count_alike, is_distance_on_the_sphere, a_zero_vector_has_cosine_zero, the_gradient_is_tangent,
    the_gradient_is_the_formula, the_gradient_is_the_derivative,
]  # fmt: skip
