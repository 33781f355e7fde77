"""Drawn worlds: areas of the shapes, captions judged once more from their words, balance, reproduction."""

import math
import re

import numpy as np
import pytest

from mmscratch.data import shapeworld_worlds as worlds
from mmscratch.data.shapeworld_worlds import Thing, draw_world, make_worlds, render_world, say


@pytest.mark.parametrize(
    "shape, area",
    [
        ("square", 4), ("rectangle", 4), ("circle", math.pi), ("ellipse", math.pi), ("triangle", 2),
        ("semicircle", math.pi), ("cross", 20 / 9), ("pentagon", 2.5 * math.sin(2 * math.pi / 5)),
    ],
)  # fmt: skip
def test_every_shape_has_its_area_however_it_is_turned(shape, area):
    for turn in (0.0, 0.7, 2.0):
        thing = Thing(shape, "red", 0.5, 0.5, 0.2, 0.15, turn, 0.0)
        picture = render_world([thing])
        assert picture[..., 1:].max() == 0
        assert picture[..., 0].sum() / 255 / 64**2 == pytest.approx(area * 0.2 * 0.15, rel=0.03)


def test_shade_place_and_front():
    a, b = (
        Thing("square", c, x, 0.25, 0.1, 0.1, 0.0, s) for c, x, s in (("blue", 0.25, 0.5), ("red", 0.3, -0.5))
    )
    picture = render_world([a, b])
    assert picture[16, 11].tolist() == [128, 128, 255] and picture[16, 18].tolist() == [128, 0, 0]
    assert picture[40:].max() == 0 and render_world([Thing("cross", "red", 1, 0, 0.1, 0.1, 0, 0)]).any()


def matches(words, o):
    """Does a phrase such as "a red circle", "shapes" or "gray" fit a thing? Read word by word."""
    for word in words.split():
        if word in worlds.COLOURS and word != o.colour:
            return False
        single = re.sub("(?<=cross)es$|(?<=[^s])s$", "", word)
        if single in worlds.SHAPES and single != o.shape:
            return False
    return True


def judged(text, things):
    """The truth of a caption from its words, by other code than what made it."""
    text = text.removesuffix(" .")
    if found := re.fullmatch("there is (.+)", text):
        return any(matches(found[1], o) for o in things)
    if found := re.fullmatch(
        "(exactly|at least|at most|more than|less than|not) (\\w+) shapes? (?:is|are) (.+)", text
    ):
        count, k = (
            sum(matches(found[3], o) for o in things),
            "zero one two three four five".split().index(found[2]),
        )
        signs = {
            "exactly": "==",
            "at least": ">=",
            "at most": "<=",
            "more than": ">",
            "less than": "<",
            "not": "!=",
        }
        return {
            "==": count == k,
            ">=": count >= k,
            "<=": count <= k,
            ">": count > k,
            "<": count < k,
            "!=": count != k,
        }[signs[found[1]]]
    relations = "to the left of|to the right of|above|below|bigger than|smaller than|the same color as"
    relations += "|a different color from|the same shape as|a different shape from"
    if found := re.fullmatch(f"(.+) is (not )?({relations}) (.+)", text):
        pairs = [(i, j) for i in things for j in things if i is not j]
        pairs = [(i, j) for i, j in pairs if matches(found[1], i) and matches(found[4], j)]
        bare = {
            "to the left of": lambda i, j: i.x < j.x, "to the right of": lambda i, j: i.x > j.x,
            "above": lambda i, j: i.y < j.y, "below": lambda i, j: i.y > j.y,
            "bigger than": lambda i, j: i.w * i.h > j.w * j.h,
            "smaller than": lambda i, j: i.w * i.h < j.w * j.h,
            "the same color as": lambda i, j: i.colour == j.colour,
            "a different color from": lambda i, j: i.colour != j.colour,
            "the same shape as": lambda i, j: i.shape == j.shape,
            "a different shape from": lambda i, j: i.shape != j.shape,
        }[found[3]]  # fmt: skip
        return any(bare(i, j) != bool(found[2]) for i, j in pairs)
    noun, said = re.fullmatch("(.+) is (.+)", text).groups()
    return any(matches(noun, o) and matches(said, o) for o in things)


def check_captions(n=40):
    told = {True: 0, False: 0}
    for seed in range(n):
        r = np.random.default_rng(seed)
        things = draw_world(r)
        for _ in range(40):
            caption = say(things, r)
            if caption is not None:
                text, true = caption
                assert judged(text, things) == true, (text, things)
                told[true] += 1
    assert min(told.values()) > 5 * n


def test_captions_are_what_their_words_say():
    check_captions()


@pytest.mark.parametrize(
    "name, fault",
    [
        ("fits", lambda noun, o: noun[0] in (None, o.colour)),
        ("_AXES", {"above": ("y", 1), "below": ("y", -1)}),
        ("NUMBERS", ("one", "zero", "two", "three", "four", "five")),
        ("_changed", lambda noun, r: (noun[1], noun[0])),
    ],
)
def test_a_seeded_fault_is_caught(monkeypatch, name, fault):
    monkeypatch.setattr(worlds, name, fault)
    with pytest.raises((AssertionError, IndexError)):
        check_captions()


def test_made_worlds_are_balanced_and_follow_from_the_seed():
    made = make_worlds(6, seed=3, captions=4)
    assert made.images.shape == (6, 64, 64, 3) and len(set(made.captions)) == 6
    assert all(sum(labels) == 2 and len(labels) == 4 for labels in made.agreement)
    again = make_worlds(4, seed=3, captions=4)
    np.testing.assert_array_equal(again.images, made.images[:4])
    assert again.captions == made.captions[:4] != make_worlds(4, seed=4).captions
    with pytest.raises(ValueError, match="even number of captions, got 2 and 3"):
        make_worlds(2, captions=3)
