"""Pooling on every floor: the definition in plain loops, agreement, ties and NaN, gradients."""

import itertools
import math

import numpy as np
import pytest
from judge import agree, check_gradient, draw

from mmscratch import kernels

reference = kernels.floor("reference")

# B, C, S, kernel, stride, padding, dilation, out
CASES = {
    "one": (1, 1, (1,), (1,), (1,), ((0, 0),), (1,), (1,)),
    "1-d": (2, 3, (9,), (3,), (2,), ((1, 1),), (1,), (5,)),
    "1-d, dilated": (1, 2, (11,), (3,), (2,), ((0, 2),), (3,), (4,)),
    "2-d": (2, 3, (6, 8), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), (3, 4)),
    "overlapping, lopsided padding": (2, 2, (7, 5), (3, 2), (2, 1), ((1, 0), (0, 1)), (1, 1), (3, 5)),
    "last window overhangs": (1, 2, (6, 7), (3, 3), (2, 2), ((1, 1), (0, 0)), (1, 1), (4, 3)),
    "overhang beyond the padding": (1, 1, (5, 6), (2, 4), (2, 3), ((0, 0), (1, 1)), (1, 1), (3, 3)),
    "dilated": (2, 1, (9, 8), (3, 2), (1, 2), ((2, 1), (1, 0)), (2, 3), (8, 3)),
    "3-d": (2, 2, (4, 5, 3), (2, 3, 2), (2, 1, 1), ((0, 1), (1, 1), (0, 0)), (1, 1, 1), (2, 5, 2)),
    "whole": (2, 2, (3, 4), (3, 4), (3, 4), ((0, 0), (0, 0)), (1, 1), (1, 1)),
    "no batch": (0, 2, (4, 4), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), (2, 2)),
    "adaptive": (2, 2, (7, 5), None, None, None, None, (3, 5)),
    "adaptive, to one": (2, 3, (4, 3), None, None, None, None, (1, 1)),
    "adaptive, more than the input": (1, 2, (3, 2), None, None, None, None, (5, 4)),
    "adaptive 1-d": (2, 2, (10,), None, None, None, None, (4,)),
    "adaptive 3-d": (1, 2, (5, 4, 3), None, None, None, None, (2, 3, 3)),
}
KINDS = [("max", False), ("average", True), ("average", False)]


def arguments(case, dtype=np.float64, seed=0):
    batch, channels, spatial, kernel, stride, padding, dilation, out = case
    return draw(np.random.default_rng(seed), (batch, channels, *spatial), dtype), (
        kernel,
        stride,
        padding,
        dilation,
        out,
    )


def window(o, axis, spatial, kernel, stride, padding, dilation, out):
    """The positions of window o on one axis."""
    if kernel is None:
        start, end = math.floor(o * spatial[axis] / out[axis]), math.ceil((o + 1) * spatial[axis] / out[axis])
        return list(range(start, end))
    return [o * stride[axis] - padding[axis][0] + j * dilation[axis] for j in range(kernel[axis])]


def by_loops(kind, x, kernel, stride, padding, dilation, out, count_padding):
    """The definition, one window at a time."""
    spatial, rank = x.shape[2:], x.ndim - 2
    y, index = np.zeros(x.shape[:2] + out), np.zeros(x.shape[:2] + out, np.int64)
    for b, c, *o in np.ndindex(y.shape):
        axes = [window(o[a], a, spatial, kernel, stride, padding, dilation, out) for a in range(rank)]
        inside, padded = [], 0
        for at in itertools.product(*axes):
            if all(0 <= i < n for i, n in zip(at, spatial, strict=True)):
                inside.append(at)
            pads = padding or [(0, 0)] * rank
            padded += all(-p[0] <= i < n + p[1] for i, n, p in zip(at, spatial, pads, strict=True))
        values = [x[(b, c, *at)] for at in inside]
        if kind == "max":
            winner = max(range(len(values)), key=values.__getitem__)
            y[(b, c, *o)] = values[winner]
            index[(b, c, *o)] = np.ravel_multi_index(inside[winner], spatial)
        else:
            y[(b, c, *o)] = sum(values) / (padded if count_padding else len(values))
    return y, index if kind == "max" else None


@pytest.mark.parametrize(("kind", "count_padding"), KINDS)
@pytest.mark.parametrize("name", CASES)
def test_the_reference_is_the_definition(name, kind, count_padding):
    x, options = arguments(CASES[name])
    agree(reference.pool(kind, x, *options, count_padding), by_loops(kind, x, *options, count_padding))


@pytest.mark.parametrize(("kind", "count_padding"), KINDS)
@pytest.mark.parametrize("name", CASES)
def test_floors_agree(floor, dtype, name, kind, count_padding):
    x, options = arguments(CASES[name], dtype)
    y, index = reference.pool(kind, x, *options, count_padding)
    agree(floor.pool(kind, x, *options, count_padding), (y, index))
    dy = draw(np.random.default_rng(1), y.shape, dtype)
    backward = (kind, dy, index, x.shape, *options[:4], count_padding)
    agree(floor.pool_backward(*backward), reference.pool_backward(*backward))


@pytest.mark.parametrize(("kind", "count_padding"), KINDS)
def test_floors_agree_on_large_arrays(floor, dtype, kind, count_padding):
    case = (3, 17, (31, 29), (3, 2), (2, 2), ((1, 1), (0, 0)), (1, 1), (16, 14))
    x, options = arguments(case, dtype)
    y, index = reference.pool(kind, x, *options, count_padding)
    agree(floor.pool(kind, x, *options, count_padding), (y, index))
    backward = (kind, y, index, x.shape, *options[:4], count_padding)
    agree(floor.pool_backward(*backward), reference.pool_backward(*backward))


@pytest.mark.parametrize(("kind", "count_padding"), KINDS)
@pytest.mark.parametrize("name", [n for n in CASES if n != "no batch"])
def test_gradient(floor, name, kind, count_padding):
    x, options = arguments(CASES[name])
    # distances of 0.1 between any two entries: a small step does not change the winner
    x = np.random.default_rng(2).permutation(x.size).reshape(x.shape) * 0.1
    y, index = floor.pool(kind, x, *options, count_padding)
    dy = draw(np.random.default_rng(1), y.shape)
    dx = floor.pool_backward(kind, dy, index, x.shape, *options[:4], count_padding)
    check_gradient(lambda x: reference.pool(kind, x, *options, count_padding)[0], (x,), (dy,), (dx,))


def test_first_on_ties_and_nan_wins(floor, dtype):
    x = np.array([[1, 1, 0, np.nan, 2, np.nan, -np.inf, -np.inf]], dtype).reshape(1, 1, 8)
    y, index = floor.pool("max", x, (2,), (2,), ((0, 0),), (1,), (4,), False)
    np.testing.assert_array_equal(y[0, 0], [1, np.nan, np.nan, -np.inf])
    np.testing.assert_array_equal(index[0, 0], [0, 3, 5, 6])
    y, index = floor.pool("max", x, (3,), (1,), ((0, 0),), (1,), (6,), False)
    np.testing.assert_array_equal(index[0, 0], [0, 3, 3, 3, 5, 5])


def test_padding_never_wins(floor, dtype):
    x = np.full((1, 1, 2, 2), -5, dtype)
    y, index = floor.pool("max", x, (2, 2), (1, 1), ((1, 1), (1, 1)), (1, 1), (3, 3), False)
    assert np.all(y == -5) and index.min() >= 0


def test_the_average_of_ones(floor, dtype):
    """1 everywhere when only x counts; the share of x in the window when padding counts too."""
    x = np.ones((1, 1, 4), dtype)
    options = ((3,), (2,), ((1, 1),), (1,), (3,))  # windows −1…1, 1…3, 3…5: the last overhangs the padding
    np.testing.assert_array_equal(floor.pool("average", x, *options, False)[0], [[[1, 1, 1]]])
    expected = np.array([[[2 / 3, 1, 1 / 2]]], dtype)
    np.testing.assert_array_equal(floor.pool("average", x, *options, True)[0], expected)


def test_the_gradient_of_max_gathers_where_windows_overlap(floor, dtype):
    x = np.array([0, 1, 9, 1, 0], dtype).reshape(1, 1, 5)
    options = ((3,), (1,), ((0, 0),), (1,))
    _, index = floor.pool("max", x, *options, (3,), False)
    dy = np.array([1, 10, 100], dtype).reshape(1, 1, 3)
    dx = floor.pool_backward("max", dy, index, x.shape, *options, False)
    np.testing.assert_array_equal(dx[0, 0], [0, 0, 111, 0, 0])
