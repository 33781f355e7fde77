"""Accuracy and its relatives, with the uncertainty and the baseline that a figure needs beside it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np


def _labels(where: str, name: str, values) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{where}: {name}: expected shape (B,), got {array.shape}")
    return array


def _pair(where: str, predictions, targets) -> tuple[np.ndarray, np.ndarray]:
    predictions = _labels(where, "predictions", predictions)
    targets = _labels(where, "targets", targets)
    if predictions.shape != targets.shape:
        raise ValueError(f"{where}: predictions {predictions.shape} and targets {targets.shape} differ")
    if predictions.size == 0:
        raise ValueError(f"{where}: predictions: expected at least one, got none")
    return predictions, targets


def accuracy(predictions, targets) -> float:
    """Share of right answers.

    Forward    1/B Σ_b [predictions_b = targets_b]
    Shapes     (B,), (B,) → float; numbers or strings
    """
    predictions, targets = _pair("accuracy", predictions, targets)
    return float(np.mean(predictions == targets))


def confusion_matrix(predictions, targets, classes: int) -> np.ndarray:
    """Counts of what was said for what was true.

    Forward    M[i, j] = number of samples with target i and prediction j
    Shapes     int (B,), int (B,) → int64 (K, K), K = classes
    """
    predictions, targets = _pair("confusion_matrix", predictions, targets)
    for name, values in (("predictions", predictions), ("targets", targets)):
        if not np.issubdtype(values.dtype, np.integer):
            raise TypeError(f"confusion_matrix: {name}: expected integers, got {values.dtype}")
        if values.min() < 0 or values.max() >= classes:
            raise ValueError(
                f"confusion_matrix: {name}: expected 0…{classes - 1}, got {values.min()}…{values.max()}"
            )
    cells = targets.astype(np.int64) * classes + predictions.astype(np.int64)
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class PerClass:
    """One number a class in every array, in the order of `classes`."""

    classes: tuple
    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray
    support: np.ndarray  # how often the class is the truth

    @property
    def macro_f1(self) -> float:
        return float(self.f1.mean())

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that occur."""
        return float(self.recall[self.support > 0].mean())


def per_class(predictions, targets) -> PerClass:
    """Precision, recall and F1 of every class that is said or true.

    Forward    precision_k = M[k, k] / Σ_i M[i, k],   recall_k = M[k, k] / Σ_j M[k, j],
               F1_k = 2 M[k, k] / (Σ_i M[i, k] + Σ_j M[k, j]);   0 where a denominator is 0
    Shapes     (B,), (B,) → PerClass of (K,) arrays; numbers or strings
    """
    predictions, targets = _pair("per_class", predictions, targets)
    classes, codes = np.unique(np.concatenate([predictions, targets]), return_inverse=True)
    codes = codes.reshape(-1)
    matrix = confusion_matrix(codes[: len(predictions)], codes[len(predictions) :], len(classes))
    right, said, true = np.diag(matrix), matrix.sum(axis=0), matrix.sum(axis=1)
    return PerClass(
        classes=tuple(classes.tolist()),
        precision=right / np.maximum(said, 1),
        recall=right / np.maximum(true, 1),
        f1=2 * right / (said + true),
        support=true,
    )


def majority_baseline(train_targets, test_targets) -> float:
    """Accuracy of answering every test sample with the commonest training label (of equals, the smallest)."""
    train = _labels("majority_baseline", "train_targets", train_targets)
    if train.size == 0:
        raise ValueError("majority_baseline: train_targets: expected at least one, got none")
    values, counts = np.unique(train, return_counts=True)
    test = _labels("majority_baseline", "test_targets", test_targets)
    return accuracy(np.full(test.shape, values[counts.argmax()]), test)


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Confidence interval of a share (Wilson, 1927).

    Forward    (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n),  p = successes/n, z the normal quantile
    Note       stays in [0, 1] and is honest for p = 0 and p = 1, unlike p ± z √(p(1−p)/n)
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise ValueError(
            f"wilson_interval: expected 0 ≤ successes ≤ trials and trials ≥ 1, got {successes} of {trials}"
        )
    z = _quantile("wilson_interval", confidence)
    p = successes / trials
    centre = p + z * z / (2 * trials)
    spread = z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    low = 0.0 if successes == 0 else (centre - spread) / scale
    high = 1.0 if successes == trials else (centre + spread) / scale
    return low, high


def _quantile(where: str, confidence: float) -> float:
    if not 0 < confidence < 1:
        raise ValueError(f"{where}: confidence: expected a number between 0 and 1, got {confidence!r}")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def bootstrap_interval(
    values,
    generator: np.random.Generator,
    confidence: float = 0.95,
    samples: int = 2000,
    statistic: Callable[[np.ndarray], float] = np.mean,
) -> tuple[float, float]:
    """Percentile bootstrap (Efron, 1979).

    Forward    draw B values from the B given, with replacement, `samples` times; the interval reaches from
               the (1−confidence)/2 to the (1+confidence)/2 quantile of the statistic
    Shapes     (B, …) → two floats; rows are drawn, so paired columns stay together
    """
    values = np.asarray(values)
    if values.ndim == 0 or len(values) == 0:
        raise ValueError(f"bootstrap_interval: values: expected at least one, got shape {values.shape}")
    if samples < 1:
        raise ValueError(f"bootstrap_interval: samples: expected at least 1, got {samples}")
    _quantile("bootstrap_interval", confidence)
    n = len(values)
    drawn = [float(statistic(values[generator.integers(0, n, n)])) for _ in range(samples)]
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
