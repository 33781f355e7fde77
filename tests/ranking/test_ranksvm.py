"""RankSVM: scikit-learn's LinearSVC on the differences, its optimality, both solvers, and what cancels."""

import itertools

import numpy as np
import pytest
from rank_cases import golden, linear_problem

from mmscratch import kernels
from mmscratch.ranking import RankSVM, ndcg, ranksvm
from mmscratch.ranking.queries import pairs

CASES = list(itertools.product(("hinge", "squared_hinge"), (0.02, 1.0)))


def check_golden(loss, c, floor=None):
    g = golden()
    with kernels.use(floor or kernels.host().__name__.rpartition(".")[2]):
        model = RankSVM(c, loss, tol=1e-7, max_iter=20_000).fit(g["x"], g["y"], g["groups"])
    np.testing.assert_allclose(model.coef_, g[f"svm/{loss}/{c}"], rtol=1e-4, atol=2e-6)
    assert 0 <= model.dual_gap_ + 1e-9 < 1e-5 * max(1, model.objective_), (
        "primal and dual meet at the optimum"
    )


@pytest.mark.parametrize("loss, c", CASES)
def test_it_is_linearsvc_on_pair_differences(loss, c):
    check_golden(loss, c)


def test_the_formula_in_numpy_is_the_compiled_one():
    check_golden("squared_hinge", 0.02, "reference")


@pytest.mark.parametrize(
    "fault",
    [
        lambda y, b: pairs(-y, b),
        lambda y, b: pairs(y, np.array([0, b[-1]])),
    ],
)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    """The labels turned around; pairs across queries."""
    monkeypatch.setattr(ranksvm, "pairs", fault)
    with pytest.raises(AssertionError):
        check_golden("hinge", 1.0)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
def test_the_subgradient_comes_close_to_the_dual(loss):
    g = golden()
    exact = RankSVM(0.02, loss, tol=1e-6, max_iter=20_000).fit(g["x"], g["y"], g["groups"])
    rough = RankSVM(0.02, loss, "subgradient", max_iter=60).fit(g["x"], g["y"], g["groups"])
    assert exact.objective_ <= rough.objective_ < 1.01 * exact.objective_


def test_no_direction_is_better_than_the_optimum():
    g = golden()
    first, second = pairs(g["y"], g["bounds"])
    model = RankSVM(0.1, tol=1e-8, max_iter=20_000).fit(g["x"], g["y"], g["groups"])
    r = np.random.default_rng(0)
    for size in (1e-3, 1e-1):
        for _ in range(20):
            other = model.coef_ + size * r.standard_normal(len(model.coef_))
            assert model.objective(other, g["x"], first, second) > model.objective_


def test_an_order_that_is_linear_is_found_whatever_the_queries_offsets_are():
    x, y, groups, w = linear_problem()
    model = RankSVM(10.0, tol=0.01).fit(x, y, groups)
    assert ndcg(y, model.predict(x), groups, 5) > 0.99
    assert model.coef_ @ w / np.linalg.norm(model.coef_) / np.linalg.norm(w) > 0.98
    moved = x + np.repeat(np.random.default_rng(1).standard_normal((len(groups), x.shape[1])), groups, axis=0)
    one, two = (RankSVM(tol=1e-7, max_iter=20_000).fit(z, y, groups) for z in (x, moved))
    np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-5)


def test_the_order_of_documents_and_queries_says_nothing():
    x, y, groups, _ = linear_problem(queries=9)
    turn = np.concatenate(
        [q * 8 + np.random.default_rng(q).permutation(8) for q in (3, 8, 0, 1, 2, 7, 6, 5, 4)]
    )
    one = RankSVM(tol=1e-7, max_iter=20_000).fit(x, y, groups)
    two = RankSVM(tol=1e-7, max_iter=20_000).fit(x[turn], y[turn], groups)
    np.testing.assert_allclose(one.coef_, two.coef_, atol=1e-5)


def test_documents_alike_with_labels_unlike_cost_and_do_no_harm():
    x = np.array([[1.0], [1], [2], [0]])
    model = RankSVM(1.0, tol=1e-8).fit(x, [1, 0, 1, 0], [4])
    # pairs: z = 0, 1, 1, 2 → w = 1: ½ + the one that nothing can set right
    np.testing.assert_allclose(model.coef_, [1.0], atol=1e-6)
    assert model.objective_ == pytest.approx(1.5) and model.dual_gap_ == pytest.approx(0, abs=1e-6)


def test_an_optimum_that_was_not_reached_is_told():
    g = golden()
    with pytest.warns(UserWarning, match="projected gradients still differ"):
        RankSVM(1.0, tol=1e-9, max_iter=2).fit(g["x"], g["y"], g["groups"])


@pytest.mark.parametrize(
    "settings, word",
    [
        ({"C": 0}, "C: expected a number > 0, got 0"),
        ({"C": float("inf")}, "C: expected"),
        ({"loss": "log"}, "loss: expected 'hinge' or 'squared_hinge', got 'log'"),
        ({"solver": "smo"}, "solver: expected"),
        ({"max_iter": 1.5}, "max_iter: expected a whole number"),
        ({"random_state": -1}, "random_state"),
    ],
)
def test_settings_that_cannot_be_meant(settings, word):
    with pytest.raises(ValueError, match=word):
        RankSVM(**settings)
