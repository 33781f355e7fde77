"""Max pooling on vectors: the reference's values and positions to the bit, however windows lie."""

import itertools

import numpy as np
import pytest
from judge import agree
from test_pooling import CASES

from mmscratch import kernels

pytest.importorskip("numba")
from mmscratch.kernels.cpu import pooling, pooling_vectors, simd

if not simd.LANES:
    pytest.skip("no vectors on this machine (simd.LANES is 0)", allow_module_level=True)

reference, cpu = kernels.floor("reference"), kernels.floor("cpu")

# B, C, S, kernel, stride, padding, dilation, out
WIDE = {
    "a vector and some": (2, 3, (6, 70), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), (3, 35)),
    "an odd row, one over": (2, 2, (5, 65), (2, 2), (2, 2), ((0, 0), (0, 0)), (1, 1), (2, 32)),
    "side by side": (1, 2, (5, 67), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), (5, 67)),
    "the rows overhang": (1, 2, (6, 65), (3, 3), (2, 2), ((1, 1), (0, 0)), (1, 1), (4, 33)),
    "dilated, wide": (1, 2, (3, 90), (2, 3), (1, 2), ((0, 0), (2, 1)), (1, 3), (2, 43)),
    "1-d, wide": (2, 2, (80,), (2,), (2,), ((0, 0),), (1,), (40,)),
    "3-d, wide": (1, 2, (3, 4, 50), (2, 2, 2), (1, 2, 2), ((0, 0), (0, 0), (0, 0)), (1, 1, 1), (2, 2, 25)),
}


def numbers(shape, special):
    """Few different numbers, so that many are tied; with ``special`` also NaN and infinities."""
    rng = np.random.default_rng(0)
    some = np.array([-1, 0, 1, 2, 3, *[np.nan, -np.inf, np.inf] * special], np.float32)
    return some[rng.integers(len(some), size=shape)]


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("name", [n for n in CASES | WIDE if n != "no batch"])
def test_it_is_the_references_pool(monkeypatch, name, special):
    monkeypatch.setattr(pooling, "SMALL", 0)
    batch, channels, spatial, *options = (CASES | WIDE)[name]
    x = numbers((batch, channels, *spatial), special)
    served, kernel = [], pooling_vectors.max_pool
    monkeypatch.setattr(pooling_vectors, "max_pool", lambda *a: served.append(kernel(*a)))
    agree(cpu.pool("max", x, *options, False), reference.pool("max", x, *options, False))
    assert len(served) == (options[1] is not None and options[1][-1] <= 2)


@pytest.mark.parametrize("value", [-np.inf, np.nan])
def test_the_first_of_equals_wins(monkeypatch, value):
    monkeypatch.setattr(pooling, "SMALL", 0)
    x = np.full((1, 1, 2, 64), value, np.float32)
    y, index = cpu.pool("max", x, (2, 2), (2, 2), ((0, 0),) * 2, (1, 1), (1, 32), False)
    np.testing.assert_array_equal(y, np.full((1, 1, 1, 32), value, np.float32))
    np.testing.assert_array_equal(index[0, 0, 0], 2 * np.arange(32))


def test_every_tap_can_win(monkeypatch):
    monkeypatch.setattr(pooling, "SMALL", 0)
    for i, j, o in itertools.product(range(2), range(2), (0, 15, 16, 20)):
        x = np.zeros((1, 1, 2, 42), np.float32)
        x[0, 0, i, 2 * o + j] = 1
        y, index = cpu.pool("max", x, (2, 2), (2, 2), ((0, 0),) * 2, (1, 1), (1, 21), False)
        assert y.argmax() == o and y.sum() == 1 and index[0, 0, 0, o] == 42 * i + 2 * o + j
