"""Attention against masks: by hand, against brute force, and a map that knows nothing at chance."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmscratch.data import scenes
from mmscratch.metrics import attention_iou, attention_scores, mass_inside, pointing_game

MAP = np.array([[[0.1, 0.4], [0.3, 0.2]]])
MASK = np.array([[[0, 1], [1, 0]]])


def test_by_hand():
    assert pointing_game(MAP, MASK).values == [1] and pointing_game(MAP, 1 - MASK).values == [0]
    assert mass_inside(MAP, MASK).values == pytest.approx([0.7])
    assert attention_iou(MAP, MASK).values == pytest.approx([2 / 3])  # ≥ .2: three pixels, two of them right
    assert attention_iou(MAP, MASK, 0.6).values == [1]
    assert attention_iou(MAP, MASK, 1.0).values == [1 / 2]
    assert attention_iou(MAP, MASK, "area").values == [1]
    assert attention_iou(MAP, [[[1, 1], [0, 0]]], "area").values == [1 / 3]
    for score in (pointing_game(MAP, MASK), mass_inside(MAP, MASK), attention_iou(MAP, MASK)):
        assert score.chance == [0.5] and score.mean_chance == 0.5 and score.mean == score.values[0]


def test_ties_share():
    tied = np.array([[[2.0, 2.0], [2.0, 1.0]]])
    assert pointing_game(tied, [[[1, 0], [0, 1]]]).values == pytest.approx([1 / 3])
    # two of three equals: {0,1} {0,2} {1,2} against {0, 3}: 1/3, 1/3, 0
    assert attention_iou(tied, [[[1, 0], [0, 1]]], "area").values == pytest.approx([2 / 9])


def test_a_cell_is_spread_over_its_pixels():
    mask = np.zeros((1, 4, 4), bool)
    mask[0, :2, 3] = True  # half of the cell in the upper right
    assert pointing_game(MAP, mask).values == [0.5]
    assert mass_inside(MAP, mask).values == pytest.approx([0.4 / 2])
    assert attention_iou(MAP, mask, 0.9).values == [2 / 4] and pointing_game(MAP, mask).chance == [2 / 16]


def test_tolerance_grows_the_mask_by_a_disc():
    mask = np.zeros((1, 9, 9), bool)
    mask[0, 4, 4] = True
    for y, x in itertools.product(range(9), repeat=2):
        look = np.zeros((1, 9, 9))
        look[0, y, x] = 1
        score = pointing_game(look, mask, tolerance=2.5)
        assert score.values == [(y - 4) ** 2 + (x - 4) ** 2 <= 2.5**2]
    assert score.chance == [sum(y * y + x * x <= 6.25 for y in range(-2, 3) for x in range(-2, 3)) / 81]


SMALL = st.tuples(
    st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=5, max_size=5).filter(any),
    st.lists(st.booleans(), min_size=5, max_size=5).filter(any),
)


@settings(max_examples=60, deadline=None)
@given(SMALL)
def test_equal_area_is_the_mean_over_all_orders(case):
    weights, mask = np.array(case[0]), np.array(case[1])
    k, ious, by_chance = mask.sum(), [], []
    for order in itertools.permutations(range(5)):
        for key, values in ((sorted(order, key=lambda i: -weights[i]), ious), (order, by_chance)):
            chosen = np.isin(np.arange(5), key[:k])
            values.append((chosen & mask).sum() / (chosen | mask).sum())
    score = attention_iou(weights.reshape(1, 1, 5), mask.reshape(1, 1, 5), "area")
    assert score.values[0] == pytest.approx(np.mean(ious)) and score.chance[0] == pytest.approx(
        np.mean(by_chance)
    )


@settings(max_examples=50, deadline=None)
@given(SMALL, st.floats(0.1, 10))
def test_scale_does_not_matter_and_scores_stay_in_range(case, scale):
    weights, mask = np.array(case[0]).reshape(1, 1, 5), np.array(case[1]).reshape(1, 1, 5)
    for metric in (pointing_game, mass_inside, attention_iou, lambda a, m: attention_iou(a, m, "area")):
        value = metric(weights, mask).values[0]
        assert 0 <= value <= 1 and metric(weights * scale, mask).values[0] == pytest.approx(value)
        assert metric(mask.astype(float), mask).values[0] == 1  # a map that is the mask


def test_on_the_scenes_a_blind_map_is_at_chance_and_the_mask_is_perfect():
    pictures = [scenes.sample_scene(seed) for seed in range(40)]
    masks = np.array([scenes.masks(scene)[0] for scene in pictures])
    blind = attention_scores(np.full((40, 8, 8), 1 / 64), masks)
    area = attention_scores(np.full((40, 8, 8), 1 / 64), masks, "area")
    for scores in (blind, area):
        for name in ("pointing", "IoU", "mass inside"):
            assert scores[name] == pytest.approx(scores[f"{name}, chance"], abs=1e-12)
    assert area["IoU, chance"] < blind["IoU, chance"] == pytest.approx(masks.mean()) and blind["maps"] == 40
    seen = attention_scores(masks.astype(float), masks)
    assert [seen[name] for name in ("pointing", "IoU", "mass inside")] == [1, 1, 1]
    # chance by drawing: a random pixel, forty thousand times
    rng = np.random.default_rng(0)
    drawn = rng.integers(64, size=(1000, 40, 2))
    hits = masks[np.arange(40), drawn[..., 0], drawn[..., 1]].mean()
    assert hits == pytest.approx(blind["pointing, chance"], abs=0.005)


@pytest.mark.parametrize(
    ("maps", "masks", "message"),
    [
        (np.ones((2, 2)), MASK, r"expected \(N, h, w\)"),
        (np.ones((2, 2, 2)), MASK, "got"),
        (np.ones((0, 2, 2)), np.ones((0, 2, 2)), "N ≥ 1"),
        (np.ones((1, 2, 2)), np.ones((1, 3, 2)), "multiples of the map's 2 × 2, got 3 × 2"),
        (-MAP, MASK, r"maps\[0\] has weights that are negative"),
        (MAP * np.nan, MASK, "not finite"),
        (MAP * 0, MASK, "0 everywhere"),
        (MAP, MASK * 0, r"masks\[0\] is empty"),
        (MAP, MASK * 0.5, "True and False"),
    ],
)
def test_bad_arrays(maps, masks, message):
    for metric in (pointing_game, mass_inside, attention_iou):
        with pytest.raises(ValueError, match=message):
            metric(maps, masks)


def test_bad_options():
    for threshold in (0, 1.5, "half", float("nan")):
        with pytest.raises(ValueError, match="threshold: expected a number"):
            attention_iou(MAP, MASK, threshold)
    with pytest.raises(ValueError, match="tolerance"):
        pointing_game(MAP, MASK, tolerance=-1)
    with pytest.raises(TypeError, match="real numbers"):
        mass_inside(MAP.astype(str), MASK)
