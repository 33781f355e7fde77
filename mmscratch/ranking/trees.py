"""One regression tree on binned features, grown leaf by leaf for a loss of second order.

Let G and H be the sums of gradients and of second derivatives over the rows of a leaf. With the loss taken
as a parabola, the leaf's best value and what a cut into left and right wins by it are

    v = −G / (H + λ),       gain = G_L²/(H_L + λ) + G_R²/(H_R + λ) − G²/(H + λ)
                                                              (Friedman, 2001; Chen & Guestrin, 2016, eq. 5–7)

G and H of every bin of every feature (a histogram) are gathered in one pass over a leaf's rows, and every
cut is judged in one pass over the bins. Always the leaf that wins most is cut, wherever it lies ("leaf-wise",
Shi, 2007; Ke et al., 2017). Of two children only the smaller is gathered: the other is the parent's less the
smaller's.

This file is the formula in NumPy and the growing; ``tree_loops`` holds the compiled passes.
"""

from __future__ import annotations

import dataclasses
import types

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


class _Leaf:
    def __init__(self, rows, histogram, parent=None, side=None):
        self.rows, self.histogram, self.parent, self.side = rows, histogram, parent, side
        self.totals = histogram[0].sum(0)  # G, H, rows: the same for every feature


def grow(bins, edges, features, rows, slope, curve, limits):
    """The tree of gradients ``slope`` and second derivatives ``curve``; → Tree, rows of each leaf.

    bins (D, N) of ``bins.binned``, edges of ``bins.bin_edges``; features, rows: those that may be used

    Note       the tree's values are v for the rows given; equal gains go to the first feature and, within it,
               to the highest threshold
    """
    step = _steps()
    width = max((len(edges[f]) for f in features), default=0) + 1
    used = np.ascontiguousarray(features, np.int64)

    def leaf(rows, histogram=None, **where):
        if histogram is None:
            histogram = step.gather(bins, used, rows, slope, curve, width)
        made = _Leaf(rows, histogram, **where)
        made.gain, made.place, made.bin = step.best_cut(
            made.histogram, made.totals, limits.least_rows, limits.least_curve, limits.l2
        )
        return made

    leaves, nodes = [leaf(np.ascontiguousarray(rows, np.int64))], []
    while len(leaves) < limits.leaves:
        best = max(range(len(leaves)), key=lambda i: leaves[i].gain)
        parent = leaves[best]
        if not parent.gain > limits.least_gain:
            break
        feature = used[parent.place]
        parts = step.split(bins[feature], parent.rows, parent.bin)
        small = int(len(parts[1]) < len(parts[0]))
        found = [None, None]
        found[small] = leaf(parts[small], parent=len(nodes), side=small)
        rest = parent.histogram - found[small].histogram
        found[1 - small] = leaf(parts[1 - small], rest, parent=len(nodes), side=1 - small)
        if parent.parent is not None:
            nodes[parent.parent][2 + parent.side] = len(nodes)
        # the left child keeps the leaf's number, the right one gets the next
        nodes.append([feature, edges[feature][parent.bin], -1 - best, -1 - len(leaves)])
        leaves[best] = found[0]
        leaves.append(found[1])
    value = np.array([-x.totals[0] / (x.totals[1] + limits.l2) if x.totals[1] + limits.l2 > 0 else 0.0
                      for x in leaves])  # fmt: skip
    columns = list(zip(*nodes, strict=True)) or [()] * 4
    kinds = (np.int64, np.float64, np.int64, np.int64)
    tree = Tree(*(np.array(c, k) for c, k in zip(columns, kinds, strict=True)), value)
    return tree, [x.rows for x in leaves]


def _steps():
    if kernels.host().__name__.endswith(".cpu"):
        from . import tree_loops

        return tree_loops
    return types.SimpleNamespace(gather=_gather, best_cut=_best_cut, split=_split)


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
