"""The optimizer steps, in place, and clipping by the global norm."""

import numpy as np

__all__ = ["sgd_step", "adam_step", "adagrad_step", "clip_global_norm"]


def sgd_step(param, grad, buffer, lr, momentum, dampening, weight_decay, nesterov, first):
    """v = g if first else μ·v + (1 − dampening)·g;  param −= lr · (g + μ·v if nesterov else v)."""
    g = grad + weight_decay * param
    if buffer is None:
        v = g
    else:
        buffer[...] = g if first else momentum * buffer + (1 - dampening) * g
        v = buffer
    param -= lr * (g + momentum * v if nesterov else v)


def adam_step(param, grad, m, v, lr, beta1, beta2, eps, weight_decay, decoupled, step):
    """m = β₁m + (1−β₁)g;  v = β₂v + (1−β₂)g²;  param −= lr · (m/(1−β₁ᵗ)) / (√(v/(1−β₂ᵗ)) + eps)."""
    if decoupled:
        param -= lr * weight_decay * param
        g = grad
    else:
        g = grad + weight_decay * param
    m[...] = beta1 * m + (1 - beta1) * g
    v[...] = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**step)
    v_hat = v / (1 - beta2**step)
    param -= lr * m_hat / (np.sqrt(v_hat) + eps)


def adagrad_step(param, grad, total, lr, eps, weight_decay):
    """total += g²;  param −= lr · g / (√total + eps)."""
    g = grad + weight_decay * param
    total += g**2
    param -= lr * g / (np.sqrt(total) + eps)


def clip_global_norm(grads, max_norm):
    """All grads times min(1, max_norm / (‖·‖ + 1e-6)) → ‖·‖ before, new grads; sums in float64."""
    norm = np.sqrt(sum((np.square(g, dtype=np.float64).sum() for g in grads), np.float64(0)))
    factor = min(1.0, max_norm / (float(norm) + 1e-6)) if np.isfinite(norm) else 1.0
    dtype = grads[0].dtype if grads else np.float32
    return np.array(norm, dtype), [np.array(g * factor, g.dtype) for g in grads]
