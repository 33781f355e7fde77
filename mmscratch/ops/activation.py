"""Activations: the nonlinear functions between layers."""

from .. import kernels
from ..autograd import primitive
from . import arithmetic, shape
from .broadcast import floor_of, normalize_axis
from .check import check_arrays, check_number
from .comparison import greater
from .elementary import as_float, neg

__all__ = [
    "relu", "relu6", "sigmoid", "log_sigmoid", "tanh", "softplus", "gelu", "silu", "mish", "elu", "selu",
    "celu", "leaky_relu", "prelu", "hard_sigmoid", "hard_swish", "hard_tanh", "softsign", "tanhshrink",
    "threshold", "glu",
]  # fmt: skip


@primitive
def relu(x):
    """The rectifier (Nair & Hinton, 2010).

    Forward    y = max(x, 0)
    Backward   ∂L/∂x = ∂L/∂y where y > 0, else 0 (at 0 too)
    Shapes     x (…) → y (…)
    """
    k = floor_of("relu", x)
    y = k.map("relu", x)
    return y, lambda dy: k.map("relu_backward", dy, y)


def relu6(x):
    """The rectifier capped at 6; composed.

    Forward    y = min(max(x, 0), 6)
    Shapes     x (…) → y (…)
    """
    check_arrays("relu6", x=x)
    return arithmetic.clip(x, min=0, max=6)


@primitive
def sigmoid(x):
    """The logistic function.

    Forward    y = σ(x) = 1 / (1 + e⁻ˣ)
    Backward   ∂L/∂x = ∂L/∂y ⊙ y (1 − y)
    Shapes     x (…) → y (…)
    """
    x = as_float("sigmoid", x)
    k = kernels.of(x)
    y = k.map("sigmoid", x)
    return y, lambda dy: k.map("sigmoid_backward", dy, y)


def log_sigmoid(x):
    """Logarithm of the logistic function, without underflow; composed of softplus.

    Forward    y = log σ(x) = −softplus(−x)
    Shapes     x (…) → y (…)
    """
    check_arrays("log_sigmoid", x=x)
    return neg(softplus(neg(x)))


@primitive
def tanh(x):
    """Hyperbolic tangent.

    Forward    y = tanh x
    Backward   ∂L/∂x = ∂L/∂y ⊙ (1 − y²)
    Shapes     x (…) → y (…)
    """
    x = as_float("tanh", x)
    k = kernels.of(x)
    y = k.map("tanh", x)
    return y, lambda dy: k.map("tanh_backward", dy, y)


@primitive
def softplus(x):
    """A smooth rectifier (Dugas et al., 2001).

    Forward    y = log(1 + eˣ)
    Backward   ∂L/∂x = ∂L/∂y ⊙ σ(x)
    Shapes     x (…) → y (…)
    Note       as max(x, 0) + log(1 + e^−|x|), so that nothing overflows
    """
    x = as_float("softplus", x)
    k = kernels.of(x)
    return k.map("softplus", x), lambda dy: k.map("softplus_backward", dy, x)


@primitive
def gelu(x, *, approximate="none"):
    """Gaussian error linear unit (Hendrycks & Gimpel, 2016).

    Forward    y = x Φ(x), or with approximate="tanh" y = ½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))
    Backward   ∂L/∂x = ∂L/∂y ⊙ (Φ(x) + x φ(x)), or the derivative of the approximation
    Shapes     x (…) → y (…)
    Errors     ValueError for another value of approximate
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}")
    formula = "gelu" if approximate == "none" else "gelu_tanh"
    x = as_float("gelu", x)
    k = kernels.of(x)
    return k.map(formula, x), lambda dy: k.map(formula + "_backward", dy, x)


@primitive
def silu(x):
    """Sigmoid-weighted unit, "swish" (Elfwing et al., 2018; Ramachandran et al., 2017).

    Forward    y = x σ(x)
    Backward   ∂L/∂x = ∂L/∂y ⊙ σ(x) (1 + x (1 − σ(x)))
    Shapes     x (…) → y (…)
    """
    x = as_float("silu", x)
    k = kernels.of(x)
    return k.map("silu", x), lambda dy: k.map("silu_backward", dy, x)


@primitive
def mish(x):
    """Mish (Misra, 2020).

    Forward    y = x t, t = tanh(softplus(x))
    Backward   ∂L/∂x = ∂L/∂y ⊙ (t + x (1 − t²) σ(x))
    Shapes     x (…) → y (…)
    """
    x = as_float("mish", x)
    k = kernels.of(x)
    return k.map("mish", x), lambda dy: k.map("mish_backward", dy, x)


@primitive
def elu(x, *, alpha=1.0):
    """Exponential linear unit (Clevert et al., 2016).

    Forward    y = x where x > 0, else α (eˣ − 1)
    Backward   ∂L/∂x = ∂L/∂y where x > 0, else ∂L/∂y ⊙ α eˣ
    Shapes     x (…) → y (…)
    """
    x = as_float("elu", x)
    check_number("elu", "alpha", alpha)
    k = kernels.of(x)
    return k.map("elu", x, float(alpha)), lambda dy: k.map("elu_backward", dy, x, float(alpha))


@primitive
def selu(x, *, alpha=1.6732632423543772, gamma=1.0507009873554805):
    """Scaled exponential linear unit (Klambauer et al., 2017): its defaults keep mean 0 and variance 1.

    Forward    y = γ x where x > 0, else γ α (eˣ − 1)
    Backward   ∂L/∂x = γ ∂L/∂y where x > 0, else ∂L/∂y ⊙ γ α eˣ
    Shapes     x (…) → y (…)
    """
    x = as_float("selu", x)
    check_number("selu", "alpha", alpha)
    check_number("selu", "gamma", gamma)
    k = kernels.of(x)
    return k.map("selu", x, float(alpha), float(gamma)), lambda dy: k.map(
        "selu_backward", dy, x, float(alpha), float(gamma)
    )


def celu(x, *, alpha=1.0):
    """Continuously differentiable exponential unit (Barron, 2017); composed of elu.

    Forward    y = x where x > 0, else α (e^(x/α) − 1)
    Shapes     x (…) → y (…)
    """
    check_arrays("celu", x=x)
    check_number("celu", "alpha", alpha)
    if not alpha:
        raise ValueError(f"celu: alpha must not be 0, got {alpha!r}")
    return arithmetic.mul(elu(arithmetic.div(x, float(alpha))), float(alpha))


@primitive
def leaky_relu(x, *, negative_slope=0.01):
    """A rectifier that leaks (Maas et al., 2013).

    Forward    y = x where x > 0, else a x
    Backward   ∂L/∂x = ∂L/∂y where x > 0, else a ∂L/∂y
    Shapes     x (…) → y (…)
    """
    x = as_float("leaky_relu", x)
    check_number("leaky_relu", "negative_slope", negative_slope)
    k = kernels.of(x)
    slope = float(negative_slope)
    return k.map("leaky_relu", x, slope), lambda dy: k.map("leaky_relu_backward", dy, x, slope)


def prelu(x, weight):
    """A rectifier with a learned leak (He et al., 2015), one a channel (axis 1) or one for all; composed.

    Forward    y = max(x, 0) + a ⊙ min(x, 0)
    Shapes     x (B, C, …), weight (C,) or (1,) → y (B, C, …)
    Errors     ValueError where weight is neither of one entry nor of one a channel
    """
    check_arrays("prelu", x=x, weight=weight)
    if weight.ndim > 1 or (weight.size != 1 and (x.ndim < 2 or weight.shape[0] != x.shape[1])):
        raise ValueError(
            f"prelu: weight must have 1 entry or one for each channel (axis 1 of x), "
            f"got weight {tuple(weight.shape)} and x {tuple(x.shape)}"
        )
    spread = (weight.size,) + (1,) * (x.ndim - 2) if weight.size != 1 else ()
    leak = arithmetic.mul(shape.reshape(weight, shape=spread), arithmetic.minimum(x, 0.0))
    return arithmetic.add(relu(x), leak)


@primitive
def hard_sigmoid(x, *, slope=1 / 6, offset=0.5):
    """A sigmoid made of three straight pieces (Howard et al., 2019).

    Forward    y = min(max(slope · x + offset, 0), 1)
    Backward   ∂L/∂x = slope · ∂L/∂y where 0 < y < 1, else 0
    Shapes     x (…) → y (…)
    """
    x = as_float("hard_sigmoid", x)
    check_number("hard_sigmoid", "slope", slope)
    check_number("hard_sigmoid", "offset", offset)
    k = kernels.of(x)
    slope, offset = float(slope), float(offset)
    return k.map("hard_sigmoid", x, slope, offset), lambda dy: k.map(
        "hard_sigmoid_backward", dy, x, slope, offset
    )


def hard_swish(x):
    """x times its hard sigmoid (Howard et al., 2019); composed.

    Forward    y = x · min(max(x/6 + ½, 0), 1)
    Shapes     x (…) → y (…)
    """
    check_arrays("hard_swish", x=x)
    return arithmetic.mul(x, hard_sigmoid(x))


def hard_tanh(x, *, min=-1.0, max=1.0):
    """x held between two numbers; composed of clip.

    Forward    y = min(max(x, min), max)
    Shapes     x (…) → y (…)
    """
    check_arrays("hard_tanh", x=x)
    check_number("hard_tanh", "min", min)
    check_number("hard_tanh", "max", max)
    return arithmetic.clip(x, min=min, max=max)


@primitive
def softsign(x):
    """Softsign (Bergstra et al., 2009).

    Forward    y = x / (1 + |x|)
    Backward   ∂L/∂x = ∂L/∂y / (1 + |x|)²
    Shapes     x (…) → y (…)
    """
    x = as_float("softsign", x)
    k = kernels.of(x)
    return k.map("softsign", x), lambda dy: k.map("softsign_backward", dy, x)


def tanhshrink(x):
    """What tanh takes away; composed.

    Forward    y = x − tanh x
    Shapes     x (…) → y (…)
    """
    check_arrays("tanhshrink", x=x)
    return arithmetic.sub(x, tanh(x))


def threshold(x, *, threshold=1.0, value=0.0):
    """Entries above a threshold, the others replaced; composed of where.

    Forward    y = x where x > threshold, else value
    Shapes     x (…) → y (…)
    """
    check_arrays("threshold", x=x)
    check_number("threshold", "threshold", threshold)
    check_number("threshold", "value", value)
    return arithmetic.where(greater(x, threshold), x, float(value))


def glu(x, *, axis=-1):
    """Gated linear unit (Dauphin et al., 2017); composed.

    Forward    y = a ⊙ σ(b), a and b the two halves of x along axis
    Shapes     x (…) → y (…)
    Errors     ValueError where the axis has an odd size
    """
    check_arrays("glu", x=x)
    axis = normalize_axis("glu", axis, x.ndim)
    if x.shape[axis] % 2:
        raise ValueError(f"glu: axis {axis} of x {tuple(x.shape)} must have an even size")
    a, b = shape.split(x, sizes=x.shape[axis] // 2, axis=axis) if x.shape[axis] else (x, x)
    return arithmetic.mul(a, sigmoid(b))
