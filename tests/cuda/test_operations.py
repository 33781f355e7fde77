"""Every operation, forwards and backwards, on device arrays: what the host gives, and nothing copied.

The operations and their inputs are those of tests/ops (every row of its tables whose inputs are small).
"""

import sys
from pathlib import Path

import numpy as np
import pytest

from mmscratch import Tensor, kernels

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ops"))
import table  # noqa: E402

TABLE = table.by_op()
LISTS = {"index", "take", "take_along", "scatter_add", "index_add", "embedding", "one_hot"}
"""Operations to which an index may be given as a Python list, which then has to be uploaded."""


def run(function, inputs):
    """Results, and the gradients of Σ results² / 2 (cotangent: the results themselves), as arrays."""
    results = function(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    for y in results:
        if isinstance(y, Tensor) and y.requires_grad:
            y.backward(y.data, retain_graph=True)
    gradients = [x.grad for x in inputs if isinstance(x, Tensor)]
    return [y.data if isinstance(y, Tensor) else y for y in results], gradients


def tensors(arrays, device):
    return [Tensor(x).to(device) if isinstance(x, np.ndarray) else x for x in arrays]


def ask_for_gradients(inputs):
    for x in inputs:
        if isinstance(x, Tensor) and x.dtype.kind == "f":
            x.requires_grad = True


@pytest.mark.parametrize("op", sorted(TABLE))
def test_on_device(op, memory):
    ran = 0
    for row in TABLE[op]:
        if not row.floors:
            continue
        for case in row.cases:
            arrays = table.make_inputs(row, case, np.float64)
            if sum(x.size for x in arrays if isinstance(x, np.ndarray)) > 2 * table.SMALL:
                continue
            host, device = tensors(arrays, "cpu"), tensors(arrays, "cuda")
            ask_for_gradients(host)
            ask_for_gradients(device)
            with kernels.use("reference"):
                wanted = run(row.function, host)
            before = memory.counters.snapshot()
            try:
                got = run(row.function, device)
            except TypeError as error:
                if "some arrays are on the cpu" not in str(error):
                    raise
                continue  # the row itself holds an array on the host
            did = memory.counters.snapshot() - before
            if op not in LISTS:
                assert (did.uploads, did.downloads) == (0, 0), f"{op}, {case[0]}"
            for kind, ys, expected in zip(("result", "gradient"), got, wanted, strict=True):
                for i, (y, e) in enumerate(zip(ys, expected, strict=True)):
                    check(y, e, f"{op}, {case[0]}: {kind} {i}", memory)
            ran += 1
    if not ran:
        pytest.skip("no small case without an array of its own on the host")


def check(got, wanted, name, memory):
    if wanted is None or not isinstance(wanted, np.ndarray):
        assert got is None or got == wanted, name
        return
    assert isinstance(got, memory.DeviceArray), f"{name} left the device"
    got = memory.download(got)
    assert got.shape == wanted.shape and got.dtype == wanted.dtype, name
    np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-11, err_msg=name)
