"""The compiled twins of ``pairwise`` and of the dual of ``ranksvm``: no matrix of pairs is ever made."""

import math

import numpy as np

from ..kernels.jit import njit
from ..kernels.pool import parallel

__all__ = ["dual_epoch", "pulls"]

TASK = 64
"""Queries of one task."""


def pulls(scores, gain, bounds, scales, weighed, sigma, truncation, norm, discount, losses):
    """``pairwise.pulls`` → ℓ (0 where ``losses`` is False), λ, h."""
    slope, curve, loss = np.zeros(len(gain)), np.zeros(len(gain)), np.zeros(-(-(len(bounds) - 1) // TASK))
    settings = scales, weighed, sigma, truncation, norm, discount
    _pull(len(loss), scores, gain, bounds, *settings, losses, loss, slope, curve)
    return loss.sum(), slope, curve


@parallel
def _pull(
    task, scores, gain, bounds, scales, weighed, sigma, truncation, norm, discount, losses, loss, slope, curve
):
    """Some queries of all: each pair adds to the two documents' λ and h."""
    for q in range(task * TASK, min((task + 1) * TASK, bounds.size - 1)):
        begin, end = bounds[q], bounds[q + 1]
        n = end - begin
        at = np.argsort(-scores[begin:end], kind="mergesort") + begin
        spread = scores[at[0]] > scores[at[n - 1]]
        total = 0.0
        for i in range(min(n - 1, truncation)):
            for j in range(i + 1, n):
                difference = gain[at[i]] - gain[at[j]]
                if difference == 0:
                    continue
                high, low = (at[i], at[j]) if difference > 0 else (at[j], at[i])
                gap = scores[high] - scores[low]
                w = 1.0
                if weighed:
                    w = scales[q] * abs(difference) * (discount[i] - discount[j])
                    if norm and spread:
                        w /= 0.01 + abs(gap)
                e = math.exp(-sigma * abs(gap))
                p = e / (1 + e) if gap > 0 else 1 / (1 + e)
                if losses:
                    loss[task] += w * (math.log1p(e) + (0.0 if gap > 0 else -sigma * gap))
                pair, bend = sigma * w * p, sigma * sigma * w * p * (1 - p)
                slope[high] -= pair
                slope[low] += pair
                curve[high] += bend
                curve[low] += bend
                total += 2 * pair
        if weighed and norm and total > 0:
            factor = math.log2(1 + total) / total
            for i in range(begin, end):
                slope[i] *= factor
                curve[i] *= factor


@njit(fastmath={"contract", "reassoc"})  # the sums over features in vectors
def dual_epoch(x, first, second, turn, alpha, w, squares, upper, diagonal):
    """``ranksvm._dual_epoch``: one step for each pair in the order ``turn``; → largest, smallest gradient."""
    largest, smallest = -np.inf, np.inf
    width = w.size
    for n in range(turn.size):
        k = turn[n]
        i, j = first[k], second[k]
        g = diagonal * alpha[k] - 1.0
        for d in range(width):
            g += w[d] * (x[i, d] - x[j, d])
        projected = g
        if alpha[k] == 0:
            projected = min(g, 0.0)
        elif alpha[k] == upper:
            projected = max(g, 0.0)
        largest, smallest = max(largest, projected), min(smallest, projected)
        if projected != 0:
            before = alpha[k]  # z = 0: g = −1, and the step is infinite, as it should be
            alpha[k] = min(max(before - g / (squares[k] + diagonal), 0.0), upper)
            step = alpha[k] - before
            for d in range(width):
                w[d] += step * (x[i, d] - x[j, d])
    return largest, smallest
