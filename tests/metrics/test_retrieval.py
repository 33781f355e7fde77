"""Retrieval scores: all orders of small ties by brute force, TREC's measures, chance, protocols, faults."""

import itertools
import math

import numpy as np
import pytest

from mmscratch.metrics import retrieval, tied_ranks
from mmscratch.metrics.retrieval import (
    ambiguity_ceiling,
    as_relevant,
    cross_modal_scores,
    five_fold_scores,
    retrieval_scores,
    semantic_scores,
)
from mmscratch.metrics.tied_ranks import TIES
from mmscratch.metrics.trec import measures_of

KS = (1, 2, 3)


def of_order(labels, k=3):
    """The measures of one order of grades (2 and 1 relevant), from their definitions, in plain Python."""
    places = [i + 1 for i, y in enumerate(labels) if y > 0]
    found = {f"R@{c}": float(places[0] <= c) for c in KS}
    found |= {"rank": places[0], "MRR": 1 / places[0]}
    found["MAP"] = sum((i + 1) / p for i, p in enumerate(places)) / len(places)
    for name, gain in (("", lambda y: 2**y - 1), (", linear gain", float)):
        dcg = [
            sum(gain(y) / math.log2(i + 2) for i, y in enumerate(o[:k]))
            for o in (labels, sorted(labels)[::-1])
        ]
        found[f"NDCG@{k}{name}"] = dcg[0] / dcg[1]
    return found


def all_orders(scores, labels):
    """Every order of the items in which no lower score stands above a higher one."""
    for order in itertools.permutations(range(len(scores))):
        ranked = [scores[i] for i in order]
        if ranked == sorted(ranked)[::-1]:
            yield of_order([labels[i] for i in order])


def problem(seed, items=6):
    """Three score levels and grades 0 … 2, so that ties of every kind occur."""
    r = np.random.default_rng(seed)
    labels = r.integers(0, 3, items)
    labels[r.integers(items)] = 1
    return r.integers(0, 3, items).astype(float), labels


def check_brute_force(seeds=range(8)):
    for seed in seeds:
        scores, labels = problem(seed)
        each = list(all_orders(scores, labels))
        for ties, choose in zip(TIES, (max, np.mean, min), strict=True):
            found = retrieval_scores(scores[None], labels[None] > 0, labels[None], KS, ties, ndcg_k=3)
            for name, value in found.items():
                if name.endswith("rank"):
                    pick = {max: min, min: max}.get(choose, choose)  # the best rank is the least
                    assert value == pytest.approx(pick([one["rank"] for one in each])), (seed, ties, name)
                else:
                    assert value == pytest.approx(choose([one[name] for one in each])), (seed, ties, name)


def test_every_measure_under_every_rule_is_that_of_all_orders():
    check_brute_force()


FAULTS = {
    "tied relevant ones forgotten": (
        tied_ranks,
        "first_relevant",
        lambda s, r: tied_ranks.FirstRelevant(
            *(
                (s > (b := np.where(r, s, -np.inf).max(1, keepdims=True))).sum(1),
                (s == b).sum(1),
                np.ones(len(s)),
            )
        ),
    ),
    "the worst relevant item": (
        tied_ranks,
        "first_relevant",
        lambda s, r: tied_ranks.FirstRelevant(
            (s > (b := np.where(r, s, np.inf).min(1, keepdims=True))).sum(1),
            (s == b).sum(1),
            ((s == b) & r).sum(1),
        ),
    ),
    "rank from 0": (tied_ranks, "discounts", lambda n: 1 / np.log2(np.arange(1, n + 1) + 0.5)),
    "linear for exponential": (tied_ranks, "gains", lambda y, gain: np.asarray(y, float)),
    "ascending": (tied_ranks, "average_precision", lambda s, r, t: AP(-s, r, t)),
}
AP = tied_ranks.average_precision


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    module, name, wrong = FAULTS[fault]
    monkeypatch.setattr(module, name, wrong)
    if hasattr(retrieval, name):
        monkeypatch.setattr(retrieval, name, wrong)
    with pytest.raises(AssertionError):
        check_brute_force()


def test_without_ties_the_rules_agree_and_trec_says_the_same():
    r = np.random.default_rng(0)
    scores = np.float32(r.permuted(np.tile(np.arange(40.0), (5, 1)), axis=1))
    grades = r.integers(0, 4, (5, 40)) * (r.random((5, 40)) < 0.3)
    grades[:, 0] = 1
    by_rule = [retrieval_scores(scores, grades > 0, grades, ties=ties) for ties in TIES]
    assert by_rule[0] == pytest.approx(by_rule[1], abs=1e-12) == by_rule[2]
    names = [f"d{i}" for i in range(40)]
    trec = [
        measures_of(dict(zip(names, g.tolist(), strict=True)), dict(zip(names, s, strict=True)))
        for g, s in zip(grades, scores, strict=True)
    ]
    theirs = {"R@1": "success_1", "R@5": "success_5", "R@10": "success_10", "MRR": "recip_rank", "MAP": "map"}
    theirs["NDCG@10, linear gain"] = "ndcg_cut_10"
    for ours, name in theirs.items():
        assert by_rule[1][ours] == pytest.approx(np.mean([m[name] for m in trec]), abs=1e-12), ours


def test_constant_scores_get_chance_and_are_never_called_a_success():
    n = 50
    constant = np.zeros((n, n))
    found = retrieval_scores(constant, np.arange(n))
    assert [found[f"R@{k}"] for k in (1, 5, 10)] == pytest.approx([1 / n, 5 / n, 10 / n])
    assert found["median rank"] == found["mean rank"] == (n + 1) / 2
    assert found["MRR"] == pytest.approx(sum(1 / i for i in range(1, n + 1)) / n)
    assert found["MAP"] == pytest.approx(found["MRR"])
    worst = retrieval_scores(constant, np.arange(n), ties="pessimistic")
    assert worst["R@10"] == 0 and worst["median rank"] == n
    assert retrieval_scores(constant, np.arange(n), ties="optimistic")["R@1"] == 1, (
        "why it is not the default"
    )


def test_random_scores_find_k_of_n():
    r = np.random.default_rng(1)
    found = retrieval_scores(r.random((4000, 100)), r.integers(0, 100, 4000), lists=False)
    for k in (1, 5, 10):
        assert abs(found[f"R@{k}"] - k / 100) < 4 * math.sqrt(k / 100 / 4000)
    assert abs(found["mean rank"] - 50.5) < 2


def test_what_keeps_the_order_keeps_the_scores():
    r = np.random.default_rng(2)
    scores, ids = r.integers(0, 9, (20, 30)) / 8.0, r.integers(0, 30, (20, 3))
    before = retrieval_scores(scores, ids)
    assert retrieval_scores(np.exp(scores), ids) == before
    order = r.permutation(30)
    assert retrieval_scores(scores[:, order], np.argsort(order)[ids]) == pytest.approx(before, abs=1e-12)


def five_captions(pictures=20, seed=3):
    r = np.random.default_rng(seed)
    return r.normal(size=(pictures, 5 * pictures)), np.repeat(np.arange(pictures), 5)


def test_five_captions_a_picture_both_ways_as_papers_count_them():
    """i→t: rank of the best of five; t→i: every caption is a query. Counted by sorting, one at a time."""
    s, owner = five_captions()
    found = cross_modal_scores(s, owner)
    to_text = [min(np.argsort(-row).tolist().index(5 * i + c) for c in range(5)) for i, row in enumerate(s)]
    to_picture = [np.argsort(-s[:, c]).tolist().index(c // 5) for c in range(s.shape[1])]
    for way, ranks in (("i→t", to_text), ("t→i", to_picture)):
        for k in (1, 5, 10):
            assert found[f"{way} R@{k}"] == pytest.approx(np.mean([x < k for x in ranks]))
        assert found[f"{way} median rank"] == np.median(ranks) + 1
    six = [found[f"{w} R@{k}"] for w in ("i→t", "t→i") for k in (1, 5, 10)]
    assert found["rsum"] == pytest.approx(100 * sum(six))


def test_five_folds_are_five_small_galleries():
    s, owner = five_captions(20)
    each = [cross_modal_scores(s[b : b + 4, 5 * b : 5 * b + 20], owner[:20]) for b in range(0, 20, 4)]
    found = five_fold_scores(s, owner)
    for name, value in found.items():
        assert value == pytest.approx(np.mean([one[name] for one in each]))
    whole = cross_modal_scores(s, owner)
    assert found["t→i R@1"] > whole["t→i R@1"], "a smaller gallery is easier"
    shuffled = np.random.default_rng(0).permutation(100)  # captions need not stand beside their picture
    assert five_fold_scores(s[:, shuffled], owner[shuffled]) == pytest.approx(found)
    with pytest.raises(ValueError, match="folds: expected a divisor of the 20 pictures, got 3"):
        five_fold_scores(s, owner, folds=3)


def test_the_ceiling_is_what_a_ranker_by_truth_gets():
    truth = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 1]], bool)
    found = ambiguity_ceiling(truth, [0, 1, 2], ks=(1, 2))
    assert found["t→i R@1"] == pytest.approx((1 + 1 / 3 + 1) / 3)
    assert found["t→i R@2"] == pytest.approx((1 + 2 / 3 + 1) / 3)
    assert found["i→t R@1"] == pytest.approx((1 / 2 + 1 + 1 / 2) / 3)
    r = np.random.default_rng(4)  # by simulation: break the ties of the truth at random
    mean = np.mean(
        [(np.argmax((truth + r.random((3, 3)) / 2), axis=0) == [0, 1, 2]).mean() for _ in range(4000)]
    )
    assert abs(mean - found["t→i R@1"]) < 0.02
    two = ambiguity_ceiling(np.ones((2, 4), bool), [0, 0, 1, 1], ks=(1, 3))
    assert two["i→t R@1"] == 0.5 and two["i→t R@3"] == 1
    with pytest.raises(ValueError, match="caption 1 is not true of its own picture 1"):
        ambiguity_ceiling(truth & ~np.eye(3, dtype=bool) | (np.arange(3) != 1), [0, 1, 2])


def test_semantic_scores_count_what_is_true_and_grade_the_rest():
    grades = np.array([[3, 3, 0], [2, 3, 1], [0, 1, 3]])
    s = np.array([[0.1, 0.9, 0], [0.5, 0.8, 0.2], [0, 0.3, 0.7]])
    assert cross_modal_scores(s, [0, 1, 2])["i→t R@1"] == pytest.approx(2 / 3)
    found = semantic_scores(s, grades)
    assert found["i→t R@1"] == 1 and found["t→i R@1"] == pytest.approx(2 / 3)
    perfect = semantic_scores(grades.astype(float), grades)
    for name in ("R@1", "MAP", "NDCG@10", "NDCG@10, linear gain"):
        assert perfect[f"i→t {name}"] == perfect[f"t→i {name}"] == pytest.approx(1)
    assert perfect["rsum"] == pytest.approx(600)


def test_relevance_in_any_form():
    wanted = np.array([[1, 0, 1], [0, 1, 0]], bool)
    for form in (wanted, [[0, 2], [1]], [np.array([2, 0]), 1]):
        np.testing.assert_array_equal(as_relevant(form, (2, 3)), wanted)
    np.testing.assert_array_equal(as_relevant(np.array([1, 0]), (2, 3)), [[0, 1, 0], [1, 0, 0]])


@pytest.mark.parametrize(
    "given, match",
    [
        ({"scores": [[0, np.nan], [0.0, 1]]}, "scores: row 0 has NaN"),
        ({"scores": [0.0, 1]}, "expected numbers, queries × items"),
        ({"relevant": [[0], []]}, "query 1 has no relevant item"),
        ({"relevant": [[0], [2]]}, r"query 1: expected ids 0 … 1, got \[2\]"),
        ({"relevant": [[0]]}, "expected ids for 2 queries, got 1"),
        ({"relevant": np.eye(2, dtype=int)}, "may be grades or ids"),
        ({"relevant": np.ones((2, 3), bool)}, r"expected bool \(2, 2\) as the scores, got \(2, 3\)"),
        ({"grades": -np.ones((2, 2))}, "grades: expected numbers ≥ 0"),
        ({"ties": "lucky"}, "ties: expected one of optimistic, expected, pessimistic, got 'lucky'"),
        ({"ks": (0,)}, "k: expected at least 1, got 0"),
    ],
)
def test_bad_input_is_named(given, match):
    with pytest.raises(ValueError, match=match):
        retrieval_scores(**{"scores": np.eye(2), "relevant": [[0], [1]]} | given)


def test_a_bad_owner_is_named():
    with pytest.raises(ValueError, match="owner: expected the picture of each caption"):
        cross_modal_scores(np.eye(2), [0])
    with pytest.raises(ValueError, match="owner: expected 0 … 1, got 0 … 2"):
        cross_modal_scores(np.eye(2), [0, 2])
    with pytest.raises(ValueError, match="query 1 has no relevant item"):
        cross_modal_scores(np.eye(2), [0, 0])
