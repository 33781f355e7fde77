"""The judge itself: it accepts what is right, rejects what is wrong, and says where."""

import numpy as np
import pytest

from mmscratch import gradcheck, ops, randn
from mmscratch.autograd import primitive


def points(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 2.0, shape)


def test_one_line_suffices():
    assert gradcheck(lambda q, k: ops.softmax(q @ k.T), randn(2, 3), randn(4, 3))


def test_every_input_and_every_result_is_checked():
    assert gradcheck(lambda a, b: (a * b, a + b, *ops.topk(a, k=1)), points(2, 3), points(2, 3, seed=1))


def test_indices_and_masks_are_handed_on():
    assert gradcheck(ops.take, points(4, 2), np.array([0, 3, 3]))
    assert gradcheck(lambda m, a: ops.where(m, a, 0.0), np.array([True, False]), points(2))


@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 0)])
def test_shapes_at_the_edge(shape):
    assert gradcheck(ops.exp, points(*shape))


def faulty(fault):
    """a ⊙ b, whose backward has one fault (or none)."""

    @primitive
    def product(a, b):
        def backward(dy):
            da, db = dy * b, dy * a
            return {
                "none": lambda: (da, db),
                "sign": lambda: (da, -db),
                "factor": lambda: (da * 2, db),
                "a little": lambda: (da, db * (1 + 1e-5)),
                "axis": lambda: (da, db[::-1].copy()),
                "transposed": lambda: (da.T.copy(), db),
                "swapped": lambda: (db, da),
                "missing": lambda: (da, None),
                "one entry": lambda: (da, db - np.eye(*db.shape) * 1e-6),
                "summed": lambda: (da, np.broadcast_to(db.sum(0), db.shape).copy()),
                "shape": lambda: (da[:1], db),
                "dtype": lambda: (da, db.astype(np.float32)),
                "nan": lambda: (da * np.nan, db),
            }[fault]()

        return a * b, backward

    return product


def test_the_faultless_rule_passes():
    assert gradcheck(faulty("none"), points(3, 3), points(3, 3, seed=1))


@pytest.mark.parametrize(
    "fault",
    [
        "sign",
        "factor",
        "a little",
        "axis",
        "transposed",
        "swapped",
        "missing",
        "one entry",
        "summed",
        "shape",
        "dtype",
        "nan",
    ],
)
def test_seeded_faults_are_rejected(fault):
    with pytest.raises(AssertionError, match=r"gradcheck: .*input [01]"):
        gradcheck(faulty(fault), points(3, 3), points(3, 3, seed=1))


def perturbed(op, change):
    """An operation of the library with the first gradient of its rule changed."""

    @primitive
    def wrong(*arrays):
        result, backward = op.rule(*arrays)
        if isinstance(backward, tuple):
            first, *rest = backward
            return result, (lambda *dy: change(first(*dy)), *rest)

        def spoilt(*dy):
            gradients = backward(*dy)
            first, *rest = gradients if isinstance(gradients, tuple) else (gradients,)
            return change(first() if callable(first) else first), *rest[: len(arrays) - 1]

        return result, spoilt

    return wrong


CHANGES = {
    "sign": lambda g: -g,
    "factor": lambda g: g * 1.001,
    "axis": lambda g: np.roll(g, 1, axis=-1),
    "offset": lambda g: g + 1e-5,
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "op",
    [
        "add",
        "sub",
        "mul",
        "div",
        "pow",
        "maximum",
        "exp",
        "log",
        "sqrt",
        "sin",
        "erf",
        "tanh",
        "gelu",
        "softmax",
        "log_softmax",
        "sum",
        "mean",
        "prod",
        "var",
        "logsumexp",
        "norm",
        "matmul",
        "linear",
    ],
)
def test_faults_seeded_into_the_library_are_rejected(op, change):
    if change == "axis" and op in ("add", "sub", "sum", "mean"):
        # Their entries are all equal: weigh one axis, where rolling would change nothing.
        function = perturbed(getattr(ops, op), lambda g: g * np.arange(1.0, 4.0))
    else:
        function = perturbed(getattr(ops, op), CHANGES[change])
    two = op in ("add", "sub", "mul", "div", "pow", "maximum", "matmul", "linear")
    inputs = [points(3, 3)] + [points(3, 3, seed=1) * 1.1] * two
    assert gradcheck(perturbed(getattr(ops, op), lambda g: g), *inputs)
    with pytest.raises(AssertionError, match="input 0"):
        gradcheck(function, *inputs)


def test_the_error_names_input_entry_and_numbers():
    with pytest.raises(AssertionError) as caught:
        gradcheck(faulty("sign"), points(2, 2), points(2, 2, seed=1))
    text = str(caught.value)
    assert "∂output 0[0, 0]/∂input 1[0, 0]" in text
    assert "analytic -" in text and "numeric " in text and "1 of 4 entries" in text


def test_a_kink_is_suspected_where_the_slope_depends_on_the_step():
    with pytest.raises(AssertionError, match="kink"):
        gradcheck(ops.abs, np.array([1e-4]))


def test_random_results_are_refused():
    generator = np.random.default_rng(0)
    with pytest.raises(ValueError, match="two calls on the same inputs differ"):
        gradcheck(lambda x: x * float(generator.random()), points(2))


def test_inputs_without_floats_and_results_without_gradient():
    with pytest.raises(ValueError, match="none of the 1 inputs"):
        gradcheck(lambda i: i, np.array([1, 2]))
    with pytest.raises(AssertionError, match="no result"):
        gradcheck(lambda x: x.detach(), points(2))
    with pytest.raises(TypeError, match="must return a tensor"):
        gradcheck(lambda x: 1.0, points(2))


def test_the_inputs_are_left_as_they_were():
    x = points(2, 2)
    copy = x.copy()
    gradcheck(ops.exp, x)
    assert np.array_equal(x, copy)


def test_the_measurement_is_better_than_the_tolerance():
    """What rtol 1e-6 means: the numeric side itself is right to about 1e-10."""
    from mmscratch.gradcheck import _numeric_jacobian

    x = np.linspace(-2, 2, 9)
    numeric, _ = _numeric_jacobian(lambda t: t.sin() * t.exp(), [x], 0, 1e-3)
    exact = np.exp(x) * (np.sin(x) + np.cos(x))
    assert np.abs(np.diag(numeric) - exact).max() < 1e-10
