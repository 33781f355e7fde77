"""Feature-wise linear modulation and a rectified bias, composed. Equal to ``reference/modulation.py``."""

from .elementwise import map as apply
from .reduce import reduce

__all__ = ["bias_relu_backward", "film", "film_backward"]


def film(x, gamma, beta, relu):
    """y = (1 + γ) x + β, and of that the positive part where relu is asked for."""
    y = apply("add", apply("mul", _beside(apply("add", gamma, 1.0), x), x), _beside(beta, x))
    return apply("relu", y) if relu else y


def film_backward(dy, x, gamma, y):
    """g = dy, with y only where y > 0;  dx = (1 + γ) g;  dγ = Σ g x;  dβ = Σ g."""
    g = dy if y is None else apply("relu_backward", dy, y)
    space = tuple(range(2, x.ndim))
    dgamma, dbeta = (reduce("sum", v, space, False) for v in (apply("mul", g, x), g))
    return apply("mul", _beside(apply("add", gamma, 1.0), x), g), dgamma, dbeta


def bias_relu_backward(dy, y):
    """dx = dy where y > 0, else 0;  db = Σ dx of each channel."""
    dx = apply("relu_backward", dy, y)
    return dx, reduce("sum", dx, (0, *range(2, dx.ndim)), False)


def _beside(channels, x):
    """(N, C) → (N, C, 1…)."""
    return channels.reshape(tuple(channels.shape) + (1,) * (x.ndim - 2))
