"""The compiled twins of ``trees``: gathering histograms, judging cuts, and reading a forest."""

import numpy as np

from ..kernels.jit import njit

__all__ = ["best_cut", "forest_values", "gather"]


@njit
def gather(bins, used, rows, slope, curve, width):
    """``trees._gather``."""
    found = np.zeros((used.size, width, 3))
    g, h = np.empty(rows.size), np.empty(rows.size)
    for r in range(rows.size):
        g[r], h[r] = slope[rows[r]], curve[rows[r]]
    for place in range(used.size):
        f = used[place]
        for r in range(rows.size):
            b = bins[f, rows[r]]
            found[place, b, 0] += g[r]
            found[place, b, 1] += h[r]
            found[place, b, 2] += 1.0
    return found


@njit
def best_cut(histogram, totals, least_rows, least_curve, l2):
    """``trees._best_cut``: from the highest bin down, so that of equal gains the highest threshold wins."""
    best, at, last = -np.inf, 0, 0
    least_rows = max(least_rows, 1)
    whole = totals[0] * totals[0] / (totals[1] + l2)
    for place in range(histogram.shape[0]):
        g = h = n = 0.0
        for b in range(histogram.shape[1] - 1, 0, -1):
            g += histogram[place, b, 0]
            h += histogram[place, b, 1]
            n += histogram[place, b, 2]
            if n < least_rows or h < least_curve:
                continue
            if totals[2] - n < least_rows or totals[1] - h < least_curve:
                break
            if histogram[place, b, 2] == 0 or h + l2 <= 0 or totals[1] - h + l2 <= 0:
                continue  # no row in the bin: the cut above has won the same
            rest = totals[0] - g
            gain = g * g / (h + l2) + rest * rest / (totals[1] - h + l2) - whole
            if gain > best:
                best, at, last = gain, place, b - 1
    return best, at, last


@njit
def forest_values(x, roots, leaf_at, feature, threshold, left, right, value, found):
    """Adds to found (N,) the value of every tree: tree t has the nodes roots[t] … roots[t + 1] − 1 and the
    leaves from leaf_at[t] on."""
    for i in range(x.shape[0]):
        for t in range(roots.size - 1):
            node = 0 if roots[t + 1] > roots[t] else -1
            while node >= 0:
                k = roots[t] + node
                node = left[k] if x[i, feature[k]] <= threshold[k] else right[k]
            found[i] += value[leaf_at[t] - 1 - node]
