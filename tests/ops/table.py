"""The table of operations that the tests of this folder run through, and how a row is written.

A file ``table_*.py`` holds rows:

    ROWS = [
        Row("mul", ops.mul, lambda np, a, b: a * b, BROADCAST),
        Row("topk", lambda x: ops.topk(x, k=2), None, [("odd", apart(3, 5))]),
    ]

    op         the name in ``ops`` (several rows may have one)
    function   takes tensors, gives a tensor or a tuple of them
    twin       the same with NumPy, as an independent judge: twin(np, *arrays) → an array or a tuple, where np
               is ``numpy`` or HIPS's ``autograd.numpy``; None if there is none
    cases      (shape class, input, …) lists; an input is a function (generator, dtype) → array
               (``real``, ``positive``, ``apart``, ``whole``, ``mask`` make them), or passed on as it is
    options    hips=False: the twin is no judge of the gradient (HIPS cannot differentiate it)
               smooth=False: no gradient is checked (the result is of integers, or level)
               floors=False: not compared between floors (the result is allowed to differ)
               rtol32: how far float32 may be from float64, relative to the largest entry

    errors     what the function must refuse: bad(pattern, input, …, option=…); the message begins with the
               op's name and matches the pattern. A row may hold errors alone (``table_errors.py``)

Every row is put through every check of ``test_ops_table.py``.
"""

import importlib
import pathlib
import zlib
from dataclasses import dataclass, field

import numpy as np

from mmscratch import Tensor, kernels

SMALL = 80
"""Inputs of at most so many entries together are small enough for a full Jacobian."""


@dataclass
class Row:
    op: str
    function: object
    twin: object
    cases: list
    hips: bool = True
    smooth: bool = True
    floors: bool = True
    rtol32: float = 2e-5
    errors: list = field(default_factory=list)


@dataclass
class Bad:
    """An input that must be refused with a message that begins with the op's name and matches ``text``."""

    text: str
    inputs: tuple
    options: dict


def bad(text, *inputs, **options):
    return Bad(text, inputs, options)


# ── inputs ──────────────────────────────────────────────────────────────────────────────────────
def real(*shape, low=-2.0, high=2.0):
    """Floats from an interval."""
    return lambda rng, dtype: rng.uniform(low, high, shape).astype(dtype)


def positive(*shape):
    return real(*shape, low=0.3, high=2.5)


def apart(*shape, gap=0.05, offset=0.021):
    """Floats of both signs, no two equal, none near 0 or a multiple of ``gap``: away from ties and kinks."""

    def make(rng, dtype):
        n = int(np.prod(shape))
        places = rng.permutation(n) - n // 2
        return (places * gap + offset).astype(dtype).reshape(shape)

    return make


def whole(*shape, low=0, high=4):
    """Integers low … high − 1."""
    return lambda rng, dtype: rng.integers(low, high, shape)


def mask(*shape):
    """Truth values, the first one true."""

    def make(rng, dtype):
        m = rng.random(shape) < 0.6
        m.reshape(-1)[:1] = True
        return m

    return make


SHAPES = {"0-d": (), "one": (1,), "odd": (3, 5), "three axes": (2, 3, 4), "large": (301, 131)}
EMPTY = {"empty": (0, 3)}


def of(shapes, make=real):
    """One input in each of these shapes."""
    return [(name, make(*shape)) for name, shape in shapes.items()]


def unary(make=real):
    """One input, in every shape class."""
    shapes = {
        "0-d": (),
        "empty": (0, 3),
        "one": (1,),
        "odd": (3, 5),
        "three axes": (2, 3, 4),
        "large": (301, 131),
    }
    return [(name, make(*shape)) for name, shape in shapes.items()]


def binary(first=real, second=None):
    """Two inputs, in every shape class and every way of broadcasting."""
    second = second or first
    pairs = {
        "0-d": ((), ()),
        "empty": ((0, 3), (0, 3)),
        "empty, broadcast": ((0, 3), (1, 3)),
        "one": ((1,), (1,)),
        "odd": ((3, 5), (3, 5)),
        "broadcast rows": ((3, 5), (5,)),
        "broadcast columns": ((3, 1), (3, 5)),
        "broadcast both": ((3, 1), (1, 4)),
        "broadcast 0-d": ((2, 3), ()),
        "broadcast three axes": ((2, 1, 3), (4, 1)),
        "large": ((301, 131), (131,)),
    }
    return [(name, first(*a), second(*b)) for name, (a, b) in pairs.items()]


# ── running a row ───────────────────────────────────────────────────────────────────────────────
def rows():
    """All rows of all tables beside this file."""
    found = []
    for path in sorted(pathlib.Path(__file__).parent.glob("table_*.py")):
        found += importlib.import_module(path.stem).ROWS
    return found


def by_op():
    """Name of an operation → its rows."""
    table = {}
    for row in rows():
        table.setdefault(row.op, []).append(row)
    return table


def make_inputs(row, case, dtype):
    """The inputs of a case: the same numbers every time, and for both dtypes."""
    rng = np.random.default_rng(zlib.crc32(f"{row.op}/{case[0]}".encode()))
    return [np.asarray(x(rng, dtype)) if callable(x) else x for x in case[1:]]


def make_bad(row, error):
    """The inputs of an error case: one dtype is enough, for none is computed with."""
    return make_inputs(row, (error.text, *error.inputs), np.float32)


def as_tensor(x):
    """An array of numbers as a tensor; anything else, what is no array among it, as it is."""
    return Tensor(x) if isinstance(x, np.ndarray) and x.dtype.kind in "fiub" else x


def is_float(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def run(row, inputs, floor, cotangents=None):
    """Results on a floor, and the gradients of ⟨cotangents, results⟩ (random, the same for equal shapes)."""
    with kernels.use(floor):
        leaves = [Tensor(x, requires_grad=is_float(x)) if isinstance(x, np.ndarray) else x for x in inputs]
        results = row.function(*leaves)
        results = results if isinstance(results, tuple) else (results,)
        grown = [r for r in results if r.requires_grad]
        for i, r in enumerate(grown):
            r.backward(Tensor(cotangent(r.data, i)), retain_graph=i < len(grown) - 1)
    gradients = [x.grad if isinstance(x, Tensor) and is_float(x.data) else None for x in leaves]
    return [r.data for r in results], gradients


def cotangent(array, i):
    return np.random.default_rng(i).standard_normal(array.shape).astype(array.dtype)


def run_twin(row, inputs):
    """What the twin gives in float64, whatever the inputs' precision."""
    inputs = [x.astype(np.float64) if is_float(x) else x for x in inputs]
    with np.errstate(all="ignore"):
        results = row.twin(np, *inputs)
    return results if isinstance(results, tuple) else (results,)


def close(actual, expected, rtol, what):
    """|actual − expected| ≤ rtol · (the largest entry of expected, at least 1), and the same shape."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, expected {expected.shape}"
    if expected.dtype.kind != "f":
        assert np.array_equal(actual, expected), f"{what}: {actual} is not {expected}"
        return
    finite = expected[np.isfinite(expected)]
    scale = max(1.0, float(np.abs(finite).max(initial=0.0)))
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale, err_msg=what)
