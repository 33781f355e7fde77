"""LambdaMART (Burges, 2010; Wu, Burges, Svore & Gao, 2010): boosted trees that follow LambdaRank's pulls.

    s₀ = 0;   for t = 1 … n_estimators:
        λ, h       of ``pairwise.pulls`` at s_{t−1}: from where all trees so far have put the documents
        tree       of ``trees.grow`` on some documents and some features, its leaves −Σλ / (Σh + l2)
        s_t        = s_{t−1} + learning_rate · tree(x)

Bagging (Friedman, 2002) and features drawn anew for each tree make trees that err differently; what they
share is what generalises. Early stopping keeps as many trees as were best for other queries.
"""

from __future__ import annotations

import numpy as np

from .. import kernels
from .bins import bin_edges, binned
from .gain import ndcg
from .pairwise import pulls, swap_scales
from .ranker import Ranker, check_fraction, check_number, check_whole
from .trees import Limits, Tree, grow, tree_values

__all__ = ["LambdaMART"]

_NODES = ("feature", "threshold", "left", "right")


class LambdaMART(Ranker):
    """Settings, and after ``fit`` what was learnt. Names and sense, not defaults, are LightGBM's.

    n_estimators, learning_rate       trees, and how much of each is taken
    num_leaves, min_data_in_leaf      a tree's leaves at most, documents of a leaf at least
    min_sum_hessian, l2               Σh of a leaf at least, λ of the leaves
    max_bin                           steps into which a feature is cut, at most 256
    feature_fraction                  part of the features (of those that vary) drawn for each tree
    bagging_fraction, bagging_freq    part of the documents, drawn anew for every so many trees
    truncation_level, sigma, norm     of ``pairwise.pulls``
    early_stopping, eval_at           with ``eval_set``: stop when NDCG@eval_at has not grown for so many
                                      trees (None: never), and keep the trees up to the best
    random_state                      what is drawn

    trees_      list of Tree, their values multiplied by learning_rate already
    judged_     NDCG@eval_at of ``eval_set`` after each tree;   best_iteration_ trees kept
    """

    def __init__(
        self, n_estimators=100, learning_rate=0.03, *, num_leaves=8, min_data_in_leaf=40,
        min_sum_hessian=1e-3, l2=10.0, max_bin=255, feature_fraction=0.3, bagging_fraction=0.8,
        bagging_freq=1, truncation_level=30, sigma=1.0, norm=True, early_stopping=None, eval_at=5,
        random_state=0,
    ):  # fmt: skip
        self.n_estimators, self.learning_rate = n_estimators, learning_rate
        self.num_leaves, self.min_data_in_leaf = num_leaves, min_data_in_leaf
        self.min_sum_hessian, self.l2, self.max_bin = min_sum_hessian, l2, max_bin
        self.feature_fraction = feature_fraction
        self.bagging_fraction, self.bagging_freq = bagging_fraction, bagging_freq
        self.truncation_level, self.sigma, self.norm = truncation_level, sigma, norm
        self.early_stopping, self.eval_at, self.random_state = early_stopping, eval_at, random_state
        self._check()

    def _check(self):
        least = {
            "n_estimators": 1, "num_leaves": 2, "min_data_in_leaf": 0, "max_bin": 2, "bagging_freq": 1,
            "truncation_level": 1, "eval_at": 1, "random_state": 0,
        }  # fmt: skip
        if self.early_stopping is not None:
            least["early_stopping"] = 1
        for name, value in least.items():
            check_whole("LambdaMART", name, getattr(self, name), value)
        if self.max_bin > 256:
            raise ValueError(f"LambdaMART: max_bin: expected at most 256, got {self.max_bin}")
        for name in ("feature_fraction", "bagging_fraction"):
            check_fraction("LambdaMART", name, getattr(self, name))
        for name in ("learning_rate", "sigma"):
            check_number("LambdaMART", name, getattr(self, name))
        for name in ("min_sum_hessian", "l2"):
            check_number("LambdaMART", name, getattr(self, name), inclusive=True)
        if not isinstance(self.norm, bool | np.bool_):
            raise ValueError(f"LambdaMART: norm: expected True or False, got {self.norm!r}")

    def _fit(self, x, y, bounds, judge):
        rng = np.random.default_rng(self.random_state)
        edges = bin_edges(x, self.max_bin)
        bins = binned(x, edges)
        varied = np.array([d for d, cuts in enumerate(edges) if len(cuts)], np.int64)
        limits = Limits(self.num_leaves, self.min_data_in_leaf, self.min_sum_hessian, self.l2)
        options = {"sigma": self.sigma, "truncation": self.truncation_level, "norm": self.norm}
        scales = swap_scales(y, bounds, self.truncation_level)
        scores, rows = np.zeros(len(y)), np.arange(len(y))
        others = None if judge is None else np.zeros(len(judge[0]))
        self.trees_, self.judged_ = [], []
        for t in range(self.n_estimators):
            _, slope, curve = pulls(scores, y, bounds, scales=scales, losses=False, **options)
            if t % self.bagging_freq == 0:
                rows = _some(rng, len(y), self.bagging_fraction)
            features = varied[_some(rng, len(varied), self.feature_fraction)]
            tree, leaf = grow(bins, edges, features, rows, slope, curve, limits)
            tree.value *= self.learning_rate
            scores += tree.value[leaf]
            self.trees_.append(tree)
            if judge is not None:
                others += self._read([tree], judge[0])
                self.judged_.append(ndcg(judge[1], others, judge[2], self.eval_at))
                if self.early_stopping and t - int(np.argmax(self.judged_)) >= self.early_stopping:
                    break
        self.best_iteration_ = len(self.trees_)
        if judge is not None and self.early_stopping:
            self.best_iteration_ = int(np.argmax(self.judged_)) + 1
            self.trees_ = self.trees_[: self.best_iteration_]

    def _score(self, x):
        return self._read(self.trees_, x)

    @staticmethod
    def _read(trees, x):
        if not kernels.host().__name__.endswith(".cpu"):
            return sum(tree_values(tree, x) for tree in trees)
        from .tree_loops import forest_values

        found, (roots, leaf_at, *nodes) = np.zeros(len(x)), _flat(trees)
        forest_values(x, roots, leaf_at, *nodes, found)
        return found

    def feature_importances(self):
        """How often each feature is cut on: int64 (D,)."""
        self._check_fitted()
        used = np.concatenate([t.feature for t in self.trees_])
        return np.bincount(used, minlength=self.n_features_in_)

    def _arrays(self):
        roots, _, *columns = _flat(self.trees_)
        return {"roots": roots, **dict(zip((*_NODES, "value"), columns, strict=True))}

    def _restore(self, arrays):
        roots = arrays["roots"].astype(np.int64)
        of = {n: arrays[n].astype(np.float64 if n == "threshold" else np.int64) for n in _NODES}
        value, count = arrays["value"].astype(np.float64), len(of["feature"])
        if any(a.shape != (count,) for a in of.values()) or len(value) != count + len(roots) - 1:
            raise ValueError("arrays of nodes differ in length")
        if roots[0] != 0 or roots[-1] != count or (np.diff(roots) < 0).any():
            raise ValueError("roots do not divide the nodes")
        if count and not (0 <= of["feature"].min() and of["feature"].max() < self.n_features_in_):
            raise ValueError("a node asks for a feature that there is not")
        self.trees_ = []
        for t, (a, b) in enumerate(zip(roots[:-1], roots[1:], strict=True)):
            tree = Tree(*(of[n][a:b] for n in _NODES), value[a + t : b + t + 1])
            _check_tree(tree)
            self.trees_.append(tree)
        self.best_iteration_ = len(self.trees_)


def _some(rng, count, fraction):
    """So many of 0 … count − 1, ascending; all of them need no draw."""
    if fraction == 1:
        return np.arange(count)
    return np.sort(rng.choice(count, max(1, round(fraction * count)), replace=False))


def _flat(trees):
    """All trees in one: bounds of their nodes, where their leaves begin, and the arrays end to end."""
    nodes = np.concatenate([[0], np.cumsum([len(t.feature) for t in trees])]).astype(np.int64)
    leaf_at = nodes[:-1] + np.arange(len(trees))
    columns = [np.concatenate([getattr(t, name) for t in trees]) for name in (*_NODES, "value")]
    return nodes, leaf_at, *columns


def _check_tree(tree):
    """Every leaf and node but the root hangs below one earlier node: no way leads in a circle."""
    count = len(tree.feature)
    children = np.concatenate([tree.left, tree.right])
    above = np.tile(np.arange(count), 2)
    wanted = np.concatenate([np.arange(-1 - count, 0) if count else [], np.arange(1, count)])
    if (
        not np.array_equal(np.sort(children), wanted)
        or (children[children >= 0] <= above[children >= 0]).any()
    ):
        raise ValueError("nodes of a tree do not form a tree")
