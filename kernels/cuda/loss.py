"""Cross-entropy between logits and class numbers. Equal to ``reference.loss``.

Forwards the logits are read once: maximum and sum in one walk (``online.py``). Only log Σ exp x is kept, and
the gradient computes its exponentials anew: it reads the logits once and writes the gradient once. Error: a
few roundings, and log₂ V + V/256 in the sum.
"""

import numpy as np

from .launch import BLOCK, cached, cuda, kernel, launch_rows, math, row_sum
from .memory import empty
from .online import online
from .reduce import reduce

__all__ = ["cross_entropy", "cross_entropy_backward"]


@cached
def _kernels(dtype, weighted, smoothed):
    # smoothed False leaves the sum over all classes out: there 0 · ∞ would spoil logits of −∞.
    T = dtype.type
    low, zero, one = T(-np.inf), T(0), T(1)
    add, fold = online(dtype)

    @kernel
    def forward(loss, row_weight, lse, x, target, weight, rows, classes, ignored, smoothing):
        tops = cuda.shared.array(BLOCK, T)
        totals = cuda.shared.array(BLOCK, T)
        t, width = cuda.threadIdx.x, cuda.blockDim.x
        together = cuda.blockDim.y
        for first in range(cuda.blockIdx.x * together, rows, cuda.gridDim.x * together):
            r = np.int64(first) + cuda.threadIdx.y
            end = classes if r < rows else 0
            base = r * classes
            top, total = low, zero
            for j in range(t, end, width):
                top, total = add(top, total, x[base + j])
            top, total = fold(tops, totals, top, total)
            row_lse = (zero if top == low else top) + math.log(total)
            spread = zero
            if smoothed:
                for j in range(t, end, width):
                    spread += (weight[j] if weighted else one) * (row_lse - x[base + j])
                spread = row_sum(totals, spread) * smoothing / T(classes)
            if t == 0 and r < rows:
                lse[r] = row_lse
                c = target[r]
                w, value = zero, zero
                if c != ignored:
                    w = weight[c] if weighted else one
                    value = w * (one - smoothing) * (row_lse - x[base + c]) + spread
                row_weight[r] = w
                loss[r] = value

    @kernel
    def backward(dx, dloss, x, target, lse, weight, total_weight, rows, classes, ignored, smoothing):
        t, width = cuda.threadIdx.x, cuda.blockDim.x
        together = cuda.blockDim.y
        for r in range(cuda.blockIdx.x * together + cuda.threadIdx.y, rows, cuda.gridDim.x * together):
            base = np.int64(r) * classes
            c = target[r]
            used = c != ignored
            row_lse, d, sharp, even, total = lse[r], zero, zero, zero, zero
            if used:
                d = dloss[r]
                sharp = (weight[c] if weighted else one) * (one - smoothing)
                if smoothed:
                    even = smoothing / T(classes)
                    total = total_weight[0] if weighted else T(classes)
            for j in range(t, classes, width):
                out = zero
                if used:
                    p = math.exp(x[base + j] - row_lse)
                    out = sharp * (p - (one if j == c else zero))
                    if smoothed:
                        out += even * (p * total - (weight[j] if weighted else one))
                    out *= d
                dx[base + j] = out

    return forward, backward


def cross_entropy(logits, target, weight, ignore_index, label_smoothing):
    """ℓ_n = w_t (1−ε)(lse − x_t) + ε/V Σ_v w_v (lse − x_v), 0 where ignored → ℓ, w_t, lse."""
    rows, classes = logits.shape
    loss, row_weight, lse = (empty((rows,), logits.dtype) for _ in range(3))
    forward, _ = _kernels(logits.dtype, weight is not None, bool(label_smoothing))
    weights = logits if weight is None else weight
    options = (rows, classes, ignore_index, logits.dtype.type(label_smoothing))
    launch_rows(forward, rows, classes, loss, row_weight, lse, logits, target, weights, *options)
    return loss, row_weight, lse


def cross_entropy_backward(dloss, logits, target, lse, weight, ignore_index, label_smoothing):
    """dx_v = dℓ · (w_t (1−ε) (p_v − [v = t]) + ε/V (p_v Σ w − w_v)), p = exp(x − lse)."""
    dx = empty(logits.shape, logits.dtype)
    rows, classes = logits.shape
    if dx.size == 0:
        return dx
    _, backward = _kernels(logits.dtype, weight is not None, bool(label_smoothing))
    weights = logits if weight is None else weight
    total = reduce("sum", weight, (0,), False) if weight is not None and label_smoothing else weights
    options = (rows, classes, ignore_index, logits.dtype.type(label_smoothing))
    launch_rows(backward, rows, classes, dx, dloss, logits, target, lse, weights, total, *options)
    return dx
