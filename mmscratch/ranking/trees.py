"""One regression tree on binned features, grown leaf by leaf for a loss of second order.

Let G and H be the sums of gradients and of second derivatives over the rows of a leaf. With the loss taken
as a parabola, the leaf's best value and what a cut into left and right wins by it are

    v = −G / (H + λ),       gain = G_L²/(H_L + λ) + G_R²/(H_R + λ) − G²/(H + λ)
                                                              (Friedman, 2001; Chen & Guestrin, 2016, eq. 5–7)

G and H of every bin of every feature (a histogram) are gathered in one pass over a leaf's rows, and every
cut is judged in one pass over the bins. Always the leaf that wins most is cut, wherever it lies ("leaf-wise",
Shi, 2007; Ke et al., 2017). Of two children only the smaller is gathered: the other is the parent's less the
smaller's.

This file is the formula in NumPy; ``tree_loops`` holds its compiled twin.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from .. import kernels

__all__ = ["Limits", "Tree", "grow", "tree_values"]


@dataclasses.dataclass(frozen=True)
class Limits:
    """When not to cut: leaves, rows and Σh of a leaf at least, λ, and the gain that a cut must exceed."""

    leaves: int
    least_rows: int
    least_curve: float
    l2: float
    least_gain: float = 0.0


@dataclasses.dataclass
class Tree:
    """Nodes in arrays: node 0 is the root; child ≥ 0 is a node, child < 0 is leaf −1 − child.

    feature, threshold, left, right (K,): to the left if x[feature] ≤ threshold;  value (K + 1,) of the leaves
    """

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    value: np.ndarray


def tree_values(tree, x):
    """The value of the leaf in which each row ends: (N,)."""
    if not len(tree.feature):
        return np.full(len(x), tree.value[0])
    node = np.zeros(len(x), np.int64)
    inner = np.arange(len(x))
    while len(inner):
        at = node[inner]
        to_left = x[inner, tree.feature[at]] <= tree.threshold[at]
        node[inner] = np.where(to_left, tree.left[at], tree.right[at])
        inner = inner[node[inner] >= 0]
    return tree.value[-1 - node]


def grow(bins, edges, features, rows, slope, curve, limits):
    """The tree of gradients ``slope`` and second derivatives ``curve``; → Tree, the leaf of every row (N,).

    bins (D, N) of ``bins.binned``, edges of ``bins.bin_edges``; features, rows: those that may be used

    Note       the tree's values are v for the rows given; equal gains go to the first feature and, within it,
               to the highest threshold
    """
    used, rows = np.ascontiguousarray(features, np.int64), np.ascontiguousarray(rows, np.int64)
    steps = np.array([len(edges[f]) + 1 for f in used], np.int64)
    if kernels.host().__name__.endswith(".cpu"):
        from .tree_loops import grown
    else:
        grown = _grown
    cuts, totals, leaf = grown(bins, steps, used, rows, slope, curve, limits)
    weight = totals[:, 1] + limits.l2
    value = np.where(weight > 0, -totals[:, 0] / np.where(weight > 0, weight, 1), 0.0)
    return _tree(cuts, edges, used, value), leaf


def _tree(cuts, edges, used, value):
    feature, threshold = np.zeros(len(cuts), np.int64), np.zeros(len(cuts))
    child = np.zeros((2, len(cuts)), np.int64)
    hangs = {}  # where the leaf of a number hangs: the side and the node
    for k, (place, last, parent, new) in enumerate(cuts.tolist()):
        feature[k], threshold[k] = used[place], edges[used[place]][last]
        if parent in hangs:
            child[hangs[parent]] = k
        child[:, k] = -1 - parent, -1 - new
        hangs[parent], hangs[new] = (0, k), (1, k)
    return Tree(feature, threshold, *child, value)


class _Leaf:
    def __init__(self, rows, histogram, limits):
        self.rows, self.histogram = rows, histogram
        self.totals = histogram[0].sum(0) if len(histogram) else np.zeros(3)  # the same for every feature
        self.gain, self.place, self.bin = _best_cut(
            histogram, self.totals, limits.least_rows, limits.least_curve, limits.l2
        )


def _grown(bins, steps, used, rows, slope, curve, limits):
    """The cuts in their order, G, H and rows of each leaf, and the leaf of every row.

    A cut is (place of its feature in ``used``, last bin on the left, the leaf cut, the new leaf): what lies
    to the left keeps the leaf's number, what lies to the right gets the next.
    """

    def gathered(rows):
        return _gather(bins, used, rows, slope, curve, steps.max(initial=1))

    leaves, cuts = [_Leaf(rows, gathered(rows), limits)], []
    leaf = np.zeros(bins.shape[1], np.int64)
    while len(leaves) < limits.leaves:
        best = max(range(len(leaves)), key=lambda i: leaves[i].gain)
        parent, new = leaves[best], len(leaves)
        if not parent.gain > limits.least_gain:
            break
        of = bins[used[parent.place]]
        parts = _split(of, parent.rows, parent.bin)
        small = int(len(parts[1]) < len(parts[0]))
        found = [None, None]
        found[small] = gathered(parts[small])
        found[1 - small] = parent.histogram - found[small]
        leaves[best], right = (_Leaf(*of, limits) for of in zip(parts, found, strict=True))
        leaves.append(right)
        leaf[(leaf == best) & (of > parent.bin)] = new
        cuts.append((parent.place, parent.bin, best, new))
    return np.array(cuts, np.int64).reshape(-1, 4), np.array([x.totals for x in leaves]), leaf


def _gather(bins, used, rows, slope, curve, width):
    """G, H and rows of every bin: (features, width, 3)."""
    found = np.zeros((len(used), width, 3))
    for place, f in enumerate(used):
        b = bins[f, rows]
        for k, weight in enumerate((slope[rows], curve[rows], None)):
            found[place, :, k] = np.bincount(b, weight, width)
    return found


def _best_cut(histogram, totals, least_rows, least_curve, l2):
    """→ gain, place of the feature, last bin on the left; gain −∞ where no cut is allowed."""
    left = histogram.cumsum(1)[:, :-1]
    right = totals - left
    allowed = np.ones(left.shape[:2], bool)
    for side in (left, right):
        allowed &= (side[..., 2] >= max(least_rows, 1)) & (side[..., 1] >= least_curve)
        allowed &= side[..., 1] + l2 > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        both = sum(s[..., 0] ** 2 / (s[..., 1] + l2) for s in (left, right))
        gain = np.where(allowed, both - totals[0] ** 2 / (totals[1] + l2), -np.inf)
    if gain.size == 0 or gain.max() == -np.inf:
        return -np.inf, 0, 0
    place, back = divmod(int(gain[:, ::-1].argmax()), gain.shape[1])
    return float(gain.max()), place, gain.shape[1] - 1 - back


def _split(of, rows, last):
    """The rows whose bin is at most ``last``, and the others. of (N,): the bins of one feature"""
    to_left = of[rows] <= last
    return rows[to_left], rows[~to_left]
