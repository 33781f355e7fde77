"""What can be proved about balanced XOR: one modality, a mean of posteriors, any sum, a product.

The cells are (a, b) in {−1, 1}², equally frequent; y = 1 where a ≠ b. Exhaustively, or as a linear program.
"""

import itertools

import numpy as np
import pytest
from fusion_checks import array, double
from scipy.optimize import linprog

from mmscratch.models.fusion import FUSIONS, make
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

CELLS = list(itertools.product((-1, 1), (-1, 1)))
Y = np.array([int(a != b) for a, b in CELLS])
A, B = (np.array(column, float)[:, None] for column in zip(*CELLS, strict=True))
SIDE = {-1: 0, 1: 1}


def right(score):
    """Share of the cells that a score tells: above 0 says 1, below says 0, and at 0 a coin is thrown."""
    sign = np.sign(np.asarray(score, float))
    return np.where(sign == 0, 0.5, sign == 2 * Y - 1).mean()


def test_one_modality_tells_half():
    """All 2² functions of one bit are right in two cells of four; so is every mixture of them."""
    for values in itertools.product((-1, 1), repeat=2):
        assert right([values[SIDE[a]] for a, _ in CELLS]) == 0.5
        assert right([values[SIDE[b]] for _, b in CELLS]) == 0.5


def test_the_posterior_of_each_modality_is_a_half_and_so_is_every_pool_of_them():
    for view in (A, B):
        for value in (-1, 1):
            assert Y[view[:, 0] == value].mean() == 0.5
    half = [Tensor(np.log(np.full((4, 2), 0.5)))] * 2
    there = Tensor(np.ones((4, 2)))
    for name in ("late-weighted", "late-product", "late-stacking"):
        fuse = double(make(name, (1, 1), 2, Generator(0)), seed=3)
        log_p = array(fuse.combine(half, there))
        assert np.ptp(log_p, axis=0).max() == 0  # the same answer in all four cells, which is right in two
        assert right(log_p[:, 1] - log_p[:, 0]) == 0.5


def test_no_sum_tells_more_than_three_of_four():
    """For every choice of cells to get right: a linear program in f(−1), f(1), g(−1), g(1).

    (2y − 1)(f(a) + g(b)) ≥ 1 in those cells. It has a solution unless all four are asked for. Why: added up
    with their signs, the four cells' f and g cancel, so Σ (2y − 1)(f(a) + g(b)) = 0, and not every term of a
    sum that is 0 can be positive. A score of exactly 0 everywhere is a coin: 50 %.
    """
    largest = 0
    for asked in itertools.product((False, True), repeat=4):
        lhs = np.zeros((4, 4))
        for row, (a, b), y in zip(lhs, CELLS, Y, strict=True):
            row[SIDE[a]] = row[2 + SIDE[b]] = -(2 * y - 1)
        lhs = lhs[np.array(asked)]
        found = linprog(np.zeros(4), lhs if len(lhs) else None, -np.ones(len(lhs)) if len(lhs) else None,
                        bounds=[(None, None)] * 4)  # fmt: skip
        assert (found.status == 0) == (sum(asked) < 4)
        largest = max(largest, sum(asked) * (found.status == 0))
    assert largest / 4 == 0.75
    coefficients = np.zeros(4)
    for (a, b), y in zip(CELLS, Y, strict=True):
        coefficients[SIDE[a]] += 2 * y - 1
        coefficients[2 + SIDE[b]] += 2 * y - 1
    assert (coefficients == 0).all()


def test_seventy_five_is_reached():
    assert right([{-1: -1, 1: 2}[a] + {-1: 0, 1: -3}[b] for a, b in CELLS]) == 0.75


@pytest.mark.parametrize("name", ["late-product", "late-stacking"])
@pytest.mark.parametrize("seed", range(20))
def test_late_scores_are_sums(name, seed):
    """log p₁ − log p₀ has no part that needs both: the second difference over the cells is 0, so ≤ 75 %."""
    fuse = double(make(name, (1, 1), 2, Generator(0), width=8), seed)
    score = np.diff(array(fuse(Tensor(A), Tensor(B))), axis=1)[:, 0]
    assert score[0] - score[1] - score[2] + score[3] == pytest.approx(0, abs=1e-12)
    assert right(score) <= 0.75


@pytest.mark.parametrize("seed", range(20))
def test_so_is_a_weighted_mean_of_any_posteriors_however_trained(seed):
    fuse = double(make("late-weighted", (1, 1), 2, Generator(0), width=8), seed)
    score = np.exp(array(fuse(Tensor(A), Tensor(B))))[:, 1] - 0.5
    assert score[0] - score[1] - score[2] + score[3] == pytest.approx(0, abs=1e-12)
    assert right(score) <= 0.75


def test_a_product_tells_all():
    """score = −a b: one weight of a bilinear form, of tensor fusion, and of a low-rank one of rank 1."""
    assert right(-(A * B)[:, 0]) == 1
    mi = double(make("bilinear", (1, 1), 1))
    full, low = double(make("tensor", (1, 1), 1)), double(make("low-rank", (1, 1), 1, rank=1))
    for fuse in (mi, full, low):
        for p in fuse.parameters():
            p.data = np.zeros_like(p.data)
    mi.pair.both.weight.data[:] = -1
    full.linear.weight.data[0, 0] = -1  # of [a b, a, b, 1]
    low.factors[0].weight.data[0, 0], low.factors[1].weight.data[0, 0], low.rank_weight.data[:] = 1, 1, -1
    for fuse in (mi, full, low):
        np.testing.assert_array_equal(array(fuse(Tensor(A), Tensor(B))), -A * B)


def test_others_can_tell_all_too():
    """FiLM: relu(a b) with γ = b − 1, negated; a rectifier of the sum: |a + b| − 1."""
    film = double(make("film", (1, 1), 2)).pair
    film.v.weight.data[:], film.v.bias.data[:] = [[1], [-1]], 0
    film.q.weight.data[:], film.q.bias.data[:] = [[1], [1], [0], [0]], [-1, -1, 0, 0]
    h = array(film(Tensor(A), Tensor(B)))  # relu(a b), relu(−a b)
    assert right(h[:, 1] - h[:, 0]) == 1
    early = double(make("early", (1, 1), 2))
    early.step.weight.data[:], early.step.bias.data[:] = [[1, 1], [-1, -1]], 0
    early.out.weight.data[:], early.out.bias.data[:] = np.eye(2), 0
    assert right(1 - array(early(Tensor(A), Tensor(B))).sum(1)) == 1


def test_every_name_is_one_of_the_two_kinds():
    """Of the fusions here only the late ones are sums; a random one of the others has a part for both."""
    for name in FUSIONS:
        fuse = make(name, (1, 1), 4, Generator(0))
        if fuse.decides and name != "hybrid":
            continue
        found = []
        for seed in range(5):
            fuse = double(make(name, (1, 1), 4, Generator(0)), seed)
            h = array(fuse(Tensor(A), Tensor(B)))
            found.append(np.abs(h[0] - h[1] - h[2] + h[3]).max())
        assert max(found) > 1e-3, name
