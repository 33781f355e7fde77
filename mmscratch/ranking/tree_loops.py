"""The compiled twins of ``trees``: gathering histograms, judging cuts, and reading a forest."""

import numpy as np

from ..kernels.jit import njit
from ..kernels.pool import parallel

__all__ = ["best_cut", "forest_values", "gather", "split"]

TASK = 1024
"""Rows that a task sends through a forest."""


def gather(bins, used, rows, slope, curve, width):
    """``trees._gather``: each feature by one thread, its rows in their order."""
    found = np.zeros((len(used), width, 3))
    _count(len(used), bins, used, rows, slope[rows], curve[rows], found)
    return found


@parallel
def _count(place, bins, used, rows, slope, curve, found):
    of, sums = bins[used[place]], found[place]
    for r in range(rows.size):
        b = of[rows[r]]
        sums[b, 0] += slope[r]
        sums[b, 1] += curve[r]
        sums[b, 2] += 1.0


def best_cut(histogram, totals, least_rows, least_curve, l2):
    """``trees._best_cut``."""
    gain, last = np.empty(len(histogram)), np.empty(len(histogram), np.int64)
    _judge(len(histogram), histogram, totals, max(least_rows, 1), least_curve, l2, gain, last)
    place = int(gain.argmax()) if len(gain) else 0
    return (float(gain[place]), place, int(last[place])) if len(gain) else (-np.inf, 0, 0)


@parallel
def _judge(place, histogram, totals, least_rows, least_curve, l2, gain, last):
    """One feature, from the highest bin down, so that of equal gains the highest threshold wins."""
    best, at = -np.inf, 0
    whole = totals[0] * totals[0] / (totals[1] + l2)
    g = h = n = 0.0
    for b in range(histogram.shape[1] - 1, 0, -1):
        if histogram[place, b, 2] == 0:
            continue  # no row in the bin: the cut above has won the same
        g += histogram[place, b, 0]
        h += histogram[place, b, 1]
        n += histogram[place, b, 2]
        if n < least_rows or h < least_curve:
            continue
        if totals[2] - n < least_rows or totals[1] - h < least_curve:
            break
        if h + l2 <= 0 or totals[1] - h + l2 <= 0:
            continue
        rest = totals[0] - g
        won = g * g / (h + l2) + rest * rest / (totals[1] - h + l2) - whole
        if won > best:
            best, at = won, b - 1
    gain[place], last[place] = best, at


@njit
def split(of, rows, last):
    """``trees._split``."""
    left, right = np.empty_like(rows), np.empty_like(rows)
    i = j = 0
    for r in range(rows.size):
        low = of[rows[r]] <= last
        left[i], right[j] = rows[r], rows[r]
        i, j = i + low, j + (not low)
    return left[:i].copy(), right[:j].copy()


def forest_values(x, roots, leaf_at, feature, threshold, left, right, value, found):
    """Adds to found (N,) the value of every tree: tree t has the nodes roots[t] … roots[t + 1] − 1 and the
    leaves from leaf_at[t] on. x (N, D): numbers, or bins where the thresholds are bins."""
    forest = roots, leaf_at, feature, threshold, left, right, value
    _fall(-(-len(x) // TASK), x, *forest, found)


@parallel
def _fall(task, x, roots, leaf_at, feature, threshold, left, right, value, found):
    """A task's rows, from tree to tree."""
    for t in range(roots.size - 1):
        for i in range(task * TASK, min((task + 1) * TASK, x.shape[0])):
            node = 0 if roots[t + 1] > roots[t] else -1
            while node >= 0:
                k = roots[t] + node
                node = left[k] if x[i, feature[k]] <= threshold[k] else right[k]
            found[i] += value[leaf_at[t] - 1 - node]
