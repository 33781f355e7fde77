"""Linear algebra: products of matrices."""

import math

from numpy import dtype, ndarray

from .. import kernels
from ..autograd import primitive
from . import reduction, shape
from .arithmetic import mul
from .broadcast import broadcast_shapes, is_array, reduce_to
from .check import check_arrays, check_optional
from .epilogue import before_activation, check_activation

__all__ = ["dot", "linear", "matmul", "outer"]

_FLOAT32 = dtype("float32")


def _same_dtype(op, **arrays):
    """Matrices of different dtypes are not multiplied: which precision is meant is for the caller to say."""
    kinds = {x.dtype for x in arrays.values() if x is not None}
    if len(kinds) > 1 or next(iter(kinds)).kind != "f":
        came = ", ".join(f"{name} {x.dtype}" for name, x in arrays.items() if x is not None)
        raise TypeError(f"{op}: expected floats of one dtype, got {came}; convert with .to(dtype)")


@primitive
def matmul(a, b):
    """Matrix product; leading axes broadcast. A vector on the left is a row, on the right a column.

    Forward    y = a b
    Backward   ∂L/∂a = ∂L/∂y bᵀ, ∂L/∂b = aᵀ ∂L/∂y, summed over the axes along which they were repeated
    Shapes     a (…, M, K), b (…, K, N) → y (…, M, N)
    Errors     ValueError where inner sizes differ or leading axes do not broadcast; TypeError for two dtypes
    """
    left, right, out = (a, b, None) if _fit(a, b) else _as_stacks(a, b)
    k = kernels.of(a)
    y = k.matmul(left, right, False, False)
    inner = y.shape

    def backward(dy):
        dy = dy.reshape(inner)

        def da():
            return _fold(k.matmul(dy, right, False, True), left).reshape(tuple(a.shape))

        def db():
            return _fold(k.matmul(left, dy, True, False), right).reshape(tuple(b.shape))

        return da, db

    return y if out is None else y.reshape(out), backward


def _fit(a, b):
    """Are these stacks of as many float32 matrices on the host? The usual case needs no closer look."""
    if not (type(a) is type(b) is ndarray and a.dtype is b.dtype is _FLOAT32):
        return False
    p, q = a.shape, b.shape
    return len(p) == len(q) > 1 and p[-1] == q[-2] and p[:-2] == q[:-2]


def _as_stacks(a, b):
    """The operands of ``matmul`` as matrices or stacks of them, and the shape of its result."""
    if not (is_array(a) and is_array(b)):
        raise TypeError(f"matmul: expected two tensors, got {type(a).__name__} and {type(b).__name__}")
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(
            f"matmul: needs at least one axis each, got a {tuple(a.shape)} and b {tuple(b.shape)}; use mul"
        )
    if a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        raise ValueError(
            f"matmul: a {tuple(a.shape)} has {a.shape[-1]} columns and b {tuple(b.shape)} has "
            f"{b.shape[-2 if b.ndim > 1 else 0]} rows; they must agree (transpose one of them?)"
        )
    if not a.dtype == b.dtype == _FLOAT32:
        _same_dtype("matmul", a=a, b=b)
    left = a.reshape((1, *a.shape)) if a.ndim == 1 else a
    right = b.reshape((*b.shape, 1)) if b.ndim == 1 else b
    plain = left.ndim == right.ndim == 2  # then nothing is to be broadcast
    lead = () if plain else broadcast_shapes("matmul", Lead(left), Lead(right))
    out = (*lead, *((a.shape[-2],) if a.ndim > 1 else ()), *((b.shape[-1],) if b.ndim > 1 else ()))
    if left.ndim > 2 and right.ndim == 2:  # one product, and one gradient of b
        left = left.reshape((math.prod(left.shape[:-1]), left.shape[-1]))
    return left, right, out


class Lead:
    """The leading axes of a stack of matrices (of vectors with inner=1), for the check of broadcasting."""

    def __init__(self, x, inner=2):
        self.shape, self.dtype = tuple(x.shape[:-inner]), x.dtype


def _fold(dx, x):
    return dx if tuple(dx.shape) == tuple(x.shape) else reduce_to(dx, x)


@primitive
def linear(x, weight, bias=None, *, activation=None):
    """The affine map of a layer, and its activation in the same pass.

    Forward    y = φ(a), a = x Wᵀ + b; φ is activation: None (φ(a) = a), "relu", "tanh" or "sigmoid"
    Backward   ∂L/∂a = φ'(a) ⊙ ∂L/∂y, with φ' told from y
               ∂L/∂x = ∂L/∂a W, ∂L/∂W = (∂L/∂a)ᵀ x, ∂L/∂b = Σ ∂L/∂a
    Shapes     x (…, D), weight (K, D), bias (K,) → y (…, K)
    Errors     ValueError where the sizes differ or for another activation; TypeError for two dtypes
    """
    check_arrays("linear", x=x, weight=weight)
    check_optional("linear", bias=bias)
    check_activation("linear", activation)
    if weight.ndim != 2 or x.ndim == 0 or x.shape[-1] != weight.shape[1]:
        raise ValueError(
            f"linear: x {tuple(x.shape)} and weight {tuple(weight.shape)} must be (…, D) and (K, D)"
        )
    if bias is not None and tuple(bias.shape) != (weight.shape[0],):
        raise ValueError(f"linear: bias must have shape {(weight.shape[0],)}, got {tuple(bias.shape)}")
    _same_dtype("linear", x=x, weight=weight, bias=bias)
    k = kernels.of(x)
    rows = x.reshape((math.prod(x.shape[:-1]), x.shape[-1]))
    y = k.linear(rows, weight, bias, activation)
    inner = tuple(y.shape)

    def backward(dy):
        dy = before_activation(k, activation, dy.reshape(inner), y)
        return (
            lambda: k.matmul(dy, weight, False, False).reshape(tuple(x.shape)),
            lambda: k.matmul(dy, rows, True, False),
            None if bias is None else lambda: k.reduce("sum", dy, (0,), False),
        )

    return y.reshape((*x.shape[:-1], weight.shape[0])), backward


def dot(a, b):
    """Inner product of two vectors; composed of mul and sum.

    Forward    y = Σ_i a_i b_i
    Shapes     a (D,), b (D,) → y ()
    Errors     ValueError where they are not vectors of one size
    """
    check_arrays("dot", a=a, b=b)
    if a.ndim != 1 or tuple(a.shape) != tuple(b.shape):
        raise ValueError(
            f"dot: expected two vectors of one size, got a {tuple(a.shape)} and b {tuple(b.shape)}"
        )
    return reduction.sum(mul(a, b))


def outer(a, b):
    """All products of two vectors' entries; composed of mul.

    Forward    y_ij = a_i b_j
    Shapes     a (M,), b (N,) → y (M, N)
    Errors     ValueError where they are not vectors
    """
    check_arrays("outer", a=a, b=b)
    if a.ndim != 1 or b.ndim != 1:
        raise ValueError(f"outer: expected two vectors, got a {tuple(a.shape)} and b {tuple(b.shape)}")
    return mul(shape.unsqueeze(a, axis=1), b)
