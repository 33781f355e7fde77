"""Corners of formulas, by hand: where a kink is, what a default is, rows that see nothing, entries that are
large, masks of few axes. ``python -m tests.mutate`` seeds faults there that the table's inputs never meet."""

import math

import numpy as np
import pytest
import scipy.special

from mmscratch import Tensor, kernels, ops


@pytest.fixture(params=["reference", "cpu"], autouse=True)
def floor(request):
    if request.param == "cpu" and not kernels.has_numba():
        pytest.skip("the cpu floor needs Numba")
    with kernels.use(request.param):
        yield request.param


def value_and_slope(function, x):
    """y = function(x), and the gradient of Σ y."""
    leaf = Tensor(np.asarray(x, np.float64), requires_grad=True)
    y = function(leaf)
    y.backward(Tensor(np.ones(y.shape)))
    return y.data, leaf.grad


def close(actual, expected):
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-300)


# ── kinks ────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "function, slope",
    [
        (lambda x: ops.relu(x), 0.0),
        (lambda x: ops.leaky_relu(x, negative_slope=0.2), 0.2),
        (lambda x: ops.elu(x, alpha=1.3), 1.3),
    ],
    ids=["relu", "leaky_relu", "elu"],
)
def test_at_zero_the_slope_is_the_one_from_the_left(function, slope):
    close(value_and_slope(function, [0.0]), [[0.0], [slope]])


def test_of_equal_entries_in_a_window_the_first_wins():
    x = Tensor(np.array([[[2.0, 2.0, 1.0, 1.0]]]), requires_grad=True)
    y, index = ops.max_pool1d(x, kernel_size=2, return_indices=True)
    y.backward(Tensor(np.array([[[3.0, 5.0]]])))
    assert raw(index).tolist() == [[[0, 2]]] and x.grad.tolist() == [[[3.0, 0.0, 5.0, 0.0]]]


def test_a_window_in_the_padding_alone_has_no_maximum():
    y, index = ops.max_pool1d(np.array([[[7.0]]]), kernel_size=2, dilation=2, padding=1, return_indices=True)
    assert y.tolist() == [[[-math.inf]]] and index.tolist() == [[[-1]]]


def raw(x):
    return x.data if isinstance(x, Tensor) else x


# ── rows that see nothing, entries that are large ────────────────────────────────────────────────
def test_softmax_of_large_entries_and_of_a_row_that_is_masked_wholly():
    large = np.array([[1e4, 1e4 - 1.0, -1e4], [-1e4, -1e4 - 1.0, -3e4]])
    expected = 1 / (1 + np.exp([-1.0, 1.0]))
    close(ops.softmax(large), [[*expected, 0.0]] * 2)
    close(ops.log_softmax(large)[:, :2], [np.log(expected)] * 2)
    shut = np.array([[True, True, False], [False] * 3])
    close(ops.softmax(large, shut), [[*expected, 0.0], [0.0] * 3])
    assert (ops.log_softmax(large, shut)[1] == -math.inf).all()
    assert value_and_slope(lambda x: ops.softmax(x, shut), large)[1][1].tolist() == [0.0] * 3


@pytest.mark.parametrize("attend", [ops.attention, ops.attention_twin])
def test_attention_with_masks_of_few_axes(attend):
    rng = np.random.default_rng(2)
    q, k, v = rng.standard_normal((3, 3, 4))
    visible = np.array([[True, True, False], [False] * 3, [False, False, True]])
    added = rng.standard_normal((3, 3))
    score = q @ k.T / 2.0
    for mask, s in ((visible, np.where(visible, score, -1e300)), (added, score + added)):
        p = scipy.special.softmax(s, axis=1)
        if mask is visible:
            p[1] = 0.0
        for lead in ((), (2,), (2, 2)):
            o, probability = attend(*(np.broadcast_to(x, (*lead, 3, 4)).copy() for x in (q, k, v)), mask)
            close_to = {"rtol": 1e-10, "atol": 1e-12}
            np.testing.assert_allclose(probability, np.broadcast_to(p, (*lead, 3, 3)), **close_to)
            np.testing.assert_allclose(o, np.broadcast_to(p @ v, (*lead, 3, 4)), **close_to)
    shut = added.copy()
    shut[0, 1], shut[1] = -math.inf, -math.inf
    o, probability = attend(q, k, v, shut)
    expected = scipy.special.softmax(score[[0, 2]] + shut[[0, 2]], axis=1)
    np.testing.assert_allclose(probability[[0, 2]], expected, rtol=1e-10, atol=1e-12)
    assert not probability[1].any() and not o[1].any()


def test_a_zero_row_is_orthogonal_to_everything():
    rows = np.array([[0.0, 0.0], [3.0, 4.0], [-5.0, 0.0]])
    score, number = ops.cosine_topk(rows[1:], rows, k=3)
    close(score, [[1.0, 0.0, -0.6], [1.0, 0.0, -0.6]])
    assert number.tolist() == [[1, 0, 2], [2, 0, 1]]
    close(ops.cosine_topk(rows[:1], rows, k=3)[0], [[0.0] * 3])


# ── numbers in the place of arrays ───────────────────────────────────────────────────────────────
def test_powers_of_a_number():
    """∂aˣ/∂x = aˣ log a: 0 for a = 0, not a number for a < 0."""
    x = [1.0, 2.0]
    close(value_and_slope(lambda x: ops.pow(3.0, x), x), [[3.0, 9.0], math.log(3) * np.array([3.0, 9.0])])
    close(value_and_slope(lambda x: ops.pow(0.0, x), [0.0, 2.0]), [[1.0, 0.0], [0.0, 0.0]])
    with np.errstate(all="ignore"):
        y, slope = value_and_slope(lambda x: ops.pow(-2.0, x), x)
    close(y, [-2.0, 4.0])
    assert np.isnan(slope).all()


def test_where_of_two_numbers_and_of_a_number_first():
    m = np.array([True, False])
    y = ops.where(m, 1.5, -2.5)
    assert y.tolist() == [1.5, -2.5] and y.dtype == np.float32
    close(value_and_slope(lambda x: ops.where(m, 1.5, x), [7.0, 8.0]), [[1.5, 8.0], [0.0, 1.0]])


@pytest.mark.parametrize("op", [ops.add, ops.sub, ops.mul, ops.div])
def test_a_gradient_has_the_dtype_of_its_own_operand(op):
    a = Tensor(np.array([2.0, 3.0], np.float32), requires_grad=True)
    b = Tensor(np.array([4.0, 5.0]), requires_grad=True)
    ops.sum(op(a, b)).backward()
    assert (a.grad.dtype, b.grad.dtype) == (np.float32, np.float64)


# ── defaults, and classes ────────────────────────────────────────────────────────────────────────
def test_defaults_of_the_losses_of_distance():
    """The threshold is 1: e = ½ lies inside, e = 3 beyond; e²/2 and |e| − ½."""
    x, t = np.array([0.5, 3.0]), np.zeros(2)
    for loss in (ops.smooth_l1_loss, ops.huber_loss):
        close(loss(x, t, reduction="none"), [0.125, 2.5])


@pytest.mark.parametrize("shape", [(4,), (1, 4), (3, 4), (2, 4, 3)])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_against_probabilities_with_weights(shape, reduction):
    """ℓ = −Σ_c w_c ((1 − ε) t_c + ε/C) log p_c; "mean" is over rows, whatever they weigh."""
    rng = np.random.default_rng(3)
    axis, w = min(len(shape) - 1, 1), np.array([0.5, 1.0, 2.0, 3.0])
    x, t = rng.standard_normal(shape), scipy.special.softmax(rng.standard_normal(shape), axis=axis)
    found = ops.cross_entropy(x, t, w, label_smoothing=0.2, reduction=reduction)
    goal = np.moveaxis(0.8 * t + 0.2 / 4, axis, -1)
    rows = -np.sum(w * goal * np.moveaxis(scipy.special.log_softmax(x, axis=axis), axis, -1), axis=-1)
    close(found, rows if reduction == "none" else getattr(np, reduction)(rows))


@pytest.mark.parametrize("shape", [(2, 3), (4, 3, 5)])
@pytest.mark.parametrize("momentum", [None, 0.25])
def test_running_averages_move_in_training_and_stand_still_otherwise(shape, momentum):
    """v ← (1 − m) v + m · n/(n − 1) · σ², m = 0.1 unless given."""
    rng = np.random.default_rng(4)
    x, m0, v0 = rng.standard_normal(shape), np.array([1.0, -1.0, 2.0]), np.array([1.0, 2.0, 3.0])
    over = tuple(i for i in range(len(shape)) if i != 1)
    view = (3,) + (1,) * (len(shape) - 2)
    options = {} if momentum is None else {"momentum": momentum}
    m = 0.1 if momentum is None else momentum
    mean, var = Tensor(m0), Tensor(v0)
    y = ops.batch_norm(x, running_mean=mean, running_var=var, **options)
    assert mean.data.tolist() == m0.tolist() and var.data.tolist() == v0.tolist()
    np.testing.assert_allclose(
        raw(y), (x - m0.reshape(view)) / np.sqrt(v0.reshape(view) + 1e-5), rtol=1e-10, atol=1e-12
    )
    y = ops.batch_norm(x, running_mean=mean, running_var=var, training=True, **options)
    np.testing.assert_allclose(mean.data, (1 - m) * m0 + m * x.mean(axis=over), rtol=1e-9)
    np.testing.assert_allclose(var.data, (1 - m) * v0 + m * x.var(axis=over, ddof=1), rtol=1e-9)
    expected = (x - x.mean(axis=over, keepdims=True)) / np.sqrt(x.var(axis=over, keepdims=True) + 1e-5)
    np.testing.assert_allclose(raw(y), expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(raw(ops.batch_norm(x)), expected, rtol=1e-9, atol=1e-10)


# ── shapes and places ────────────────────────────────────────────────────────────────────────────
def test_minus_one_in_broadcast_to_leaves_the_axis():
    x = np.arange(3.0).reshape(3, 1)
    for shape in ((-1, 4), (3, 4)):
        assert ops.broadcast_to(x, shape=shape).tolist() == np.broadcast_to(x, (3, 4)).tolist()
    assert ops.broadcast_to(x, shape=(2, -1, -1)).shape == (2, 3, 1)
    with pytest.raises(ValueError, match="does not broadcast"):
        ops.broadcast_to(x, shape=(-1, 3, 1))  # a new axis has no size to keep
    with pytest.raises(ValueError, match="does not broadcast"):
        ops.broadcast_to(x, shape=(-2, 1))


def test_an_empty_list_takes_nothing_and_a_list_of_fractions_is_refused():
    x = np.arange(6.0).reshape(3, 2)
    assert ops.take(x, [], axis=0).shape == (0, 2)
    assert ops.take(x, np.zeros(0, np.int64), axis=0).shape == (0, 2)
    assert ops.take(x, [-1, 0], axis=0).tolist() == [[4.0, 5.0], [0.0, 1.0]]
    with pytest.raises(TypeError, match="index must be of integers"):
        ops.take(x, [0.5], axis=0)


def test_edges_are_repeated_as_wide_as_asked():
    x = np.arange(6.0).reshape(2, 3)
    for mode, pads in (("edge", ((1, 2), (3, 1))), ("edge", ((0, 3), (2, 0))), ("reflect", ((1, 0), (2, 1)))):
        assert ops.pad(x, pads=pads, mode=mode).tolist() == np.pad(x, pads, mode).tolist()
    assert ops.pad(x[:1, :1], pads=((1, 1), (0, 2)), mode="edge").tolist() == [[0.0] * 3] * 3


def test_valid_padding_is_none():
    x, w = np.arange(4.0).reshape(1, 1, 4), np.ones((1, 1, 3))
    assert ops.conv1d(x, w, padding="valid").tolist() == [[[3.0, 6.0]]]
    x = np.arange(9.0).reshape(1, 1, 3, 3)
    assert ops.conv2d(x, np.ones((1, 1, 2, 3)), padding="valid").tolist() == [[[[15.0], [33.0]]]]


def test_norms_of_higher_order():
    """(Σ x⁴)^¼ of (1, −2, 2): (1 + 16 + 16)^¼, slope x³/y³; p = 3 keeps the sign of a negative entry."""
    x = np.array([1.0, -2.0, 2.0])
    for p in (3, 4):
        y = np.sum(np.abs(x) ** p) ** (1 / p)
        close(value_and_slope(lambda x, p=p: ops.norm(x, p=p), x)[0], y)
        slope = np.sign(x) * np.abs(x) ** (p - 1) / y ** (p - 1)
        np.testing.assert_allclose(value_and_slope(lambda x, p=p: ops.norm(x, p=p), x)[1], slope, rtol=1e-12)
    assert value_and_slope(ops.norm, np.zeros(3))[1].tolist() == [0.0] * 3


@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_the_gradient_of_a_running_product(exclusive, reverse):
    """By the product rule in plain words, with a zero among the factors."""
    x, dy = np.array([2.0, 0.0, 3.0, 5.0]), np.array([1.0, 10.0, 100.0, 1000.0])
    leaf = Tensor(x, requires_grad=True)
    y = ops.cumprod(leaf, axis=0, exclusive=exclusive, reverse=reverse)
    y.backward(Tensor(dy))
    expected = np.zeros(4)
    for i in range(4):
        seen = [j for j in range(4) if (j >= i if reverse else j <= i) and not (exclusive and j == i)]
        close(y.data[i], np.prod(x[seen]))
        for j in seen:
            expected[j] += dy[i] * np.prod(x[[k for k in seen if k != j]])
    close(leaf.grad, expected)


# ── classes that overflow, or are one; cells that are cut; drops of everything ───────────────────
def test_cross_entropy_of_large_logits_and_of_one_class():
    large = np.array([[1e4, 1e4 - 1.0, -1e4]])
    for loss in (ops.cross_entropy, ops.cross_entropy_twin):
        close(loss(large, np.array([1])), np.log1p(np.exp(1.0)))
        one = loss(np.zeros((2, 1)), np.array([0, -100]), reduction="none")
        assert one.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("reset_after", [True, False])
def test_a_gru_whose_arguments_are_cut(reset_after):
    rng = np.random.default_rng(6)
    x, h = 4.0 * rng.standard_normal((1, 3, 2)), rng.standard_normal((3, 2))
    w, u = rng.standard_normal((6, 2)), rng.standard_normal((6, 2))
    cut = {"a_min": -0.7, "a_max": 0.7}
    r, z = (scipy.special.expit(np.clip(x[0] @ w[i : i + 2].T + h @ u[i : i + 2].T, **cut)) for i in (0, 2))
    inner = r * (h @ u[4:].T) if reset_after else (r * h) @ u[4:].T
    n = np.tanh(np.clip(x[0] @ w[4:].T + inner, **cut))
    found = ops.gru_twin(x, h, w, u, clip=0.7, reset_after=reset_after)[1]
    np.testing.assert_allclose(found, (1 - z) * n + z * h, rtol=1e-10, atol=1e-12)


def test_dropout_of_everything_leaves_zeros():
    y, slope = value_and_slope(lambda x: ops.dropout(x, p=1.0), [3.0, -1.0])
    assert y.tolist() == slope.tolist() == [0.0, 0.0]


def test_an_axis_of_one_is_widened_in_einsum():
    rng = np.random.default_rng(7)
    for equation, first, second in (
        ("ij,jk->ik", (2, 1), (3, 4)),
        ("ij,jk->ik", (2, 3), (1, 4)),
        ("ij,jk->ik", (2, 2), (1, 4)),
        ("bij,bjk->bik", (1, 2, 3), (5, 3, 2)),
    ):
        a, b = rng.standard_normal(first), rng.standard_normal(second)
        np.testing.assert_allclose(
            ops.einsum(equation, a, b), np.einsum(equation, a, b), rtol=1e-10, atol=1e-12
        )


def test_a_pair_ranked_as_it_should_be_costs_nothing_by_default():
    a, b, t = np.array([2.0, 2.0, 1.0]), np.array([1.5, 2.0, 3.0]), np.array([1.0, 1.0, 1.0])
    assert ops.margin_ranking_loss(a, b, t, reduction="none").tolist() == [0.0, 0.0, 2.0]


def test_a_sequence_of_no_steps_gives_back_its_state():
    x, h, c = np.zeros((0, 2, 3)), np.ones((2, 4)), 2 * np.ones((2, 4))
    for function, gates, states in ((ops.lstm_twin, 4, (h, c)), (ops.gru_twin, 3, (h,))):
        hs, *last = function(x, *states, np.ones((gates * 4, 3)), np.ones((gates * 4, 4)))
        assert hs.shape == (0, 2, 4)
        assert all(np.array_equal(a, b) for a, b in zip(last, states, strict=True))


def test_the_place_of_the_largest_of_all_can_keep_the_axes():
    x = np.array([[1.0, 5.0, 2.0], [0.0, 3.0, 4.0]])
    assert ops.argmax(x, keepdims=True).tolist() == [[1]] and ops.argmin(x, keepdims=True).tolist() == [[3]]
    assert int(ops.argmax(x)) == 1 and ops.argmax(x, axis=1, keepdims=True).tolist() == [[1], [2]]
