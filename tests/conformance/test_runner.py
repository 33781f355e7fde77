"""The runner itself: it must notice what is wrong, and pass on what is right."""

import json

import numpy as np
import pytest
from onnx_adapters import ADAPTERS
from onnx_adapters.elementwise import check_random_dropout
from onnx_cases import Case, Node, read_cases
from onnx_runner import check, compare

from mmscratch import ops
from mmscratch.random import Generator

A, B = np.array([1.0, 2.0], np.float32), np.array([3.0, 5.0], np.float32)


def case_of(*nodes, expected):
    return Case("example", 13, list(nodes), {}, [({"a": A, "b": B}, {"y": expected})])


def test_a_graph_of_two_operators():
    nodes = Node("Sub", ["a", "b"], ["d"], {}), Node("Abs", ["d"], ["y"], {})
    check(case_of(*nodes, expected=np.array([2.0, 3.0], np.float32)))


def test_a_wrong_adapter_is_noticed(monkeypatch):
    case = case_of(Node("Add", ["a", "b"], ["y"], {}), expected=A + B)
    check(case)
    monkeypatch.setitem(ADAPTERS, "Add", (lambda c: ops.sub(*c.x), ("T",)))
    with pytest.raises(AssertionError):
        check(case)


def test_an_unknown_operator_is_an_error():
    with pytest.raises(AssertionError, match="no adapter for .*Frobnicate"):
        check(case_of(Node("Frobnicate", ["a"], ["y"], {}), expected=A))


@pytest.mark.parametrize(
    "got",
    [A.astype(np.float64), A[None], A * 1.01, np.array([1.0, np.nan], np.float32)],
    ids=["dtype", "shape", "value", "nan"],
)
def test_what_differs_is_an_error(got):
    compare(A, A, "y")
    with pytest.raises(AssertionError):
        compare(got, A, "y")


def test_a_random_dropout_is_judged_by_its_promises():
    x = np.arange(1, 401, dtype=np.float32)
    y = ops.dropout(x, p=0.25, generator=Generator(1))
    check_random_dropout(0.25, x, y, y != 0)
    for wrong in (y * 0.75, x / 0.75, np.zeros_like(x)):
        with pytest.raises(AssertionError):
            check_random_dropout(0.25, x, wrong, y != 0)


def test_reading_a_folder(tmp_path):
    with pytest.raises(ValueError, match="no .*_cases.json"):
        read_cases(tmp_path)
    node = {"op_type": "Add", "inputs": ["a", "b"], "outputs": ["y"], "attributes": {"t": {"tensor": "k0"}}}
    entry = {
        "name": "test_add", "ops": ["Add"], "opset": {"ai.onnx": 13}, "initializers": {"b": "k1"},
        "nodes": [node],
        "data_sets": [{"inputs": {"a": "k0"}, "outputs": {"y": "k2"}}],
    }  # fmt: skip
    (tmp_path / "some_cases.json").write_text(json.dumps([entry]))
    np.savez(tmp_path / "some_arrays.npz", k0=A, k1=B, k2=A + B)
    (case,) = read_cases(tmp_path)
    assert case.operators == ["Add"] and (case.nodes[0].attributes["t"] == A).all()
    check(case)
