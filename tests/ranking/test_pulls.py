"""Gradients of the pairwise and listwise rules: LightGBM's, numerical ones, and what must hold of any."""

import numpy as np
import pytest
from rank_cases import golden

from mmscratch import kernels
from mmscratch.ranking import pairwise
from mmscratch.ranking.listwise import top_one
from mmscratch.ranking.pairwise import pulls, swap_scales

SETTINGS = {
    "plain": (1.0, 30, False),
    "cut": (2.0, 3, False),
    "norm": (1.0, 30, True),
    "both": (0.7, 4, True),
}
FLOORS = [f for f in ("cpu", "reference") if f == "reference" or kernels.has_numba()]


def lambdas(g, scores, sigma, truncation, norm):
    scales = swap_scales(g["y"], g["bounds"], truncation)
    options = {"sigma": sigma, "truncation": truncation, "norm": norm}
    return pulls(scores, g["y"], g["bounds"], scales=scales, **options)


def check_golden(floor, name):
    g = golden()
    with kernels.use(floor):
        if name == "level":
            found = lambdas(g, 0 * g["scores"], 1.0, 30, True)[1:]
        else:
            found = lambdas(g, g["scores"], *SETTINGS[name])[1:]
    # LightGBM looks 1 / (1 + eˣ) up in a table, of steps of 5e-5 / σ
    np.testing.assert_allclose(found, g[f"pulls/{name}"], rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("floor", FLOORS)
@pytest.mark.parametrize("name", [*SETTINGS, "level"])
def test_lambdas_and_second_derivatives_are_lightgbms(floor, name):
    check_golden(floor, name)


@pytest.mark.parametrize(
    "name, fault",
    [
        ("gains", lambda y: np.asarray(y, float)),
        ("discounts", lambda n: 1 / np.log2(np.arange(n) + 3)),
        ("order", lambda s: np.argsort(s, kind="stable")),
        ("best_dcg", lambda y, k=None: 1.0),
    ],
)
def test_a_seeded_fault_is_caught(monkeypatch, name, fault):
    monkeypatch.setattr(pairwise, name, fault)
    with pytest.raises(AssertionError):
        check_golden("reference", "plain")


@pytest.mark.parametrize("rule", ["pairs", "lists"])
@pytest.mark.parametrize("floor", FLOORS)
def test_ranknets_and_listnets_gradients_are_those_of_their_loss(rule, floor):
    g = golden()
    y, bounds = g["y"], g["bounds"]

    def loss(s):
        return pulls(s, y, bounds, sigma=1.3) if rule == "pairs" else top_one(s, y, bounds)

    with kernels.use(floor):
        s, h = g["scores"] + 0.0, 1e-4
        _, slope, curve = loss(s)
        for i in range(len(y)):
            up, down = s.copy(), s.copy()
            up[i] += h
            down[i] -= h
            above, below = loss(up), loss(down)
            assert slope[i] == pytest.approx((above[0] - below[0]) / (2 * h), abs=1e-6)
            assert curve[i] == pytest.approx((above[1][i] - below[1][i]) / (2 * h), abs=1e-6)


def test_lambdas_are_the_gradient_where_no_ranks_change():
    """With w held still λ is a derivative: between two places where documents swap it is ℓ's."""
    g = golden()
    s = np.random.default_rng(5).standard_normal(len(g["y"]))  # no ties
    _, slope, curve = lambdas(g, s, 1.0, 30, False)
    for i in range(len(s)):
        h = 1e-7
        up, down = s.copy(), s.copy()
        up[i] += h
        down[i] -= h
        above, below = lambdas(g, up, 1.0, 30, False), lambdas(g, down, 1.0, 30, False)
        assert slope[i] == pytest.approx((above[0] - below[0]) / (2 * h), abs=1e-6)
        assert curve[i] == pytest.approx((above[1][i] - below[1][i]) / (2 * h), abs=1e-5)


def test_two_documents_by_hand():
    """Ranks swapped: w = (2² − 1)(1 − 1/log2 3) / 3, P = σ(1)."""
    y, bounds, s = np.array([2, 0]), np.array([0, 2]), np.array([0.0, 1.0])
    p = 1 / (1 + np.exp(-1))
    loss, slope, curve = pulls(s, y, bounds)
    assert loss == pytest.approx(np.log(1 + np.e))
    np.testing.assert_allclose([slope, curve], [[-p, p], [p * (1 - p)] * 2])
    w = 1 - 1 / np.log2(3)
    _, slope, curve = pulls(s, y, bounds, scales=swap_scales(y, bounds))
    np.testing.assert_allclose([slope, curve], [[-w * p, w * p], [w * p * (1 - p)] * 2])


@pytest.mark.parametrize("rule", ["ranknet", "lambda", "norm", "listnet"])
def test_a_shift_inside_a_query_changes_nothing_and_the_pulls_of_a_query_cancel(rule):
    g = golden()
    y, bounds = g["y"], g["bounds"]

    def of(s):
        if rule == "listnet":
            return top_one(s, y, bounds)
        scales = None if rule == "ranknet" else swap_scales(y, bounds)
        return pulls(s, y, bounds, scales=scales, norm=rule == "norm")

    shift = np.repeat([5.0, -3, 100, 0, 1, 2], g["groups"])
    before, after = of(g["scores"]), of(g["scores"] + shift)
    for a, b in zip(before, after, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-9)
    np.testing.assert_allclose(np.add.reduceat(before[1], bounds[:-1]), 0, atol=1e-9)
    assert (before[2] >= 0).all()


def test_documents_may_stand_in_any_order():
    g = golden()
    s = np.random.default_rng(2).standard_normal(len(g["y"]))  # no ties: their order is the data's
    r, q = np.random.default_rng(3), np.repeat(np.arange(len(g["groups"])), g["groups"])
    turn = np.lexsort((r.random(len(s)), q))
    for weighed in (False, True):
        scales = swap_scales(g["y"], g["bounds"]) if weighed else None
        before = pulls(s, g["y"], g["bounds"], scales=scales)
        after = pulls(s[turn], g["y"][turn], g["bounds"], scales=scales)
        for a, b in zip(before[1:], after[1:], strict=True):
            np.testing.assert_allclose(a[turn], b, atol=1e-12)


@pytest.mark.parametrize("floor", FLOORS)
def test_scores_far_apart_overflow_nowhere(floor):
    y, bounds = np.array([1, 0, 1, 0]), np.array([0, 2, 4])
    with kernels.use(floor), np.errstate(over="raise", invalid="raise", divide="raise"):
        loss, slope, curve = pulls(np.array([1e4, -1e4, -1e4, 1e4]), y, bounds)
        again = top_one(np.array([1e4, -1e4, -1e4, 1e4]), y, np.array([0, 4]))
    assert loss == pytest.approx(2e4) and slope.tolist() == [0, 0, -1, 1] and not curve.any()
    assert np.isfinite(again[1]).all()
