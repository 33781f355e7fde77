"""Running an ONNX graph through the library.

The library computes in float32, float64, int64 and bool. A graph may hold other dtypes: at the door of each
operator an array takes the nearest of the four that holds all of its values (int8 → int64, float16 →
float32, …), and the result takes the dtype that the specification gives the output. Between the doors the
adapters of ``onnx_adapters`` say which operations of ours an ONNX operator is.
"""

import numpy as np
from onnx_adapters import ADAPTERS, NOT_OURS
from onnx_adapters.elementwise import check_random_dropout, dropout_ratio

from mmscratch import Tensor


class Call:
    """One operator with its inputs inside the door: what an adapter is given.

    x[i]       input i, None where it is omitted
    dtype[i]   the dtype it has outside
    get(name)  an attribute, or the default
    wants(i)   is output i asked for?
    """

    def __init__(self, node, inputs, opset):
        self.node, self.opset = node, opset
        self.x = [None if a is None else enter(a) for a in inputs]
        self.dtype = [None if a is None else outer_dtype(a) for a in inputs]

    def get(self, name, default=None):
        return self.node.attributes.get(name, default)

    def input(self, i, default=None):
        return self.x[i] if i < len(self.x) and self.x[i] is not None else default

    def has(self, i):
        return self.input(i) is not None

    def ints(self, i, name=None):
        """A list of integers that is an input in newer opsets and an attribute in older ones."""
        if self.has(i):
            return [int(v) for v in np.asarray(self.x[i]).reshape(-1)]
        value = self.get(name) if name else None
        return value if value is None else [int(v) for v in np.atleast_1d(value)]

    def wants(self, i):
        return i < len(self.node.outputs) and self.node.outputs[i] != ""


def outer_dtype(a):
    return a.data.dtype if isinstance(a, Tensor) else a.dtype


def enter(a):
    """The array in a dtype of the library, contiguous; tensors are inside already."""
    if isinstance(a, Tensor):
        return a
    kind = a.dtype.kind
    if kind in "iu":
        if kind == "u" and a.size and a.max() > np.iinfo(np.int64).max:
            raise OverflowError(f"{a.dtype} values beyond int64")
        a = a.astype(np.int64)
    elif a.dtype == np.float16:
        a = a.astype(np.float32)
    elif kind not in "fbUO":
        raise TypeError(f"dtype {a.dtype}")
    return np.ascontiguousarray(a) if a.ndim else a


def leave(result, dtype):
    """The result in the dtype that the operator's output has."""
    if isinstance(result, Tensor) or dtype is None:
        return result
    return np.asarray(result).astype(dtype)


def run(case, inputs):
    """All values of the graph by name."""
    values = {"": None, **case.initializers, **inputs}
    for node in case.nodes:
        if node.op == "Gradient":  # what it differentiates by must be tensors before anything is computed
            for name in node.attributes["xs"]:
                if name in values:
                    values[name] = Tensor(np.array(values[name]), requires_grad=True)
    for node in case.nodes:
        adapter, dtypes = ADAPTERS[node.op]
        if node.op == "Gradient":
            results = adapter(node, values)
        else:
            call = Call(node, [values[name] for name in node.inputs], case.opset)
            results = adapter(call)
            if not isinstance(results, tuple):
                results = (results,)
            results = [
                leave(r, _dtype(d, call)) for r, d in zip(results, _padded(dtypes, results), strict=True)
            ]
        values.update((name, r) for name, r in zip(node.outputs, results, strict=False) if name)
    return values


def _padded(dtypes, results):
    return [dtypes[min(i, len(dtypes) - 1)] for i in range(len(results))]


def _dtype(wanted, call):
    """Outside: "T" is the dtype of the first input, "T2" of the third, …, "as is", or a dtype's name."""
    if wanted == "as is":
        return None
    if wanted[0] == "T":
        return call.dtype[int(wanted[1:] or 0)]
    return np.dtype(wanted)


def reason_not_ours(case):
    """Why the library has no such operator, or None."""
    for node in case.nodes:
        if node.op in NOT_OURS:
            return f"{node.op}: {NOT_OURS[node.op]}"
    return None


def check(case):
    """Compute every data set and compare; AssertionError where a value, shape or dtype is wrong."""
    missing = sorted({n.op for n in case.nodes} - set(ADAPTERS))
    assert not missing, f"no adapter for {missing}, and not declared as not ours"
    for inputs, expected in case.data_sets:
        values = run(case, inputs)
        if _check_if_random(case, values):
            continue
        for name, wanted in expected.items():
            got = values[name]
            compare(got.data if isinstance(got, Tensor) else got, wanted, name)


def _check_if_random(case, values):
    """A lone Dropout that trains is judged by what it promises. Was this such a case?"""
    node = case.nodes[-1]
    if node.op != "Dropout" or len(case.nodes) > 1:
        return False
    ratio = dropout_ratio(node, case.opset, [values[name] for name in node.inputs])
    if ratio:
        check_random_dropout(ratio, values[node.inputs[0]], *(values[name] for name in node.outputs))
    return bool(ratio)


def compare(got, wanted, name):
    assert got.dtype == wanted.dtype, f"{name}: dtype {got.dtype}, expected {wanted.dtype}"
    assert got.shape == wanted.shape, f"{name}: shape {got.shape}, expected {wanted.shape}"
    if wanted.dtype.kind != "f":
        assert np.array_equal(got, wanted), f"{name}: differs\ngot\n{got}\nexpected\n{wanted}"
        return
    # The source asks for rtol 1e-3, atol 1e-7; we for 1e-4 and 1e-5, and for what float16 can hold.
    rtol = 1e-3 if wanted.dtype == np.float16 else 1e-4
    loose = np.isclose(got, wanted, rtol=1e-3, atol=1e-7, equal_nan=True)
    tight = np.isclose(got, wanted, rtol=rtol, atol=1e-5, equal_nan=True)
    np.testing.assert_array_equal(loose | tight, True, err_msg=f"{name}\ngot\n{got}\nexpected\n{wanted}")
