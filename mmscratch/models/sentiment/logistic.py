"""Logistic regression on sparse rows, by Newton's method with conjugate gradients."""

from __future__ import annotations

import numpy as np

__all__ = ["LogisticRegression"]


class LogisticRegression:
    """Two classes, one weight a column (Berkson, 1944), found as in Lin, Weng & Keerthi (2008).

    Forward    z = X w + b,  p(1) = σ(z);
               f(w, b) = ½‖w‖² + C Σ_i ln(1 + exp(−y_i z_i)),  y ∈ ±1; b is not penalised
               ∇f = w + C Xᵀ(σ(yz) − 1)y,  ∇²f s = s + C Xᵀ(d ⊙ X s),  d = σ(z)(1 − σ(z))
               each step solves ∇²f s = −∇f by conjugate gradients to a tenth of ‖∇f‖, then halves it until
               f falls enough (Armijo); it ends where ‖∇f‖ ≤ tolerance · ‖∇f(0)‖
    Shapes     X SparseRows (N, D), labels bool (N,) → w (D,), b
    Errors     ValueError for C that is not above 0, labels of another shape or of one class only
    """

    def __init__(self, c=1.0, tolerance=1e-3, most=100):
        if not c > 0:
            raise ValueError(f"LogisticRegression: c: expected more than 0, got {c!r}")
        self.c, self.tolerance, self.most = float(c), float(tolerance), int(most)
        self.weight, self.bias = None, 0.0

    def fit(self, x, labels):
        """Find the weights; → self."""
        labels = np.asarray(labels, bool)
        if labels.shape != (len(x),):
            raise ValueError(f"LogisticRegression: labels: expected ({len(x)},), got {labels.shape}")
        if labels.all() or not labels.any():
            raise ValueError("LogisticRegression: labels: expected both classes, got one")
        y = np.where(labels, 1.0, -1.0)
        u = np.zeros(x.width + 1)  # w, then b
        value, gradient, d = self._look(x, y, u)
        first = np.linalg.norm(gradient)
        for _ in range(self.most):
            size = np.linalg.norm(gradient)
            if size <= self.tolerance * first:
                break
            step = self._newton(x, d, gradient)
            slope, length = gradient @ step, 1.0
            while True:
                told = self._look(x, y, u + length * step)
                if told[0] <= value + 1e-4 * length * slope or length < 1e-10:
                    break
                length /= 2
            u = u + length * step
            value, gradient, d = told
        self.weight, self.bias = u[:-1], float(u[-1])
        return self

    def _look(self, x, y, u):
        z = x.times(u[:-1]) + u[-1]
        told = np.exp(-np.logaddexp(0, -y * z))  # σ(y z), without overflow
        value = 0.5 * u[:-1] @ u[:-1] + self.c * np.logaddexp(0, -y * z).sum()
        pull = self.c * (told - 1) * y
        gradient = np.r_[u[:-1] + x.transposed_times(pull), pull.sum()]
        return value, gradient, told * (1 - told)

    def _newton(self, x, d, gradient):
        def curved(s):
            v = self.c * d * (x.times(s[:-1]) + s[-1])
            return np.r_[s[:-1] + x.transposed_times(v), v.sum()]

        step, left = np.zeros_like(gradient), -gradient
        going, squared = left.copy(), left @ left
        for _ in range(200):
            if np.sqrt(squared) <= 0.1 * np.linalg.norm(gradient):
                break
            bent = curved(going)
            share = squared / (going @ bent)
            step += share * going
            left -= share * bent
            squared, before = left @ left, squared
            going = left + squared / before * going
        return step

    def scores(self, x):
        """z of each row: (N,); above 0 is class 1."""
        if self.weight is None:
            raise ValueError("LogisticRegression: no weights are known yet; call fit")
        return x.times(self.weight) + self.bias

    def state_dict(self):
        """All that ``scores`` needs."""
        return {"c": self.c, "weight": self.weight, "bias": self.bias}

    @classmethod
    def from_state(cls, state):
        """The inverse of ``state_dict``."""
        found = cls(state["c"])
        found.weight, found.bias = np.asarray(state["weight"], np.float64), float(state["bias"])
        return found
