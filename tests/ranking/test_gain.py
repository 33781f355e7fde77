"""NDCG: LightGBM's own values, cases by hand, and what must hold of any scores."""

import numpy as np
import pytest
from rank_cases import golden

from mmscratch.metrics.trec import measures_of
from mmscratch.ranking import gain, ndcg, ndcg_of_queries


def check_golden():
    g = golden()
    np.testing.assert_allclose(ndcg(g["y"], g["scores"], g["groups"], (1, 3, 5, 10)), g["ndcg"], atol=1e-12)


def test_lightgbms_metric_with_ties_and_queries_without_relevant_documents():
    check_golden()


@pytest.mark.parametrize(
    "name, fault",
    [
        ("gains", lambda y, gain="exponential": np.asarray(y, float)),
        ("discounts", lambda n: 1 / np.log2(np.arange(1, n + 1) + 2)),
        ("order", lambda s: np.argsort(s, kind="stable")),
        ("order", lambda s: np.argsort(s, kind="stable")[::-1]),
    ],
)
def test_a_seeded_fault_is_caught(monkeypatch, name, fault):
    monkeypatch.setattr(gain, name, fault)
    with pytest.raises(AssertionError):
        check_golden()


def test_by_hand():
    """Order 1, 3, 0: gains 1, 7, 0."""
    best = 7 + 1 / np.log2(3)
    y, s = [3, 0, 1], [1.0, 0.5, 2.0]
    assert ndcg(y, s, [3], k=None) == pytest.approx((1 + 7 / np.log2(3)) / best)
    assert ndcg(y, s, [3], k=1) == pytest.approx(1 / 7)
    linear = (1 + 3 / np.log2(3)) / (3 + 1 / np.log2(3))
    assert ndcg(y, s, [3], k=9, gain="linear") == pytest.approx(linear)


def test_linear_gain_is_trec_evals():
    r = np.random.default_rng(0)
    y, s = r.integers(0, 4, 20), r.random(20)
    names = [f"d{i}" for i in range(20)]
    found = measures_of(dict(zip(names, y.tolist(), strict=True)), dict(zip(names, s, strict=True)))
    for k in (5, 10):
        assert ndcg(y, s, [20], k, gain="linear") == pytest.approx(found[f"ndcg_cut_{k}"])


def test_a_query_without_relevant_documents():
    y, s, groups = [0, 0, 0, 1], [1.0, 2, 1, 0], [2, 2]
    assert ndcg(y, s, groups, 1) == 0.5
    assert ndcg(y, s, groups, 1, without="zero") == 0
    assert np.isnan(ndcg_of_queries(y, s, groups, 1, without="skip")).tolist() == [True, False]
    assert ndcg(y, s, groups, 1, without="skip") == 0
    with pytest.raises(ValueError, match="no query has a relevant"):
        ndcg([0, 0], [1.0, 2], [2], without="skip")


def test_equal_scores_keep_the_order_of_the_data():
    assert ndcg([0, 1], [1.0, 1], [2], 1) == 0 and ndcg([1, 0], [1.0, 1], [2], 1) == 1


def test_what_changes_no_order_changes_nothing():
    g = golden()
    shift = np.repeat(np.arange(len(g["groups"])), g["groups"]) * 16.0
    before = ndcg_of_queries(g["y"], g["scores"], g["groups"], 5)
    np.testing.assert_array_equal(ndcg_of_queries(g["y"], 2 * g["scores"] + shift, g["groups"], 5), before)
    assert (ndcg_of_queries(g["y"], g["y"], g["groups"], None) == 1).all()


@pytest.mark.parametrize(
    "change, word",
    [
        ({"groups": [2]}, "sum to 2, there are 3"),
        ({"groups": [3, 0]}, "whole numbers ≥ 1"),
        ({"groups": [1.0, 2.0]}, "float64"),
        ({"scores": [1.0, 2]}, r"scores: expected numbers \(3,\)"),
        ({"scores": [1.0, np.nan, 2]}, "NaN"),
        ({"y": [0.5, 1, 2]}, "y: expected whole numbers"),
        ({"y": [-1, 1, 2]}, "y: expected whole numbers"),
        ({"k": 0}, "k: expected at least 1"),
        ({"gain": "log"}, "gain: expected 'exponential' or 'linear', got 'log'"),
        ({"without": "half"}, "without: expected"),
    ],
)
def test_errors_name_the_argument(change, word):
    given = {"y": [0, 1, 2], "scores": [1.0, 2, 3], "groups": [3]} | change
    with pytest.raises(ValueError, match=word):
        ndcg(**given)
