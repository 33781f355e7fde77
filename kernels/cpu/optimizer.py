"""The optimizer steps: one pass over memory each, in place.

Every formula is written once, for a range of entries; ``_wide`` gives ranges to threads.
"""

import numpy as np

from ..jit import njit, prange
from .row_loops import dot

__all__ = ["sgd_step", "adam_step", "adagrad_step", "clip_global_norm"]

SMALL = 1 << 16
"""Below so many entries one thread is quicker than waking the others."""

CHUNK = 1 << 14
"""Entries that are summed together. Chunks are added in order, so a sum does not depend on threads."""


def sgd_step(param, grad, buffer, lr, momentum, dampening, weight_decay, nesterov, first):
    """v = g if first else μ·v + (1 − dampening)·g;  param −= lr · (g + μ·v if nesterov else v)."""
    if buffer is None:
        lr, weight_decay = _like(param, lr, weight_decay)
        _run(param, _sgd, _sgd_wide, _flat(param), _flat(grad), lr, weight_decay)
        return
    keep, take = (0, 1) if first else (momentum, 1 - dampening)
    direct, through = (1, momentum) if nesterov else (0, 1)
    numbers = _like(param, lr, keep, take, weight_decay, direct, through)
    _run(param, _momentum, _momentum_wide, _flat(param), _flat(grad), _flat(buffer), bool(first), *numbers)


def adam_step(param, grad, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²;  param −= lr · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + eps)."""
    shrink, decay = (1 - lr * weight_decay, 0) if decoupled else (1, weight_decay)
    rate, scale = lr / (1 - beta1**step), 1 / (1 - beta2**step)
    numbers = _like(param, rate, scale, beta1, 1 - beta1, beta2, 1 - beta2, eps, shrink, decay)
    _run(param, _adam, _adam_wide, _flat(param), _flat(grad), _flat(m), _flat(v), *numbers)


def adagrad_step(param, grad, total, lr, eps, weight_decay):
    """total += g²;  param −= lr · g / (√total + eps)."""
    numbers = _like(param, lr, eps, weight_decay)
    _run(param, _adagrad, _adagrad_wide, _flat(param), _flat(grad), _flat(total), *numbers)


def clip_global_norm(grads, max_norm):
    """All grads times min(1, max_norm / (‖·‖ + 1e-6)) → ‖·‖ before, new grads; sums in float64."""
    total = 0.0
    for g in grads:
        partial = np.zeros(-(-g.size // CHUNK))
        (_squares if g.size < SMALL else _squares_wide)(_flat(g), partial)
        for part in partial.tolist():
            total += part
    norm = total**0.5
    factor = min(1.0, max_norm / (norm + 1e-6)) if np.isfinite(norm) else 1.0
    dtype = grads[0].dtype if grads else np.float32
    return np.array(norm, dtype), [np.array(g * g.dtype.type(factor), g.dtype) for g in grads]


def _flat(x):
    return x.reshape(-1)  # a view: every array is contiguous


def _like(x, *numbers):
    """The numbers in the dtype of x, lest float32 be computed in float64."""
    return tuple(x.dtype.type(n) for n in numbers)


def _run(param, narrow, wide, *arguments):
    if param.size < SMALL:
        narrow(0, param.size, *arguments)
    else:
        wide(*arguments)


@njit
def _sgd(start, stop, param, grad, lr, decay):
    for i in range(start, stop):
        param[i] -= lr * (grad[i] + decay * param[i])


@njit
def _momentum(start, stop, param, grad, buffer, first, lr, keep, take, decay, direct, through):
    for i in range(start, stop):
        g = grad[i] + decay * param[i]
        v = g if first else keep * buffer[i] + take * g
        buffer[i] = v
        param[i] -= lr * (direct * g + through * v)


@njit
def _adam(start, stop, param, grad, m, v, rate, scale, beta1, rest1, beta2, rest2, eps, shrink, decay):
    for i in range(start, stop):
        p = param[i] * shrink
        g = grad[i] + decay * p
        m[i] = beta1 * m[i] + rest1 * g
        v[i] = beta2 * v[i] + rest2 * (g * g)
        param[i] = p - rate * m[i] / (np.sqrt(v[i] * scale) + eps)


@njit
def _adagrad(start, stop, param, grad, total, lr, eps, decay):
    for i in range(start, stop):
        g = grad[i] + decay * param[i]
        total[i] += g * g
        param[i] -= lr * g / (np.sqrt(total[i]) + eps)


@njit
def _squares(x, partial):
    for c in range(partial.size):
        chunk = x[c * CHUNK : (c + 1) * CHUNK]
        partial[c] = dot(chunk, chunk)


@njit(parallel=True)
def _squares_wide(x, partial):
    for c in prange(partial.size):
        chunk = x[c * CHUNK : (c + 1) * CHUNK]
        partial[c] = dot(chunk, chunk)


@njit(parallel=True)
def _sgd_wide(param, grad, lr, decay):
    for c in prange(-(-param.size // CHUNK)):
        _sgd(c * CHUNK, min(param.size, (c + 1) * CHUNK), param, grad, lr, decay)


@njit(parallel=True)
def _momentum_wide(param, grad, buffer, first, lr, keep, take, decay, direct, through):
    for c in prange(-(-param.size // CHUNK)):
        start, stop = c * CHUNK, min(param.size, (c + 1) * CHUNK)
        _momentum(start, stop, param, grad, buffer, first, lr, keep, take, decay, direct, through)


@njit(parallel=True)
def _adam_wide(param, grad, m, v, rate, scale, beta1, rest1, beta2, rest2, eps, shrink, decay):
    for c in prange(-(-param.size // CHUNK)):
        start, stop = c * CHUNK, min(param.size, (c + 1) * CHUNK)
        _adam(start, stop, param, grad, m, v, rate, scale, beta1, rest1, beta2, rest2, eps, shrink, decay)


@njit(parallel=True)
def _adagrad_wide(param, grad, total, lr, eps, decay):
    for c in prange(-(-param.size // CHUNK)):
        _adagrad(c * CHUNK, min(param.size, (c + 1) * CHUNK), param, grad, total, lr, eps, decay)
