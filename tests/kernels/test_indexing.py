"""Looking up and adding at an index: longhand sums, adjointness, one order of addition."""

import numpy as np
import pytest
from judge import agree, draw

from mmscratch import kernels

reference = kernels.floor("reference")
LOOKUPS = {  # shape of x, shape of index
    "embedding": ((7, 5), (3, 4)),
    "wide": ((7, 130), (11,)),
    "one index": ((7, 9), ()),
    "numbers": ((7,), (3, 4)),
    "blocks": ((5, 2, 3), (6,)),
    "no index": ((7, 5), (0,)),
    "no columns": ((7, 0), (3,)),
}


def lookup(name, dtype):
    shape, index = LOOKUPS[name]
    rng = np.random.default_rng(0)
    index = np.asarray(rng.integers(0, shape[0], index))
    return draw(rng, shape, dtype), index, np.asarray(draw(rng, index.shape + shape[1:], dtype))


@pytest.mark.parametrize("name", LOOKUPS)
def test_take_and_its_gradient(served, dtype, name):
    x, index, dy = lookup(name, dtype)
    y = served.take(x, index)
    assert y.shape == dy.shape and y.dtype == dtype and not np.shares_memory(y, x)
    dx = np.zeros(x.shape)
    for place in np.ndindex(index.shape):
        np.testing.assert_array_equal(y[place], x[index[place]])
        dx[index[place]] += dy[place]
    agree(served.take_add(dy, index, len(x)), dx.astype(dtype))


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("count", [0, 1, 6])
def test_take_along_and_its_gradient(served, dtype, axis, count):
    rng = np.random.default_rng(1)
    x = draw(rng, (3, 4, 5), dtype)
    shape = [3, 4, 5]
    shape[axis] = count
    index = rng.integers(0, x.shape[axis], shape)
    dy = draw(rng, shape, dtype)
    y = served.take_along(x, index, axis)
    dx = np.zeros(x.shape)
    for place in np.ndindex(*shape):
        source = list(place)
        source[axis] = index[place]
        assert y[place] == x[tuple(source)]
        dx[tuple(source)] += dy[place]
    assert y.shape == index.shape and y.dtype == dtype
    agree(served.take_along_add(dy, index, axis, x.shape[axis]), dx.astype(dtype))


def test_large_lookups(floor, dtype, threads):
    rng = np.random.default_rng(2)
    x, index = draw(rng, (500, 300), dtype), rng.integers(0, 500, (20, 30))
    agree(floor.take(x, index), x[index])
    agree(floor.take_add(x[index], index, 500), reference.take_add(x[index], index, 500))


def test_every_entry_is_added_in_the_order_of_the_index(served, threads):
    """Bit for bit the left-to-right sum: 1e8 + 1 − 1e8 is 0 in float32, in this order only."""
    dy = np.repeat(np.array([[1e8], [1.0], [-1e8], [1.0]], np.float32), 200, axis=1)
    assert set(served.take_add(dy, np.zeros(4, np.int64), 1).ravel()) == {1.0}
    along = served.take_along_add(dy, np.zeros(dy.shape, np.int64), 0, 1)
    assert set(along.ravel()) == {1.0}
