"""How parameters begin. Every function draws from a ``Generator`` and replaces a parameter's values.

``fan_in`` is how many inputs each output of a weight (K, C, J…) sums: C·ΠJ; ``fan_out`` is K·ΠJ.
Drawn on the host in the parameter's dtype, so a seed gives the same weights on every floor.
"""

import math

import numpy as np

from .. import random
from .module import like

__all__ = [
    "calculate_gain", "constant_", "fan_in_and_out", "fan_in_uniform_", "kaiming_normal_", "kaiming_uniform_",
    "normal_", "ones_", "orthogonal_", "set_", "trunc_normal_", "uniform_", "xavier_normal_",
    "xavier_uniform_", "zeros_",
]  # fmt: skip


def _generator(generator):
    return random.default_generator if generator is None else generator


def _dtype(parameter):
    return str(parameter.data.dtype)


def set_(parameter, array):
    """The entries of a host array, in the parameter's dtype and on its device."""
    parameter.data = like(parameter, array)
    return parameter


def constant_(parameter, value):
    """Every entry the same value."""
    return set_(parameter, np.full(tuple(parameter.shape), value))


def zeros_(parameter):
    """Every entry 0."""
    return constant_(parameter, 0)


def ones_(parameter):
    """Every entry 1."""
    return constant_(parameter, 1)


def uniform_(parameter, low=0.0, high=1.0, generator=None):
    """Evenly from [low, high)."""
    return set_(
        parameter, _generator(generator).uniform(tuple(parameter.shape), low, high, _dtype(parameter))
    )


def normal_(parameter, mean=0.0, std=1.0, generator=None):
    """From N(mean, std²)."""
    return set_(parameter, _generator(generator).normal(tuple(parameter.shape), mean, std, _dtype(parameter)))


def trunc_normal_(parameter, mean=0.0, std=1.0, low=-2.0, high=2.0, generator=None):
    """From N(mean, std²) restricted to [low, high]: draws outside are drawn again."""
    generator = _generator(generator)
    mass = (
        math.erf((high - mean) / (std * math.sqrt(2))) - math.erf((low - mean) / (std * math.sqrt(2)))
    ) / 2
    if not mass > 1e-3:
        raise ValueError(
            f"trunc_normal_: N({mean}, {std}²) has a share of {mass:.1e} in [{low}, {high}], "
            "expected more than 0.001"
        )
    values = np.empty(math.prod(parameter.shape))
    outside = np.arange(values.size)
    while outside.size:
        values[outside] = generator.normal((outside.size,), mean, std, "float64")
        outside = outside[(values[outside] < low) | (values[outside] > high)]
    return set_(parameter, values.reshape(tuple(parameter.shape)))


def fan_in_and_out(parameter):
    """fan_in = C·ΠJ and fan_out = K·ΠJ of a weight (K, C, J…)."""
    if len(parameter.shape) < 2:
        raise ValueError(f"fan_in_and_out: expected at least two axes, got shape {tuple(parameter.shape)}")
    field = math.prod(parameter.shape[2:])
    return parameter.shape[1] * field, parameter.shape[0] * field


def calculate_gain(nonlinearity, param=None):
    """The factor on the standard deviation that keeps variance through a nonlinearity.

    linear, conv, sigmoid 1 · tanh 5/3 · relu √2 · leaky_relu √(2/(1 + slope²)) · selu 3/4
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return math.sqrt(2 / (1 + slope**2))
    gains = {"linear": 1.0, "conv": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 0.75}
    if nonlinearity not in gains:
        known = ", ".join([*gains, "leaky_relu"])
        raise ValueError(f"calculate_gain: unknown nonlinearity {nonlinearity!r}; known: {known}")
    return gains[nonlinearity]


def xavier_uniform_(parameter, gain=1.0, generator=None):
    """U(−a, a), a = gain·√(6/(fan_in + fan_out))  (Glorot & Bengio, 2010, eq. 16)."""
    bound = gain * math.sqrt(6 / sum(fan_in_and_out(parameter)))
    return uniform_(parameter, -bound, bound, generator)


def xavier_normal_(parameter, gain=1.0, generator=None):
    """N(0, σ²), σ = gain·√(2/(fan_in + fan_out))  (Glorot & Bengio, 2010)."""
    return normal_(parameter, 0.0, gain * math.sqrt(2 / sum(fan_in_and_out(parameter))), generator)


def _kaiming_std(parameter, a, mode, nonlinearity):
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"kaiming: mode must be 'fan_in' or 'fan_out', got {mode!r}")
    fan = fan_in_and_out(parameter)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(parameter, a=0.0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """U(−b, b), b = gain·√(3/fan)  (He, Zhang, Ren & Sun, 2015)."""
    bound = math.sqrt(3) * _kaiming_std(parameter, a, mode, nonlinearity)
    return uniform_(parameter, -bound, bound, generator)


def kaiming_normal_(parameter, a=0.0, mode="fan_in", nonlinearity="leaky_relu", generator=None):
    """N(0, σ²), σ = gain/√fan  (He, Zhang, Ren & Sun, 2015, eq. 10)."""
    return normal_(parameter, 0.0, _kaiming_std(parameter, a, mode, nonlinearity), generator)


def orthogonal_(parameter, gain=1.0, generator=None):
    """gain·Q with orthonormal rows or columns, whichever are fewer, evenly over all such (Saxe et al., 2014).

    Q of the QR factors of a Gaussian matrix, its columns' signs set so that the diagonal of R is positive:
    without that Q would not be evenly distributed (Mezzadri, 2007).
    """
    if len(parameter.shape) < 2:
        raise ValueError(f"orthogonal_: expected at least two axes, got shape {tuple(parameter.shape)}")
    rows, columns = parameter.shape[0], math.prod(parameter.shape[1:])
    gaussian = _generator(generator).normal((max(rows, columns), min(rows, columns)), dtype="float64")
    q, r = np.linalg.qr(gaussian)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return set_(parameter, gain * (q if rows >= columns else q.T).reshape(tuple(parameter.shape)))


def fan_in_uniform_(weight, bias, generator=None):
    """What PyTorch begins linear layers and convolutions with: both U(−1/√fan_in, 1/√fan_in)."""
    kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    if bias is not None:
        bound = 1 / math.sqrt(fan_in_and_out(weight)[0])
        uniform_(bias, -bound, bound, generator)
