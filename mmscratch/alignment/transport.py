"""Entropic optimal transport by Sinkhorn's iterations, on logarithms (Cuturi, 2013; Peyré & Cuturi, 2019).

    OT_ε(a, b) = min_P ⟨P, C⟩ − ε H(P)    over P ≥ 0 with P 1 = a, Pᵀ 1 = b;    H(P) = −Σ P (ln P − 1)

The minimum has the form P_ji = exp((f_j + g_i − C_ji) / ε). Each half step makes one margin exact:

    f_j = ε ln a_j − ε lse_i((g_i − C_ji) / ε)        then P 1 = a
    g_i = ε ln b_i − ε lse_j((f_j − C_ji) / ε)        then Pᵀ 1 = b

On logarithms nothing under- or overflows, however small ε. For ε → 0, ⟨P, C⟩ becomes the cost of the best
plan, which for a = b uniform and as many rows as columns is the best assignment; for ε → ∞, P → a bᵀ. A small
ε takes many steps, ~ 1/ε, so it is reached by halves from a large one.

As an alignment P says how much of unit j goes to unit i, where all of b must be used up: what a softmax over
i does not ask. ``with_null`` adds a place for units that belong nowhere.
"""

from dataclasses import dataclass

import numpy as np

from ..autograd import primitive

__all__ = ["Plan", "sinkhorn", "sinkhorn_cost", "with_null"]


@dataclass(frozen=True)
class Plan:
    """What ``sinkhorn`` found.

    plan          P (J, I); its columns sum to b to rounding, its rows to a within ``error``
    f, g          the potentials (J,), (I,): P = exp((f + g − C) / ε)
    cost          ⟨P, C⟩
    value         OT_ε = ⟨P, C⟩ − ε H(P), at the optimum also Σ f a + Σ g b − ε Σ P
    steps, error  iterations, and Σ |P 1 − a| after the last
    converged     is ``error`` within the tolerance?
    """

    plan: np.ndarray
    f: np.ndarray
    g: np.ndarray
    cost: float
    value: float
    steps: int
    error: float
    converged: bool


def sinkhorn(cost, epsilon=0.05, a=None, b=None, tolerance=1e-9, limit=10_000):
    """The plan of least entropic cost.

    Shapes     cost C (J, I) of finite numbers; a (J,), b (I,) > 0 of one sum, None: uniform, sum 1 → Plan
    Errors     ValueError for shapes that do not fit, margins that are not positive or differ in sum, ε ≤ 0
    Note       ``limit`` bounds the steps of each ε on the way down; look at ``converged``
    """
    c, a, b = _checked(cost, epsilon, a, b)
    log_a, log_b = np.log(a), np.log(b)
    f, g, steps = np.zeros(len(a)), np.zeros(len(b)), 0
    for e in _descent(c, epsilon):
        last = e == epsilon
        for _ in range(limit):
            f = e * (log_a - _lse((g - c) / e, 1))
            g = e * (log_b - _lse((f[:, None] - c) / e, 0))
            steps += 1
            error = np.abs(np.exp((f[:, None] + g - c) / e).sum(1) - a).sum()
            if error <= (tolerance if last else 1e-2 * a.sum()):
                break
    p = np.exp((f[:, None] + g - c) / epsilon)
    entropy = -(p * ((f[:, None] + g - c) / epsilon - 1)).sum()
    moved = float((p * c).sum())
    value = moved - epsilon * entropy
    return Plan(p, f, g, moved, float(value), steps, float(error), bool(error <= tolerance))


@primitive
def sinkhorn_cost(cost, *, epsilon=0.05, a=None, b=None, tolerance=1e-9, limit=10_000):
    """Entropic transport cost as a loss of the costs.

    Forward    y = OT_ε = min_P ⟨P, C⟩ − ε H(P)
    Backward   ∂L/∂C = ∂L/∂y · P, because P is optimal: moving it changes nothing to first order (Danskin)
    Shapes     cost C (J, I) → y ()
    Errors     as ``sinkhorn``; ArithmeticError where it did not converge, since then P is not optimal
    """
    found = sinkhorn(cost, epsilon, a, b, tolerance, limit)
    if not found.converged:
        raise ArithmeticError(
            f"sinkhorn_cost: margins are off by {found.error:.1e} after {found.steps} steps, expected "
            f"{tolerance:.1e}: take a larger epsilon than {epsilon} or a larger limit"
        )
    plan = found.plan.astype(cost.dtype)
    return np.asarray(found.value, cost.dtype), lambda dy: dy * plan


def with_null(cost, price, share):
    """A place for what belongs nowhere: one more column of cost ``price``, and b that gives it ``share``.

    Shapes     cost (J, I), price () or (J,) → cost (J, I + 1), b (I + 1,) of sum 1
    """
    cost = np.asarray(cost, np.float64)
    if not 0 < share < 1:
        raise ValueError(f"with_null: share: expected a number between 0 and 1, got {share!r}")
    b = np.full(cost.shape[1] + 1, (1 - share) / cost.shape[1])
    b[-1] = share
    return np.column_stack([cost, np.broadcast_to(price, len(cost))]), b


def _descent(c, epsilon):
    """ε from the spread of the costs down to the one that is wanted, by halves."""
    found = [epsilon]
    while 2 * found[-1] < np.ptp(c) / 8:
        found.append(2 * found[-1])
    return found[::-1]


def _lse(x, axis):
    top = x.max(axis, keepdims=True)
    return (top + np.log(np.exp(x - top).sum(axis, keepdims=True))).squeeze(axis)


def _checked(cost, epsilon, a, b):
    c = np.asarray(cost, np.float64)
    if c.ndim != 2 or 0 in c.shape or not np.isfinite(c).all():
        raise ValueError(f"sinkhorn: cost: expected finite numbers (J, I), got shape {c.shape}")
    if not epsilon > 0:
        raise ValueError(f"sinkhorn: epsilon: expected more than 0, got {epsilon!r}")
    margins = []
    for name, margin, n in (("a", a, c.shape[0]), ("b", b, c.shape[1])):
        margin = np.full(n, 1 / n) if margin is None else np.asarray(margin, np.float64)
        if margin.shape != (n,) or not (margin > 0).all():
            raise ValueError(f"sinkhorn: {name}: expected {n} positive numbers, got {margin!r}")
        margins.append(margin)
    if not np.isclose(margins[0].sum(), margins[1].sum(), rtol=1e-12, atol=0):
        raise ValueError(
            f"sinkhorn: a and b: expected one sum, got {margins[0].sum()!r} and {margins[1].sum()!r}"
        )
    return c, *margins
