"""One normalization for batch, layer, group, instance and RMS norm: only the averaged axes differ."""

import numpy as np

__all__ = ["normalize", "normalize_backward"]


def normalize(x, weight, bias, eps, across_batch, center):
    """y = (x − μ) · r · weight + bias with r = 1/√(σ² + eps); sums in float64."""
    axes = (0, 2, 3) if across_batch else (2, 3)
    mean = x.mean(axes, dtype=np.float64, keepdims=True) * center
    variance = ((x - mean) ** 2).mean(axes, dtype=np.float64, keepdims=True)
    rstd = 1 / np.sqrt(variance + eps)
    y = (x - mean) * rstd
    if weight is not None:
        y = y * _by_channel(weight, x)
    if bias is not None:
        y = y + _by_channel(bias, x)
    return y.astype(x.dtype, copy=False), _pair(mean, x), _pair(rstd, x)


def normalize_backward(dy, x, weight, mean, rstd, across_batch, center):
    """x̂ = (x−μ)·r;  g = dy ⊙ weight;  dx = r · (g − mean(g) − x̂ · mean(g ⊙ x̂)).

    Without centring there is no mean(g): the mean of x was not taken away.
    """
    axes = (0, 2, 3) if across_batch else (2, 3)
    mean, rstd = mean[:, :, None, None].astype(np.float64), rstd[:, :, None, None].astype(np.float64)
    x_hat = (x - mean) * rstd
    g = dy if weight is None else dy * _by_channel(weight, x)
    dx = g - x_hat * (g * x_hat).mean(axes, keepdims=True)
    if center:
        dx = dx - g.mean(axes, dtype=np.float64, keepdims=True)
    dx = rstd * dx
    dweight = (dy * x_hat).sum((0, 3)).reshape(-1)
    dbias = dy.sum((0, 3), dtype=np.float64).reshape(-1)
    return tuple(a.astype(x.dtype, copy=False) for a in (dx, dweight, dbias))


def _by_channel(parameter, x):
    """(G·K,) → (G, K, 1), beside x (B, G, K, L)."""
    return parameter.reshape(x.shape[1], x.shape[2], 1)


def _pair(statistic, x):
    """(B or 1, G, 1, 1) → (B or 1, G) in the dtype of x."""
    return statistic[:, :, 0, 0].astype(x.dtype)
