"""Softmax and log-softmax along the last axis, masked or not. Equal to ``reference.softmax``.

A block a row: the maximum, then the sum, both folded in shared memory, then the results. Each pass
reads the row again (from cache, where it fits). Error: a few roundings, and log₂ n + n/256 in the sum.
"""

import numpy as np

from .launch import BLOCK, cached, cuda, device, kernel, launch_blocks, math, row_max, row_sum
from .memory import empty
from .stride import broadcast_strides, collapse, divisors, offset

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


@cached
def _forward_kernel(dtype, masked, logarithm):
    T = dtype.type
    low, zero = T(-np.inf), T(0)

    @device
    def value(x, at, mask, mask_at):
        if masked:
            return x[at] if mask[mask_at] else low
        return x[at]

    @kernel
    def forward(y, x, mask, rows, length, lead, mask_steps, mask_step):
        scratch = cuda.shared.array(BLOCK, T)
        t = cuda.threadIdx.x
        for r in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            base = np.int64(r) * length
            mask_base = offset(np.int64(r), lead, mask_steps)
            top = low
            for j in range(t, length, cuda.blockDim.x):
                v = value(x, base + j, mask, mask_base + j * mask_step)
                if not (top >= v or top != top):
                    top = v
            top = row_max(scratch, top)
            total = zero
            for j in range(t, length, cuda.blockDim.x):
                total += math.exp(value(x, base + j, mask, mask_base + j * mask_step) - top)
            total = row_sum(scratch, total)
            log_total = math.log(total)
            for j in range(t, length, cuda.blockDim.x):
                v = value(x, base + j, mask, mask_base + j * mask_step)
                out = v - top - log_total if logarithm else math.exp(v - top) / total
                if masked:
                    if not mask[mask_base + j * mask_step]:
                        out = low if logarithm else zero
                y[base + j] = out

    return forward


def _forward(x, mask, logarithm):
    y = empty(x.shape, x.dtype)
    length = x.shape[-1]
    if y.size == 0:
        return y
    run = _forward_kernel(x.dtype, mask is not None, logarithm)
    lead, steps, step = divisors(1), (0,), 0
    if mask is not None:
        *steps, step = broadcast_strides(mask.shape, x.shape)
        lead, steps = collapse(x.shape[:-1], steps)
        lead = divisors(*lead)
    rows = x.size // length
    launch_blocks(run, rows, length, y, x, x if mask is None else mask, rows, length, lead, steps, step)
    return y


def softmax(x, mask):
    """exp(x − max x) / Σ; masked entries exactly 0, a row without any True all zeros."""
    return _forward(x, mask, False)


def log_softmax(x, mask):
    """x − max x − log Σ exp(x − max x); masked entries −∞."""
    return _forward(x, mask, True)


@cached
def _backward_kernel(dtype, logarithm):
    T = dtype.type
    low, zero = T(-np.inf), T(0)

    @kernel
    def backward(dx, dy, y, rows, length):
        scratch = cuda.shared.array(BLOCK, T)
        t = cuda.threadIdx.x
        for r in range(cuda.blockIdx.x, rows, cuda.gridDim.x):
            base = np.int64(r) * length
            total = zero
            for j in range(base + t, base + length, cuda.blockDim.x):
                if not logarithm:
                    total += y[j] * dy[j]
                elif y[j] != low:
                    total += dy[j]
            total = row_sum(scratch, total)
            for j in range(base + t, base + length, cuda.blockDim.x):
                if not logarithm:
                    dx[j] = y[j] * (dy[j] - total)
                elif y[j] == low:
                    dx[j] = zero
                else:
                    dx[j] = dy[j] - math.exp(y[j]) * total

    return backward


def _backward(dy, y, logarithm):
    dx = empty(y.shape, y.dtype)
    if y.size:
        length = y.shape[-1]
        run = _backward_kernel(y.dtype, logarithm)
        launch_blocks(run, y.size // length, length, dx, dy, y, y.size // length, length)
    return dx


def softmax_backward(dy, y):
    """dx = y ⊙ (dy − Σ y ⊙ dy)."""
    return _backward(dy, y, False)


def log_softmax_backward(dy, y):
    """dx = dy − exp(y) Σ dy over the entries with y > −∞, and 0 elsewhere."""
    return _backward(dy, y, True)
