"""RankSVM (Joachims, 2002): a linear score whose every wrong order costs.

    min_w  ½‖w‖² + C Σ_{(i,j): y_i > y_j in one query} ξ(w · (x_i − x_j))       (Joachims, 2002, eq. 12–14)

    ξ(m) = max(0, 1 − m), "hinge";   max(0, 1 − m)², "squared_hinge"

It is a support vector machine without an intercept on the differences z_k = x_i − x_j, all of one class: an
intercept, and whatever else is the same for all documents of a query, cancels in z.

Dual coordinate descent (Hsieh et al., 2008, algorithm 1)   over pairs in random order, with w = Σ α_k z_k:
    min_α ½ αᵀQα − Σ α_k,  0 ≤ α_k ≤ U,  Q = ZZᵀ + D·1
    α_k ← clip(α_k − (w·z_k − 1 + Dα_k)/(‖z_k‖² + D), 0, U)
    hinge: U = C, D = 0;  squared hinge: U = ∞, D = 1/2C.   Ends where the projected gradients of an epoch
    differ by at most ``tol``.

Subgradient (Pegasos: Shalev-Shwartz et al., 2007)   with λ = 1/(C·pairs), from w = 0, on a batch of pairs:
    w ← (1 − 1/t) w + (1/λt) · mean of −ξ'(w·z) z,  then into the ball ‖w‖ ≤ 1/√λ; the result is the mean of
    the second half of the steps.
"""

from __future__ import annotations

import warnings

import numpy as np

from .. import kernels
from .queries import pairs
from .ranker import Ranker, check_number, check_whole

__all__ = ["RankSVM"]


class RankSVM(Ranker):
    """Settings, and after ``fit`` what was learnt.

    C, loss          the price of a wrong order; "hinge" or "squared_hinge"
    solver           "dual" (exact) or "subgradient" (approximate; a batch at a time)
    tol, max_iter    dual: ends at this gap of projected gradients, or after so many epochs, with a warning;
                     subgradient: epochs only
    batch_size       pairs a step of the subgradient
    random_state     the order of pairs

    coef_ (D,) w;  n_iter_ epochs;  objective_ what was minimised, at w;  dual_gap_ primal − dual (dual)
    """

    def __init__(
        self,
        C=1.0,
        loss="hinge",
        solver="dual",
        *,
        tol=1e-3,
        max_iter=1000,
        batch_size=32,
        random_state=0,
    ):
        self.C, self.loss, self.solver = C, loss, solver
        self.tol, self.max_iter, self.batch_size, self.random_state = tol, max_iter, batch_size, random_state
        self._check()

    def _check(self):
        check_number("RankSVM", "C", self.C)
        check_number("RankSVM", "tol", self.tol)
        check_whole("RankSVM", "max_iter", self.max_iter)
        check_whole("RankSVM", "batch_size", self.batch_size)
        check_whole("RankSVM", "random_state", self.random_state, least=0)
        if self.loss not in ("hinge", "squared_hinge"):
            raise ValueError(f"RankSVM: loss: expected 'hinge' or 'squared_hinge', got {self.loss!r}")
        if self.solver not in ("dual", "subgradient"):
            raise ValueError(f"RankSVM: solver: expected 'dual' or 'subgradient', got {self.solver!r}")

    def _fit(self, x, y, bounds, judge):
        first, second = pairs(y, bounds)
        solve = self._dual if self.solver == "dual" else self._subgradient
        self.coef_, self.n_iter_, lowest = solve(x, first, second)
        self.objective_ = self.objective(self.coef_, x, first, second)
        self.dual_gap_ = None if lowest is None else self.objective_ - lowest

    def objective(self, w, x, first, second):
        """½‖w‖² + C Σ ξ(w · (x_i − x_j)) of pairs (i, j) = (first, second)."""
        s = x @ w
        short = np.maximum(0, 1 - (s[first] - s[second]))
        return float(0.5 * w @ w + self.C * (short if self.loss == "hinge" else short**2).sum())

    def _dual(self, x, first, second):
        upper, diagonal = (self.C, 0.0) if self.loss == "hinge" else (np.inf, 0.5 / self.C)
        rng = np.random.default_rng(self.random_state)
        alpha, w = np.zeros(len(first)), np.zeros(x.shape[1])
        squares = _squared_lengths(x, first, second)
        step = _epoch()
        for epoch in range(1, self.max_iter + 1):  # noqa: B007
            turn = rng.permutation(len(first))
            most, least = step(x, first, second, turn, alpha, w, squares, float(upper), diagonal)
            if most - least <= self.tol:
                break
        else:
            warnings.warn(
                f"RankSVM: projected gradients still differ by {most - least:.2g} after {epoch} epochs "
                f"(tol {self.tol:g}); raise max_iter or tol, or scale the features",
                stacklevel=4,
            )
        # w gathered rounding on its way: once more from α
        w = x.T @ (np.bincount(first, alpha, len(x)) - np.bincount(second, alpha, len(x)))
        return w, epoch, float(alpha.sum() - 0.5 * w @ w - 0.5 * diagonal * alpha @ alpha)

    def _subgradient(self, x, first, second):
        count, w = len(first), np.zeros(x.shape[1])
        weight = 1 / (self.C * count)
        rng = np.random.default_rng(self.random_state)
        batches = -(-count // self.batch_size)
        steps, mean = self.max_iter * batches, np.zeros_like(w)
        t = 0
        for _ in range(self.max_iter):
            turn = rng.permutation(count)
            for k in range(batches):
                t += 1
                some = turn[k * self.batch_size : (k + 1) * self.batch_size]
                z = x[first[some]] - x[second[some]]
                short = 1 - z @ w
                slope = (short > 0) if self.loss == "hinge" else 2 * np.maximum(short, 0)  # −ξ'
                w = (1 - 1 / t) * w + (slope @ z) / (weight * t * len(some))
                if self.loss == "hinge":  # the optimum lies in this ball
                    w *= min(1, 1 / np.sqrt(weight) / max(np.linalg.norm(w), 1e-300))
                mean += w * (t > steps // 2)
        return mean / (steps - steps // 2), self.max_iter, None

    def _score(self, x):
        return x @ self.coef_

    def _arrays(self):
        return {"coef": self.coef_}

    def _restore(self, arrays):
        self.coef_ = arrays["coef"].astype(np.float64)
        if self.coef_.shape != (self.n_features_in_,):
            raise ValueError(f"coef has shape {self.coef_.shape}, expected ({self.n_features_in_},)")


def _epoch():
    if kernels.host().__name__.endswith(".cpu"):
        from .pair_loops import dual_epoch

        return dual_epoch
    return _dual_epoch


def _dual_epoch(x, first, second, turn, alpha, w, squares, upper, diagonal):
    """One step for each pair, in place; → the largest and the smallest projected gradient."""
    projected = np.zeros(len(turn))
    for n, k in enumerate(turn):
        z = x[first[k]] - x[second[k]]
        g = w @ z - 1 + diagonal * alpha[k]
        at_end = alpha[k] == 0 and g > 0 or alpha[k] == upper and g < 0
        projected[n] = 0 if at_end else g
        if projected[n]:
            before, curve = alpha[k], squares[k] + diagonal
            alpha[k] = min(max(before - g / curve, 0), upper) if curve > 0 else upper  # z = 0: always wrong
            w += (alpha[k] - before) * z
    return projected.max(), projected.min()


def _squared_lengths(x, first, second, block=4096):
    """‖x_i − x_j‖² of each pair, a block at a time."""
    found = np.empty(len(first))
    for k in range(0, len(first), block):
        z = x[first[k : k + block]] - x[second[k : k + block]]
        found[k : k + block] = np.einsum("kd,kd->k", z, z)
    return found
