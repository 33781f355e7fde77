"""The optimizer steps: one pass over memory each, in place, a vector at a time.

Equal to ``reference/optimizer.py``, entry by entry, in the dtype of the parameter. Memory is the whole cost:
the largest error of a float32 step against float64 is 2e-7 of the largest entry.
"""

import numpy as np

from ..jit import njit
from ..pool import parallel
from .row_loops import dot
from .rows import load_some, sqrt, step, store_some
from .simd import LANES

if LANES:
    from .simd import fma, splat, total, widen

__all__ = ["sgd_step", "adam_step", "adagrad_step", "clip_global_norm"]

CHUNK = 1 << 14
"""Entries of one task, and those that are summed together: the order of addition is that of the chunks."""


def sgd_step(param, grad, buffer, lr, momentum, dampening, weight_decay, nesterov, first):
    """v = g if first else μ·v + (1 − dampening)·g;  param −= lr · (g + μ·v if nesterov else v)."""
    if buffer is None:
        _sgd(_tasks(param), _flat(param), _flat(grad), float(lr), float(weight_decay))
        return
    keep, take = (0.0, 1.0) if first else (float(momentum), 1.0 - dampening)
    direct, through = (1.0, float(momentum)) if nesterov else (0.0, 1.0)
    arrays = (_flat(param), _flat(grad), _flat(buffer))
    _momentum(
        _tasks(param), *arrays, bool(first), float(lr), keep, take, float(weight_decay), direct, through
    )


def adam_step(param, grad, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²;  param −= lr · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + eps)."""
    shrink, decay = (1.0 - lr * weight_decay, 0.0) if decoupled else (1.0, float(weight_decay))
    rate, scale = float(lr) / (1 - beta1**step), 1.0 / (1 - beta2**step)
    moments = (float(beta1), 1.0 - beta1, float(beta2), 1.0 - beta2)
    arrays = (_flat(param), _flat(grad), _flat(m), _flat(v))
    _adam(_tasks(param), *arrays, rate, scale, *moments, float(eps), shrink, decay)


def adagrad_step(param, grad, total, lr, eps, weight_decay):
    """total += g²;  param −= lr · g / (√total + eps)."""
    arrays = (_flat(param), _flat(grad), _flat(total))
    _adagrad(_tasks(param), *arrays, float(lr), float(eps), float(weight_decay))


def clip_global_norm(grads, max_norm):
    """All grads times min(1, max_norm / (‖·‖ + 1e-6)) → ‖·‖ before, new grads; sums in float64."""
    counts = [_tasks(g) for g in grads]
    partial, at = np.empty(sum(counts)), 0
    for g, count in zip(grads, counts, strict=True):
        squares = _squares if LANES and g.dtype == np.float32 else _squares_plain
        squares(count, _flat(g), partial[at : at + count])
        at += count
    norm = sum(partial.tolist()) ** 0.5
    factor = min(1.0, max_norm / (norm + 1e-6)) if np.isfinite(norm) else 1.0
    dtype = grads[0].dtype if grads else np.float32
    return np.array(norm, dtype), [_scaled(g, factor, count) for g, count in zip(grads, counts, strict=True)]


def _scaled(g, factor, count):
    y = np.empty_like(g)
    if count < 2:
        return np.multiply(g, g.dtype.type(factor), out=y)
    _scale(count, _flat(g), factor, _flat(y))
    return y


def _flat(x):
    return x.reshape(-1)  # a view: every array is contiguous


def _tasks(x):
    return -(-x.size // CHUNK)


# ── a task is a chunk ────────────────────────────────────────────────────────────────────────────
@njit(forceinline=True)
def _entries(task, x):
    """Where the vectors of the chunk start."""
    return range(task * CHUNK, min(x.size, (task + 1) * CHUNK), step(x))


@parallel
def _sgd(task, param, grad, lr, decay):
    for i in _entries(task, param):
        left = param.size - i
        p = load_some(param, i, left)
        store_some(param, i, left, p - (load_some(grad, i, left) + p * decay) * lr)


@parallel
def _momentum(task, param, grad, buffer, first, lr, keep, take, decay, direct, through):
    for i in _entries(task, param):
        left = param.size - i
        p = load_some(param, i, left)
        g = load_some(grad, i, left) + p * decay
        v = g if first else load_some(buffer, i, left) * keep + g * take
        store_some(buffer, i, left, v)
        store_some(param, i, left, p - (g * direct + v * through) * lr)


@parallel
def _adam(task, param, grad, m, v, rate, scale, beta1, rest1, beta2, rest2, eps, shrink, decay):
    for i in _entries(task, param):
        left = param.size - i
        p = load_some(param, i, left) * shrink
        g = load_some(grad, i, left) + p * decay
        new_m = load_some(m, i, left) * beta1 + g * rest1
        new_v = load_some(v, i, left) * beta2 + g * g * rest2
        store_some(m, i, left, new_m)
        store_some(v, i, left, new_v)
        store_some(param, i, left, p - new_m * rate / (sqrt(new_v * scale) + eps))


@parallel
def _adagrad(task, param, grad, total, lr, eps, decay):
    for i in _entries(task, param):
        left = param.size - i
        p = load_some(param, i, left)
        g = load_some(grad, i, left) + p * decay
        new_total = load_some(total, i, left) + g * g
        store_some(total, i, left, new_total)
        store_some(param, i, left, p - g * lr / (sqrt(new_total) + eps))


@parallel
def _scale(task, x, factor, y):
    for i in _entries(task, x):
        store_some(y, i, x.size - i, load_some(x, i, x.size - i) * factor)


@parallel
def _squares(task, x, partial):
    """Σ x² of a chunk of float32: every product exact, every sum in float64."""
    low, high = widen(splat(x, 0))
    for i in _entries(task, x):
        a, b = widen(load_some(x, i, x.size - i))
        low, high = fma(a, a, low), fma(b, b, high)
    partial[task] = total(low + high)


@parallel
def _squares_plain(task, x, partial):
    chunk = x[task * CHUNK : (task + 1) * CHUNK]
    partial[task] = dot(chunk, chunk)
