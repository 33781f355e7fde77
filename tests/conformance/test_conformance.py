"""ONNX's own operator cases, computed by this library on both host floors.

python -m pytest tests/conformance --onnx-cases DIR
"""

import numpy as np
import pytest
from onnx_cases import DEFAULT, OPTION, folder_of, read_cases
from onnx_runner import check, reason_not_ours

from mmscratch import kernels


def pytest_generate_tests(metafunc):
    if "onnx_case" not in metafunc.fixturenames:
        return
    folder = folder_of(metafunc.config)
    cases = [] if folder is None else read_cases(folder)
    metafunc.parametrize("onnx_case", cases, ids=[case.name.removeprefix("test_") for case in cases])


@pytest.mark.parametrize("floor", ["reference", "cpu"])
def test_operator(onnx_case, floor, record_property):
    record_property("onnx_operators", onnx_case.operators)
    reason = reason_not_ours(onnx_case)
    if reason:
        pytest.skip(reason)
    with kernels.use(floor), np.errstate(all="ignore"):
        check(onnx_case)


def test_there_are_cases(request):
    """Without a folder nothing is tested: say which one is missing."""
    folder = folder_of(request.config)
    if folder is None:
        pytest.skip(f"{DEFAULT} is not there; name a folder with {OPTION} DIR")
    assert any(not reason_not_ours(case) for case in read_cases(folder)), f"{folder} tests nothing of ours"
