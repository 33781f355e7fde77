"""Sinkhorn's plan: margins, its limits, duality, its gradient, and SciPy's assignment and linear program."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment, linprog

from mmscratch.alignment import sinkhorn, sinkhorn_cost, with_null
from mmscratch.gradcheck import gradcheck
from mmscratch.tensor import Tensor

random = np.random.default_rng(0)


def margins(n):
    x = random.random(n) + 0.1
    return x / x.sum()


@pytest.mark.parametrize("epsilon", [1e-3, 0.05, 1.0, 100.0])
@pytest.mark.parametrize("shape", [(1, 1), (4, 7), (9, 3)])
def test_margins_are_exact(shape, epsilon):
    c, a, b = random.random(shape), margins(shape[0]), margins(shape[1])
    found = sinkhorn(c, epsilon, a, b, tolerance=1e-10)
    assert found.converged
    np.testing.assert_allclose(found.plan.sum(1), a, atol=1e-10)
    np.testing.assert_allclose(found.plan.sum(0), b, atol=1e-12)
    assert (found.plan >= 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_small_epsilon_is_the_assignment(seed):
    """a = b uniform: n P → the permutation of least cost, and ⟨P, C⟩ its cost / n."""
    c = np.random.default_rng(seed).random((6, 6))
    rows, columns = linear_sum_assignment(c)
    found = sinkhorn(c, 1e-3, tolerance=1e-9)
    assert (found.plan.argmax(1) == columns).all()
    np.testing.assert_allclose(found.plan[rows, columns], 1 / 6, atol=1e-3)
    assert found.cost == pytest.approx(c[rows, columns].mean(), abs=1e-3)


def test_cost_falls_to_the_linear_program_as_epsilon_falls():
    c, a, b = random.random((4, 5)), margins(4), margins(5)
    rows = np.kron(np.eye(4), np.ones(5))
    equal = np.vstack([rows, np.kron(np.ones(4), np.eye(5))])
    best = linprog(c.ravel(), A_eq=equal, b_eq=np.concatenate([a, b])).fun
    costs = [sinkhorn(c, e, a, b).cost for e in (10, 1, 0.1, 0.01, 0.002)]
    assert (np.diff(costs) < 0).all() and best - 1e-8 <= costs[-1] < best + 2e-3


def test_large_epsilon_is_the_product_of_the_margins():
    a, b = margins(3), margins(4)
    np.testing.assert_allclose(sinkhorn(random.random((3, 4)), 1e4, a, b).plan, np.outer(a, b), atol=1e-4)


def test_two_by_two_by_hand():
    """C = [[0, c], [c, 0]], uniform: P = ½ [[s, 1 − s], [1 − s, s]], s = 1 / (1 + e^{−c/ε})."""
    s = 1 / (1 + np.exp(-0.7 / 0.2))
    found = sinkhorn([[0, 0.7], [0.7, 0]], 0.2)
    np.testing.assert_allclose(found.plan, 0.5 * np.array([[s, 1 - s], [1 - s, s]]), atol=1e-10)


def test_no_duality_gap_and_no_better_plan():
    c, a, b, e = random.random((4, 5)), margins(4), margins(5), 0.1
    found = sinkhorn(c, e, a, b, tolerance=1e-12)
    assert found.value == pytest.approx((found.f * a).sum() + (found.g * b).sum() - e, abs=1e-10)
    for _ in range(20):  # along any direction that keeps the margins
        u, v = random.normal(size=4), random.normal(size=5)
        d = np.outer(u - u.mean(), v - v.mean())
        p = found.plan + d * 0.5 * np.min(found.plan / np.abs(d).max())
        assert (p * c).sum() + e * (p * (np.log(p) - 1)).sum() > found.value


def test_rows_and_columns_may_be_shifted():
    c, f, g = random.random((4, 5)), random.normal(size=(4, 1)), random.normal(size=5)
    np.testing.assert_allclose(
        sinkhorn(c + f + g, 0.1, tolerance=1e-12).plan, sinkhorn(c, 0.1, tolerance=1e-12).plan, atol=1e-11
    )


def test_gradient_is_the_plan():
    c = random.random((3, 4))
    assert gradcheck(lambda c: sinkhorn_cost(c, epsilon=0.2, tolerance=1e-13), c)
    x = Tensor(c, requires_grad=True)
    sinkhorn_cost(x, epsilon=0.2).backward()
    np.testing.assert_allclose(x.grad, sinkhorn(c, 0.2).plan)


def test_a_place_for_what_belongs_nowhere():
    cost, b = with_null([[0.0, 9.0], [9.0, 0.0], [9.0, 9.0]], 1.0, 1 / 3)
    np.testing.assert_allclose(b, 1 / 3)
    np.testing.assert_allclose(sinkhorn(cost, 0.05, b=b).plan, np.eye(3) / 3, atol=1e-6)


def test_not_converged_is_said():
    c = random.random((30, 30))
    found = sinkhorn(c, 1e-4, tolerance=1e-12, limit=3)
    assert not found.converged and found.error > 1e-12
    with pytest.raises(ArithmeticError, match="larger epsilon than 0.0001"):
        sinkhorn_cost(c, epsilon=1e-4, tolerance=1e-12, limit=3)


@pytest.mark.parametrize(
    "cost, options, words",
    [
        (np.zeros(3), {}, r"cost.*\(3,\)"),
        ([[np.inf]], {}, "finite"),
        ([[1.0, 2.0]], {"epsilon": 0}, "epsilon.*0"),
        ([[1.0, 2.0]], {"b": [1.0, 0.0]}, "b: expected 2 positive"),
        ([[1.0, 2.0]], {"b": [1.0, 1.0]}, "one sum"),
    ],
)
def test_what_is_refused(cost, options, words):
    with pytest.raises(ValueError, match=words):
        sinkhorn(cost, **options)
