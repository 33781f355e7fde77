"""The matrix of truths holds what one caption and one scene say, and is fast enough for a gallery."""

import time

import numpy as np
import pytest

from mmscratch.data.scenes import (
    AllOf,
    Exists,
    Noun,
    Quantified,
    SceneOptions,
    is_true,
    load,
    parse,
    relevance,
    relevance_matrix,
    sample_scene,
)
from mmscratch.data.scenes import truth_matrix as module


def said(level, n=24, options=""):
    split = load(f"scenes:train={n},level={level},references=3{options}").split("train")
    return split.graphs, [parse(c.text) for row in split.captions for c in row]


def check(graphs, meanings, dead_zone=6.0):
    found = relevance_matrix(meanings, graphs, dead_zone)
    wanted = [[relevance(m, g, dead_zone) for m in meanings] for g in graphs]
    np.testing.assert_array_equal(found, wanted)
    assert ((found == 3) == [[is_true(m, g, dead_zone) for m in meanings] for g in graphs]).all()


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_equal_to_one_at_a_time(level):
    check(*said(level))


@pytest.mark.parametrize("dead_zone", [0.0, 12.0])
def test_other_dead_zones(dead_zone):
    check(*said(2), dead_zone)


def test_nouns_that_compete_and_lists_that_no_scene_could_fill():
    graphs = [sample_scene(i, SceneOptions(count=(1, 6))) for i in range(30)]
    circle, red = Noun(shape="circle"), Noun(colour="red")
    anything = Noun()
    lists = [(circle, red), (circle, circle), (red, circle, anything), (anything,) * 6, (red,) * 10]
    check(graphs, [*map(AllOf, lists), Exists(anything), Exists(Noun("cross", "cyan", "big", "solid"))])


def test_every_quantifier_with_and_without_a_predicate():
    graphs = [sample_scene(i, SceneOptions(count=(1, 6))) for i in range(40)]
    kinds = [(k, n) for k in ("exactly", "at_least", "at_most") for n in range(4)] + [("none", None)]
    forms = [Quantified(k, n, Noun(shape="circle"), p) for k, n in kinds for p in (None, Noun(colour="red"))]
    forms += [Quantified(k, None, Noun(shape="square"), Noun(size="big")) for k in ("all", "not_all")]
    check(graphs, forms)


@pytest.mark.parametrize(
    "name, fault",
    [
        ("_SET_BITS", np.roll(module._SET_BITS, 1)),
        ("relation_matrix", lambda g, d: {k: np.transpose(v) for k, v in REAL(g, d).items()}),
        ("ATTRIBUTES", {"shape": module.ATTRIBUTES["shape"]}),
    ],
)
def test_a_seeded_fault_is_caught(monkeypatch, name, fault):
    monkeypatch.setattr(module, name, fault)
    with pytest.raises((AssertionError, KeyError)):
        check(*said(2, 12))
        check(*said(3, 12))


REAL = module.relation_matrix


def test_a_meaning_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="meaning must be Exists, Related, AllOf or Quantified, got 'red'"):
        relevance_matrix(["red"], [sample_scene(0)])


@pytest.mark.slow
def test_a_gallery_of_a_thousand_takes_seconds():
    for level in (2, 3):
        graphs, meanings = said(level, 1000)
        begin = time.perf_counter()
        found = relevance_matrix(meanings[::3], graphs)
        assert time.perf_counter() - begin < 20
        assert (found[np.arange(1000), np.arange(1000)] == 3).all(), "every caption is true of its scene"
