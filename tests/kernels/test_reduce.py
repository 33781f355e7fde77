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


def test_sums_do_not_depend_on_threads(floor, threads):
    x = draw(np.random.default_rng(4), (999, 131), np.float32)
    for axes in [(0,), (1,), (0, 1)]:
        assert floor.reduce("sum", x, axes, False).tobytes() == np.sum(x, axes).tobytes()
