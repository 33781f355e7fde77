"""LambdaMART: LightGBM's predictions, the tree's formula by hand and by search, bins, and what must hold."""

import itertools

import numpy as np
import pytest
from rank_cases import golden, linear_problem

from mmscratch import kernels
from mmscratch.ranking import LambdaMART, ndcg, trees
from mmscratch.ranking.bins import bin_edges, binned
from mmscratch.ranking.trees import Limits, grow, tree_values

FLOORS = [f for f in ("cpu", "reference") if f == "reference" or kernels.has_numba()]
ALL = {"feature_fraction": 1.0, "bagging_fraction": 1.0, "min_data_in_leaf": 0}


def check_golden(floor, norm):
    g = golden()
    with kernels.use(floor):
        model = LambdaMART(12, 0.2, num_leaves=5, min_sum_hessian=0.4, l2=0.5, norm=norm, **ALL)
        model.fit(g["x"], g["y"], g["groups"])
        found = model.predict(g["x"])
    np.testing.assert_allclose(found, g[f"trees/{norm}"], atol=2e-5)  # LightGBM's gradients have 32 bits


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("norm", [False, True])
def test_twelve_trees_predict_what_lightgbms_do(floor, norm):
    check_golden(floor, norm)


@pytest.mark.parametrize(
    "name, fault",
    [
        ("_gather", lambda *a, of=trees._gather: of(*a) * [1, 2, 1]),
        ("_gather", lambda *a, of=trees._gather: np.roll(of(*a), 1, axis=1)),
        ("_best_cut", lambda h, t, n, c, l2, of=trees._best_cut: of(h, t, n, c, l2 + 1)),
        ("tree_values", None),
    ],
)
def test_a_seeded_fault_is_caught(monkeypatch, name, fault):
    if name == "tree_values":
        from mmscratch.ranking import lambdamart

        monkeypatch.setattr(lambdamart, name, lambda tree, x, of=tree_values: -of(tree, x))
    else:
        monkeypatch.setattr(trees, name, fault)
    with pytest.raises(AssertionError):
        check_golden("reference", False)


def data(seed, n=60, d=4, steps=7):
    r = np.random.default_rng(seed)
    x = r.integers(0, steps, (n, d)) / 2.0
    return x, r.standard_normal(n), r.random(n) + 0.01


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("seed", range(5))
def test_the_first_cut_is_the_best_of_all(floor, seed):
    x, g, h = data(seed)
    edges = bin_edges(x)
    with kernels.use(floor):
        tree, leaf = grow(binned(x, edges), edges, np.arange(4), np.arange(60), g, h, Limits(2, 5, 1.0, 0.3))

    def worth(rows):
        return g[rows].sum() ** 2 / (h[rows].sum() + 0.3)

    def gain(d, at):
        low, high = x[:, d] <= at, x[:, d] > at
        if min(low.sum(), high.sum()) < 5 or min(h[low].sum(), h[high].sum()) < 1:
            return -np.inf
        return worth(low) + worth(high) - worth(low | high)

    best = max(gain(d, at) for d, at in itertools.product(range(4), np.arange(0.25, 3, 0.5)))
    assert gain(tree.feature[0], tree.threshold[0]) == pytest.approx(best)
    for k, value in enumerate(tree.value):
        rows = leaf == k
        assert value == pytest.approx(-g[rows].sum() / (h[rows].sum() + 0.3))


@pytest.mark.parametrize("floor", FLOORS)
def test_a_grown_tree_keeps_its_limits_and_knows_its_leaves(floor):
    x, g, h = data(9, n=200)
    edges = bin_edges(x)
    rows = np.sort(np.random.default_rng(0).choice(200, 150, replace=False))
    with kernels.use(floor):
        tree, leaf = grow(binned(x, edges), edges, np.array([0, 2, 3]), rows, g, h, Limits(9, 8, 0.5, 1.0))
    assert leaf.shape == (200,) and len(tree.value) == len(tree.feature) + 1 <= 9 and 1 not in tree.feature
    for k, value in enumerate(tree.value):
        own = rows[leaf[rows] == k]
        assert len(own) >= 8 and h[own].sum() >= 0.5
        assert value == pytest.approx(-g[own].sum() / (h[own].sum() + 1.0))
    np.testing.assert_array_equal(tree_values(tree, x), tree.value[leaf])  # also of rows it was not grown on


def test_where_nothing_can_be_won_there_is_one_leaf():
    x, g, h = data(1)
    edges = bin_edges(x)
    tree, leaf = grow(binned(x, edges), edges, np.arange(4), np.arange(60), 0 * g, h, Limits(8, 1, 0, 1.0))
    assert leaf.tolist() == [0] * 60 == tree_values(tree, x).tolist() and tree.value.tolist() == [0]


def test_bins_cut_between_values_and_hold_about_as_many():
    x = np.array([[0.0, 1], [0, 2], [1, 3], [3, 3]])
    edges = bin_edges(x)
    assert [e.tolist() for e in edges] == [[0.5, 2], [1.5, 2.5]]
    assert binned(x, edges).tolist() == [[0, 0, 1, 2], [0, 1, 2, 2]]
    r = np.random.default_rng(0)
    wide = np.stack([r.standard_normal(1000), np.where(r.random(1000) < 0.6, 0, r.random(1000))], 1)
    edges = bin_edges(wide, 16)
    counts = [np.bincount(b, minlength=16) for b in binned(wide, edges)]
    assert all(len(e) <= 15 and (np.diff(e) > 0).all() for e in edges)
    assert counts[0].min() >= 40 and counts[0].max() <= 85
    zero = np.searchsorted(edges[1], 0.0)
    assert counts[1][zero] == (wide[:, 1] == 0).sum(), "a value that fills a bin has it for itself"
    close = np.nextafter(1.0, 2)
    assert bin_edges(np.array([[1.0], [close]]))[0][0] == 1.0


def test_it_learns_what_a_line_cannot():
    r = np.random.default_rng(0)
    x = r.standard_normal((600, 4))
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    groups = np.full(60, 10)
    model = LambdaMART(60, 0.1, l2=1.0, **ALL).fit(x[:400], y[:400], groups[:40])
    assert ndcg(y[400:], model.predict(x[400:]), groups[40:], 5) > 0.85
    assert model.feature_importances()[:2].min() > model.feature_importances()[2:].max()


def test_the_same_seed_draws_the_same_and_another_does_not():
    x, y, groups, _ = linear_problem()
    of = [LambdaMART(5, min_data_in_leaf=5, random_state=s).fit(x, y, groups).predict(x) for s in (0, 0, 1)]
    np.testing.assert_array_equal(of[0], of[1])
    assert (of[0] != of[2]).any()


def test_early_stopping_keeps_the_best():
    x, y, groups, _ = linear_problem(60)
    noisy = np.random.default_rng(0).permutation(y[:240])
    model = LambdaMART(200, 0.3, early_stopping=5, min_data_in_leaf=3)
    model.fit(x[:240], noisy, groups[:30], eval_set=(x[240:], y[240:], groups[30:]))
    assert len(model.judged_) < 200 and model.best_iteration_ == np.argmax(model.judged_) + 1
    assert model.score(x[240:], y[240:], groups[30:]) == pytest.approx(max(model.judged_))


@pytest.mark.parametrize(
    "settings, word",
    [
        ({"num_leaves": 1}, "num_leaves: expected a whole number ≥ 2, got 1"),
        ({"feature_fraction": 0}, "feature_fraction: expected a number > 0"),
        ({"bagging_fraction": 1.5}, r"bagging_fraction: expected a fraction in \(0, 1\], got 1.5"),
        ({"max_bin": 300}, "max_bin: expected at most 256"),
        ({"l2": -1}, "l2: expected a number ≥ 0"),
        ({"norm": 1}, "norm: expected True or False"),
        ({"early_stopping": 0}, "early_stopping"),
    ],
)
def test_settings_that_cannot_be_meant(settings, word):
    with pytest.raises(ValueError, match=word):
        LambdaMART(**settings)
