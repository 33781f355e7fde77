"""Softmax and log-softmax along the last axis, masked or not. Equal to ``reference.softmax``.

Maximum and sum in one walk over the row (``online.py``). A row of up to BLOCK · HOLD entries is read once
and stays in the registers of its threads, short rows several a block; a longer one is read a second time when
its results are written. Error: a few roundings, and log₂ n + n/256 in the sum.
"""

import numpy as np

from .launch import BLOCK, HOLD, cached, cuda, device, fits, kernel, launch_rows, math, row_sum
from .memory import empty
from .online import online
from .stride import broadcast_strides, collapse, divisors, offset

__all__ = ["log_softmax", "log_softmax_backward", "softmax", "softmax_backward"]


@cached
def _forward_kernel(dtype, masked, logarithm, held):
    T = dtype.type
    low, zero = T(-np.inf), T(0)
    add, fold = online(dtype)

    @device
    def value(x, at, mask, mask_at):
        if masked:
            return x[at] if mask[mask_at] else low
        return x[at]

    @device
    def result(v, shift, total, log_total, seen):
        if not seen:
            return low if logarithm else zero
        return v - shift - log_total if logarithm else math.exp(v - shift) / total

    @kernel
    def forward(y, x, mask, rows, length, lead, mask_steps, mask_step):
        tops = cuda.shared.array(BLOCK, T)
        totals = cuda.shared.array(BLOCK, T)
        values = cuda.local.array(HOLD, T)
        t, width = cuda.threadIdx.x, cuda.blockDim.x
        together = cuda.blockDim.y
        for first in range(cuda.blockIdx.x * together, rows, cuda.gridDim.x * together):
            r = np.int64(first) + cuda.threadIdx.y
            end = length if r < rows else 0
            base = r * length
            beside = offset(r, lead, mask_steps) if r < rows else 0
            top, total = low, zero
            if held:
                for s in range(HOLD):
                    j = t + s * width
                    values[s] = low
                    if j < end:
                        values[s] = value(x, base + j, mask, beside + j * mask_step)
                        top, total = add(top, total, values[s])
            else:
                for j in range(t, end, width):
                    top, total = add(top, total, value(x, base + j, mask, beside + j * mask_step))
            top, total = fold(tops, totals, top, total)
            log_total = math.log(total)
            shift = zero if top == low else top
            if held:
                for s in range(HOLD):
                    j = t + s * width
                    if j < end:
                        seen = not masked or mask[beside + j * mask_step]
                        y[base + j] = result(values[s], shift, total, log_total, seen)
            else:
                for j in range(t, end, width):
                    seen = not masked or mask[beside + j * mask_step]
                    v = value(x, base + j, mask, beside + j * mask_step)
                    y[base + j] = result(v, shift, total, log_total, seen)

    return forward


def _forward(x, mask, logarithm):
    y = empty(x.shape, x.dtype)
    length = x.shape[-1]
    if y.size == 0:
        return y
    run = _forward_kernel(x.dtype, mask is not None, logarithm, fits(length))
    lead, steps, step = (1,), (0,), 0
    if mask is not None:
        *steps, step = broadcast_strides(mask.shape, x.shape)
        lead, steps = collapse(x.shape[:-1], steps)
    rows = x.size // length
    mask = x if mask is None else mask
    launch_rows(run, rows, length, y, x, mask, rows, length, divisors(*lead), steps, step)
    return y


def softmax(x, mask):
    """exp(x − max x) / Σ; masked entries exactly 0, a row without any True all zeros."""
    return _forward(x, mask, False)


def log_softmax(x, mask):
    """x − max x − log Σ exp(x − max x); masked entries −∞."""
    return _forward(x, mask, True)


@cached
def _backward_kernel(dtype, logarithm, held):
    T = dtype.type
    low, zero = T(-np.inf), T(0)

    @device
    def term(dy, y):
        """What an entry adds to the sum of its row."""
        if not logarithm:
            return y * dy
        return zero if y == low else dy

    @device
    def result(dy, y, total):
        if not logarithm:
            return y * (dy - total)
        return zero if y == low else dy - math.exp(y) * total

    @kernel
    def backward(dx, dy, y, rows, length):
        scratch = cuda.shared.array(BLOCK, T)
        gradients = cuda.local.array(HOLD, T)
        values = cuda.local.array(HOLD, T)
        t, width = cuda.threadIdx.x, cuda.blockDim.x
        together = cuda.blockDim.y
        for first in range(cuda.blockIdx.x * together, rows, cuda.gridDim.x * together):
            r = np.int64(first) + cuda.threadIdx.y
            end = length if r < rows else 0
            base = r * length
            total = zero
            if held:
                for s in range(HOLD):
                    j = t + s * width
                    gradients[s], values[s] = zero, zero
                    if j < end:
                        gradients[s], values[s] = dy[base + j], y[base + j]
                        total += term(gradients[s], values[s])
            else:
                for j in range(t, end, width):
                    total += term(dy[base + j], y[base + j])
            total = row_sum(scratch, total)
            if held:
                for s in range(HOLD):
                    j = t + s * width
                    if j < end:
                        dx[base + j] = result(gradients[s], values[s], total)
            else:
                for j in range(t, end, width):
                    dx[base + j] = result(dy[base + j], y[base + j], total)

    return backward


def _backward(dy, y, logarithm):
    dx = empty(y.shape, y.dtype)
    if y.size:
        length = y.shape[-1]
        run = _backward_kernel(y.dtype, logarithm, fits(length))
        launch_rows(run, y.size // length, length, dx, dy, y, y.size // length, length)
    return dx


def softmax_backward(dy, y):
    """dx = y ⊙ (dy − Σ y ⊙ dy)."""
    return _backward(dy, y, False)


def log_softmax_backward(dy, y):
    """dx = dy − exp(y) Σ dy over the entries with y > −∞, and 0 elsewhere."""
    return _backward(dy, y, True)
