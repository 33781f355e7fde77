"""Scalar formulas applied everywhere, casting, filling.

One kernel an arity: thread i of the grid takes result entries i, i + gridsize, … and finds each operand's
entry by index arithmetic (``stride.offset``). Where all operands have one shape and dtype, a thread takes
four neighbours by 128-bit loads and stores instead: such a kernel does nothing but move memory, and needs
that much of it on its way at a time. A kernel is compiled for each formula, dtype and pattern of operands
(array or number), when first used.
Formulas come from ``scalar.py``; so errors are those of CUDA's own exp, tanh, …: 1–2 units in the last place.
"""

import numpy as np

from .. import scalar
from .launch import SIMULATOR, cached, cuda, device, kernel, launch_each, math
from .memory import DeviceArray, empty
from .stride import broadcast_strides, collapse, divisors, offset
from .vector import load4, store4

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


# ── four entries at a time ───────────────────────────────────────────────────────────────────────
@device
def _four(x, i):
    """An array's next four entries."""
    return load4(x, i)


@device
def _number_four(x, i):
    """A number, four times."""
    return x, x, x, x


@cached
def _quad_kernel(f, one_a, one_b=None, one_c=None):
    """As _map_kernel, for arrays of one shape. The last few entries, fewer than four, come singly."""
    four_a, four_b, four_c = (_number_four if one is _number else _four for one in (one_a, one_b, one_c))

    @kernel
    def quad1(y, count, a):
        whole = count // 4
        for i in range(cuda.grid(1), whole, cuda.gridsize(1)):
            p = four_a(a, 4 * i)
            store4(y, 4 * i, f(p[0]), f(p[1]), f(p[2]), f(p[3]))
        for i in range(4 * whole + cuda.grid(1), count, cuda.gridsize(1)):
            y[i] = f(one_a(a, i))

    @kernel
    def quad2(y, count, a, b):
        whole = count // 4
        for i in range(cuda.grid(1), whole, cuda.gridsize(1)):
            p, q = four_a(a, 4 * i), four_b(b, 4 * i)
            store4(y, 4 * i, f(p[0], q[0]), f(p[1], q[1]), f(p[2], q[2]), f(p[3], q[3]))
        for i in range(4 * whole + cuda.grid(1), count, cuda.gridsize(1)):
            y[i] = f(one_a(a, i), one_b(b, i))

    @kernel
    def quad3(y, count, a, b, c):
        whole = count // 4
        for i in range(cuda.grid(1), whole, cuda.gridsize(1)):
            p, q, r = four_a(a, 4 * i), four_b(b, 4 * i), four_c(c, 4 * i)
            y0, y1 = f(p[0], q[0], r[0]), f(p[1], q[1], r[1])
            store4(y, 4 * i, y0, y1, f(p[2], q[2], r[2]), f(p[3], q[3], r[3]))
        for i in range(4 * whole + cuda.grid(1), count, cuda.gridsize(1)):
            y[i] = f(one_a(a, i), one_b(b, i), one_c(c, i))

    return (quad1, quad2, quad3)[(one_b is not None) + (one_c is not None)]


def _by_fours(y, operands, strides, loaders):
    """Can the operands be read four entries at a time?"""
    if y.dtype.itemsize < 4 or y.dtype.kind == "b" or len(operands) > 3:
        return False
    return all(
        load is _number or (load is _entry and steps == (1,) and x.start % 4 == 0 and x.dtype == y.dtype)
        for x, steps, load in zip(operands, strides, loaders, strict=True)
    )


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
    f = scalar_function(formula, common)
    if _by_fours(y, operands, strides, loaders):
        launch_each(_quad_kernel(f, *loaders), -(-y.size // 4), y, y.size, *arguments[::2])
        return y
    run = _map_kernel(f, *loaders)
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
