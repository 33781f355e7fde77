"""The survey's §4.2, cos θ = A·B / (‖A‖ ‖B‖): its example is 0.5, as printed; and what it leaves out.

It leaves out the range, the zero vector, the gradient, and that for vectors of unit length it ranks as
Euclid's distance does.
"""

import numpy as np
import pytest
from cosine_checks import CHECKS

from mmscratch import Tensor, kernels, ops


def value_of(function):
    return lambda a, b: float(function(a, b))


def slope_of(function):
    def slope(a, b):
        x = Tensor(a, requires_grad=True)
        function(x, b).backward()
        return x.grad

    return slope


def through_matrix(a, b):
    """The cosine through the matrix of all pairs."""
    return ops.reshape(
        ops.cosine_similarity_matrix(ops.unsqueeze(a, axis=0), ops.unsqueeze(b, axis=0)), shape=()
    )


OURS = {
    "cosine_similarity": ops.cosine_similarity,
    "cosine_similarity_twin": ops.cosine_similarity_twin,
    "cosine_similarity_matrix": through_matrix,
}


# ── the formula in NumPy, and what goes wrong with it ────────────────────────────────────────────
def value(a, b):
    n, m = np.linalg.norm(a), np.linalg.norm(b)
    return a @ b / (n * m) if n * m else 0.0


def slope(a, b):
    n, m = np.linalg.norm(a), np.linalg.norm(b)
    if not n * m:
        return np.zeros_like(a)
    return (b / m - value(a, b) * a / n) / n


FAULTS = {
    "sign": (lambda a, b: -value(a, b), lambda a, b: -slope(a, b)),
    "sign inside the gradient": (
        value, lambda a, b: slope(a, b) + 2 * value(a, b) * a / (a @ a) if a.any() else a,
    ),
    "the gradient forgets that ‖a‖ changes": (
        value, lambda a, b: b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9),
    ),
    "the gradient lacks 1/‖a‖": (value, lambda a, b: slope(a, b) * np.linalg.norm(a)),
    "factor 2": (lambda a, b: 2 * value(a, b), lambda a, b: 2 * slope(a, b)),
    "squared norms": (lambda a, b: a @ b / ((a @ a) * (b @ b)) if a.any() and b.any() else 0.0, slope),
    "only one norm": (lambda a, b: a @ b / np.linalg.norm(b) if b.any() else 0.0, slope),
    "sum of absolute values as norm": (
        lambda a, b: a @ b / (np.abs(a).sum() * np.abs(b).sum()) if a.any() and b.any() else 0.0, slope,
    ),
    "no protection of the zero vector": (
        lambda a, b: a @ b / (np.linalg.norm(a) * np.linalg.norm(b)), slope,
    ),
    "eps added to the norms": (
        lambda a, b: a @ b / ((np.linalg.norm(a) + 0.01) * (np.linalg.norm(b) + 0.01)), slope,
    ),
    "the absolute value": (lambda a, b: abs(value(a, b)), slope),
    "wrong axis: every entry by itself": (lambda a, b: float(np.sign(a * b).mean()), slope),
}  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("floor", ["reference", "cpu"])
def test_the_library_passes(check, name, floor):
    if floor == "cpu" and not kernels.has_numba():
        pytest.skip("the cpu floor needs Numba")
    with kernels.use(floor):
        check(value_of(OURS[name]), slope_of(OURS[name]))


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_the_formula_passes(check):
    check(value, slope)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_caught(fault):
    caught = []
    for check in CHECKS:
        with np.errstate(all="ignore"):
            try:
                check(*FAULTS[fault])
            except AssertionError:
                caught.append(check.__name__)
    assert caught, f"no check sees: {fault}"


def test_ranking_is_that_of_euclid():
    """Nearest by cosine and by distance are the same for unit vectors, and need not be for others."""
    rng = np.random.default_rng(9)
    query, database = rng.standard_normal((3, 5)), rng.standard_normal((40, 5)) * rng.uniform(0.2, 5, (40, 1))
    _, by_cosine = ops.cosine_topk(query, database, k=40)
    unit, units = ops.normalize(query), ops.normalize(database)
    by_distance = np.argsort(((unit[:, None] - units) ** 2).sum(axis=-1), axis=1)
    assert np.array_equal(by_cosine, by_distance)
    assert not np.array_equal(by_cosine, np.argsort(((query[:, None] - database) ** 2).sum(axis=-1), axis=1))
