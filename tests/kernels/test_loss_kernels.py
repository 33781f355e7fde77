"""Cross-entropy: the published formula longhand, ignored rows, weights, smoothing, gradients."""

import itertools
import math

import numpy as np
import pytest
from judge import agree, check_gradient, draw
from scipy import special

from mmscratch import kernels

reference = kernels.floor("reference")
OPTIONS = list(itertools.product([False, True], [0.0, 0.1, 1.0]))


def case(rows, classes, dtype, weighted, seed=0):
    rng = np.random.default_rng(seed)
    x, target = 3 * draw(rng, (rows, classes), dtype), rng.integers(0, classes, rows)
    target[1::4] = -100
    return x, target, rng.random(classes).astype(dtype) if weighted else None


def longhand(x, target, weight, smoothing):
    """One row, one class at a time."""
    loss, row_weight = [], []
    weight = [1.0] * x.shape[1] if weight is None else weight.tolist()
    for row, t in zip(x.astype(np.float64).tolist(), target, strict=True):
        lse = math.log(sum(map(math.exp, row)))
        smooth = smoothing / len(row) * sum(w * (lse - v) for w, v in zip(weight, row, strict=True))
        loss.append(0.0 if t == -100 else weight[t] * (1 - smoothing) * (lse - row[t]) + smooth)
        row_weight.append(0.0 if t == -100 else weight[t])
    return np.array(loss, x.dtype), np.array(row_weight, x.dtype)


@pytest.mark.parametrize("weighted, smoothing", OPTIONS)
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (9, 5), (131, 401)], ids=str)
def test_formula(served, dtype, shape, weighted, smoothing):
    x, target, weight = case(*shape, dtype, weighted)
    loss, row_weight, lse = served.cross_entropy(x, target, weight, -100, smoothing)
    agree((loss, row_weight), longhand(x, target, weight, smoothing))
    agree(lse, special.logsumexp(x.astype(np.float64), axis=1).astype(dtype) if len(x) else lse)


@pytest.mark.parametrize("weighted, smoothing", OPTIONS)
def test_gradient(served, weighted, smoothing):
    x, target, weight = case(6, 5, np.float64, weighted, seed=1)
    dloss = draw(np.random.default_rng(2), 6)
    lse = served.cross_entropy(x, target, weight, -100, smoothing)[2]
    dx = served.cross_entropy_backward(dloss, x, target, lse, weight, -100, smoothing)
    check_gradient(lambda x: served.cross_entropy(x, target, weight, -100, smoothing)[0], [x], [dloss], [dx])


@pytest.mark.parametrize("weighted, smoothing", OPTIONS)
def test_large_gradients_agree(floor, dtype, threads, weighted, smoothing):
    x, target, weight = case(131, 401, dtype, weighted)
    dloss = draw(np.random.default_rng(3), 131, dtype)
    lse = reference.cross_entropy(x, target, weight, -100, smoothing)[2]
    given = (dloss, x, target, lse, weight, -100, smoothing)
    agree(floor.cross_entropy_backward(*given), reference.cross_entropy_backward(*given))


def test_impossible_and_certain_classes(served, dtype):
    """Logits of −∞ cost nothing unless they are the target, and huge ones do not overflow."""
    x = np.array([[0, -np.inf, 0], [1e4, -1e4, 0], [0, -np.inf, 0]], dtype)
    target = np.array([0, 0, 1])
    loss, _, lse = served.cross_entropy(x, target, None, -100, 0.0)
    np.testing.assert_allclose(loss, [math.log(2), 0, np.inf], rtol=1e-6)
    dx = served.cross_entropy_backward(np.ones(3, dtype), x, target, lse, None, -100, 0.0)
    np.testing.assert_allclose(dx[0], [-0.5, 0, 0.5], rtol=1e-6)


def test_another_number_to_ignore(served):
    x, target, _ = case(6, 5, np.float64, False)
    target[1::4] = 2
    loss, row_weight, _ = served.cross_entropy(x, target, None, 2, 0.1)
    assert ((loss == 0) == (target == 2)).all() and ((row_weight == 0) == (target == 2)).all()
