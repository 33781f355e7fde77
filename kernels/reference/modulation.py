"""Channels scaled and shifted: feature-wise linear modulation, and the gradient of a rectified bias."""

import numpy as np

__all__ = ["bias_relu_backward", "film", "film_backward"]


def film(x, gamma, beta, relu):
    """y = (1 + γ) x + β, and of that the positive part where relu is asked for."""
    y = _beside(1 + gamma, x) * x + _beside(beta, x)
    return np.maximum(y, 0) if relu else y


def film_backward(dy, x, gamma, y):
    """g = dy, with y only where y > 0;  dx = (1 + γ) g;  dγ = Σ g x;  dβ = Σ g."""
    g = dy if y is None else np.where(y > 0, dy, 0)
    space = tuple(range(2, x.ndim))
    dgamma, dbeta = (v.sum(axis=space) for v in (g * x, g))
    return _beside(1 + gamma, x) * g, dgamma, dbeta


def bias_relu_backward(dy, y):
    """dx = dy where y > 0, else 0;  db = Σ dx of each channel."""
    dx = np.where(y > 0, dy, dy.dtype.type(0))
    return dx, dx.sum(axis=(0, *range(2, dx.ndim)))


def _beside(channels, x):
    """(N, C) → (N, C, 1…)."""
    return channels.reshape(channels.shape + (1,) * (x.ndim - 2))
