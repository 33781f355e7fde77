"""MAE, correlation, the accuracies and F1: by hand, and as SciPy and scikit-learn have them."""

import math

import numpy as np
import pytest

from mmscratch.metrics import pearson, sentiment_scores


def test_by_hand():
    found = sentiment_scores([2.6, -0.4, 0.2, -3.5, 0.0], [3, 1, 0, -3, -1])
    assert found["MAE"] == pytest.approx((0.4 + 1.4 + 0.2 + 0.5 + 1) / 5)
    assert found["Acc-2"] == pytest.approx(3 / 5)  # −.4 for 1 and 0 for −1 are wrong
    assert found["Acc-2 non-zero"] == pytest.approx(3 / 4)  # 0 is not above 0
    assert found["Acc-7"] == pytest.approx(3 / 5)  # 3, 0 and −3
    assert found["F1"] == pytest.approx((3 * 2 * 2 / 6 + 2 * 2 * 1 / 4) / 5)


def test_as_scipy_and_scikit_learn_have_them():
    stats, metrics = pytest.importorskip("scipy.stats"), pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(0)
    y = random.integers(-3, 4, 200)
    p = y + random.normal(scale=1.5, size=200)
    found = sentiment_scores(p, y)
    assert found["Corr"] == pytest.approx(stats.pearsonr(p, y)[0], rel=1e-12)
    assert found["F1"] == pytest.approx(metrics.f1_score(y >= 0, p >= 0, average="weighted"), rel=1e-12)
    some = y != 0
    wanted = metrics.f1_score(y[some] > 0, p[some] > 0, average="weighted")
    assert found["F1 non-zero"] == pytest.approx(wanted, rel=1e-12)
    assert found["Acc-7"] == metrics.accuracy_score(y, np.clip(p, -3, 3).round())


def test_edges_and_refusals():
    found = sentiment_scores([1.0, 1.0], [0, 0])
    assert found["Corr"] == 0 and math.isnan(found["Acc-2 non-zero"]) and found["Acc-2"] == 1
    assert math.isnan(pearson([1, 1], [1, 2]))
    with pytest.raises(ValueError, match="expected two"):
        sentiment_scores([1, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="finite"):
        sentiment_scores([1, math.nan], [1, 2])
