"""Index arithmetic without division, and four entries at a time."""

import importlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


def file(name):
    return importlib.import_module(f"mmscratch.kernels.cuda.{name}")


@settings(deadline=None)
@given(st.integers(1, 2**40), st.integers(0, 2**61 - 1))
def test_a_quotient_is_exact(d, i):
    stride = file("stride")
    if not file("launch").SIMULATOR:
        pytest.skip("device functions can be called from Python only in the simulator")
    by = stride.divisors(7, d)
    assert all(-(2**63) <= n < 2**63 for n in by)
    assert stride.quotient(i, by, 3) == i // d
    near = i // d * d  # the hardest cases: multiples, and one less
    assert stride.quotient(near, by, 3) == near // d
    assert near == 0 or stride.quotient(near - 1, by, 3) == (near - 1) // d


def test_the_simulator_refuses_what_a_device_would_not_load():
    vector = file("vector")
    if not file("launch").SIMULATOR:
        pytest.skip("only the simulator checks")
    x = np.zeros(12, np.complex128).view(np.float32)  # 16-byte aligned, as NumPy allocates
    assert vector.load4(x, 4) == (0, 0, 0, 0)
    for at in (2, 46, -4):
        with pytest.raises(IndexError, match="16 bytes"):
            vector.load4(x, at)


def test_offset_walks_any_shape():
    stride = file("stride")
    if not file("launch").SIMULATOR:
        pytest.skip("device functions can be called from Python only in the simulator")
    shape, strides = (3, 1, 4, 5), (100, 7, 0, -2)
    walk = stride.divisors(*shape)
    for i, coordinates in enumerate(np.ndindex(shape)):
        assert stride.offset(i, walk, strides) == np.dot(coordinates, strides)


def test_a_form_is_chosen_to_fill_the_device():
    tile = file("tile")
    large, small = tile.Form(4, 4, 4), tile.Form(2, 4, 4)
    assert tile.choose((large, small), 10**6, 10**6) is large
    assert tile.choose((large, small), 1, 1) is small
    assert tile.choose((large, small), 1, 1, batch=10**6) is large


def test_results_do_not_depend_on_the_form(monkeypatch):
    """acc adds up along k whatever the tile: the same bits."""
    from mmscratch import kernels

    floor, memory, tile = kernels.floor("cuda"), file("memory"), file("tile")
    rng = np.random.default_rng(0)
    a, b = (memory.upload(rng.standard_normal((9, 9)).astype(np.float32)) for _ in range(2))
    results = set()
    for filled in (1, 10**9):
        monkeypatch.setattr(tile, "FILLED", filled)
        results.add(memory.download(floor.matmul(a, b, False, False)).tobytes())
    assert len(results) == 1
