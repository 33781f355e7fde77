"""The scalar formulas: SciPy and longhand as oracles, agreement of the floors, slopes, edge values."""

import math
import threading

import numpy as np
import pytest
from judge import agree, check_gradient, draw
from scipy import special, stats

from mmscratch import kernels
from mmscratch.kernels import scalar
from mmscratch.kernels.interface import FORMULAS

reference = kernels.floor("reference")
ARITY = {name: n for n, names in FORMULAS.items() for name in names}
SHAPES = {"0-d": (), "empty": (0, 3), "one": (1,), "odd": (3, 5, 7)}
PARAMETERS = {
    "elu": (0.7,),
    "leaky_relu": (0.1,),
    "elu_backward": (0.7,),
    "leaky_relu_backward": (0.1,),
    "selu": (1.67, 1.05),
    "selu_backward": (1.67, 1.05),
    "hard_sigmoid": (0.2, 0.5),
    "hard_sigmoid_backward": (0.2, 0.5),
    "clip": (-0.5, 1.0),
    "clip_backward": (-0.5, 1.0),
}
POSITIVE = {"log", "sqrt", "pow"}
LOGICAL = {"logical_not", "logical_and", "logical_or", "logical_xor"}
NARROW = {np.float32: 1e-4, np.float64: 1e-12}  # relative, with no absolute part beside it


def operands(name, shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    numbers = PARAMETERS.get(name, ())
    arrays = [np.asarray(2 * draw(rng, shape, dtype)) for _ in range(ARITY[name] - len(numbers))]
    if name in POSITIVE:
        arrays[0] = np.asarray(np.abs(arrays[0]) + dtype(0.1))
    if name in LOGICAL:
        arrays = [np.asarray(x > 0) for x in arrays]
    if name == "where":
        arrays[0] = np.asarray(arrays[0] > 0)
    return [*arrays, *numbers]


# ── what the formulas are ────────────────────────────────────────────────────────────────────────
X = np.array([-30.0, -4.0, -1.5, -0.5, -1e-9, 0.0, 1e-9, 0.5, 1.0, 2.5, 3.5, 40.0])
ORACLES = {
    "erf": special.erf,
    "sigmoid": special.expit,
    "softplus": lambda x: np.logaddexp(0, x),
    "gelu": lambda x: x * stats.norm.cdf(x),
    "gelu_tanh": lambda x: 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x * special.expit(x),
    "mish": lambda x: x * np.tanh(np.logaddexp(0, x)),
    "softsign": lambda x: np.array([v / (1 + math.fabs(v)) for v in x]),
    "relu": lambda x: np.array([max(v, 0.0) for v in x]),
    "round": lambda x: np.array([float(round(v)) for v in x]),
    "sign": lambda x: np.array([float(int(v > 0) - int(v < 0)) for v in x]),
    "tanh": lambda x: np.array([math.tanh(v) for v in x]),
}


@pytest.mark.parametrize("name", ORACLES)
def test_formula(floor, name):
    np.testing.assert_allclose(floor.map(name, X), ORACLES[name](X), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "gelu", "silu", "mish", "tanh"])
def test_small_and_large_arguments_keep_their_digits(served, dtype, name):
    """Relative accuracy where a careless formula has none: near 0 and in the left tail."""
    x = np.array([1e-6, -1e-6, 1e-20, -9, -11, 60], dtype)
    exact = x.astype(np.float64)
    e = np.exp(exact)
    wanted = {
        "sigmoid": special.expit(exact),
        "softplus": np.log1p(e),
        "gelu": exact * special.ndtr(exact),
        "silu": exact * special.expit(exact),
        "mish": exact * (e * e + 2 * e) / (e * e + 2 * e + 2),
        "tanh": np.tanh(exact),
    }[name]
    np.testing.assert_allclose(served.map(name, x), wanted, rtol=200 * np.finfo(dtype).eps)


def test_remainder_has_the_sign_of_the_divisor(floor):
    a, b = np.array([5.0, -5.0, 5.0, -5.0, 6.0, -0.5]), np.array([3.0, 3.0, -3.0, -3.0, 3.0, np.inf])
    np.testing.assert_array_equal(floor.map("remainder", a, b), [x % y for x, y in zip(a, b, strict=True)])


def test_published_parameters(floor):
    """ELU, SELU, leaky ReLU, hard sigmoid at a negative and a positive place, by hand."""
    x = np.array([-1.0, 2.0])
    np.testing.assert_allclose(floor.map("elu", x, 0.5), [0.5 * (math.exp(-1) - 1), 2], rtol=1e-15)
    np.testing.assert_allclose(floor.map("leaky_relu", x, 0.1), [-0.1, 2], rtol=1e-15)
    np.testing.assert_allclose(floor.map("selu", x, 1.67, 1.05), [1.67 * 1.05 * (math.exp(-1) - 1), 2.1])
    np.testing.assert_allclose(floor.map("hard_sigmoid", x, 0.2, 0.5), [0.3, 0.9], rtol=1e-15)
    np.testing.assert_array_equal(floor.map("clip", x, -0.5, 1.0), [-0.5, 1])


# ── slopes ───────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", [n.removesuffix("_backward") for n in ARITY if n.endswith("_backward")])
def test_backward_is_the_slope(floor, name):
    rng = np.random.default_rng(3)
    x = np.array([-3.1, -1.3, -0.4, -0.05, 0.04, 0.3, 0.8, 1.7, 2.9])  # no kink within a step
    dy = rng.standard_normal(x.shape)
    numbers = PARAMETERS.get(name, ())
    y = floor.map(name, x, *numbers)
    seen = y if name in ("tanh", "sigmoid", "relu") else x  # the formulas in terms of their result
    dx = floor.map(f"{name}_backward", dy, seen, *numbers)
    check_gradient(lambda x: floor.map(name, x, *numbers), [x], [dy], [dx])


# ── the floors agree ─────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("name", ARITY)
def test_loops_agree(loops, dtype, name, shape):
    given = operands(name, shape, dtype)
    before = [np.copy(x) for x in given]
    got, expected = loops.map(name, *given), reference.map(name, *given)
    assert type(got) is np.ndarray
    assert got.dtype == (bool if name in LOGICAL or got.dtype == bool else dtype)
    agree(got, expected)
    for x, copy in zip(given, before, strict=True):
        np.testing.assert_array_equal(x, copy)
        assert not isinstance(x, np.ndarray) or not np.shares_memory(x, got)


@pytest.mark.parametrize(
    "name",
    ["gelu", "gelu_backward", "silu", "mish_backward", "relu_backward", "clip", "elu", "selu_backward"],
)
def test_large_arrays_agree(floor, dtype, name):
    given = operands(name, (251, 403), dtype)
    agree(floor.map(name, *given), reference.map(name, *given))


EDGES = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 90.0, -110.0, 0.5, 1.5, 2.5, -2.5])


@pytest.mark.parametrize("name", ARITY)
def test_edge_values_agree(loops, dtype, name):
    """NaN, ±∞, ±0, numbers that overflow: the compiled source and NumPy say the same of them."""
    rng = np.random.default_rng(1)
    given = [
        rng.permutation(EDGES).astype(dtype) if isinstance(x, np.ndarray) else x
        for x in operands(name, (), dtype)
    ]
    if ARITY[name] == 1:
        given = [EDGES.astype(dtype)]
    if name == "where":
        given[0] = given[0] > 0
    expected = reference.map(name, *given)
    agree(loops.map(name, *given), expected, rtol=NARROW[dtype])
    formula = scalar.formulas(dtype, lambda f: f, scalar.numpy_math)[name]  # and so does plain Python
    numbers = [x if isinstance(x, np.ndarray) else np.full(EDGES.shape, x, dtype) for x in given]
    with np.errstate(all="ignore"):
        plain = np.array([formula(*x) for x in zip(*numbers, strict=True)], expected.dtype)
    agree(plain, expected, rtol=NARROW[dtype])


def test_broadcasting(floor, dtype):
    rng = np.random.default_rng(2)
    a, b, c = (np.asarray(draw(rng, s, dtype)) for s in ((4, 1, 3), (5, 1), ()))
    for name in ("add", "mul", "gelu_backward", "maximum", "less"):
        agree(floor.map(name, a, b), reference.map(name, *np.broadcast_arrays(a, b)))
        agree(floor.map(name, a, c), reference.map(name, *np.broadcast_arrays(a, c)))
    np.testing.assert_array_equal(floor.map("add", a, b), a + b)
    agree(floor.map("where", a > 0, b, 0.0), np.where(a > 0, b, dtype(0)))


def test_integers_stay_integers(floor):
    i = np.arange(-3, 4)
    assert floor.map("mul", i, 2).dtype == i.dtype and floor.map("abs", i).tolist() == [3, 2, 1, 0, 1, 2, 3]
    assert floor.map("equal", i, -3).tolist() == [True] + 6 * [False]


# ── casting, filling ─────────────────────────────────────────────────────────────────────────────
def test_cast_and_full(floor):
    x = np.array([-1.7, 0.0, 2.9], np.float32)
    assert floor.cast(x, np.int64).tolist() == [-1, 0, 2]
    assert floor.cast(x, np.bool_).tolist() == [True, False, True]
    same = floor.cast(x, np.float32)
    assert same.dtype == np.float32 and not np.shares_memory(same, x)
    assert floor.cast(np.array(1.5), np.float32).shape == ()
    agree(floor.full((2, 0), 3, np.float64), np.full((2, 0), 3.0))
    agree(floor.full((), 0.5, np.float32), np.array(0.5, np.float32))


# ── threads ──────────────────────────────────────────────────────────────────────────────────────
def test_the_number_of_threads_does_not_show(threads):
    cpu = kernels.floor("cpu")
    x = draw(np.random.default_rng(0), 200_001, np.float32)
    agree(cpu.map("gelu", x), reference.map("gelu", x))


def test_two_python_threads_at_once():
    pytest.importorskip("numba")
    cpu = kernels.floor("cpu")
    x = draw(np.random.default_rng(0), 100_000, np.float32)
    expected, wrong = cpu.map("sigmoid", x).tobytes(), []

    def work():
        for _ in range(50):
            if cpu.map("sigmoid", x).tobytes() != expected:
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


# ── what the loops of the cpu floor state ────────────────────────────────────────────────────────
STATED = {
    "exp": 2, "log": 2, "tanh": 3, "erf": 4, "sigmoid": 4, "softplus": 4, "silu": 4, "mish": 6,
    "elu": 5, "selu": 7, "gelu": 8, "gelu_tanh": 40,
}  # fmt: skip
WITHOUT_VECTORS = {"exp": 4, "log": 4, "gelu": 20}


@pytest.mark.parametrize("name", STATED)
def test_errors_of_long_arrays_are_as_stated(name):
    """Relative, in units of 2⁻²⁴, against float64; where there are no vectors, of the C library."""
    pytest.importorskip("numba")
    end = 4 if "gelu" in name else 87
    x = np.linspace(0.01 if name == "log" else -end, end, 200_001, dtype=np.float32)
    x = x[x != 0]
    numbers = PARAMETERS.get(name, ())
    got = kernels.floor("cpu").map(name, x, *numbers)
    exact = reference.map(name, x.astype(np.float64), *map(float, np.array(numbers, np.float32)))
    from mmscratch.kernels.cpu import simd

    stated = STATED if simd.LANES else STATED | WITHOUT_VECTORS
    assert np.max(np.abs(got - exact) / np.abs(exact)) <= stated[name] * 2.0**-24


def test_gelu_in_vectors_keeps_its_digits_far_to_the_left():
    simd = pytest.importorskip("mmscratch.kernels.cpu.simd")
    if not simd.LANES:
        pytest.skip("no vectors on this machine")
    x = np.linspace(-13, 4, 200_000, dtype=np.float32)
    got, exact = (f.map("gelu", a) for f, a in ((kernels.floor("cpu"), x), (reference, x.astype(np.float64))))
    assert np.max(np.abs(got / exact - 1)) <= 8 * 2.0**-24


def test_the_slope_of_gelu_is_right_to_a_few_units():
    pytest.importorskip("numba")
    x = np.linspace(-16, 16, 200_001, dtype=np.float32)
    got = kernels.floor("cpu").map("gelu_backward", np.ones_like(x), x)
    exact = reference.map("gelu_backward", np.ones(x.shape), x.astype(np.float64))
    np.testing.assert_allclose(got, exact, rtol=0, atol=4 * 2.0**-24)
