"""Cross-entropy between logits and class numbers. Equal to ``reference.loss``.

A block a row, as in softmax; only log Σ exp x is kept, and the gradient computes its exponentials
anew: it reads the logits once and writes the gradient once.
"""

import numpy as np

from .launch import BLOCK, cached, cuda, kernel, launch_blocks, launch_each, math, row_max, row_sum
from .memory import empty
from .reduce import reduce

__all__ = ["cross_entropy", "cross_entropy_backward"]


@cached
def _kernels(dtype, weighted):
    T = dtype.type
    low, zero, one = T(-np.inf), T(0), T(1)

    @kernel
    def forward(loss, row_weight, lse, x, target, weight, rows, classes, ignored, smoothing):
        scratch = cuda.shared.array(BLOCK, T)
        t = cuda.threadIdx.x
        for r in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            base = np.int64(r) * classes
            top = low
            for j in range(t, classes, cuda.blockDim.x):
                v = x[base + j]
                if not (top >= v or top != top):
                    top = v
            top = row_max(scratch, top)
            shift = zero if top == low else top
            total = zero
            for j in range(t, classes, cuda.blockDim.x):
                total += math.exp(x[base + j] - shift)
            row_lse = shift + math.log(row_sum(scratch, total))
            spread = zero
            if smoothing != zero:  # left out at ε = 0: there 0 · ∞ would spoil logits of −∞
                for j in range(t, classes, cuda.blockDim.x):
                    spread += (weight[j] if weighted else one) * (row_lse - x[base + j])
                spread = row_sum(scratch, spread) * smoothing / T(classes)
            if t == 0:
                lse[r] = row_lse
                loss[r] = zero
                row_weight[r] = zero
                c = target[r]
                if c != ignored:
                    w = weight[c] if weighted else one
                    row_weight[r] = w
                    loss[r] = w * (one - smoothing) * (row_lse - x[base + c]) + spread

    @kernel
    def backward(dx, dloss, x, target, lse, weight, total_weight, count, classes, ignored, smoothing):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            r = i // classes
            j = i - r * classes
            c = target[r]
            out = zero
            if c != ignored:
                p = math.exp(x[i] - lse[r])
                out = (weight[c] if weighted else one) * (one - smoothing) * (p - (one if j == c else zero))
                if smoothing != zero:
                    total = total_weight[0] if weighted else T(classes)
                    out += smoothing / T(classes) * (p * total - (weight[j] if weighted else one))
                out *= dloss[r]
            dx[i] = out

    return forward, backward


def cross_entropy(logits, target, weight, ignore_index, label_smoothing):
    """ℓ_n = w_t (1−ε)(lse − x_t) + ε/V Σ_v w_v (lse − x_v), 0 where ignored → ℓ, w_t, lse."""
    rows, classes = logits.shape
    loss, row_weight, lse = (empty((rows,), logits.dtype) for _ in range(3))
    forward, _ = _kernels(logits.dtype, weight is not None)
    weights = logits if weight is None else weight
    options = (rows, classes, ignore_index, logits.dtype.type(label_smoothing))
    launch_blocks(forward, rows, classes, loss, row_weight, lse, logits, target, weights, *options)
    return loss, row_weight, lse


def cross_entropy_backward(dloss, logits, target, lse, weight, ignore_index, label_smoothing):
    """dx_v = dℓ · (w_t (1−ε) (p_v − [v = t]) + ε/V (p_v Σ w − w_v)), p = exp(x − lse)."""
    dx = empty(logits.shape, logits.dtype)
    _, backward = _kernels(logits.dtype, weight is not None)
    smooth = weight is not None and label_smoothing
    weights = logits if weight is None else weight
    total = reduce("sum", weight, (0,), False) if smooth else weights
    options = (dx.size, logits.shape[1], ignore_index, logits.dtype.type(label_smoothing))
    launch_each(backward, dx.size, dx, dloss, logits, target, lse, weights, total, *options)
    return dx
