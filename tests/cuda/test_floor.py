"""Every kernel of the cuda floor equals the reference floor, in both dtypes and every class of shapes."""

import numpy as np
import pytest
from cuda_cases import CASES, draws

from mmscratch import kernels
from mmscratch.kernels import interface

reference = kernels.floor("reference")
EXACT = {
    "cast",
    "full",
    "argreduce",
    "permute",
    "expand",
    "slice",
    "place",
    "concatenate",
    "take",
    "take_along",
    "random_bits",
}
IN_PLACE = {"sgd_step": (0, 2), "adam_step": (0, 2, 3), "adagrad_step": (0, 2)}
ALL = [
    pytest.param(kernel, build, id=f"{kernel}: {name}")
    for kernel, rows in CASES.items()
    for name, build in rows
]


def test_every_kernel_has_cases():
    assert set(CASES) == {name for names in interface.FILES.values() for name in names}


def on_device(x, memory):
    if isinstance(x, list):
        return [memory.upload(v) for v in x]
    return memory.upload(x) if isinstance(x, np.ndarray) else x


def flat(results):
    """Results of any nesting in one list."""
    if isinstance(results, tuple | list):
        return [y for r in results for y in flat(r)]
    return [results]


def agree(kernel, got, wanted, dtype, memory):
    if wanted is None:
        assert got is None
        return
    assert isinstance(got, memory.DeviceArray)
    got = memory.download(got)
    assert got.shape == wanted.shape and got.dtype == wanted.dtype
    if kernel in EXACT or wanted.dtype.kind != "f":
        np.testing.assert_array_equal(got, wanted)
    else:
        tolerance = 3e-5 if wanted.dtype == np.float32 else 1e-11
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance / 3)


@pytest.mark.parametrize("kernel, build", ALL)
def test_equals_reference(kernel, build, dtype, floor, memory):
    arguments = build(draws(dtype), dtype)
    device = [on_device(x, memory) for x in arguments]
    before = memory.counters.snapshot()
    got = getattr(floor, kernel)(*device)
    moved = memory.counters.snapshot() - before
    assert (moved.uploads, moved.downloads) == (0, 0), "a kernel moves nothing between host and device"
    originals = [np.copy(x) if isinstance(x, np.ndarray) else x for x in arguments]
    wanted = getattr(reference, kernel)(*arguments)
    for y, expected in zip(flat(got), flat(wanted), strict=True):
        agree(kernel, y, expected, dtype, memory)
        inputs = [x for x in flat(device) if isinstance(x, memory.DeviceArray)]
        assert not isinstance(y, memory.DeviceArray) or all(y.block is not x.block for x in inputs), "a view"
    for i, x in enumerate(device):
        if isinstance(x, memory.DeviceArray):  # nothing was written but what the contract names
            expected = arguments[i] if i in IN_PLACE.get(kernel, ()) else originals[i]
            agree(kernel, x, expected, dtype, memory)
