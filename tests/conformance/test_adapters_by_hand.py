"""Corners of operators that few models reach, each worked out by hand or from the formula in NumPy."""

import numpy as np
import pytest
from onnx_cases import Case, Node
from onnx_runner import compare, run

from mmscratch import kernels


@pytest.fixture(params=["reference", "cpu"], autouse=True)
def floor(request):
    with kernels.use(request.param), np.errstate(all="ignore"):
        yield


def check(operator, inputs, *expected, opset=22, **attributes):
    """One node: its outputs against what is expected; None is an input left out."""
    names = ["" if a is None else f"in{i}" for i, a in enumerate(inputs)]
    outputs = [f"out{i}" for i in range(len(expected))]
    case = Case(operator, opset, [Node(operator, names, outputs, attributes)], {})
    values = run(case, {n: a for n, a in zip(names, inputs, strict=True) if n})
    for name, wanted in zip(outputs, expected, strict=True):
        compare(values[name], wanted, name)


def f4(*numbers):
    return np.array(numbers, np.float32)


def i8(*numbers):
    return np.array(numbers, np.int64)


def uniform(*shape, seed=0):
    return np.random.default_rng(seed).random(shape, np.float32) - np.float32(0.5)


# ── integers beyond what float64 holds ───────────────────────────────────────────────────────────
def test_integer_division_is_exact_and_goes_towards_zero():
    a, b = i8(2**62 + 1, -(2**62) - 1, 7, -7, 2**61 + 9), i8(1, 1, -2, 2, 3)
    check("Div", [a, b], i8(2**62 + 1, -(2**62) - 1, -3, -3, (2**61 + 9) // 3))
    check("Div", [np.array([200, 7], np.uint8), np.array([3, 2], np.uint8)], np.array([66, 3], np.uint8))


def test_integer_powers_are_exact():
    check("Pow", [i8(3, -3, 2, 0, 5), i8(39, 39, 62, 0, 1)], i8(3**39, -(3**39), 2**62, 1, 5))
    check("Pow", [i8(2, 3)[:, None], i8(0, 1, 2)], np.array([[1, 2, 4], [1, 3, 9]]))
    check("Pow", [i8(2, 1, -1), i8(-1, -2, -3)], i8(0, 1, -1))


def test_the_largest_of_large_integers():
    x = i8(2**62, 2**62 + 1, 5)
    check("TopK", [x, i8(2)], i8(2**62 + 1, 2**62), i8(1, 0))
    check("TopK", [x, i8(2)], i8(5, 2**62), i8(2, 0), largest=0)
    check("TopK", [np.array([1, 1, 1], np.uint8), i8(2)], np.array([1, 1], np.uint8), i8(0, 1))


# ── layout ───────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "start, end, step, rows",
    [(-10, 10, 1, [0, 1, 2]), (10, -10, -1, [2, 1, 0]), (-10, -10, -1, [0]), (-2, -100, -1, [1, 0]),
     (9, 9, 1, [])],
)  # fmt: skip
def test_slices_that_reach_out_of_range(start, end, step, rows):
    x = uniform(3, 2)
    check("Slice", [x, i8(start), i8(end), i8(0), i8(step)], x[rows])


def test_constants_of_every_kind():
    check("Constant", [], f4(1.5, 2), value_floats=[1.5, 2.0])
    check("Constant", [], np.array(3, np.int64), value_int=3)
    check("Constant", [], np.array(["a", "b"], object), value_strings=["a", "b"])


@pytest.mark.parametrize("number, dtype", [(4, np.uint16), (12, np.uint32), (11, np.float64), (9, bool)])
def test_element_types_by_number(number, dtype):
    x = np.array([[0, 1, 5], [1, 0, 0]], np.int64)
    check("Cast", [x], x.astype(dtype), to=number)
    check("EyeLike", [x], np.eye(2, 3, dtype=dtype), dtype=number)


# ── reductions over nothing ──────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "operator, value",
    [("ReduceMax", -np.inf), ("ReduceMin", np.inf), ("ReduceProd", 1), ("ReduceSum", 0), ("ReduceL2", 0),
     ("ReduceLogSum", -np.inf), ("ReduceLogSumExp", -np.inf)],
)  # fmt: skip
def test_reductions_over_nothing(operator, value):
    nothing = np.zeros((2, 0, 4), np.float32)
    check(operator, [nothing, i8(1)], np.full((2, 1, 4), value, np.float32))
    check(operator, [nothing, i8(2)], np.zeros((2, 0, 1), np.float32))


def test_extremes_of_no_truths():
    nothing = np.zeros((2, 0), bool)
    check("ReduceMax", [nothing, i8(1)], np.zeros((2, 1), bool))
    check("ReduceMin", [nothing, i8(1)], np.ones((2, 1), bool))


# ── recurrence ───────────────────────────────────────────────────────────────────────────────────
def test_each_direction_has_its_own_activation_numbers():
    """RNN of one step without a memory: h = f(W x), in each direction with its own alpha."""
    x, w, r = uniform(1, 3, 4), uniform(2, 5, 4, seed=1), np.zeros((2, 5, 5), np.float32)
    a, b = x[0] @ w[0].T, x[0] @ w[1].T
    wanted = np.stack([np.where(a < 0, 0.1 * a, a), np.where(b < 0, 0.7 * b, b)])
    check(
        "RNN", [x, w, r], wanted[None].astype(np.float32), wanted.astype(np.float32), hidden_size=5,
        direction="bidirectional", activations=["LeakyRelu", "LeakyRelu"], activation_alpha=[0.1, 0.7],
    )  # fmt: skip


def test_bidirectional_lstm_with_peepholes():
    steps, batch, width, hidden = 4, 2, 3, 5
    x = uniform(steps, batch, width)
    w, r = uniform(2, 4 * hidden, width, seed=1), uniform(2, 4 * hidden, hidden, seed=2)
    bias, p = uniform(2, 8 * hidden, seed=3), uniform(2, 3 * hidden, seed=4)
    h0, c0 = uniform(2, batch, hidden, seed=5), uniform(2, batch, hidden, seed=6)
    ys, hs, cs = np.zeros((steps, 2, batch, hidden), np.float32), [], []
    for d, order in enumerate((range(steps), range(steps)[::-1])):
        h, c, (p_i, p_o, p_f) = h0[d], c0[d], np.split(p[d], 3)
        for t in order:
            gates = x[t] @ w[d].T + h @ r[d].T + bias[d][: 4 * hidden] + bias[d][4 * hidden :]
            i, o, f, g = np.split(gates, 4, axis=1)
            c = c / (1 + np.exp(-f - p_f * c)) + np.tanh(g) / (1 + np.exp(-i - p_i * c))
            h = np.tanh(c) / (1 + np.exp(-o - p_o * c))
            ys[t, d] = h
        hs.append(h)
        cs.append(c)
    lengths = np.full(batch, steps, np.int32)
    check(
        "LSTM", [x, w, r, bias, lengths, h0, c0, p], ys, np.stack(hs), np.stack(cs),
        hidden_size=hidden, direction="bidirectional",
    )  # fmt: skip


# ── images ───────────────────────────────────────────────────────────────────────────────────────
def test_a_crop_by_scales_has_the_size_of_the_crop():
    """Of five positions the middle three (roi ¼ … ¾), 2.4 times: ⌊5 · ½ · 2.4⌋ = 6 from 1 to 3."""
    x = np.arange(5, dtype=np.float32) ** 2
    at = np.linspace(1, 3, 6)
    wanted = np.interp(at, np.arange(5), x).astype(np.float32)
    check(
        "Resize", [x, f4(0.25, 0.75), f4(2.4)], wanted, opset=19,
        mode="linear", coordinate_transformation_mode="tf_crop_and_resize",
    )  # fmt: skip


def test_a_region_without_an_extent_is_empty():
    x = uniform(1, 2, 5, 5)
    y = np.zeros((1, 2, 2, 2), np.float32)
    check("RoiAlign", [x, f4(1, 1, 1, 1)[None], i8(0)], y, output_height=2, output_width=2)


# ── transforms, states, gradients, optimizers ────────────────────────────────────────────────────
def test_half_a_spectrum_without_imaginary_part():
    half = uniform(1, 4, 1)
    wanted = np.fft.irfft(half[..., 0], axis=1)[..., None].astype(np.float32)
    check("DFT", [half, None, i8(1)], wanted, opset=20, inverse=1, onesided=1)


def test_the_state_of_linear_attention_keeps_its_dtype():
    """S ← S + k ⊗ v, o = q S: one step from S = [[1]] with q = 3, k = 2, v = 4: S = 9, o = 27."""
    q, k, v = (np.full((1, 1, 1), n, np.float16) for n in (3, 2, 4))
    options = {"opset": 27, "update_rule": "linear", "q_num_heads": 1, "kv_num_heads": 1, "scale": 1.0}
    y = np.full((1, 1, 1), 27, np.float16)
    check(
        "LinearAttention",
        [q, k, v, np.ones((1, 1, 1, 1), np.float32)],
        y,
        f4(9).reshape(1, 1, 1, 1),
        **options,
    )
    y, state = np.full((1, 1, 1), 24, np.float16), np.full((1, 1, 1, 1), 8, np.float16)
    check("LinearAttention", [q, k, v], y, state, **options)


def test_training_batch_norm_moves_the_statistics():
    x = uniform(3, 2, 4)
    mean, var = x.mean((0, 2)), x.var((0, 2))
    y = (x - mean[:, None]) / np.sqrt(var[:, None] + 1e-5)
    moved = [(0.9 * old + 0.1 * new).astype(np.float32) for old, new in ((f4(1, 2), mean), (f4(3, 4), var))]
    check("BatchNormalization", [x, f4(1, 1), f4(0, 0), f4(1, 2), f4(3, 4)], y, *moved, training_mode=1)


def test_an_optimizer_of_two_tensors_of_different_sizes():
    """v ← 0.5 v + g, x ← x − 0.1 v, with all tensors, then all gradients, then all velocities."""
    x1, x2, g1, g2, v1, v2 = f4(1), f4(2, 3), f4(4), f4(5, 6), f4(8), f4(2, 4)
    check(
        "Momentum", [np.float32(0.1).reshape(()), np.array(3), x1, x2, g1, g2, v1, v2],
        f4(0.2), f4(1.4, 2.2), f4(8), f4(6, 8),
        opset=1, alpha=0.5, beta=1.0, norm_coefficient=0.0, mode="standard",
    )  # fmt: skip


def test_the_gradient_of_a_sum():
    nodes = [
        Node("Add", ["a", "b"], ["c"], {}),
        Node("Gradient", ["a", "b"], ["da", "db"], {"xs": ["a", "b"], "y": "c"}),
    ]
    values = run(Case("sum", 12, nodes, {}), {"a": f4(1, 2), "b": f4(3, 4)})
    compare(values["c"].data, f4(4, 6), "c")
    compare(values["da"], f4(1, 1), "da")
    compare(values["db"], f4(1, 1), "db")
