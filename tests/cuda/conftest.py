"""Where these tests can run: in Numba's CUDA simulator, or on a GPU."""

import functools
import os
import sys

import numpy as np
import pytest

from mmscratch import kernels


@functools.cache
def _why_not():
    """The reason why no CUDA kernel can run here, or None."""
    if not kernels.has_numba():
        return "Numba is not installed"
    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        return None
    from numba import cuda

    if cuda.is_available():
        return None
    return "no GPU here and Numba's simulator is off; run NUMBA_ENABLE_CUDASIM=1 python -m pytest tests/cuda"


def pytest_collection_modifyitems(items):
    here = os.path.dirname(__file__)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.cuda)


def pytest_runtest_setup(item):
    if _why_not():
        pytest.skip(_why_not())


@pytest.fixture(scope="session", autouse=True)
def quick_turns():
    """The simulator's threads wait for each other: let Python switch between them fifty times as often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture
def floor():
    return kernels.floor("cuda")


@pytest.fixture
def memory():
    from mmscratch.kernels.cuda import memory

    return memory
