"""Scalar formulas applied everywhere, casting, filling.

One kernel an arity: thread i of the grid takes result entries i, i + gridsize, … and finds each operand's
entry by index arithmetic (``stride.offset``), which for operands of one shape is i itself. A kernel is
compiled for each formula, dtype and pattern of operands (array or number), when first used.
Formulas come from ``scalar.py``; so errors are those of CUDA's own exp, tanh, …: 1–2 units in the
last place.
"""

import numpy as np

from .. import scalar
from .launch import SIMULATOR, cached, cuda, device, kernel, launch_each, math
from .memory import DeviceArray, empty
from .stride import broadcast_strides, collapse, divisors, offset

__all__ = ["cast", "full", "map", "scalar_function"]

_COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
_LOGIC = {"logical_not", "logical_and", "logical_or", "logical_xor"}
_TO_BOOL = _COMPARISONS | _LOGIC | {"isnan", "isfinite"}


@cached
def _formulas(dtype):
    """scalar.py as device functions for operands of one dtype."""
    return scalar.formulas(dtype, device, math, np.fmod if SIMULATOR else math.fmod)


def scalar_function(name, dtype):
    """One scalar formula as a device function."""
    return _formulas(np.dtype(dtype))[name]


# ── how a kernel reads an operand ────────────────────────────────────────────────────────────────
@device
def _entry(x, i):
    """An array's entry as it is."""
    return x[i]


@device
def _number(x, i):
    """A number, the same for every i."""
    return x


@device
def _truth(x, i):
    """An array's entry as a bool."""
    return x[i] != 0


@cached
def _entry_as(dtype):
    T = dtype.type

    @device
    def entry(x, i):
        return T(x[i])

    return entry


def _loader(x, dtype):
    if not isinstance(x, DeviceArray):
        return _number
    if dtype is None or x.dtype == dtype:
        return _entry
    return _truth if dtype.kind == "b" else _entry_as(dtype)


# ── the kernels ──────────────────────────────────────────────────────────────────────────────────
@cached
def _map_kernel(f, load_a, load_b=None, load_c=None, load_d=None):
    @kernel
    def map1(y, count, walk, a, sa):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            y[i] = f(load_a(a, offset(i, walk, sa)))

    @kernel
    def map2(y, count, walk, a, sa, b, sb):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            y[i] = f(load_a(a, offset(i, walk, sa)), load_b(b, offset(i, walk, sb)))

    @kernel
    def map3(y, count, walk, a, sa, b, sb, c, sc):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            at_a, at_b, at_c = offset(i, walk, sa), offset(i, walk, sb), offset(i, walk, sc)
            y[i] = f(load_a(a, at_a), load_b(b, at_b), load_c(c, at_c))

    @kernel
    def map4(y, count, walk, a, sa, b, sb, c, sc, d, sd):
        for i in range(cuda.grid(1), count, cuda.gridsize(1)):
            at_a, at_b, at_c, at_d = (
                offset(i, walk, sa),
                offset(i, walk, sb),
                offset(i, walk, sc),
                offset(i, walk, sd),
            )
            y[i] = f(load_a(a, at_a), load_b(b, at_b), load_c(c, at_c), load_d(d, at_d))

    loaders = (load_a, load_b, load_c, load_d)
    return (map1, map2, map3, map4)[sum(x is not None for x in loaders) - 1]


def _dtype_of(x):
    return x.dtype if isinstance(x, DeviceArray | np.generic) else x


def map(formula, *operands):
    """y[i] = formula(a[i], b[i], …), operands broadcast; equals ``reference.map``."""
    for i, x in enumerate(operands):
        if not isinstance(x, DeviceArray | np.generic | bool | int | float):
            raise TypeError(
                f"Host array used in CUDA kernel: operand {i} of {formula} is a "
                f"{type(x).__name__}; move it to the device first, with .to('cuda') or memory.upload"
            )
    valued = operands[1:] if formula == "where" else operands
    common = np.result_type(*[_dtype_of(x) for x in valued])
    wanted = [None if formula in _LOGIC else common for _ in operands]
    if formula == "where":
        wanted[0] = np.dtype(bool)
    shape = np.broadcast_shapes(*(x.shape for x in operands if isinstance(x, DeviceArray)))
    y = empty(shape, np.bool_ if formula in _TO_BOOL else common)
    strides = [broadcast_strides(getattr(x, "shape", ()), y.shape) for x in operands]
    shape, *strides = collapse(y.shape, *strides)
    arguments = []
    for x, steps, dtype in zip(operands, strides, wanted, strict=True):
        arguments += [x if isinstance(x, DeviceArray) else (dtype or common).type(x), steps]
    loaders = [_loader(x, dtype) for x, dtype in zip(operands, wanted, strict=True)]
    run = _map_kernel(scalar_function(formula, common), *loaders)
    launch_each(run, y.size, y, y.size, divisors(*shape), *arguments)
    return y


# ── casting, filling ─────────────────────────────────────────────────────────────────────────────
@kernel
def _fill(y, count, value):
    for i in range(cuda.grid(1), count, cuda.gridsize(1)):
        y[i] = value


@device
def _same(x):
    return x


def cast(x, dtype):
    """A copy of x with another dtype: float → int truncates, anything → bool is != 0."""
    dtype = np.dtype(dtype)
    y = empty(x.shape, dtype)
    run = _map_kernel(_same, _loader(x, dtype))
    launch_each(run, y.size, y, y.size, divisors(y.size), x, (1,))
    return y


def full(shape, value, dtype):
    """A new array filled with one value."""
    y = empty(shape, dtype)
    launch_each(_fill, y.size, y, y.size, y.dtype.type(value))
    return y
