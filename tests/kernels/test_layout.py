"""Moving data: longhand index arithmetic, and always a fresh array in C order."""

import itertools

import numpy as np
import pytest


def fresh(y, *inputs):
    assert y.flags.c_contiguous and not any(np.shares_memory(y, x) for x in inputs)
    return y


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))), ids=str)
def test_permute(floor, dtype, axes):
    x = np.arange(24, dtype=dtype).reshape(2, 3, 4)
    y = fresh(floor.permute(x, axes), x)
    assert y.shape == tuple(x.shape[a] for a in axes)
    for place in np.ndindex(y.shape):
        source = [0, 0, 0]
        for j, a in enumerate(axes):
            source[a] = place[j]
        assert y[place] == x[tuple(source)]


def test_permute_without_axes_and_without_entries(floor):
    assert fresh(floor.permute(np.array(3.0), ())) == 3
    assert floor.permute(np.empty((2, 0, 3)), (2, 1, 0)).shape == (3, 0, 2)


def test_expand(floor, dtype):
    x = np.array([[1], [2]], dtype)
    y = fresh(floor.expand(x, (3, 2, 2)), x)
    assert y.tolist() == 3 * [[[1, 1], [2, 2]]] and y.dtype == dtype
    assert fresh(floor.expand(np.array(5.0), (2,))).tolist() == [5, 5]
    assert floor.expand(np.empty((1, 0)), (4, 0)).shape == (4, 0)


CASES = {  # one axis of ten: start, step, how many
    "all": (0, 1, 10),
    "part": (2, 1, 5),
    "every third": (1, 3, 3),
    "backwards": (9, -1, 10),
    "backwards to the first": (8, -4, 3),
    "backwards, one": (0, -1, 1),
    "none": (4, 1, 0),
    "none, backwards": (4, -2, 0),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_slice_and_place_are_converse(floor, dtype, case):
    start, step, count = case
    x = np.arange(20, dtype=dtype).reshape(10, 2)
    y = fresh(floor.slice(x, (start, 1), (step, -1), (count, 2)), x)
    assert y.tolist() == [[x[start + i * step, 1 - j] for j in range(2)] for i in range(count)]
    back = fresh(floor.place(y, (start, 1), (step, -1), (10, 2), -7), y)
    hit = {start + i * step for i in range(count)}
    assert back.tolist() == [x[i].tolist() if i in hit else [-7, -7] for i in range(10)]
    assert back.dtype == dtype


def test_slice_of_a_single_number(floor):
    assert fresh(floor.slice(np.array(4.0), (), (), ())) == 4
    assert fresh(floor.place(np.array(4.0), (), (), (), 0)) == 4


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concatenate(floor, dtype, axis):
    shapes = [[2, 3, 4] for _ in range(3)]
    for n, shape in enumerate(shapes):
        shape[axis] = n  # the first one is empty
    parts = [np.random.default_rng(n).random(shape).astype(dtype) for n, shape in enumerate(shapes)]
    y = fresh(floor.concatenate(parts, axis), *parts)
    first = 0
    for part in parts:
        last = first + part.shape[axis]
        np.testing.assert_array_equal(np.moveaxis(y, axis, 0)[first:last], np.moveaxis(part, axis, 0))
        first = last
    assert y.shape[axis] == first
    fresh(floor.concatenate(parts[1:2], axis), *parts)


def test_concatenate_columns_is_in_c_order(floor):
    y = fresh(floor.concatenate([np.ones((3, 1)), np.zeros((3, 1))], 1))
    assert y.flags.c_contiguous and y.tolist() == [[1, 0]] * 3


# ── large arrays: runs and turned blocks against NumPy ───────────────────────────────────────────
@pytest.fixture
def moved(monkeypatch):
    """The cpu floor with its own copies serving arrays of every size."""
    layout = pytest.importorskip("mmscratch.kernels.cpu.layout")
    monkeypatch.setattr(layout, "SMALL", 1)
    monkeypatch.setattr(layout, "TURNED", 1)
    return layout


@pytest.mark.parametrize("kind", ["f4", "f8", "i8", "u4", "?"])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (2, 3, 5, 4), (3, 37, 1, 70), (2, 16, 33, 64), (5, 90, 3, 2)]
)
def test_every_permutation_of_any_numbers(moved, kind, shape):
    x = np.random.default_rng(0).integers(0, 1 << 62, shape).astype("i8").view("f8").astype(kind)
    if kind in ("f4", "f8"):
        x.reshape(-1)[::3] = np.nan
    for axes in itertools.permutations(range(4)):
        y = fresh(moved.permute(x, axes), x)
        assert (
            y.dtype == x.dtype
            and y.tobytes() == x.transpose(axes).tobytes()
            and y.shape == x.transpose(axes).shape
        )


@pytest.mark.parametrize(
    "shape, to", [((1, 70), (3, 70)), ((4, 1), (2, 4, 33)), ((), (20,)), ((2, 1, 3), (2, 9, 3))]
)
def test_every_kind_of_expansion(moved, dtype, shape, to):
    x = np.asarray(np.random.default_rng(0).random(shape).astype(dtype))
    np.testing.assert_array_equal(fresh(moved.expand(x, to), x), np.broadcast_to(x, to))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_slices_and_places_by_our_own_copies(moved, dtype, case):
    test_slice_and_place_are_converse(moved, dtype, case)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_concatenation_by_our_own_copies(moved, dtype, axis):
    test_concatenate(moved, dtype, axis)


def test_large_moves(moved, dtype, threads):
    """Long runs are cut into tasks; blocks at the edges are parts."""
    x = np.random.default_rng(0).random((3, 70, 40_001)).astype(dtype)
    np.testing.assert_array_equal(moved.permute(x, (0, 2, 1)), x.transpose(0, 2, 1))
    np.testing.assert_array_equal(moved.permute(x, (1, 0, 2)), x.transpose(1, 0, 2))
    np.testing.assert_array_equal(moved.slice(x, (0, 1, 0), (1, 2, 1), (3, 35, 40_001)), x[:, 1::2])
    back = moved.place(x, (0, 0, 2), (1, 1, 1), (3, 70, 40_005), 7)
    np.testing.assert_array_equal(back, np.pad(x, ((0, 0), (0, 0), (2, 2)), constant_values=7))
