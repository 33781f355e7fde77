"""The nonlinearities as modules; their formulas are in ``ops.activation``."""

from .. import ops
from .check import positive
from .init import constant_
from .linear import zeros
from .module import Module

__all__ = [
    "CELU", "ELU", "GELU", "GLU", "Hardsigmoid", "Hardswish", "Hardtanh", "LeakyReLU", "LogSigmoid",
    "LogSoftmax", "Mish", "PReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid", "Softmax", "Softplus",
    "Softsign", "Tanh",
]  # fmt: skip


class ReLU(Module):
    """y = max(x, 0)."""

    def forward(self, x):
        return ops.relu(x)


class ReLU6(Module):
    """y = min(max(x, 0), 6)."""

    def forward(self, x):
        return ops.relu6(x)


class Sigmoid(Module):
    """y = 1 / (1 + e^−x)."""

    def forward(self, x):
        return ops.sigmoid(x)


class Tanh(Module):
    """y = tanh x."""

    def forward(self, x):
        return ops.tanh(x)


class Softplus(Module):
    """y = log(1 + e^x)."""

    def forward(self, x):
        return ops.softplus(x)


class Softsign(Module):
    """y = x / (1 + |x|)."""

    def forward(self, x):
        return ops.softsign(x)


class SiLU(Module):
    """y = x σ(x)  (Elfwing et al., 2018)."""

    def forward(self, x):
        return ops.silu(x)


class Mish(Module):
    """y = x tanh(log(1 + e^x))  (Misra, 2020)."""

    def forward(self, x):
        return ops.mish(x)


class SELU(Module):
    """y = γ (x if x > 0 else α (e^x − 1)): keeps mean 0 and variance 1 (Klambauer et al., 2017)."""

    def forward(self, x):
        return ops.selu(x)


class Hardsigmoid(Module):
    """y = min(max(x/6 + 1/2, 0), 1)."""

    def forward(self, x):
        return ops.hard_sigmoid(x)


class Hardswish(Module):
    """y = x · min(max(x/6 + 1/2, 0), 1)  (Howard et al., 2019)."""

    def forward(self, x):
        return ops.hard_swish(x)


class LogSigmoid(Module):
    """y = −log(1 + e^−x)."""

    def forward(self, x):
        return ops.log_sigmoid(x)


class Hardtanh(Module):
    """y = min(max(x, min_val), max_val)."""

    def __init__(self, min_val=-1.0, max_val=1.0):
        if not min_val < max_val:
            raise ValueError(f"Hardtanh: min_val must be below max_val, got {min_val} and {max_val}")
        self.min_val, self.max_val = min_val, max_val

    def forward(self, x):
        return ops.hard_tanh(x, min=self.min_val, max=self.max_val)

    def extra_repr(self):
        return f"min_val={self.min_val}, max_val={self.max_val}"


class GELU(Module):
    """y = x Φ(x)  (Hendrycks & Gimpel, 2016); ``approximate="tanh"`` for the formula with tanh."""

    def __init__(self, approximate="none"):
        if approximate not in ("none", "tanh"):
            raise ValueError(f"GELU: approximate must be 'none' or 'tanh', got {approximate!r}")
        self.approximate = approximate

    def forward(self, x):
        return ops.gelu(x, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class ELU(Module):
    """y = x if x > 0 else α (e^x − 1)  (Clevert et al., 2016)."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def forward(self, x):
        return ops.elu(x, alpha=self.alpha)

    def extra_repr(self):
        return f"alpha={self.alpha}"


class CELU(Module):
    """y = max(x, 0) + min(α (e^(x/α) − 1), 0)  (Barron, 2017)."""

    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def forward(self, x):
        return ops.celu(x, alpha=self.alpha)

    def extra_repr(self):
        return f"alpha={self.alpha}"


class LeakyReLU(Module):
    """y = x if x > 0 else slope · x  (Maas et al., 2013)."""

    def __init__(self, negative_slope=0.01):
        self.negative_slope = negative_slope

    def forward(self, x):
        return ops.leaky_relu(x, negative_slope=self.negative_slope)

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}"


class PReLU(Module):
    """y = x if x > 0 else a_c x, with a learnt, one for all or one a channel c (He et al., 2015).

    Shapes     x (B, C, S…), weight (1,) or (C,) → y (B, C, S…)
    """

    def __init__(self, num_parameters=1, init=0.25):
        positive(self, num_parameters=num_parameters)
        self.num_parameters, self.init = num_parameters, init
        self.weight = zeros(num_parameters)
        self.reset_parameters()

    def reset_parameters(self, generator=None):
        """Back to the initial slope."""
        constant_(self.weight, self.init)

    def forward(self, x):
        if self.num_parameters > 1 and (x.ndim < 2 or x.shape[1] != self.num_parameters):
            raise ValueError(
                f"PReLU: x has shape {tuple(x.shape)}, expected (…, {self.num_parameters}, …) with channels "
                "on axis 1"
            )
        return ops.prelu(x, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class GLU(Module):
    """y = a ⊙ σ(b), where x is [a; b] along an axis (Dauphin et al., 2017)."""

    def __init__(self, dim=-1):
        self.dim = dim

    def forward(self, x):
        return ops.glu(x, axis=self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax(Module):
    """y = e^x / Σ e^x along an axis."""

    def __init__(self, dim=-1):
        self.dim = dim

    def forward(self, x, mask=None):
        return ops.softmax(x, mask, axis=self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Module):
    """y = x − log Σ e^x along an axis."""

    def __init__(self, dim=-1):
        self.dim = dim

    def forward(self, x, mask=None):
        return ops.log_softmax(x, mask, axis=self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"
