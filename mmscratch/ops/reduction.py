"""Reductions: one number out of many, along some axes or all."""

import math

from .. import kernels
from ..autograd import primitive
from .broadcast import normalize_axes, normalize_axis
from .check import check_arrays, check_number
from .elementary import as_float

__all__ = [
    "sum", "mean", "max", "min", "prod", "var", "std", "logsumexp", "norm", "argmax", "argmin", "all", "any",
]  # fmt: skip


def _kept(x, axes):
    """The shape of x with 1 in place of each of the axes."""
    return tuple(1 if i in axes else n for i, n in enumerate(x.shape))


def _count(x, axes):
    return math.prod(x.shape[i] for i in axes)


def _shape(x, axes, keepdims):
    """The shape of the result."""
    return _kept(x, axes) if keepdims else tuple(n for i, n in enumerate(x.shape) if i not in axes)


def _spread(k, dy, x, axes):
    """The gradient of summing: each entry of dy back to all that were summed into it."""
    return k.expand(dy.reshape(_kept(x, axes)), tuple(x.shape))


def _refuse_empty(op, x, axes):
    if _count(x, axes) == 0:
        raise ValueError(f"{op}: there is no entry along axis {axes} of x {tuple(x.shape)}, hence no {op}")


@primitive
def sum(x, *, axis=None, keepdims=False):
    """Sum over the axes (all of them unless given). Truth values are counted.

    Forward    y = Σ x
    Backward   ∂L/∂x = ∂L/∂y, repeated along the axes
    Shapes     x (…) → y (…)
    Errors     ValueError for an axis out of range or named twice
    """
    check_arrays("sum", x=x)
    axes = normalize_axes("sum", axis, x.ndim)
    k = kernels.of(x)
    y = k.reduce("sum", k.cast(x, "int64") if x.dtype.kind == "b" else x, axes, keepdims)
    return y, lambda dy: _spread(k, dy, x, axes)


@primitive
def mean(x, *, axis=None, keepdims=False):
    """Mean over the axes; that of nothing is not a number.

    Forward    y = 1/n Σ x
    Backward   ∂L/∂x = 1/n ∂L/∂y, repeated along the axes
    Shapes     x (…) → y (…)
    Errors     ValueError for an axis out of range or named twice
    """
    x = as_float("mean", x)
    axes = normalize_axes("mean", axis, x.ndim)
    k = kernels.of(x)
    n = _count(x, axes) or math.nan
    y = k.map("div", k.reduce("sum", x, axes, keepdims), float(n))
    return y, lambda dy: _spread(k, k.map("div", dy, float(n)), x, axes)


def _extreme(kind, x, axis, keepdims):
    check_arrays(kind, x=x)
    axes = normalize_axes(kind, axis, x.ndim)
    _refuse_empty(kind, x, axes)
    k = kernels.of(x)
    y = k.reduce(kind, x, axes, keepdims)
    kept = _kept(x, axes)
    return y, lambda dy: k.extreme_backward(dy.reshape(kept), x, y.reshape(kept), axes)


@primitive
def max(x, *, axis=None, keepdims=False):
    """The largest entry along the axes (PyTorch's amax); argmax or topk say where it is.

    Forward    y = max x; not a number if any entry is not
    Backward   ∂L/∂x = ∂L/∂y where x = y, in equal parts if several are largest; else 0
    Shapes     x (…) → y (…)
    Errors     ValueError where there is no entry to choose from
    """
    return _extreme("max", x, axis, keepdims)


@primitive
def min(x, *, axis=None, keepdims=False):
    """The smallest entry along the axes (PyTorch's amin); argmin or topk say where it is.

    Forward    y = min x; not a number if any entry is not
    Backward   ∂L/∂x = ∂L/∂y where x = y, in equal parts if several are smallest; else 0
    Shapes     x (…) → y (…)
    Errors     ValueError where there is no entry to choose from
    """
    return _extreme("min", x, axis, keepdims)


@primitive
def prod(x, *, axis=None, keepdims=False):
    """Product over the axes; that of nothing is 1.

    Forward    y = Π x
    Backward   ∂L/∂x_i = ∂L/∂y · Π_{j≠i} x_j, as (product of those before i) · (product of those after i):
               no division, so zeros do no harm
    Shapes     x (…) → y (…)
    Errors     ValueError for an axis out of range or named twice
    """
    check_arrays("prod", x=x)
    axes = normalize_axes("prod", axis, x.ndim)
    k = kernels.of(x)
    y = k.reduce("prod", x, axes, keepdims)

    def backward(dy):
        # The reduced axes go last and become one, along which the running products are taken.
        order = tuple(i for i in range(x.ndim) if i not in axes) + axes
        moved = k.permute(x, order)
        rows = moved.reshape((moved.size // n if (n := _count(x, axes)) else 0, n))
        before = k.scan("prod", rows, 1, True, False)
        after = k.scan("prod", rows, 1, True, True)
        others = k.map("mul", before, after).reshape(tuple(moved.shape))
        inverse = tuple(order.index(i) for i in range(x.ndim))
        return k.map("mul", k.permute(others, inverse), dy.reshape(_kept(x, axes)))

    return y, backward


def _variance(op, k, x, axes, correction):
    """Σ (x − μ)² / (n − correction) with the axes kept, x − μ, and n − correction."""
    check_number(op, "correction", correction)
    n = _count(x, axes)
    if n - correction <= 0:
        raise ValueError(
            f"{op}: needs more than correction={correction} entries along axis {axes} of x {tuple(x.shape)}, "
            f"has {n}; correction=0 gives the variance of the entries themselves"
        )
    mean = k.map("div", k.reduce("sum", x, axes, True), float(n))
    centred = k.map("sub", x, mean)
    total = k.reduce("sum", k.map("square", centred), axes, True)
    return k.map("div", total, float(n - correction)), centred, float(n - correction)


@primitive
def var(x, *, axis=None, keepdims=False, correction=1):
    """Variance over the axes. correction 1 (Bessel's) estimates the population's, 0 gives the entries' own.

    Forward    y = Σ (x − μ)² / (n − correction), μ the mean
    Backward   ∂L/∂x = ∂L/∂y ⊙ 2 (x − μ) / (n − correction): the part through μ is Σ (x − μ) = 0
    Shapes     x (…) → y (…)
    Errors     ValueError where n ≤ correction
    """
    x = as_float("var", x)
    axes = normalize_axes("var", axis, x.ndim)
    k = kernels.of(x)
    y, centred, freedom = _variance("var", k, x, axes, correction)

    def backward(dy):
        return k.map("mul", centred, k.map("mul", dy.reshape(_kept(x, axes)), 2.0 / freedom))

    return y.reshape(_shape(x, axes, keepdims)), backward


@primitive
def std(x, *, axis=None, keepdims=False, correction=1):
    """Standard deviation over the axes: the square root of the variance.

    Forward    y = √(Σ (x − μ)² / (n − correction))
    Backward   ∂L/∂x = ∂L/∂y ⊙ (x − μ) / (y (n − correction)), and 0 where y = 0 (a kink)
    Shapes     x (…) → y (…)
    Errors     ValueError where n ≤ correction
    """
    x = as_float("std", x)
    axes = normalize_axes("std", axis, x.ndim)
    k = kernels.of(x)
    variance, centred, freedom = _variance("std", k, x, axes, correction)
    y = k.map("sqrt", variance)

    def backward(dy):
        slope = k.map("div", dy.reshape(_kept(x, axes)), k.map("mul", y, freedom))
        return k.map("mul", centred, k.map("where", k.map("equal", y, 0.0), 0.0, slope))

    return y.reshape(_shape(x, axes, keepdims)), backward


@primitive
def logsumexp(x, *, axis=None, keepdims=False):
    """Logarithm of a sum of exponentials: a smooth maximum.

    Forward    y = log Σ eˣ
    Backward   ∂L/∂x = ∂L/∂y ⊙ e^(x − y), the softmax of x
    Shapes     x (…) → y (…)
    Errors     ValueError where there is no entry to sum
    Note       max x is taken out of the sum first, so that nothing overflows; −∞ everywhere gives −∞
    """
    x = as_float("logsumexp", x)
    axes = normalize_axes("logsumexp", axis, x.ndim)
    _refuse_empty("logsumexp", x, axes)
    k = kernels.of(x)

    def finite(a):
        return k.map("where", k.map("isfinite", a), a, 0.0)

    top = finite(k.reduce("max", x, axes, True))
    total = k.reduce("sum", k.map("exp", k.map("sub", x, top)), axes, True)
    y = k.map("add", k.map("log", total), top)

    def backward(dy):
        return k.map("mul", dy.reshape(_kept(x, axes)), k.map("exp", k.map("sub", x, finite(y))))

    return y.reshape(_shape(x, axes, keepdims)), backward


@primitive
def norm(x, *, p=2, axis=None, keepdims=False):
    """The p-norm of the entries along the axes (p ≥ 1, or ∞); Euclidean unless p is given.

    Forward    y = (Σ |x|ᵖ)^(1/p), or max |x| for p = ∞
    Backward   ∂L/∂x = ∂L/∂y ⊙ sign(x) (|x| / y)ᵖ⁻¹, 0 where y = 0; p = ∞: in equal parts to the largest
    Shapes     x (…) → y (…)
    Errors     ValueError for p < 1
    """
    check_number("norm", "p", p)
    if not p >= 1:
        raise ValueError(f"norm: p must be at least 1 (math.inf included), got {p}")
    x = as_float("norm", x)
    axes = normalize_axes("norm", axis, x.ndim)
    k = kernels.of(x)
    size = k.map("abs", x)
    if p == math.inf:
        y, gradient = _extreme("max", size, axes, True)
        return y.reshape(_shape(x, axes, keepdims)), lambda dy: k.map("mul", gradient(dy), k.map("sign", x))
    if p == 2:
        y = k.map("sqrt", k.reduce("sum", k.map("square", x), axes, True))
    else:
        y = k.map("pow", k.reduce("sum", k.map("pow", size, float(p)), axes, True), 1.0 / p)

    def backward(dy):
        share = k.map("where", k.map("equal", y, 0.0), 0.0, k.map("div", size, y))
        slope = k.map("mul", k.map("pow", share, float(p) - 1.0), k.map("sign", x))
        return k.map("mul", slope, dy.reshape(_kept(x, axes)))

    return y.reshape(_shape(x, axes, keepdims)), backward


def _position(op, kind, x, axis, keepdims):
    check_arrays(op, x=x)
    k = kernels.of(x)
    _refuse_empty(op, x, normalize_axes(op, axis, x.ndim))
    if axis is None:
        index = k.argreduce(kind, x.reshape((x.size,)), 0)
        return (index.reshape((1,) * x.ndim) if keepdims else index), None
    axis = normalize_axis(op, axis, x.ndim)
    index = k.argreduce(kind, x, axis)
    return (index.reshape(_kept(x, (axis,))) if keepdims else index), None


@primitive
def argmax(x, *, axis=None, keepdims=False):
    """Where the largest entry is: its position along axis, or in the flattened x. The first one on ties.

    Forward    y = argmax x
    Backward   none: a position
    Shapes     x (…) → y (…)
    Errors     ValueError where there is no entry to choose from
    """
    return _position("argmax", "max", x, axis, keepdims)


@primitive
def argmin(x, *, axis=None, keepdims=False):
    """Where the smallest entry is: its position along axis, or in the flattened x. The first one on ties.

    Forward    y = argmin x
    Backward   none: a position
    Shapes     x (…) → y (…)
    Errors     ValueError where there is no entry to choose from
    """
    return _position("argmin", "min", x, axis, keepdims)


def _truth(op, kind, x, axis, keepdims):
    check_arrays(op, x=x)
    k = kernels.of(x)
    axes = normalize_axes(op, axis, x.ndim)
    true = k.cast(k.map("not_equal", x, 0) if x.dtype.kind != "b" else x, "float64")
    return k.cast(k.reduce(kind, true, axes, keepdims), "bool"), None


@primitive
def all(x, *, axis=None, keepdims=False):
    """Is every entry along the axes true (not 0)? Yes if there is none.

    Forward    y = ∧ x
    Backward   none: the result is of truth values
    Shapes     x (…) → y (…)
    """
    return _truth("all", "prod", x, axis, keepdims)


@primitive
def any(x, *, axis=None, keepdims=False):
    """Is some entry along the axes true (not 0)? No if there is none.

    Forward    y = ∨ x
    Backward   none: the result is of truth values
    Shapes     x (…) → y (…)
    """
    return _truth("any", "sum", x, axis, keepdims)
