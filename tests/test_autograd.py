"""The engine: order, memory, modes, and what it says when it is used wrongly."""

import gc
import threading
import weakref

import numpy as np
import pytest

from mmscratch import Tensor, detect_anomaly, enable_grad, is_grad_enabled, no_grad, ops, tensor
from mmscratch.autograd import Node, primitive


def leaf(*values):
    return tensor(np.array(values, dtype=np.float64), requires_grad=True)


# ── the order of the walk ───────────────────────────────────────────────────────────────────────
def test_a_result_used_twice_is_walked_once_with_the_whole_sum():
    a = leaf(3.0)
    b = a + a
    c = b + b
    c.backward()
    assert a.grad.tolist() == [4.0]


def test_paths_of_different_length_to_one_leaf():
    x = leaf(2.0)
    y = x * x  # used by a long path and by a short one
    z = y.exp().log().exp().log() + y
    z.backward()
    np.testing.assert_allclose(x.grad, [8.0])


def test_a_diamond_of_diamonds_takes_linear_time():
    calls = []

    @primitive
    def double(x):
        def backward(dy):
            calls.append(1)
            return dy

        return x + x, lambda dy: backward(dy) * 2

    x = leaf(1.0)
    y = x
    for _ in range(30):
        y = double(y) + double(y)
    y.backward()
    assert len(calls) == 60  # and not 2³⁰
    assert x.grad.tolist() == [4.0**30]


def test_five_thousand_steps_deep_without_recursion():
    x = leaf(1.0)
    y = x
    for _ in range(5000):
        y = y + 1e-3
    y.backward()
    assert x.grad.tolist() == [1.0]
    del y  # freeing the chain must not recurse either


def test_a_hundred_thousand_steps_are_freed_without_recursion():
    y = leaf(1.0)
    first = weakref.ref(y)
    for _ in range(100_000):
        y = -y
    assert first() is not None  # the chain holds on to where it began
    del y
    assert first() is None  # and lets go of all of it; freeing step by step would have overflowed


# ── memory ──────────────────────────────────────────────────────────────────────────────────────
def test_the_graph_is_freed_by_reference_counting_alone():
    (
        ops.softmax(leaf(1.0, 2.0)) @ leaf(1.0, 2.0)
    ).sum().backward()  # importing kernels makes cycles of its own
    gc.collect()
    gc.disable()
    try:
        x = leaf(1.0, 2.0)
        middle = x * 3.0
        loss = (ops.softmax(middle) @ middle).sum()
        watched = [weakref.ref(middle), weakref.ref(loss)]
        steps = [weakref.ref(_Witness(middle)), weakref.ref(_Witness(loss))]
        loss.backward()
        del middle, loss
        assert [r() for r in watched] == [None, None]
        assert [r() for r in steps] == [None, None]
        assert gc.collect() == 0, "the engine made reference cycles"
    finally:
        gc.enable()


class _Witness:
    """Lives as long as the step's backward: it is hidden in the closure."""

    def __init__(self, node):
        kept = node.step.backward
        if isinstance(kept, list):
            first = kept[0]
            kept[0] = lambda *dy, witness=self: first(*dy)
        else:
            node.step.backward = lambda *dy, witness=self: kept(*dy)


def test_intermediate_arrays_are_freed_as_backward_passes_them():
    x = leaf(*range(10))
    y = x.exp()
    z = y.sum()
    step = y.step
    z.backward()
    assert step.backward is None


def test_without_a_wish_for_gradients_nothing_is_kept():
    x = tensor([1.0, 2.0])
    y = x * 2 + 1
    assert y.step is None and not y.requires_grad


# ── retain_graph, retain_grad, gradients that add up ────────────────────────────────────────────
def test_second_backward_needs_retain_graph():
    x = leaf(3.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [12.0]
    with pytest.raises(RuntimeError, match=r"memory of mul was freed.*retain_graph=True"):
        y.backward()


def test_gradients_add_up_and_are_never_written_into():
    x, y = leaf(1.0), leaf(2.0)
    (x + y).backward()
    first = x.grad
    assert x.grad is y.grad  # one array may be the gradient of two
    (x * 5).backward()
    assert first.tolist() == [1.0] and x.grad.tolist() == [6.0] and y.grad.tolist() == [1.0]


def test_retain_grad_keeps_the_whole_gradient_of_a_result():
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    y.retain_grad()  # asking twice is asking once
    (y * y + y).backward()
    assert y.grad.tolist() == [13.0] and x.grad.tolist() == [39.0]


def test_retain_grad_of_a_tensor_without_gradient_is_an_error():
    with pytest.raises(RuntimeError, match="retain_grad"):
        tensor([1.0]).retain_grad()


def test_backward_from_a_leaf_and_with_a_gradient():
    x = leaf(1.0, 2.0)
    x.backward(np.array([3.0, 4.0]))
    assert x.grad.tolist() == [3.0, 4.0]
    (x * 2).backward(tensor(np.array([1.0, 10.0])))
    assert x.grad.tolist() == [5.0, 24.0]


def test_the_seed_takes_the_dtype_of_self():
    x = tensor([1.0, 2.0], requires_grad=True)
    (x * 2).backward(np.array([1.0, 1.0]))
    assert x.grad.dtype == np.float32


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: (x * 2).backward(), RuntimeError, r"shape \(2,\).*give backward\(gradient\)"),
        (lambda x: (x * 2).backward(np.ones(3)), ValueError, r"shape \(3,\).*shape \(2,\)"),
        (lambda x: (x * 2).backward(1.0), ValueError, r"float; expected an array"),
        (lambda x: x.detach().sum().backward(), RuntimeError, "does not require a gradient"),
    ],
)
def test_wrong_calls_of_backward(call, error, text):
    with pytest.raises(error, match=text):
        call(leaf(1.0, 2.0))


# ── several results ─────────────────────────────────────────────────────────────────────────────
@primitive
def halves(x):
    seen = halves.seen = []
    n = x.shape[0] // 2

    def backward(da, db, dcount):
        seen.append((da, db, dcount))
        return np.concatenate([da, db])

    return (x[:n].copy(), x[n:].copy(), np.array(n)), backward


def test_an_unused_result_has_a_gradient_of_zeros_and_an_integer_one_none():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    a, b, count = halves(x)
    assert a.requires_grad and b.requires_grad and not count.requires_grad
    (b * 2).sum().backward()
    da, db, dcount = halves.seen[0]
    assert da.tolist() == [0.0, 0.0] and db.tolist() == [2.0, 2.0] and dcount is None
    assert x.grad.tolist() == [0.0, 0.0, 2.0, 2.0]


def test_both_results_of_a_step_meet_in_one_walk():
    x = leaf(1.0, 2.0, 3.0, 4.0)
    a, b, _ = halves(x)
    (a * b + a).sum().backward()
    assert len(halves.seen) == 1
    assert x.grad.tolist() == [4.0, 5.0, 1.0, 2.0]


def test_a_backward_that_takes_none_is_told_what_was_not_used():
    seen = []

    @primitive
    def pair(x):
        def backward(da, db):
            seen.append((da is None, db is None))
            return da

        backward.takes_none = True
        return (x * 1, x * 2), backward

    x = leaf(1.0)
    pair(x)[0].backward()
    assert seen == [(False, True)]


# ── gradients by need ───────────────────────────────────────────────────────────────────────────
def test_a_gradient_nobody_wants_is_not_computed():
    called = []

    @primitive
    def product(a, b):
        def da():
            called.append("a")
            return b

        def db():
            called.append("b")
            return a

        return a * b, lambda dy: (da, db)

    x = leaf(2.0)
    product(x, np.array([3.0])).backward()
    assert called == ["a"] and x.grad.tolist() == [3.0]


def test_one_function_for_each_input_keeps_only_what_a_wanted_gradient_needs():
    kept = []

    @primitive
    def product(a, b):
        a, b = a.copy(), b.copy()
        kept[:] = weakref.ref(a), weakref.ref(b)

        def da(dy):
            return dy * b

        def db(dy):
            return dy * a

        return a * b, (da, db)

    x = leaf(2.0)
    y = product(x, np.array([3.0]))
    assert kept[0]() is None and kept[1]() is not None
    y.backward()
    assert x.grad.tolist() == [3.0] and y.step.backward is None and kept[1]() is None


def test_a_sum_keeps_no_array_and_a_product_by_a_constant_not_the_other_factor():
    wide = tensor(np.ones((3, 1)))
    for op, b in ((ops.add, leaf(1.0)), (ops.sub, leaf(1.0)), (ops.mul, tensor([2.0])), (ops.add, wide)):
        middle = leaf(1.0) * 1.0
        kept = weakref.ref(middle.data)
        y = op(middle, b)
        del middle
        assert kept() is None, op.__name__
        y.sum().backward()


def test_rules_take_their_arrays_by_name_and_say_what_is_missing():
    x = leaf(1.0)
    assert ops.add(x, b=x).tolist() == [2.0]
    with pytest.raises(TypeError, match="add: argument 'b' is missing"):
        ops.add(x)
    with pytest.raises(TypeError, match="add: takes 2 arrays, got 3"):
        ops.add(x, x, x)


def test_the_wrong_number_of_gradients_is_an_error():
    @primitive
    def broken(a, b):
        return a + b, lambda dy: dy

    with pytest.raises(ValueError):
        broken(leaf(1.0), leaf(1.0)).backward()

    @primitive
    def half(a, b):
        return a + b, (lambda dy: dy,)

    with pytest.raises(ValueError, match="half: 1 functions in backward for 2 inputs"):
        half(leaf(1.0), leaf(1.0))


def test_nodes_give_nodes_tensors_tensors_arrays_arrays():
    array = np.ones(2)
    assert type(ops.add(array, array)) is np.ndarray
    assert type(ops.add(Node(array), array)) is Node
    assert type(ops.add(array, Tensor(array))) is Tensor


# ── modes ───────────────────────────────────────────────────────────────────────────────────────
def test_no_grad_and_enable_grad_as_block_and_as_decorator():
    x = leaf(1.0)

    @no_grad()
    def inner(depth):
        assert not is_grad_enabled()
        with enable_grad():
            assert (x * 2).requires_grad
        return inner(depth - 1) if depth else x * 2

    assert not inner(3).requires_grad
    assert is_grad_enabled()
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert is_grad_enabled()


def test_each_thread_has_its_own_mode():
    inside, finished = threading.Event(), threading.Event()
    seen = []

    def other():
        inside.wait(5)
        seen.append(is_grad_enabled())
        finished.set()

    thread = threading.Thread(target=other)
    thread.start()
    with no_grad():
        inside.set()
        finished.wait(5)
    thread.join()
    assert seen == [True]


# ── anomalies ───────────────────────────────────────────────────────────────────────────────────
def test_anomaly_in_the_result_names_operation_shape_and_line():
    x = leaf(1.0, -1.0, -2.0)
    with detect_anomaly(), pytest.raises(FloatingPointError) as caught:
        x.log()  # this line
    text = str(caught.value)
    assert "the result of log, shape (3,), has 2 entries" in text
    assert "test_autograd.py:" in text


def test_anomaly_in_the_gradient_names_the_line_of_the_forward_call():
    x = leaf(0.0, 4.0)
    with detect_anomaly():
        y = x.sqrt().sum()
        with pytest.raises(FloatingPointError) as caught:
            y.backward()
    assert "the gradient of sqrt, shape (2,), has 1 entries" in str(caught.value)
    line = int(str(caught.value).split("test_autograd.py:")[1].split(")")[0])
    with open(__file__, encoding="utf-8") as file:
        assert "y = x.sqrt().sum()" in file.readlines()[line - 1]


def test_without_the_mode_nothing_is_looked_at():
    assert np.isnan(tensor([-1.0]).log().item())
