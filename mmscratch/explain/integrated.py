"""Integrated gradients: a score's change from a baseline to x, divided among the entries of x."""

from dataclasses import dataclass

import numpy as np

from ..autograd import no_grad
from ..tensor import Tensor
from .tape import arrays, gradients, rows, score, score_on_tape

__all__ = ["IntegratedGradients", "integrated_gradients"]


@dataclass(frozen=True)
class IntegratedGradients:
    """What came out.

    values     the attribution of every entry, float64, in the shapes of the inputs (a list for several)
    change     (B,) F(x) − F(x'), what there is to divide
    gap        (B,) Σ values − change: 0 but for the error of the quadrature
    """

    values: np.ndarray | list
    change: np.ndarray
    gap: np.ndarray


def integrated_gradients(function, inputs, baseline=None, *, context=(), steps=32, batch_size=64):
    """The gradient of a score, integrated along the straight way from a baseline x' to x.

    Forward    IG_i = (x_i − x'_i) ∫₀¹ ∂F(x' + α (x − x'))/∂x_i dα
                    ≈ (x_i − x'_i) Σ_k w_k ∂F(x' + α_k (x − x'))/∂x_i,  Gauss and Legendre's α and w
    Shapes     inputs: an array (B, …) or several, each explained; baseline broadcasting to them (0 unless
               given); context: arrays (B, …) → values in the shapes of the inputs
    Errors     ValueError where function does not give (B,), or a baseline does not broadcast
    Source     Sundararajan, Taly & Yan, 2017, eq. 1; Aumann & Shapley, 1974

    Completeness, Σ_i IG_i = F(x) − F(x'), is the fundamental theorem of calculus, and ``gap`` says how far it
    is missed. n points are exact for polynomials of degree 2n − 1, so where F is smooth (tanh, GELU,
    softmax) 32 of them leave nothing but rounding. Of ReLU networks F is piecewise linear along the way, with
    thousands of kinks: there the gap falls only as 1/n.

    The baseline decides what is asked: "compared with what?" An entry that equals it gets 0.
    """
    title = "integrated_gradients"
    several = isinstance(inputs, tuple | list)
    xs = arrays(title, inputs)
    starts = _baselines(title, baseline if several else (baseline,), xs)
    context = rows(title, context, len(xs[0]))
    if isinstance(steps, bool) or not isinstance(steps, int) or not 1 <= steps <= 4096:
        raise ValueError(f"{title}: steps: expected an integer from 1 to 4096, got {steps!r}")
    alpha, weight = np.polynomial.legendre.leggauss(steps)
    alpha, weight = (alpha + 1) / 2, weight / 2  # from [−1, 1] to [0, 1]
    values = [np.zeros(x.shape, np.float64) for x in xs]
    change = np.zeros(len(xs[0]))
    for first in range(0, len(change), batch_size):
        part = slice(first, min(first + batch_size, len(change)))
        along, fixed = [c[part] for c in context], part.stop - part.start
        ends = [_value(function, [x[part] for x in side], along) for side in (xs, starts)]
        change[part] = ends[0] - ends[1]
        together = max(1, batch_size // fixed)  # so many points of the way in one batch
        for k in range(0, steps, together):
            found = _slopes(function, [x[part] for x in xs], [s[part] for s in starts], along,
                            alpha[k : k + together])  # fmt: skip
            for value, slope in zip(values, found, strict=True):
                value[part] += np.tensordot(weight[k : k + together], slope, 1)
    for value, x, start in zip(values, xs, starts, strict=True):
        value *= x.astype(np.float64) - start
    total = sum(value.reshape(len(change), -1).sum(1) for value in values)
    return IntegratedGradients(values if several else values[0], change, total - change)


def _baselines(title, baseline, xs):
    given = [None] * len(xs) if baseline is None else list(baseline)
    if len(given) != len(xs):
        raise ValueError(f"{title}: baseline: expected one for each of {len(xs)} inputs, got {len(given)}")
    found = []
    for start, x in zip(given, xs, strict=True):
        start = np.asarray(0 if start is None else start, x.dtype)
        try:
            found.append(np.broadcast_to(start, x.shape))
        except ValueError:
            raise ValueError(
                f"{title}: baseline: expected a shape that broadcasts to the input's {x.shape}, got "
                f"{start.shape}"
            ) from None
    return found


def _value(function, inputs, context):
    with no_grad():
        tensors = [Tensor(np.ascontiguousarray(x)) for x in inputs]
        return score("integrated_gradients", function, tensors, context).numpy().astype(np.float64)


def _slopes(function, xs, starts, context, alpha):
    """∂F/∂x at every point of the way: one array (len(alpha), B, …) an input."""
    points, k = [], len(alpha)
    for x, start in zip(xs, starts, strict=True):
        a = alpha.reshape(-1, *[1] * x.ndim).astype(x.dtype)
        points.append(Tensor((start + a * (x - start)).reshape(k * len(x), *x.shape[1:]), requires_grad=True))
    repeated = [np.concatenate([c] * k) for c in context]
    found = gradients(score_on_tape("integrated_gradients", function, points, repeated), *points)
    return [g.reshape(k, *x.shape) for g, x in zip(found, xs, strict=True)]
