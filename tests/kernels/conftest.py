"""The floors and the dtypes that every kernel test runs over."""

import importlib

import numpy as np
import pytest

from mmscratch import kernels


@pytest.fixture(params=["reference", "cpu"])
def floor(request):
    """A host floor as it serves: cpu leaves small arrays to NumPy."""
    if request.param == "cpu" and not kernels.has_numba():
        pytest.skip("Numba is not installed")
    return kernels.floor(request.param)


@pytest.fixture
def loops(monkeypatch):
    """The cpu floor with its compiled loops serving arrays of every size (but the empty ones)."""
    if not kernels.has_numba():
        pytest.skip("Numba is not installed")
    for file in ("elementwise", "reduce", "indexing", "softmax", "loss", "similarity", "random"):
        module = importlib.import_module(f"mmscratch.kernels.cpu.{file}")
        for name in {"LARGE", "MANY"} & set(vars(module)):
            monkeypatch.setattr(module, name, 1)
    return kernels.floor("cpu")


@pytest.fixture(params=["reference", "cpu", "loops"])
def served(request):
    """Both host floors, and cpu with its loops serving arrays of every size."""
    if request.param == "loops":
        return request.getfixturevalue("loops")
    if request.param == "cpu" and not kernels.has_numba():
        pytest.skip("Numba is not installed")
    return kernels.floor(request.param)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def threads(request):
    """Run with that many Numba threads."""
    numba = pytest.importorskip("numba")
    if numba.config.NUMBA_NUM_THREADS < request.param:
        pytest.skip(f"this machine gives Numba {numba.config.NUMBA_NUM_THREADS} thread")
    before = numba.get_num_threads()
    numba.set_num_threads(request.param)
    yield request.param
    numba.set_num_threads(before)
