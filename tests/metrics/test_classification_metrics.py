"""Classification scores against hand-made cases and independent formulas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from mmscratch.metrics import (
    accuracy,
    bootstrap_interval,
    confusion_matrix,
    majority_baseline,
    per_class,
    wilson_interval,
)


def test_accuracy_of_numbers_and_words():
    assert accuracy([1, 2, 3, 4], [1, 2, 0, 0]) == 0.5
    assert accuracy(["yes", "no"], ["yes", "yes"]) == 0.5


def test_confusion_has_truth_in_rows():
    assert confusion_matrix([0, 0, 2], [0, 1, 1], 3).tolist() == [[1, 0, 0], [1, 0, 1], [0, 0, 0]]


def test_per_class_by_hand():
    scores = per_class(["a", "a", "b", "c"], ["a", "b", "b", "b"])
    assert scores.classes == ("a", "b", "c")
    np.testing.assert_allclose(scores.precision, [1 / 2, 1, 0])
    np.testing.assert_allclose(scores.recall, [1, 1 / 3, 0])
    np.testing.assert_allclose(scores.f1, [2 / 3, 1 / 2, 0])
    assert scores.support.tolist() == [1, 3, 0]
    assert scores.balanced_accuracy == pytest.approx(2 / 3)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 3)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_per_class_agrees_with_counting(pairs):
    said, true = np.array(pairs).T
    scores = per_class(said, true)
    for k, precision, recall, f1 in zip(
        scores.classes, scores.precision, scores.recall, scores.f1, strict=True
    ):
        right = sum(1 for s, t in pairs if s == t == k)
        assert precision == pytest.approx(right / max(1, sum(s == k for s, _ in pairs)))
        assert recall == pytest.approx(right / max(1, sum(t == k for _, t in pairs)))
        harmonic = 0 if right == 0 else 2 / (1 / precision + 1 / recall)
        assert f1 == pytest.approx(harmonic)
    matrix = confusion_matrix(said, true, 4)
    assert matrix.sum() == len(pairs)
    assert np.trace(matrix) / len(pairs) == pytest.approx(accuracy(said, true))


def test_majority_is_learnt_from_training_labels():
    assert majority_baseline(["no", "no", "yes"], ["yes", "yes", "no"]) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("k", "n", "level"), [(0, 10, 0.95), (10, 10, 0.95), (3, 10, 0.9), (57, 105, 0.99)])
def test_wilson_solves_its_defining_equation(k, n, level):
    """The ends are the shares p whose normal test against k/n is just at the quantile."""
    low, high = wilson_interval(k, n, level)
    z = stats.norm.ppf((1 + level) / 2)

    def test(p):
        return (k / n - p) ** 2 - z * z * p * (1 - p) / n

    if k > 0:
        assert low == pytest.approx(optimize.brentq(test, 1e-12, k / n - 1e-9 if k < n else 1 - 1e-9))
    if k < n:
        assert high == pytest.approx(optimize.brentq(test, k / n + 1e-9 if k else 1e-9, 1 - 1e-12))
    assert (low == 0) == (k == 0)
    assert (high == 1) == (k == n)


def test_bootstrap_matches_the_normal_interval_and_repeats():
    values = np.random.default_rng(0).normal(5, 2, 400)
    low, high = bootstrap_interval(values, np.random.default_rng(1))
    half = 1.96 * values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - half, abs=0.05)
    assert high == pytest.approx(values.mean() + half, abs=0.05)
    assert (low, high) == bootstrap_interval(values, np.random.default_rng(1))


def test_bootstrap_keeps_pairs_together():
    values = np.repeat(np.arange(20.0)[:, None], 2, axis=1)
    low, high = bootstrap_interval(
        values, np.random.default_rng(0), samples=50, statistic=lambda v: np.corrcoef(v.T)[0, 1]
    )
    assert low == pytest.approx(1) and high == pytest.approx(1)


def test_errors_name_what_came():
    with pytest.raises(ValueError, match=r"\(2,\) and targets \(3,\)"):
        accuracy([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="at least one"):
        accuracy([], [])
    with pytest.raises(ValueError, match=r"expected shape \(B,\), got \(1, 2\)"):
        accuracy([[1, 2]], [1])
    with pytest.raises(ValueError, match="expected 0…1, got 0…2"):
        confusion_matrix([0, 2], [0, 1], 2)
    with pytest.raises(TypeError, match="integers"):
        confusion_matrix([0.5], [0], 2)
    with pytest.raises(ValueError, match="5 of 4"):
        wilson_interval(5, 4)
    with pytest.raises(ValueError, match="confidence"):
        wilson_interval(1, 4, 95)
    with pytest.raises(ValueError, match="values"):
        bootstrap_interval([], np.random.default_rng(0))
