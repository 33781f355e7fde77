"""The optimizer steps, in place, and clipping by the global norm. Equal to ``reference.optimizer``.

One pass over the parameter and its state: each entry is one thread's from beginning to end.
"""

import numpy as np

from .elementwise import full
from .launch import BLOCK, SIMULATOR, cached, cuda, kernel, launch_blocks, launch_each, math, row_sum, smaller
from .memory import empty

__all__ = ["adagrad_step", "adam_step", "clip_global_norm", "sgd_step"]

CHUNK = 8 if SIMULATOR else 1 << 14
"""Entries whose squares one block sums."""


@kernel
def _sgd(param, grad, buffer, count, lr, momentum, fresh, decay, nesterov, buffered, first):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        g = grad[i] + decay * param[i]
        v = g
        if buffered:
            if not first:
                v = momentum * buffer[i] + fresh * g
            buffer[i] = v
        param[i] -= lr * (g + momentum * v if nesterov else v)


@kernel
def _adam(param, grad, m, v, count, lr, beta1, rest1, beta2, rest2, eps, shrink, decay, m_scale, v_scale):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        p = param[i] - shrink * param[i]
        g = grad[i] + decay * p
        m_new = beta1 * m[i] + rest1 * g
        v_new = beta2 * v[i] + rest2 * g * g
        m[i] = m_new
        v[i] = v_new
        param[i] = p - lr * (m_new / m_scale) / (math.sqrt(v_new / v_scale) + eps)


@kernel
def _adagrad(param, grad, total, count, lr, eps, decay):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        g = grad[i] + decay * param[i]
        sum_new = total[i] + g * g
        total[i] = sum_new
        param[i] -= lr * g / (math.sqrt(sum_new) + eps)


def _numbers(param, *values):
    """Python numbers in the dtype of the parameter, so that float32 stays float32."""
    return [param.dtype.type(v) for v in values]


def sgd_step(param, grad, buffer, lr, momentum, dampening, weight_decay, nesterov, first):
    """v = g if first else μ·v + (1 − dampening)·g;  param −= lr · (g + μ·v if nesterov else v)."""
    lr, momentum, fresh, decay = _numbers(param, lr, momentum, 1 - dampening, weight_decay)
    flags = (bool(nesterov), buffer is not None, bool(first))
    state = param if buffer is None else buffer
    launch_each(_sgd, param.size, param, grad, state, param.size, lr, momentum, fresh, decay, *flags)


def adam_step(param, grad, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²;  param −= lr · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + eps)."""
    shrink, decay = (lr * weight_decay, 0.0) if decoupled else (0.0, weight_decay)
    scales = (1 - beta1**step, 1 - beta2**step)
    numbers = _numbers(param, lr, beta1, 1 - beta1, beta2, 1 - beta2, eps, shrink, decay, *scales)
    launch_each(_adam, param.size, param, grad, m, v, param.size, *numbers)


def adagrad_step(param, grad, total, lr, eps, weight_decay):
    """total += g²;  param −= lr · g / (√total + eps)."""
    launch_each(_adagrad, param.size, param, grad, total, param.size, *_numbers(param, lr, eps, weight_decay))


# ── clipping: nothing comes back to the host ─────────────────────────────────────────────────────
@kernel
def _squares(partial, slot, x, count, chunk, parts):
    """partial[slot + part] = Σ x² over one chunk, in float64."""
    scratch = cuda.shared.array(BLOCK, np.float64)
    for part in range(cuda.blockIdx.x, parts, cuda.gridDim.x):
        total = np.float64(0)
        for i in range(part * chunk + cuda.threadIdx.x, smaller(count, (part + 1) * chunk), cuda.blockDim.x):
            total += np.float64(x[i]) * np.float64(x[i])
        total = row_sum(scratch, total)
        if cuda.threadIdx.x == 0:
            partial[slot + part] = total


@kernel
def _norm(norm, factor, partial, slots, max_norm):
    """One block: ‖·‖ = √Σ partial, and min(1, max_norm / (‖·‖ + 1e-6)), or 1 where ‖·‖ is not finite."""
    scratch = cuda.shared.array(BLOCK, np.float64)
    total = np.float64(0)
    for i in range(cuda.threadIdx.x, slots, cuda.blockDim.x):
        total += partial[i]
    total = math.sqrt(row_sum(scratch, total))
    if cuda.threadIdx.x == 0:
        norm[0] = total
        ratio = max_norm / (total + 1e-6)
        factor[0] = ratio if ratio < 1.0 and total - total == 0.0 else 1.0


@cached
def _scale_kernel(dtype):
    T = dtype.type

    @kernel
    def scale(y, x, factor, count):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            y[i] = x[i] * T(factor[0])

    return scale


def clip_global_norm(grads, max_norm):
    """All grads times min(1, max_norm / (‖·‖ + 1e-6)) → ‖·‖ before (0-d, on the device), new grads.

    The norm stays on the device, so nothing waits. Sums in float64, chunk by chunk in a fixed order.
    """
    if not grads:
        return full((), 0, np.float32), []
    parts = [-(-g.size // CHUNK) for g in grads]
    slots = sum(parts)
    partial, norm, factor = empty((slots,), np.float64), empty((), grads[0].dtype), empty((1,), np.float64)
    slot = 0
    for g, count in zip(grads, parts, strict=True):
        launch_blocks(_squares, count, min(g.size, CHUNK), partial, slot, g, g.size, CHUNK, count)
        slot += count
    launch_blocks(_norm, 1, slots, norm, factor, partial, slots, float(max_norm))
    clipped = [empty(g.shape, g.dtype) for g in grads]
    for y, g in zip(clipped, grads, strict=True):
        launch_each(_scale_kernel(g.dtype), g.size, y, g, factor, g.size)
    return norm, clipped
