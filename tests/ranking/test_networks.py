"""RankNet, ListNet, LambdaRank: they learn, the same every time, by the gradient that the rule gives."""

import numpy as np
import pytest
from rank_cases import linear_problem

from mmscratch.ranking import LambdaRank, ListNet, RankNet, ndcg
from mmscratch.ranking.listwise import top_one
from mmscratch.ranking.pairwise import pulls, swap_scales

KINDS = [RankNet, ListNet, LambdaRank]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hidden", [(), (16,)])
def test_it_learns_an_order(kind, hidden):
    x, y, groups, _ = linear_problem(60)
    model = kind(hidden, epochs=40, lr=1e-2, weight_decay=0.01).fit(x[:320], y[:320], groups[:40])
    assert ndcg(y[320:], model.predict(x[320:]), groups[40:], 5) > 0.9
    assert model.losses_[-1] < model.losses_[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_weights_get_what_the_rule_gives_times_x(kind):
    x, y, groups, _ = linear_problem(4)
    model = kind(epochs=1, queries=4, lr=1e-2, weight_decay=0.0)
    bounds = np.arange(5) * 8
    begin = kind(epochs=1, queries=4, lr=1e-30, weight_decay=0.0).fit(x, y, groups)  # does not move
    w = begin.network_.state_dict()["0.weight"][0].astype(np.float64)
    s = begin._standard(x).astype(np.float64) @ w
    rule = {
        RankNet: lambda: pulls(s, y, bounds),
        ListNet: lambda: top_one(s, y, bounds),
        LambdaRank: lambda: pulls(s, y, bounds, scales=swap_scales(y, bounds)),
    }[kind]
    loss, slope, _ = rule()
    gradient = slope @ begin._standard(x) / 4
    moved = model.fit(x, y, groups).network_.state_dict()["0.weight"][0] - w
    # Adam's first step is lr · sign of the gradient
    np.testing.assert_allclose(moved, -1e-2 * np.sign(gradient), rtol=1e-3)
    assert begin.losses_[0] == pytest.approx(loss / 4, rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_and_scales_of_features_say_nothing(kind):
    x, y, groups, _ = linear_problem()
    one, two, other = (kind((4,), epochs=2, dropout=0.2, random_state=s).fit(x, y, groups) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.predict(x), two.predict(x))
    assert (one.predict(x) != other.predict(x)).any()
    scaled = kind((4,), epochs=2, dropout=0.2).fit(8 * x + 1024, y, groups)
    np.testing.assert_allclose(scaled.predict(8 * x + 1024), one.predict(x), atol=1e-4)


def test_the_best_epoch_on_other_queries_is_kept():
    x, y, groups, _ = linear_problem(40)
    model = RankNet((16,), epochs=15, lr=0.05).fit(
        x[:160], y[:160], groups[:20], eval_set=(x[160:], y[160:], groups[20:])
    )
    assert model.score(x[160:], y[160:], groups[20:]) == max(model.judged_)


@pytest.mark.parametrize(
    "settings, word",
    [
        ({"hidden": 5}, "hidden: expected the sizes"),
        ({"hidden": (0,)}, "hidden: expected a whole number"),
        ({"dropout": 1.0}, "dropout"),
        ({"lr": 0}, "lr: expected a number > 0"),
        ({"weight_decay": -1}, "weight_decay"),
        ({"epochs": True}, "epochs"),
    ],
)
def test_settings_that_cannot_be_meant(settings, word):
    with pytest.raises(ValueError, match=f"LambdaRank: {word}"):
        LambdaRank(**settings)
