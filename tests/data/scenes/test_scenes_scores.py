"""SPICE and the truth rate on scenes made by hand, and under faults put in on purpose."""

import math

import numpy as np
import pytest

from mmscratch.data.scenes import (
    AllOf,
    Exists,
    Object,
    Quantified,
    Related,
    Scene,
    caption_tuples,
    captions,
    meaning_tuples,
    mentioned,
    parse,
    sample_scene,
    scene_tuples,
    spice,
    spice_per_sentence,
    truth,
    truth_rate,
)


def thing(shape, colour, size, x, y, texture="solid"):
    return Object(shape, colour, size, texture, x, y, 6.0 if size == "small" else 10.0)


# a red circle top left, a blue square 30 pixels right of it and 3 below, a small red circle far below
HAND = Scene(
    0,
    (
        thing("circle", "red", "big", 16.0, 12.0),
        thing("square", "blue", "small", 46.0, 15.0),
        thing("circle", "red", "small", 20.0, 50.0),
    ),
)


# ── graphs ──────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "graph"),
    [
        ("a big red circle", "circle|circle big|circle red"),
        ("a red object", "object|object red"),
        ("a red circle is left of a square", "circle|circle red|square|circle left square"),
        ("there is only a red circle , a red circle and a cross", "circle|circle red|cross"),
        ("exactly two squares are blue", "square|square blue|square 2"),
        ("at least two squares are blue", "square|square blue"),
        ("all red objects are circles", "circle|circle red"),
        ("exactly one square is big", "square|square big|square 1"),
        ("no square is blue", ""),
        ("not all squares are blue", ""),
        ("at most two squares are blue", ""),
        ("squares blue are", ""),
    ],
)
def test_the_graph_of_a_sentence(text, graph):
    assert caption_tuples(text) == {tuple(t.split()) for t in graph.split("|") if t}


def test_the_graph_of_a_chinese_sentence_is_the_same():
    assert caption_tuples("一个红色圆形在一个蓝色正方形的左边", "zh") == caption_tuples(
        "a red circle is left of a blue square"
    )


def test_the_graph_of_a_scene_by_hand():
    want = "circle|square|circle red|circle big|circle small|square blue|square small|circle 2|square 1|"
    want += "circle left square|square right circle|circle above circle|circle below circle|"
    want += "circle below square|square above circle|circle bigger circle|circle smaller circle|"
    want += "circle bigger square|square smaller circle|circle same_colour circle|circle same_shape circle|"
    want += "circle nearest square|square nearest circle|circle nearest circle|"
    graph = {tuple(t.split()) for t in want.split("|") if t}
    assert scene_tuples(HAND) == graph
    assert ("circle", "above", "square") in scene_tuples(HAND, dead_zone=0)
    striped = Scene(0, (*HAND.objects, thing("cross", "cyan", "big", 55.0, 55.0, "striped")))
    assert ("cross", "striped") in scene_tuples(striped) and ("circle", "solid") in scene_tuples(striped)


@pytest.mark.parametrize("level", [1, 2, 3])
def test_what_is_true_is_in_the_scenes_graph(level):
    """Over drawn scenes: every tuple of a true sentence is one of the scene's; of a false one, often not."""
    for seed in range(60):
        scene = sample_scene(seed)
        for c in captions(scene, level, n=3):
            said = {t for t in meaning_tuples(c.meaning) if "object" not in t}
            assert said <= scene_tuples(scene), c.text


# ── SPICE ───────────────────────────────────────────────────────────────────────────────────────
def test_spice_against_the_scene_and_against_captions():
    graph = scene_tuples(HAND)
    said = "a red circle is left of a blue square"
    (f,) = spice_per_sentence([said], [HAND])
    assert f == pytest.approx(2 * 5 / (5 + len(graph)))
    scores = spice([said], references=[["a red circle is left of a blue square", "a big red circle"]])
    assert scores["SPICE"] == pytest.approx(2 * 5 / (5 + 6)) and scores["SPICE_precision"] == 1
    assert (
        scores["SPICE_colour"] == 1 and scores["SPICE_size"] == 0 and math.isnan(scores["SPICE_cardinality"])
    )


@pytest.mark.parametrize(
    ("text", "precision"),
    [
        ("a red circle is left of a blue square", 1),
        ("a green circle is left of a blue square", 4 / 5),
        ("a red circle is right of a blue square", 4 / 5),
        ("a red cross is left of a blue square", 2 / 5),
        ("a blue square is left of a red circle", 4 / 5),
        ("a red circle left left", 0),
    ],
)
def test_each_fault_costs_its_tuples(text, precision):
    assert spice([text], [HAND])["SPICE_precision"] == pytest.approx(precision)


def test_spice_cannot_see_who_is_who():
    """Two circles change places: the tuples are the same, the sentence is false."""
    scene = Scene(0, (thing("circle", "red", "big", 16.0, 12.0), thing("circle", "blue", "big", 46.0, 12.0)))
    right, wrong = "a red circle is left of a blue circle", "a blue circle is left of a red circle"
    assert spice_per_sentence([right], [scene]) == spice_per_sentence([wrong], [scene])
    assert truth(right, scene).true and not truth(wrong, scene).true


def test_spice_asks_for_one_kind_of_reference():
    for given in ({}, {"scenes": [HAND], "references": [["a circle"]]}):
        with pytest.raises(ValueError, match="either scenes or references"):
            spice(["a circle"], **given)
    with pytest.raises(TypeError, match=r"references\[0\]: expected a list of captions"):
        spice(["a circle"], references=["a circle"])


# ── truth, by its parts ─────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("a red circle", (0,)),
        ("a small circle", (2,)),
        ("a cross", ()),
        ("a red circle is above a circle", (0, 2)),
        ("a red circle is below a blue square", (1, 2)),
        ("a red circle is above a cross", (0,)),
        ("there is only a red circle and a blue square", (0, 1)),
        ("exactly two circles are red", (0, 2)),
        ("all circles are big", (0, 2)),
        ("no circle is blue", ()),
    ],
)
def test_which_objects_a_sentence_speaks_of(text, ids):
    assert mentioned(parse(text), HAND) == truth(text, HAND).mentioned == ids


FAULTS = {
    "a red circle is left of a blue square": dict(
        true=1, objects=1, relation=1, grammatical=1, coverage=2 / 3
    ),
    "a green circle is left of a blue square": dict(
        true=0, objects=0, relation=0, grammatical=1, coverage=1 / 3
    ),
    "a red circle is right of a blue square": dict(
        true=0, objects=1, relation=0, grammatical=1, coverage=2 / 3
    ),
    "a red circle left left of": dict(true=0, objects=0, relation=None, grammatical=0, coverage=0),
    "a blue square": dict(true=1, objects=1, relation=None, grammatical=1, coverage=1 / 3),
    "a big red circle is above a blue square": dict(
        true=0, objects=1, relation=0, grammatical=1, coverage=2 / 3, bare=1
    ),
}


@pytest.mark.parametrize("text", FAULTS)
def test_each_fault_moves_its_own_rate(text):
    want = dict(FAULTS[text])
    bare = want.pop("bare", want["true"])
    rates = truth_rate([text], [HAND])
    assert rates.pop("true, no dead zone") == bare
    if want["relation"] is None:
        assert np.isnan(rates.pop("relation")) and want.pop("relation") is None
    assert rates == pytest.approx(want)


def test_rates_are_shares():
    rates = truth_rate(list(FAULTS), [HAND] * len(FAULTS))
    assert rates["true"] == 2 / 6 and rates["true, no dead zone"] == 3 / 6
    assert rates["objects"] == 4 / 6 and rates["relation"] == 1 / 4 and rates["grammatical"] == 5 / 6
    assert rates["coverage"] == pytest.approx((2 + 1 + 2 + 0 + 1 + 2) / 3 / 6)
    open_ = truth_rate(list(FAULTS), [HAND] * len(FAULTS), dead_zone=0)
    assert open_["true"] == open_["true, no dead zone"] == 3 / 6 and open_["relation"] == 2 / 4


def test_all_true_captions_cover_and_are_true():
    for level in (1, 2, 3, 4):
        scenes = [sample_scene(seed) for seed in range(30)]
        said = [captions(s, level, n=1)[0] for s in scenes]
        rates = truth_rate([c.tokens for c in said], scenes)
        assert rates["true"] == rates["grammatical"] == rates["objects"] == 1
        assert all(isinstance(c.meaning, (Exists, Related, AllOf, Quantified)[level - 1]) for c in said)
        if level == 3:
            assert rates["coverage"] == 1
        if level == 1:
            assert rates["coverage"] == pytest.approx(np.mean([1 / len(s) for s in scenes]))
