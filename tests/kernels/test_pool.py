"""The pool: every task once, any argument types, failures reported, from several Python threads at once."""

import threading

import numpy as np
import pytest

pytest.importorskip("numba")
import numba

from mmscratch.kernels.pool import parallel


@parallel(cache=False)
def scale(task, x, y, factor):
    for i in range(task * 10, min(x.size, task * 10 + 10)):
        y[i] += x[i] * factor


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 10, 11, 1000])
def test_every_task_runs_once(dtype, size):
    x, y = np.arange(size, dtype=dtype), np.zeros(size, dtype)
    scale(-(-size // 10), x, y, 3.0)
    np.testing.assert_array_equal(y, 3 * x)


def test_argument_types_are_told_apart():
    x = np.arange(20)
    for kind, factor in ((np.int64, 2), (np.float64, 2.0), (np.float32, 2)):
        y = np.zeros(20, kind)
        scale(2, x.astype(kind), y, factor)
        np.testing.assert_array_equal(y, 2 * x)
    strided = np.zeros(40)
    scale(2, x.astype(float)[::1], strided[::2], 1.0)  # another layout is another type
    np.testing.assert_array_equal(strided[::2], x)


def test_a_view_outlives_the_call_and_is_not_leaked():
    import sys

    x, y = np.ones(100), np.zeros(100)
    before = sys.getrefcount(x), sys.getrefcount(y)
    for _ in range(50):
        scale(10, x, y, 1.0)
    assert (sys.getrefcount(x), sys.getrefcount(y)) == before
    np.testing.assert_array_equal(y, 50)


@parallel(cache=False)
def greedy(task, sizes, out):
    scratch = np.empty(sizes[task])
    scratch[0] = task
    out[task] = scratch[0]


def test_a_task_without_memory_is_an_error():
    out = np.zeros(2)
    with pytest.raises(MemoryError, match="greedy"):
        greedy(2, np.array([1, 1 << 60]), out)
    greedy(2, np.array([1, 1]), out)
    np.testing.assert_array_equal(out, [0, 1])


def test_python_threads_take_turns():
    results = [np.zeros(1000) for _ in range(4)]

    def work(y):
        for _ in range(200):
            scale(100, np.ones(1000), y, 1.0)

    workers = [threading.Thread(target=work, args=(y,)) for y in results]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for y in results:
        np.testing.assert_array_equal(y, 200)


def test_the_number_of_threads_does_not_matter():
    x = np.random.default_rng(0).standard_normal(10_000)
    several, one = np.zeros(10_000), np.zeros(10_000)
    scale(1000, x, several, 1.1)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        scale(1000, x, one, 1.1)
    finally:
        numba.set_num_threads(before)
    np.testing.assert_array_equal(several, one)


@parallel(cache=False)
def neighbours(task, count, x):
    """Row r + 1 of x is each number of row r plus the one after it, in a circle."""
    row, i = task // count, task % count
    x[row + 1, i] = x[row, i] + x[row, (i + 1) % count]


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_a_round_sees_all_of_the_round_before(count):
    x = np.zeros((9, count))
    expected = x[0] = np.arange(count)
    neighbours.rounds(8, count, count, x)
    for _ in range(8):
        expected = expected + np.roll(expected, -1)
    np.testing.assert_array_equal(x[8], expected)
    neighbours.rounds(0, count, count, x[:0])  # nothing to do
