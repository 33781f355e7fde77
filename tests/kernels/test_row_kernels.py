"""float32 kernels of rows against the reference in float64: how far off, on vectors of every width."""

import numpy as np
import pytest
from judge import draw, pass_on_vectors

from mmscratch import kernels

pytest.importorskip("numba")

reference, cpu = kernels.floor("reference"), kernels.floor("cpu")

NORMS = {  # shape, across_batch, center
    "layer norm": ((70, 1, 517, 1), False, True),
    "RMS norm": ((70, 1, 517, 1), False, False),
    "group norm without space": ((90, 3, 70, 1), False, True),
    "batch norm": ((9, 7, 1, 301), True, True),
    "group norm": ((5, 3, 4, 301), False, True),
    "batch norm of features": ((700, 53, 1, 1), True, True),
    "features, uncentred": ((700, 53, 1, 1), True, False),
}


def exact(*arguments):
    """The arguments with float64 for float32."""
    return [a.astype(np.float64) if a.dtype == np.float32 else a for a in arguments]


def off(got, expected):
    """The largest error, in units of the largest entry."""
    return np.abs(got - expected).max() / np.abs(expected).max()


@pytest.mark.parametrize("mean", [0, 10])
@pytest.mark.parametrize("name", NORMS)
def test_norms(name, mean):
    (shape, across, center), rng = NORMS[name], np.random.default_rng(0)
    x, dy = draw(rng, shape, np.float32) + np.float32(mean), draw(rng, shape, np.float32)
    weight, bias = draw(rng, (2, shape[1] * shape[2]), np.float32)
    results = cpu.normalize(x, weight, bias, 1e-5, across, center)
    expected = reference.normalize(*exact(x, weight, bias), 1e-5, across, center)
    assert max(off(*pair) for pair in zip(results, expected, strict=True) if pair[1].any()) < 2e-7
    given = (dy, x, weight, *results[1:])
    got = cpu.normalize_backward(*given, across, center)
    expected = reference.normalize_backward(*exact(*given), across, center)
    assert max(off(*pair) for pair in zip(got, expected, strict=True)) < 3e-7


def test_a_first_entry_far_from_the_others_does_not_spoil_the_variance():
    """It is what the sums are shifted by: the worst of shifts is still a member of its set."""
    x = draw(np.random.default_rng(0), (3, 1, 4096, 1), np.float32)
    x[:, 0, 0, 0] = 1e6
    for shape, across in (((3, 1, 4096, 1), False), ((4096, 3, 1, 1), True)):
        z = np.ascontiguousarray(x.reshape(3, 4096).T if across else x).reshape(shape)
        got = cpu.normalize(z, None, None, 0.0, across, True)
        expected = reference.normalize(*exact(z), None, None, 0.0, across, True)
        for pair in zip(got, expected, strict=True):
            assert off(*pair) < 2e-7


@pytest.mark.parametrize("weighted, smoothing", [(False, 0.0), (True, 0.1)])
def test_cross_entropy(weighted, smoothing):
    rng = np.random.default_rng(1)
    x, target, dloss = 4 * draw(rng, (60, 1003), np.float32), rng.integers(0, 1003, 60), rng.random(60)
    weight = rng.random(1003).astype(np.float32) if weighted else None
    target[::7] = -100
    loss, _, lse = cpu.cross_entropy(x, target, weight, -100, smoothing)
    rest = (target, weight, -100, smoothing)
    wide = None if weight is None else weight.astype(np.float64)
    expected = reference.cross_entropy(x.astype(np.float64), target, wide, *rest[2:])
    assert off(loss, expected[0]) < 3e-7 and off(lse, expected[2]) < 3e-7
    dloss = dloss.astype(np.float32)
    got = cpu.cross_entropy_backward(dloss, x, target, lse, weight, *rest[2:])
    wanted = reference.cross_entropy_backward(*exact(dloss, x, target), expected[2], wide, *rest[2:])
    assert off(got, wanted) < 2e-6  # exp(x − lse) magnifies the rounding of lse, which was given in float32


def test_optimizers():
    rng = np.random.default_rng(2)
    param, grad, m, v = draw(rng, (4, 40_007), np.float32)
    v = np.abs(v) + np.float32(0.1)
    arrays, wide = [param.copy(), grad, m.copy(), v.copy()], exact(param, grad, m, v)
    for floor, given in ((cpu, arrays), (reference, wide)):
        floor.adam_step(*given, 0.01, 0.9, 0.999, 1e-8, 0.1, True, 3)
    for got, expected in zip(arrays, wide, strict=True):
        assert off(got, expected) < 2e-7
    norm, clipped = cpu.clip_global_norm([grad, m[:100]], 1.0)
    expected, scaled = reference.clip_global_norm(exact(grad, m[:100]), 1.0)
    assert abs(norm / expected - 1) < 1e-7
    assert max(off(*pair) for pair in zip(clipped, scaled, strict=True)) < 2e-7


def test_lookups():
    rng = np.random.default_rng(3)
    x, index = draw(rng, (900, 75), np.float32), rng.integers(0, 900, 1000)
    np.testing.assert_array_equal(cpu.take(x, index), x[index])
    expected = reference.take_add(x[index], index, 900)
    np.testing.assert_array_equal(cpu.take_add(x[index], index, 900), expected)
    turned = np.broadcast_to(x, (6, 900, 75)).copy()
    np.testing.assert_array_equal(cpu.permute(turned, (2, 0, 1)), turned.transpose(2, 0, 1))


@pytest.mark.slow
@pytest.mark.parametrize("width", [32, 16, 0])
def test_narrower_vectors(width):
    """The same on half-width and quarter-width vectors, and without any."""
    pass_on_vectors(width, "not narrower", __file__)
