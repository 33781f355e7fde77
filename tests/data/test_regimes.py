"""The worlds of two modalities: balance, what each tells, and Bayes' rule against counting."""

import numpy as np
import pytest

from mmscratch.data.regimes import REGIMES, best_alone, best_sum_of_posteriors, make_regime, posterior


def test_every_cell_is_as_frequent_and_a_seed_is_a_data_set():
    for regime, cells in REGIMES.items():
        data = make_regime(regime, 24, seed=3)
        found = list(zip(data.a, data.b, data.target, strict=True))
        assert all(found.count(cell) == 24 // len(cells) for cell in cells)
        assert data.target.mean() == 0.5 and len(data) == 24
        again, other = make_regime(regime, 24, seed=3), make_regime(regime, 24, seed=4)
        np.testing.assert_array_equal(data.first, again.first)
        assert not np.array_equal(data.first, other.first)
        np.testing.assert_array_equal(data.directions[0], other.directions[0])


def test_what_each_tells():
    assert {r: best_alone(r) for r in REGIMES} == {
        "redundant": (1.0, 1.0), "unique": (1.0, 0.5), "additive": (5 / 6, 5 / 6), "synergy": (0.5, 0.5)
    }  # fmt: skip
    assert {r: best_sum_of_posteriors(r) for r in REGIMES} == {
        "redundant": 1.0, "unique": 1.0, "additive": 1.0, "synergy": 0.5
    }  # fmt: skip


def test_padding_is_zero_and_the_value_stands_at_one_step():
    data = make_regime("synergy", 400, noise=1e-3)
    for view, mask, value, u in zip(
        (data.first, data.second), data.masks, (data.a, data.b), data.directions, strict=True
    ):
        assert (view[~mask] == 0).all() and (mask.sum(1) >= 2).all() and (mask.sum(1) <= 4).all()
        along = view @ u
        np.testing.assert_allclose(along.sum(1), value, atol=0.02)
        assert ((np.abs(along) > 0.5).sum(1) == 1).all()
    same = np.abs(data.first @ data.directions[0]).argmax(1) == np.abs(
        data.second @ data.directions[1]
    ).argmax(1)
    assert 0.2 < same.mean() < 0.6  # not aligned


@pytest.mark.parametrize("regime", REGIMES)
def test_posteriors_are_calibrated_and_bound_what_was_counted(regime):
    """Among those told p, a share of p is 1; without noise they are right as often as the cells allow."""
    data = make_regime(regime, 3600, noise=0.5)
    for seen in ((True, True), (True, False), (False, True)):
        p = posterior(data, *seen)
        for low in np.arange(0, 1, 0.2):
            some = (p >= low) & (p < low + 0.2)
            if some.sum() > 200:
                error = 4 * (0.25 / some.sum()) ** 0.5
                assert data.target[some].mean() == pytest.approx(p[some].mean(), abs=error)
    clear = make_regime(regime, 3600, noise=0.05)
    for wanted, seen in zip(best_alone(regime), ((True, False), (False, True)), strict=True):
        p = posterior(clear, *seen)
        assert ((p > 0.5) == clear.target).mean() == pytest.approx(wanted, abs=0.02)
    assert ((posterior(clear) > 0.5) == clear.target).all()


def test_a_posterior_is_its_definition():
    """Against the density itself, summed over cells and over the step at which the value stands."""
    data = make_regime("additive", 12, noise=0.7, sizes=(3, 2))
    found = posterior(data)
    for i in range(12):
        weight = np.zeros(2)
        for a, b, y in REGIMES["additive"]:
            likelihood = 1.0
            for view, mask, value, u in ((data.first, data.masks[0], a, data.directions[0]),
                                         (data.second, data.masks[1], b, data.directions[1])):  # fmt: skip
                x = view[i][mask[i]].astype(float)
                total = 0.0
                for t in range(len(x)):
                    mean = np.zeros_like(x)
                    mean[t] = value * u
                    total += np.exp(-((x - mean) ** 2).sum() / (2 * 0.7**2))
                likelihood *= total
            weight[y] += likelihood
        assert found[i] == pytest.approx(weight[1] / weight.sum(), rel=1e-9)


def test_refused():
    with pytest.raises(ValueError, match="regime: expected one of redundant, .*, got 'both'"):
        make_regime("both", 12)
    with pytest.raises(ValueError, match="a multiple of the 12 cells of additive, got 13"):
        make_regime("additive", 13)
    with pytest.raises(ValueError, match="noise: expected"):
        make_regime("synergy", 12, noise=0)
