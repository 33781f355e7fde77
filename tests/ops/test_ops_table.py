"""Every operation, in every shape class: its gradient, its twin in NumPy, HIPS autograd, and the floors;
and what it must refuse."""

import collections
import re

import autograd
import autograd.numpy as hips_numpy
import numpy as np
import pytest
import table
from table_errors import NO_ERRORS

from mmscratch import gradcheck, kernels, ops
from mmscratch.autograd import Node

TABLE = table.by_op()
each_op = pytest.mark.parametrize("op", sorted(TABLE))
COUNT = collections.Counter()

COMPOSED_ELSEWHERE = {"run"}
"""Names of ops that are no operations on arrays by themselves."""


def cases(op, small=None):
    for row in TABLE[op]:
        for case in row.cases:
            inputs = table.make_inputs(row, case, np.float64)
            size = sum(x.size for x in inputs if isinstance(x, np.ndarray))
            if small is None or (size <= table.SMALL) == small:
                yield row, case, f"{op}, {case[0]}"


def test_every_operation_has_a_row():
    missing = set(ops.__all__) - set(TABLE) - COMPOSED_ELSEWHERE
    assert not missing, f"no row in any tests/ops/table_*.py: {sorted(missing)}"


@each_op
def test_gradient_is_the_derivative(op):
    for row, case, _ in cases(op, small=True):
        if row.smooth:
            with kernels.use("reference"):
                assert gradcheck(row.function, *table.make_inputs(row, case, np.float64))
            COUNT["gradcheck"] += 1


@each_op
@pytest.mark.parametrize("floor", ["reference", "cpu"])
def test_values_are_those_of_the_twin(op, floor):
    if floor == "cpu" and not kernels.has_numba():
        pytest.skip("the cpu floor needs Numba")
    for row, case, name in cases(op):
        if row.twin is None:
            continue
        for dtype, rtol in ((np.float64, 1e-11), (np.float32, row.rtol32)):
            inputs = table.make_inputs(row, case, dtype)
            copies = [x.copy() if isinstance(x, np.ndarray) else x for x in inputs]
            results, gradients = table.run(row, inputs, floor)
            for result, expected in zip(results, table.run_twin(row, inputs), strict=True):
                table.close(result, expected, rtol, f"{name}, {np.dtype(dtype)}")
                assert result.dtype.kind != "f" or result.dtype == dtype, (
                    f"{name}: {result.dtype} from {dtype}"
                )
            for x, copy, g in zip(inputs, copies, gradients, strict=True):
                if isinstance(x, np.ndarray):
                    assert np.array_equal(x, copy, equal_nan=x.dtype.kind == "f"), (
                        f"{name} wrote into its input"
                    )
                if g is not None:
                    assert (g.shape, g.dtype) == (x.shape, x.dtype), f"{name}: gradient {g.shape} {g.dtype}"
            COUNT["twin"] += 1


@each_op
def test_gradient_is_that_of_hips_autograd(op):
    for row, case, name in cases(op):
        if row.twin is None or not row.hips or not row.smooth:
            continue
        inputs = table.make_inputs(row, case, np.float64)
        results, gradients = table.run(row, inputs, "reference")
        places = tuple(i for i, g in enumerate(gradients) if g is not None)
        cotangents = [table.cotangent(r, i) for i, r in enumerate(r for r in results if r.dtype.kind == "f")]

        def scalar(*floats, row=row, inputs=inputs, places=places, cotangents=cotangents):
            full = list(inputs)
            for i, x in zip(places, floats, strict=True):
                full[i] = x
            outputs = row.twin(hips_numpy, *full)
            outputs = outputs if isinstance(outputs, tuple) else (outputs,)
            outputs = [o for o in outputs if getattr(o, "dtype", np.dtype(float)).kind == "f"]
            return sum(hips_numpy.sum(c * o) for c, o in zip(cotangents, outputs, strict=True))

        if not places:
            continue
        with np.errstate(all="ignore"):
            expected = autograd.grad(scalar, tuple(range(len(places))))(*(inputs[i] for i in places))
        for i, e in zip(places, expected, strict=True):
            table.close(gradients[i], e, 1e-9, f"{name}, gradient of input {i}")
        COUNT["HIPS"] += 1


@each_op
def test_floors_agree(op):
    if not kernels.has_numba():
        pytest.skip("the cpu floor needs Numba")
    for row, case, name in cases(op):
        if not row.floors:
            continue
        for dtype, rtol in ((np.float64, 1e-11), (np.float32, row.rtol32)):
            inputs = table.make_inputs(row, case, dtype)
            results, gradients = table.run(row, inputs, "reference")
            others, other_gradients = table.run(row, inputs, "cpu")
            for i, (a, b) in enumerate(zip(others, results, strict=True)):
                table.close(a, b, rtol, f"{name}, {np.dtype(dtype)}, result {i}")
            for i, (a, b) in enumerate(zip(other_gradients, gradients, strict=True)):
                assert (a is None) == (b is None)
                if a is not None:
                    table.close(a, b, rtol * 5, f"{name}, {np.dtype(dtype)}, gradient {i}")
            COUNT["floors"] += 1


@each_op
def test_arrays_give_arrays(op):
    for row, case, name in cases(op, small=True):
        try:
            results = row.function(*table.make_inputs(row, case, np.float32))
        except AttributeError as error:
            pytest.skip(f"the row is written with a tensor's methods: {error}")
        results = results if isinstance(results, tuple) else (results,)
        assert not any(isinstance(r, Node) for r in results), f"{name}: tensors came from arrays"
        COUNT["arrays"] += 1


def test_every_operation_is_shown_what_it_must_refuse():
    without = {op for op in ops.__all__ if not any(row.errors for row in TABLE.get(op, []))}
    assert without == set(NO_ERRORS), (
        f"no error input, and no reason in NO_ERRORS: {sorted(without - set(NO_ERRORS))}; "
        f"a reason, but error inputs too: {sorted(set(NO_ERRORS) - without)}"
    )
    assert all(NO_ERRORS.values())


@each_op
@pytest.mark.parametrize("form", ["arrays", "tensors"])
def test_errors_name_the_operation_and_what_came(op, form):
    for row in TABLE[op]:
        for error in row.errors:
            inputs = table.make_bad(row, error)
            if form == "tensors":
                inputs = [table.as_tensor(x) for x in inputs]
            pattern = f"(?s)^{op}: .*{error.text}"
            said = None
            try:
                row.function(*inputs, **error.options)
            except (ValueError, TypeError, IndexError) as raised:
                said = str(raised)
            assert said is not None, f"{op}: took what should give an error like {error.text!r}"
            assert re.search(pattern, said), f"{op}: {said!r} is not like {pattern!r}"
            COUNT["errors"] += 1


def test_enough_was_checked(request):
    """What the project promises: at least 100 operations, at least 7,000 cases."""
    assert len(TABLE) >= 100
    chosen = {item.name for item in request.session.items if "test_ops_table" in item.nodeid}
    if len(chosen) < 5 * len(TABLE) or not kernels.has_numba():
        pytest.skip(f"only a part of this file was run ({sum(COUNT.values())} cases)")
    print(f"\n{len(TABLE)} operations, {sum(COUNT.values())} cases: {dict(COUNT)}")
    assert sum(COUNT.values()) >= 7000, dict(COUNT)
