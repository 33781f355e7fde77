"""Dynamic time warping and its soft twin against the enumeration of all paths; windows, slopes, gradients."""

import itertools

import numpy as np
import pytest

from mmscratch import kernels, ops
from mmscratch.alignment import (
    STEPS,
    band,
    dtw,
    parallelogram,
    path_links,
    soft_alignment,
    soft_dtw,
    squared_distances,
)
from mmscratch.alignment.warping import _laid_out, accumulated_twin
from mmscratch.gradcheck import gradcheck
from mmscratch.tensor import Tensor

random = np.random.default_rng(0)


def all_paths(shape, steps):
    """Every path from (0, 0) to the last cell: (cells, weights)."""

    def go(cells, weights):
        i, j = cells[-1]
        if (i, j) == (shape[0] - 1, shape[1] - 1):
            yield cells, weights
        for step in steps:
            more, paid = list(cells), list(weights)
            for di, dj, weight in step:
                more.append((more[-1][0] + di, more[-1][1] + dj))
                paid.append(weight)
            if more[-1][0] < shape[0] and more[-1][1] < shape[1]:
                yield from go(more, paid)

    yield from go([(0, 0)], [steps[0][0][2]])


def costs_of(paths, cost):
    return np.array(
        [sum(w * cost[c] for c, w in zip(cells, weights, strict=True)) for cells, weights in paths]
    )


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("shape", [(1, 1), (4, 4), (5, 4), (4, 6)])
def test_cost_and_path_are_the_best_of_all(shape, steps):
    cost = random.random(shape)
    paths = list(all_paths(shape, STEPS[steps]))
    if not paths:
        with pytest.raises(ValueError, match="no path"):
            dtw(cost, steps)
        return
    every = costs_of(paths, cost)
    found = dtw(cost, steps)
    assert found.cost == pytest.approx(every.min(), abs=1e-12)
    assert [tuple(c) for c in found.path] == paths[every.argmin()][0]
    over = len(found.path) if steps == "plain" else sum(shape)
    assert found.mean == pytest.approx(every.min() / over, abs=1e-12)


def test_there_are_delannoy_many_paths():
    assert len(list(all_paths((4, 4), STEPS["plain"]))) == 63 and len(list(all_paths((4, 3), STEPS[0]))) == 25


@pytest.mark.parametrize("p", [0, 0.5, 1, 2])
def test_every_path_of_a_symmetric_form_weighs_i_plus_j(p):
    """So a constant cost has mean 1, whatever the path."""
    for _, weights in all_paths((5, 5), STEPS[p]):
        assert sum(weights) == 10
    assert dtw(np.ones((6, 5)), p).mean == 1


@pytest.mark.parametrize("p", [0.5, 1, 2])
def test_slope_constraint(p):
    """After m steps one way at least P·m diagonal ones: no run of straight steps is longer than 1 / P."""
    path = dtw(random.random((20, 18)), p).path
    straight = (np.diff(path, axis=0).sum(1) == 1).astype(int)
    runs = [len(list(g)) for k, g in itertools.groupby(straight) if k]
    assert max(runs, default=0) <= max(1 / p, 1)
    if p == 2:
        alone = "".join(map(str, straight))
        assert "101" not in alone


def test_sakoe_and_chibas_equations_as_printed():
    """P = 1, symmetric: the recursion of table I, written out on its own."""
    d = random.random((7, 6))
    g = np.full((9, 8), np.inf)
    g[2, 2] = 2 * d[0, 0]
    at = np.pad(d, ((2, 0), (2, 0)), constant_values=np.inf)
    for i in range(2, 9):
        for j in range(2, 8):
            if (i, j) != (2, 2):
                g[i, j] = min(
                    g[i - 1, j - 2] + 2 * at[i, j - 1] + at[i, j],
                    g[i - 1, j - 1] + 2 * at[i, j],
                    g[i - 2, j - 1] + 2 * at[i - 1, j] + at[i, j],
                )
    found = dtw(d, 1)
    np.testing.assert_allclose(found.table, g[2:, 2:], atol=1e-12)


def test_a_sequence_meets_its_own_repetition():
    """Each unit said k times: cost 0, and each copy is linked to its unit."""
    x = random.normal(size=(6, 3))
    often = np.repeat(np.arange(6), [1, 3, 1, 2, 1, 4])
    found = dtw(squared_distances(x, x[often]))
    assert found.cost == 0
    assert (path_links(found.path, (6, 12)) == (np.arange(6)[:, None] == often)).all()


def test_symmetric_in_its_two_sequences():
    cost = random.random((6, 8))
    for steps in STEPS:
        assert dtw(cost, steps).cost == pytest.approx(dtw(cost.T, steps).cost, abs=1e-12)


@pytest.mark.parametrize("steps", STEPS)
def test_compiled_and_plain_loops_agree(steps):
    cost = random.random((9, 8))
    table, choice = accumulated_twin(cost, *_laid_out(STEPS[steps]))
    if kernels.has_numba():
        from mmscratch.alignment.warping_loops import accumulated

        for mine, theirs in zip(accumulated(cost, *_laid_out(STEPS[steps])), (table, choice), strict=True):
            np.testing.assert_array_equal(mine, theirs)


def test_windows():
    cost = random.random((7, 7))
    paths = list(all_paths((7, 7), STEPS["plain"]))
    for window in (band(7, 7, 1), band(7, 7, 0), parallelogram(7, 7), random.random((7, 7)) < 0.9):
        window[0, 0] = window[-1, -1] = True
        inside = [p for p in paths if all(window[c] for c in p[0])]
        if inside:
            assert dtw(cost, window=window).cost == pytest.approx(costs_of(inside, cost).min(), abs=1e-12)
    assert dtw(cost, window=band(7, 7, 0)).cost == pytest.approx(np.trace(cost))
    assert (band(5, 9, 0).sum(1) == 1).all() and band(5, 9, 0)[2, 4]
    assert parallelogram(9, 9)[2].nonzero()[0].tolist() == [1, 2, 3, 4]
    assert parallelogram(1, 4).all()


def test_what_is_refused():
    for cost, options, words in (
        (np.ones(3), {}, r"cost.*\(3,\)"),
        ([[1.0, -1.0]], {}, "least -1"),
        (np.ones((2, 2)), {"steps": 3}, "steps: expected plain, 0, 0.5, 1, 2, got 3"),
        (np.ones((2, 9)), {"steps": 1}, r"no path .*\(2, 9\)"),
        (np.ones((3, 3)), {"window": np.eye(3, k=1, dtype=bool)}, "inside the window"),
        (np.ones((3, 3)), {"window": np.ones((2, 3), bool)}, "one shape"),
    ):
        with pytest.raises(ValueError, match=words):
            dtw(cost, **options)


@pytest.mark.parametrize("gamma", [0.05, 1.0, 10.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 4), (5, 3)])
def test_soft_value_and_gradient_are_those_of_all_paths(shape, gamma):
    cost = random.normal(size=shape)
    paths = list(all_paths(shape, STEPS["plain"]))
    energy = -costs_of(paths, cost) / gamma
    top = energy.max()
    p = np.exp(energy - top)
    expected = sum(w * path_links(cells, shape) for w, (cells, _) in zip(p / p.sum(), paths, strict=True))
    assert soft_dtw(cost, gamma=gamma) == pytest.approx(-gamma * (top + np.log(p.sum())), abs=1e-11)
    np.testing.assert_allclose(soft_alignment(cost, gamma), expected, atol=1e-11)


def test_small_gamma_is_the_hard_path():
    cost = random.random((8, 6))
    found = dtw(cost)
    assert soft_dtw(cost, gamma=1e-4) == pytest.approx(found.cost, abs=1e-3)
    np.testing.assert_allclose(soft_alignment(cost, 1e-4), path_links(found.path, (8, 6)), atol=1e-6)


def test_soft_gradient_through_a_batch_and_through_features():
    assert gradcheck(lambda d: soft_dtw(d, gamma=0.5), random.normal(size=(2, 4, 3)))

    def between(x, y):
        squares = ops.sum(x * x, axis=1, keepdims=True) + ops.sum(y * y, axis=1).reshape(1, 3)
        return soft_dtw(squares - 2 * ops.matmul(x, ops.transpose(y)), gamma=1.0)

    assert gradcheck(between, random.normal(size=(4, 2)), random.normal(size=(3, 2)))


def test_soft_batch_is_its_rows_and_keeps_the_dtype():
    cost = random.random((3, 5, 4))
    each = [soft_dtw(c, gamma=0.3) for c in cost]
    np.testing.assert_allclose(soft_dtw(cost, gamma=0.3), each, atol=1e-12)
    x = Tensor(cost.astype(np.float32), requires_grad=True)
    y = soft_dtw(x, gamma=0.3)
    ops.sum(y).backward()
    assert y.data.dtype == x.grad.dtype == np.float32


def test_what_soft_refuses():
    with pytest.raises(ValueError, match="gamma.*0"):
        soft_dtw(np.ones((2, 2)), gamma=0)
    with pytest.raises(ValueError, match=r"\(2,\)"):
        soft_alignment(np.ones(2))
