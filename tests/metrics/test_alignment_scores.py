"""AER, precision, recall, pointing, thresholds: by hand, against F1, and over all thresholds."""

import numpy as np
import pytest

from mmscratch.metrics import alignment_scores, best_threshold, pointing

random = np.random.default_rng(0)


def corpus(n=12):
    shapes = [(random.integers(1, 6), random.integers(1, 5)) for _ in range(n)]
    weights = [np.round(random.random(shape), 1) for shape in shapes]
    possible = [random.random(shape) < 0.5 for shape in shapes]
    sure = [p & (random.random(p.shape) < 0.6) for p in possible]
    return weights, sure, possible


def test_by_hand():
    """3 links: one sure, one possible, one wrong; 2 sure in all."""
    a = np.array([[1, 1, 0], [0, 0, 1]], bool)
    s = np.array([[1, 0, 0], [1, 0, 0]], bool)
    p = s | np.array([[0, 1, 0], [0, 0, 0]], bool)
    found = alignment_scores([a], [s], [p])
    assert found == {"AER": pytest.approx(1 - (1 + 2) / (3 + 2)), "precision": 2 / 3, "recall": 0.5}


def test_with_one_kind_of_link_it_is_one_minus_f1():
    weights, sure, _ = corpus()
    found = alignment_scores([w > 0.5 for w in weights], sure)
    f1 = 2 * found["precision"] * found["recall"] / (found["precision"] + found["recall"])
    assert found["AER"] == pytest.approx(1 - f1, abs=1e-15)


def test_the_truth_and_anything_between_sure_and_possible_has_no_error():
    _, sure, possible = corpus()
    between = [s | (p & (random.random(p.shape) < 0.5)) for s, p in zip(sure, possible, strict=True)]
    for links in (sure, possible, between):
        assert alignment_scores(links, sure, possible)["AER"] == 0


def test_no_links():
    _, sure, possible = corpus()
    found = alignment_scores([np.zeros_like(s) for s in sure], sure, possible)
    assert found["AER"] == 1 and found["recall"] == 0 and np.isnan(found["precision"])


def test_best_threshold_is_the_best_of_all():
    for _ in range(20):
        weights, sure, possible = corpus(4)
        if not any(s.any() for s in sure):
            continue
        every = np.unique(np.concatenate([w.ravel() for w in weights]))
        errors = [alignment_scores([w >= t for w in weights], sure, possible)["AER"] for t in every]
        best = best_threshold(weights, sure, possible)
        assert errors[list(every).index(best)] == pytest.approx(min(errors), abs=1e-15)
        assert best == every[np.isclose(errors, min(errors), atol=1e-12)].max()


def test_pointing():
    w = np.array([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])
    s = np.array([[0, 1], [1, 0], [0, 1], [0, 0]], bool)
    score = pointing([w], [s])
    assert score.values.tolist() == [1, 0.5, 0] and score.chance.tolist() == [0.5] * 3
    none = pointing([np.ones((4, 2))], [s])
    assert none.mean == none.mean_chance


@pytest.mark.parametrize(
    "a, s, p, words",
    [
        (np.ones((2, 2), bool), np.ones((2, 3), bool), None, r"pair 0.*\(2, 2\), \(2, 3\)"),
        (np.ones((1, 2), bool), np.ones((1, 2), bool), np.zeros((1, 2), bool), "every sure link"),
        (np.ones((1, 2), bool), np.zeros((1, 2), bool), None, "no link is sure"),
    ],
)
def test_what_is_refused(a, s, p, words):
    with pytest.raises(ValueError, match=words):
        alignment_scores([a], [s], None if p is None else [p])


def test_weights_are_no_links():
    with pytest.raises(TypeError, match="float64"):
        alignment_scores([np.ones((1, 1))], [np.ones((1, 1), bool)])
