"""Matrix products: every transposition, broadcasting, empty and odd sizes, beside einsum."""

import numpy as np
import pytest
from judge import agree, draw

from mmscratch.kernels import reference

SHAPES = {  # leading axes of a, of b, and M, K, N
    "plain": ((), (), 3, 4, 5),
    "one": ((), (), 1, 1, 1),
    "batch": ((2, 3), (2, 3), 3, 4, 5),
    "broadcast": ((2, 1), (3,), 3, 4, 5),
    "shared b": ((4,), (), 7, 3, 2),
    "no rows": ((2,), (2,), 0, 4, 5),
    "nothing to sum": ((), (), 3, 0, 5),
    "no batch": ((0,), (0,), 3, 4, 5),
    "large": ((), (), 200, 300, 100),
}


@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize("name", SHAPES)
def test_matmul(floor, dtype, name, transpose_a, transpose_b):
    lead_a, lead_b, m, k, n = SHAPES[name]
    rng = np.random.default_rng(0)
    a = draw(rng, (*lead_a, *((k, m) if transpose_a else (m, k))), dtype)
    b = draw(rng, (*lead_b, *((n, k) if transpose_b else (k, n))), dtype)
    letters = f"...{'km' if transpose_a else 'mk'},...{'nk' if transpose_b else 'kn'}->...mn"
    wanted = np.einsum(letters, a.astype(np.float64), b.astype(np.float64)).astype(dtype)
    agree(floor.matmul(a, b, transpose_a, transpose_b), np.ascontiguousarray(wanted))


@pytest.mark.parametrize("activation", ["relu", "tanh", "sigmoid"])
def test_linear_with_its_activation(floor, dtype, activation):
    rng = np.random.default_rng(1)
    x, weight, bias = draw(rng, (50, 40), dtype), draw(rng, (70, 40), dtype), draw(rng, 70, dtype)
    wanted = reference.map(activation, reference.linear(x, weight, bias))
    agree(floor.linear(x, weight, bias, activation), wanted)


@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("n", [0, 1, 5, 300])
def test_linear(floor, dtype, n, biased):
    rng = np.random.default_rng(1)
    x, weight, bias = draw(rng, (n, 40), dtype), draw(rng, (7, 40), dtype), draw(rng, 7, dtype)
    copy = bias.copy()
    wanted = np.einsum("nd,kd->nk", x.astype(np.float64), weight.astype(np.float64)) + (bias if biased else 0)
    agree(floor.linear(x, weight, bias if biased else None), wanted.astype(dtype))
    np.testing.assert_array_equal(bias, copy)


def test_nan_and_infinity_come_through(floor, dtype):
    a, b = np.array([[np.nan, 1], [np.inf, 1]], dtype), np.array([[1], [1]], dtype)
    got = floor.matmul(a, b, False, False)
    assert np.isnan(got[0, 0]) and got[1, 0] == np.inf
