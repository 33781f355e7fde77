"""Five normalizations on one kernel: they differ only in the axes that are averaged."""

import math

import numpy as np

from .. import kernels
from ..autograd import Node, no_grad, primitive
from . import arithmetic, elementary
from .check import check_arrays, check_number, check_optional, integers
from .reduction import mean as mean_of
from .reduction import var as var_of
from .shape import reshape

__all__ = [
    "batch_norm", "batch_norm_train", "group_norm", "instance_norm",
    "layer_norm", "layer_norm_twin", "rms_norm",
]  # fmt: skip


@primitive
def batch_norm_train(x, weight=None, bias=None, *, eps=1e-5):
    """Batch normalization by the statistics of the batch (Ioffe & Szegedy, 2015, algorithm 1).

    Forward    y = weight · x̂ + bias, x̂ = (x − μ)/√(σ² + eps);
               μ, σ² (biased) of each channel over batch and space
    Backward   ∂L/∂x = (g − mean(g) − x̂ · mean(g ⊙ x̂))/√(σ² + eps), g = ∂L/∂y · weight (μ, σ² depend on x);
               ∂L/∂weight = Σ ∂L/∂y ⊙ x̂;  ∂L/∂bias = Σ ∂L/∂y
    Shapes     x (B, C) or (B, C, S…), weight, bias (C,) → y like x, mean (C,), variance (C,)
    Errors     ValueError for a rank below 2, a single value a channel, or a weight or bias that does not fit
    Note       mean and variance are given for the running averages; they carry no gradient
    """
    check_arrays("batch_norm_train", x=x)
    check_optional("batch_norm_train", weight=weight, bias=bias)
    _check("batch_norm_train", x, weight, bias, x.shape[1:2], eps)
    _check_count("batch_norm_train", x)
    k = kernels.of(x)
    y, mean, rstd, backward = _normalize(
        k, x, (x.shape[0], x.shape[1], 1, x.size // (x.shape[0] * x.shape[1])), weight, bias, eps, True, True
    )
    variance = k.map("sub", k.map("reciprocal", k.map("square", rstd)), eps)
    variance = k.map("maximum", variance, 0.0)
    return (y, mean.reshape(-1), variance.reshape(-1)), lambda dy, *_: backward(dy)


def batch_norm(
    x, weight=None, bias=None, *, running_mean=None, running_var=None, training=False, momentum=0.1, eps=1e-5
):
    """Batch normalization (Ioffe & Szegedy, 2015), composed: by the batch, or by running averages.

    Forward    ``batch_norm_train`` in training or without running averages;
               else y = (x − m)/√(v + eps) · weight + bias
    Shapes     x (B, C) or (B, C, S…), weight, bias, running_mean m, running_var v (C,) → y like x
    Errors     ValueError where shapes do not fit; TypeError for running averages that are no tensors
    Note       in training the running tensors get new arrays: m ← (1 − momentum)·m + momentum·μ, and v
               likewise with the unbiased variance
    """
    check_arrays("batch_norm", x=x)
    check_optional("batch_norm", weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
    check_number("batch_norm", "momentum", momentum)
    if (running_mean is None) != (running_var is None):
        raise ValueError("batch_norm: running_mean and running_var go together, got only one of them")
    _check("batch_norm", x, weight, bias, x.shape[1:2], eps, running_mean, running_var)
    if training or running_mean is None:
        _check_count("batch_norm", x)
        if training and running_mean is not None:
            _check_tensors(running_mean=running_mean, running_var=running_var)
        y, mean, variance = batch_norm_train(x, weight, bias, eps=eps)
        if running_mean is not None and training:
            count = x.size // x.shape[1]
            _move(running_mean, mean, momentum)
            _move(running_var, arithmetic.mul(variance, count / (count - 1)), momentum)
        return y
    over = (x.shape[1],) + (1,) * (x.ndim - 2)
    scale = elementary.reciprocal(elementary.sqrt(arithmetic.add(running_var, eps)))
    if weight is not None:
        scale = arithmetic.mul(scale, weight)
    shift = elementary.neg(arithmetic.mul(running_mean, scale))
    if bias is not None:
        shift = arithmetic.add(shift, bias)
    return arithmetic.add(arithmetic.mul(x, reshape(scale, shape=over)), reshape(shift, shape=over))


def _check_count(op, x):
    if x.size <= x.shape[1]:
        raise ValueError(
            f"{op}: training needs more than one value a channel, got x {tuple(x.shape)}; "
            "use a larger batch, or training=False"
        )


def _check_tensors(**running):
    for name, x in running.items():
        if not isinstance(x, Node):
            raise TypeError(
                f"batch_norm: {name} must be a tensor in training, for it gets a new array; "
                f"got {type(x).__name__}"
            )


def _move(running, seen, momentum):
    """running ← (1 − momentum) · running + momentum · seen, as a new array in the same tensor."""
    with no_grad():
        kept = arithmetic.mul(running, 1.0 - momentum)
        running.data = arithmetic.add(kept, arithmetic.mul(seen, momentum)).data


@primitive
def layer_norm(x, weight=None, bias=None, *, normalized_shape, eps=1e-5):
    """Layer normalization (Ba, Kiros & Hinton, 2016, eq. 4).

    Forward    y = weight ⊙ x̂ + bias, x̂ = (x − μ)/√(σ² + eps);
               μ, σ² (biased) over the last axes, normalized_shape
    Backward   ∂L/∂x = (g − mean(g) − x̂ · mean(g ⊙ x̂))/√(σ² + eps), g = ∂L/∂y ⊙ weight;
               ∂L/∂weight = Σ ∂L/∂y ⊙ x̂ over the other axes;  ∂L/∂bias = Σ ∂L/∂y
    Shapes     x (…, D…), weight, bias (D…), D… = normalized_shape (an int or several) → y like x
    Errors     ValueError where x does not end in normalized_shape, or weight or bias has another shape
    """
    check_arrays("layer_norm", x=x)
    check_optional("layer_norm", weight=weight, bias=bias)
    shape = _ending("layer_norm", x, normalized_shape)
    _check("layer_norm", x, weight, bias, shape, eps)
    size = math.prod(shape)
    y, _, _, backward = _normalize(
        kernels.of(x), x, (x.size // size if size else 0, 1, size, 1), weight, bias, eps, False, True
    )
    return y, backward


def layer_norm_twin(x, weight=None, bias=None, *, normalized_shape, eps=1e-5):
    """Layer normalization line by line: ``layer_norm`` composed of plain operations.

    Forward    y = weight ⊙ (x − μ)/√(σ² + eps) + bias; μ, σ² (biased) over the last axes, normalized_shape
    Shapes     x (…, D…), weight, bias (D…), D… = normalized_shape → y like x
    """
    check_arrays("layer_norm_twin", x=x)
    check_optional("layer_norm_twin", weight=weight, bias=bias)
    shape = _ending("layer_norm_twin", x, normalized_shape)
    _check("layer_norm_twin", x, weight, bias, shape, eps)
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    centred = arithmetic.sub(x, mean_of(x, axis=axes, keepdims=True))
    variance = var_of(x, axis=axes, keepdims=True, correction=0)
    y = arithmetic.div(centred, elementary.sqrt(arithmetic.add(variance, eps)))
    y = y if weight is None else arithmetic.mul(y, weight)
    return y if bias is None else arithmetic.add(y, bias)


@primitive
def rms_norm(x, weight=None, *, normalized_shape, eps=None):
    """Root mean square normalization (Zhang & Sennrich, 2019, eq. 4).

    Forward    y = weight ⊙ x̂, x̂ = x/√(mean(x²) + eps); the mean over the last axes, normalized_shape
    Backward   ∂L/∂x = (g − x̂ · mean(g ⊙ x̂))/√(mean(x²) + eps), g = ∂L/∂y ⊙ weight; ∂L/∂weight = Σ ∂L/∂y ⊙ x̂
    Shapes     x (…, D…), weight (D…), D… = normalized_shape (an int or several) → y like x
    Errors     ValueError where x does not end in normalized_shape, or weight has another shape
    Note       eps None: the machine epsilon of x's dtype
    """
    check_arrays("rms_norm", x=x)
    check_optional("rms_norm", weight=weight)
    shape = _ending("rms_norm", x, normalized_shape)
    eps = float(np.finfo(x.dtype).eps) if eps is None else eps
    _check("rms_norm", x, weight, None, shape, eps)
    size = math.prod(shape)
    y, _, _, backward = _normalize(
        kernels.of(x), x, (x.size // size if size else 0, 1, size, 1), weight, None, eps, False, False
    )
    return y, lambda dy: backward(dy)[:2]


@primitive
def group_norm(x, weight=None, bias=None, *, num_groups, eps=1e-5):
    """Group normalization (Wu & He, 2018, eq. 7).

    Forward    y = weight · x̂ + bias, x̂ = (x − μ)/√(σ² + eps);
               μ, σ² (biased) of each sample and group of channels
    Backward   ∂L/∂x = (g − mean(g) − x̂ · mean(g ⊙ x̂))/√(σ² + eps), g = ∂L/∂y · weight;
               ∂L/∂weight = Σ ∂L/∂y ⊙ x̂ over batch and space;  ∂L/∂bias = Σ ∂L/∂y
    Shapes     x (B, C, S…), weight, bias (C,) → y like x
    Errors     ValueError where num_groups does not divide C, or weight or bias does not fit
    """
    check_arrays("group_norm", x=x)
    check_optional("group_norm", weight=weight, bias=bias)
    _check("group_norm", x, weight, bias, x.shape[1:2], eps)
    channels = x.shape[1]
    if not isinstance(num_groups, int) or num_groups < 1 or channels % num_groups:
        raise ValueError(
            f"group_norm: num_groups={num_groups!r} must divide the {channels} channels of {tuple(x.shape)}"
        )
    view = (x.shape[0], num_groups, channels // num_groups, math.prod(x.shape[2:]))
    y, _, _, backward = _normalize(kernels.of(x), x, view, weight, bias, eps, False, True)
    return y, backward


@primitive
def instance_norm(x, weight=None, bias=None, *, eps=1e-5):
    """Instance normalization (Ulyanov, Vedaldi & Lempitsky, 2016, eq. 3): each channel of each sample.

    Forward    y = weight · x̂ + bias, x̂ = (x − μ)/√(σ² + eps);
               μ, σ² (biased) of each sample and channel over space
    Backward   ∂L/∂x = (g − mean(g) − x̂ · mean(g ⊙ x̂))/√(σ² + eps), g = ∂L/∂y · weight;
               ∂L/∂weight = Σ ∂L/∂y ⊙ x̂ over batch and space;  ∂L/∂bias = Σ ∂L/∂y
    Shapes     x (B, C, S…), weight, bias (C,) → y like x
    Errors     ValueError for x without space, or a weight or bias that does not fit
    """
    check_arrays("instance_norm", x=x)
    check_optional("instance_norm", weight=weight, bias=bias)
    _check("instance_norm", x, weight, bias, x.shape[1:2], eps, least=3)
    view = (x.shape[0], x.shape[1], 1, math.prod(x.shape[2:]))
    y, _, _, backward = _normalize(kernels.of(x), x, view, weight, bias, eps, False, True)
    return y, backward


def _normalize(k, x, view, weight, bias, eps, across_batch, center):
    """The kernel on x seen as (B, G, K, L) → y, mean, rstd, and the way back, all in x's shape."""
    seen = x.reshape(view)
    flat = weight if weight is None else weight.reshape(-1)
    y, mean, rstd = k.normalize(
        seen, flat, bias if bias is None else bias.reshape(-1), eps, across_batch, center
    )

    def backward(dy):
        dx, dweight, dbias = k.normalize_backward(
            dy.reshape(view), seen, flat, mean, rstd, across_batch, center
        )
        return (
            dx.reshape(x.shape),
            None if weight is None else dweight.reshape(weight.shape),
            None if bias is None else dbias.reshape(bias.shape),
        )

    return y.reshape(x.shape), mean, rstd, backward


def _ending(op, x, normalized_shape):
    shape = integers(op, "normalized_shape", normalized_shape)
    if not shape or tuple(x.shape[-len(shape) :]) != shape:
        raise ValueError(f"{op}: x {tuple(x.shape)} must end in normalized_shape {shape}")
    return shape


def _check(op, x, weight, bias, shape, eps, running_mean=None, running_var=None, least=2):
    if x.ndim < least and op.endswith(("batch_norm", "batch_norm_train", "group_norm", "instance_norm")):
        raise ValueError(f"{op}: x must have at least {least} axes, got shape {tuple(x.shape)}")
    check_number(op, "eps", eps, least=0)
    named = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    for name, array in named.items():
        if array is not None and tuple(array.shape) != tuple(shape):
            raise ValueError(
                f"{op}: {name} must have shape {tuple(shape)} for x {tuple(x.shape)}, "
                f"got {tuple(array.shape)}"
            )
