"""Reductions, running sums, the k largest: longhand oracles, ties, NaN, empty arrays."""

import functools
import math
import operator

import numpy as np
import pytest
from judge import agree, draw

from mmscratch import kernels

reference = kernels.floor("reference")
LONGHAND = {"sum": sum, "prod": math.prod, "max": max, "min": min}
AXES = [(), (0,), (1,), (2,), (0, 2), (0, 1, 2)]


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("kind", LONGHAND)
def test_reduce_is_the_plain_python_one(floor, dtype, kind, axes, keepdims):
    x = draw(np.random.default_rng(0), (3, 4, 5), dtype)
    got = floor.reduce(kind, x, axes, keepdims)
    kept = [a for a in range(3) if a not in axes]
    sets = x.transpose(*kept, *axes).reshape(math.prod(x.shape[a] for a in kept), -1).astype(np.float64)
    wanted = np.array([LONGHAND[kind](row.tolist()) for row in sets], dtype)
    agree(
        got, wanted.reshape([1 if a in axes else n for a, n in enumerate(x.shape) if keepdims or a in kept])
    )
    assert not np.shares_memory(got, x)


LARGE_SUMS = {
    "rows": ((60, 1003), (1,)),
    "columns": ((1003, 60), (0,)),
    "few columns": ((30_000, 3), (0,)),
    "one sum": ((100_003,), (0,)),
    "long rows": ((2, 40_001), (1,)),
    "wide columns": ((3, 5, 9001), (1,)),
    "channels": ((7, 5, 40, 41), (0, 2, 3)),
    "alternating": ((6, 7, 8, 9, 20), (0, 2, 4)),
    "the middle": ((6, 200, 70), (1,)),
    "first and last": ((20, 70, 50), (0, 2)),
    "nothing": ((60, 1000), ()),
    "ones": ((1, 60_000, 1), (0, 2)),
}


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("shape, axes", LARGE_SUMS.values(), ids=LARGE_SUMS)
def test_large_sums(shape, axes, keepdims, threads):
    """Of float32: within 1e-6 of Σ |x|, the same on any number of threads."""
    x = draw(np.random.default_rng(0), shape, np.float32)
    got = kernels.floor("cpu").reduce("sum", x, axes, keepdims)
    wanted, size = (f(x.astype(np.float64)).sum(axis=axes, keepdims=keepdims) for f in (lambda v: v, np.abs))
    assert got.shape == wanted.shape and got.dtype == np.float32 and got.flags.c_contiguous
    assert (np.abs(got - wanted) <= 1e-6 * size).all()
    assert not np.shares_memory(got, x)


@pytest.mark.parametrize("kind", ["max", "min"])
@pytest.mark.parametrize("shape, axes", LARGE_SUMS.values(), ids=LARGE_SUMS)
def test_large_extremes(shape, axes, kind, threads):
    """Of float32: the reference's, and so are their gradients, with ties, infinities and NaN."""
    rng = np.random.default_rng(0)
    x = draw(rng, shape, np.float32).round(1)
    x.reshape(-1)[rng.integers(x.size, size=20)] = np.repeat(np.float32([np.inf, -np.inf, np.nan, -0.0]), 5)
    cpu = kernels.floor("cpu")
    for keepdims in (False, True):
        agree(cpu.reduce(kind, x, axes, keepdims), reference.reduce(kind, x, axes, keepdims), 0)
    y = reference.reduce(kind, x, axes, True)
    dy = draw(rng, y.shape, np.float32)
    agree(cpu.extreme_backward(dy, x, y, axes), reference.extreme_backward(dy, x, y, axes), 2e-7)


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_the_gradient_of_an_extreme_goes_to_all_who_are_it(floor, dtype, axes):
    x = draw(np.random.default_rng(2), (3, 4, 5), dtype).round()
    y = floor.reduce("max", x, axes, True)
    dx = floor.extreme_backward(np.ones_like(y), x, y, axes)
    assert (dx[x < y] == 0).all()
    agree(dx.sum(axis=axes, keepdims=True, dtype=dtype), np.ones_like(y))
    won = np.broadcast_to(np.where(x == y, dx, 0).max(axis=axes, keepdims=True), x.shape)
    agree(dx, np.where(x == y, won, 0).astype(dtype))


def test_large_sums_of_infinities():
    x = np.ones((300, 400), np.float32)
    x[3, 5], x[7, 5], x[9, 6], x[1, 7] = np.inf, -np.inf, np.inf, np.nan
    got = kernels.floor("cpu").reduce("sum", x, (0,), False)
    assert np.isnan(got[[5, 7]]).all() and got[6] == np.inf and (got[8:] == 300).all()


def test_reduce_of_nothing_and_of_one_number(floor, dtype):
    empty = np.empty((0, 3), dtype)
    assert floor.reduce("sum", empty, (0,), False).tolist() == [0, 0, 0]
    assert floor.reduce("prod", empty, (0,), False).tolist() == [1, 1, 1]
    assert floor.reduce("sum", empty, (1,), False).shape == (0,)
    one = floor.reduce("max", np.array(2.5, dtype), (), False)
    assert type(one) is np.ndarray and one.shape == () and one == 2.5 and one.dtype == dtype


def test_nan_wins(floor, dtype):
    x = np.array([[1, np.nan, np.inf], [-np.inf, 0, 5]], dtype)
    for kind in ("max", "min"):
        got = floor.reduce(kind, x, (1,), False)
        assert np.isnan(got[0]) and got[1] == (5 if kind == "max" else -np.inf)
        assert floor.argreduce(kind, x, 1).tolist() == [1, 2 if kind == "max" else 0]


@pytest.mark.parametrize("axis", [0, 1])
def test_argreduce_takes_the_first_of_equals(floor, dtype, axis):
    x = np.array([[3, 1, 3], [3, 1, 0]], dtype)
    wanted = {("max", 0): [0, 0, 0], ("min", 0): [0, 0, 1], ("max", 1): [0, 0], ("min", 1): [1, 2]}
    for kind in ("max", "min"):
        got = floor.argreduce(kind, x, axis)
        assert got.dtype == np.int64 and got.tolist() == wanted[kind, axis]
    assert floor.argreduce("max", x[0], 0).shape == ()


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("kind", ["sum", "prod"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scan_is_the_definition(floor, dtype, kind, axis, exclusive, reverse):
    x = draw(np.random.default_rng(1), (3, 4, 5), dtype)
    combine, identity = (operator.add, 0.0) if kind == "sum" else (operator.mul, 1.0)

    def longhand(row):
        before = (lambda i, j: j > i) if reverse else (lambda i, j: j < i)
        return [
            functools.reduce(
                combine,
                [v for j, v in enumerate(row) if before(i, j) or (j == i and not exclusive)],
                identity,
            )
            for i in range(len(row))
        ]

    agree(floor.scan(kind, x, axis, exclusive, reverse), np.apply_along_axis(longhand, axis, x).astype(dtype))


def test_scan_of_nothing(floor, dtype):
    for exclusive in (False, True):
        agree(floor.scan("sum", np.empty((2, 0), dtype), 1, exclusive, True), np.empty((2, 0), dtype))


@pytest.mark.parametrize("k", [1, 3, 7])
def test_topk_is_sorting(served, dtype, k):
    """Few distinct values, so that ties abound; NaN first, then falling, then by index."""
    x = np.random.default_rng(2).integers(0, 4, (6, 5, 7)).astype(dtype)
    x[0, 0, 2] = x[0, 0, 5] = x[1, 1, 6] = np.nan
    x[2, 2] = -np.inf
    values, index = served.topk(x, k)
    assert index.dtype == np.int64 and values.shape == index.shape == (6, 5, k)
    for place in np.ndindex(6, 5):
        row = x[place].tolist()
        order = sorted(
            range(7), key=lambda i, row=row: (row[i] == row[i], -row[i] if row[i] == row[i] else 0)
        )
        assert index[place].tolist() == order[:k]
    np.testing.assert_array_equal(values, np.take_along_axis(x, index, -1))


def test_topk_of_large_rows(floor, dtype, threads):
    x = draw(np.random.default_rng(3), (3, 40_000), dtype)
    for k in (1, 50, 100):
        agree(floor.topk(x, k), reference.topk(x, k))


def test_topk_of_integers_and_of_a_single_row(floor):
    values, index = floor.topk(np.array([5, -(2**62), 9, 9]), 4)
    assert values.tolist() == [9, 9, 5, -(2**62)] and index.tolist() == [2, 3, 0, 1]
