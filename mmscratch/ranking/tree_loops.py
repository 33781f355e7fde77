"""The compiled twins of ``trees``: growing a tree, and reading a forest."""

import numpy as np

from ..kernels.cpu.threads import PIECE, pieces
from ..kernels.jit import njit
from ..kernels.pool import parallel

__all__ = ["forest_values", "grown"]

TASK = 256
"""Rows that a task sends through a forest."""

TOGETHER = 4
"""Features gathered side by side. Rows of the same bin wait for each other's sums, those of different
features do not; and this many histograms fit the first cache."""

# what the threads tell each other from one round to the next, in ``state``
_LEAVES, _SMALL, _LARGE, _PARENT = range(4)
_NONE = -1


def grown(bins, steps, used, rows, slope, curve, limits):
    """``trees._grown``. The whole tree is one launch, of rounds that take turns: one thread cuts the best
    leaf, then all gather and judge, a block of features each.

    Of a leaf's histogram what is kept are the sums from each bin to the last, as (feature, G/H/rows, bin):
    a sibling's are its parent's less the smaller's as well, and a cut is judged by one of them.
    """
    count, most = len(used), limits.leaves
    blocks = -(-count // TOGETHER)
    cuts = np.zeros((most - 1, 4), np.int64)
    begin, end = np.zeros((2, most), np.int64)
    totals, best = np.zeros((most, 3)), np.full(most, -np.inf)
    chosen = np.zeros((most, 2), np.int64)
    gain, last = np.full((2, count), -np.inf), np.zeros((2, count), np.int64)
    kept = np.empty((most, count, 3, steps.max(initial=1)))
    order, spare, weight = rows.copy(), np.empty_like(rows), np.empty((len(rows), 4))
    weight[:, 2:] = 1, 0
    state = np.array([0, _NONE, _NONE, _NONE])
    bounds = max(limits.least_rows, 1), float(limits.least_curve), float(limits.l2), float(limits.least_gain)
    leaves = begin, end, totals, best, chosen
    _turn.rounds(
        2 * most - 1, max(blocks, 1), bins, used, steps, slope, curve, bounds, order, spare, weight, kept,
        gain, last, leaves, cuts, state,
    )  # fmt: skip
    number = int(state[_LEAVES])
    cuts = cuts[: number - 1]
    leaf = np.zeros(bins.shape[1], np.int64)
    _number(pieces(len(leaf)), bins, used, cuts, leaf)
    return cuts, totals[:number], leaf


@parallel
def _turn(
    task, bins, used, steps, slope, curve, bounds, order, spare, weight, kept, gain, last, leaves, cuts, state
):
    blocks = max(-(-used.size // TOGETHER), 1)
    turn, block = task // blocks, task % blocks
    if turn % 2 == 0:
        if block == 0:
            _cut(bins, used, slope, curve, bounds, order, spare, weight, gain, last, leaves, cuts, state)
    elif state[_SMALL] != _NONE:
        _learn(block, bins, used, steps, bounds, order, weight, kept, gain, last, leaves, state)


@njit
def _cut(bins, used, slope, curve, bounds, order, spare, weight, gain, last, leaves, cuts, state):
    """Cut the leaf that wins most, and lay out what is to be learnt of its children."""
    begin, end, totals, best, chosen = leaves
    least_rows, least_gain = bounds[0], bounds[3]
    number, most = state[_LEAVES], begin.size
    for side in range(2):
        leaf = state[_SMALL + side]
        if leaf != _NONE and gain.shape[1]:
            place = gain[side].argmax()
            best[leaf], chosen[leaf, 0], chosen[leaf, 1] = gain[side, place], place, last[side, place]
    state[_SMALL] = state[_LARGE] = _NONE
    if number == 0:
        small, large, parent = 0, _NONE, 0
        end[0] = order.size
        state[_LEAVES] = 1
    else:
        parent = best[:number].argmax()
        if number == most or not best[parent] > least_gain:
            return
        place, bin = chosen[parent]
        cuts[number - 1] = place, bin, parent, number
        middle = _split(bins[used[place]], order, spare, begin[parent], end[parent], bin)
        begin[number], end[number], end[parent] = middle, end[parent], middle
        small, large = parent, number
        if end[large] - begin[large] < end[small] - begin[small]:
            small, large = large, small
        state[_LEAVES] = number + 1
        best[parent] = -np.inf
    g = h = 0.0
    first = begin[small]
    for i in range(first, end[small]):
        row = order[i]
        weight[i, 0], weight[i, 1] = slope[row], curve[row]
        g += slope[row]
        h += curve[row]
    if large != _NONE:
        for k, part in enumerate((g, h, float(end[small] - first))):
            totals[large, k] = totals[parent, k] - part
    totals[small, 0], totals[small, 1], totals[small, 2] = g, h, end[small] - first
    if used.size and number + 1 < most and max(totals[small, 2], totals[large, 2]) >= 2 * least_rows:
        state[_SMALL], state[_LARGE], state[_PARENT] = small, large, parent


@njit
def _split(of, order, spare, begin, end, last):
    """Rows order[begin:end] of at most bin ``last`` to the front, each in its order; → where they end."""
    i = j = begin
    for r in range(begin, end):
        row = order[r]
        low = of[row] <= last
        order[i], spare[j] = row, row
        i, j = i + low, j + (not low)
    order[i:end] = spare[begin:j]
    return i


@njit
def _learn(block, bins, used, steps, bounds, order, weight, kept, gain, last, leaves, state):
    """Of some features: histograms of the smaller child and, by its parent's, of the other; best cuts."""
    begin, end, totals = leaves[:3]
    small, large, parent = state[_SMALL], state[_LARGE], state[_PARENT]
    sums = np.zeros((TOGETHER, kept.shape[3], 4))
    first = block * TOGETHER
    _gather(bins, used, first, order, begin[small], end[small], weight, sums)
    for place in range(first, min(first + TOGETHER, used.size)):
        own = sums[place - first]
        _add_up(
            own, steps[place], kept[parent, place], kept[small, place], kept[large, place], large != _NONE
        )
        gain[0, place], last[0, place] = _judge(kept[small, place], steps[place], totals[small], bounds)
        if large != _NONE:
            gain[1, place], last[1, place] = _judge(kept[large, place], steps[place], totals[large], bounds)


@njit
def _gather(bins, used, first, order, begin, end, weight, sums):
    final = used.size - 1
    w, x = bins[used[first]], bins[used[min(first + 1, final)]]
    y, z = bins[used[min(first + 2, final)]], bins[used[min(first + 3, final)]]
    for i in range(begin, end):
        row = order[i]
        g, h, n, o = weight[i, 0], weight[i, 1], weight[i, 2], weight[i, 3]
        for k, of in enumerate((w, x, y, z)):
            b = of[row]
            p, q, r, s = sums[k, b, 0] + g, sums[k, b, 1] + h, sums[k, b, 2] + n, sums[k, b, 3] + o
            sums[k, b, 0], sums[k, b, 1], sums[k, b, 2], sums[k, b, 3] = p, q, r, s


@njit
def _add_up(own, steps, parent, small, large, both):
    g = h = n = 0.0
    for b in range(steps - 1, 0, -1):
        g, h, n = g + own[b, 0], h + own[b, 1], n + own[b, 2]
        if both:
            p, q, r = parent[0, b] - g, parent[1, b] - h, parent[2, b] - n
            large[0, b], large[1, b], large[2, b] = p, q, r
        small[0, b], small[1, b], small[2, b] = g, h, n


@njit
def _judge(above, steps, totals, bounds):
    """→ gain of the best cut, last bin on its left. From the highest bin down, so that of equal gains the
    highest threshold wins; gains are compared as fractions, a/b > c/d where ad > cb."""
    least_rows, least_curve, l2, _ = bounds
    slope, curve, rows = totals[0], totals[1], totals[2]
    over, under, at, before = -1.0, 1.0, 0, 0.0
    for b in range(steps - 1, 0, -1):
        n = above[2, b]
        if n < least_rows or n == before:
            continue  # no row in the bin: the cut above has won the same
        before = n
        if rows - n < least_rows:
            break
        g, h = above[0, b], above[1, b]
        if h < least_curve or curve - h < least_curve:
            continue
        rest, right, left = slope - g, h + l2, curve - h + l2
        if right <= 0 or left <= 0:
            continue
        a, c = g * g * left + rest * rest * right, left * right
        if a * under > over * c:
            over, under, at = a, c, b - 1
    if over < 0:
        return -np.inf, 0
    return over / under - slope * slope / (curve + l2), at


@parallel
def _number(task, bins, used, cuts, leaf):
    """A piece of the rows: which leaf each of them is in, by the cuts in their order."""
    begin, end = task * PIECE, min((task + 1) * PIECE, leaf.size)
    for k in range(len(cuts)):
        of, last, parent, new = bins[used[cuts[k, 0]]], cuts[k, 1], cuts[k, 2], cuts[k, 3]
        for i in range(begin, end):
            leaf[i] = new if leaf[i] == parent and of[i] > last else leaf[i]


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
