"""What the table cannot say: identities, numbers that PyTorch's manual prints, fused against twin."""

import math

import numpy as np
import pytest
import scipy.signal
import scipy.special

from mmscratch import Tensor, kernels, ops
from mmscratch.random import Generator

RNG = np.random.default_rng(5)


def normal(*shape, dtype=np.float64):
    return RNG.standard_normal(shape).astype(dtype)


@pytest.fixture(params=["reference", "cpu"])
def floor(request):
    if request.param == "cpu" and not kernels.has_numba():
        pytest.skip("the cpu floor needs Numba")
    with kernels.use(request.param):
        yield request.param


# ── fused and twin ───────────────────────────────────────────────────────────────────────────────
def _visible(rows, columns):
    return (RNG.random((rows, columns)) < 0.6) | np.eye(rows, columns, dtype=bool)


T, B, D, H = 9, 6, 5, 7
TWINS = {
    "attention": (
        ops.attention,
        ops.attention_twin,
        [normal(2, 3, 9, 8), normal(2, 3, 9, 8), normal(2, 3, 9, 5)],
        {},
    ),
    "attention, masked": (
        ops.attention,
        ops.attention_twin,
        [normal(2, 9, 8), normal(2, 9, 8), normal(2, 9, 5), _visible(9, 9)],
        {"causal": True},
    ),
    "lstm": (
        ops.lstm,
        ops.lstm_twin,
        [
            normal(T, B, D),
            normal(B, H),
            normal(B, H),
            normal(4 * H, D),
            normal(4 * H, H),
            normal(4 * H),
            normal(4 * H),
            RNG.integers(0, T + 1, B),
        ],
        {"reverse": True},
    ),
    "gru": (
        ops.gru,
        ops.gru_twin,
        [
            normal(T, B, D),
            normal(B, H),
            normal(3 * H, D),
            normal(3 * H, H),
            normal(3 * H),
            normal(3 * H),
            RNG.integers(0, T + 1, B),
        ],
        {},
    ),
    "cosine": (ops.cosine_similarity, ops.cosine_similarity_twin, [normal(11, 33), normal(11, 33)], {}),
    "cross-entropy": (
        ops.cross_entropy,
        ops.cross_entropy_twin,
        [normal(20, 9), RNG.integers(0, 9, 20)],
        {"label_smoothing": 0.1, "ignore_index": 3},
    ),
    "layer norm": (
        ops.layer_norm,
        ops.layer_norm_twin,
        [normal(13, 29), normal(29), normal(29)],
        {"normalized_shape": 29},
    ),
}


@pytest.mark.parametrize("name", TWINS)
@pytest.mark.parametrize("dtype, rtol", [(np.float64, 1e-10), (np.float32, 3e-4)])
def test_the_fused_kernel_is_its_twin(name, dtype, rtol, floor):
    fused, twin, inputs, options = TWINS[name]
    inputs = [x.astype(dtype) if x.dtype.kind == "f" else x for x in inputs]
    found = []
    for function in (fused, twin):
        leaves = [Tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in inputs]
        results = function(*leaves, **options)
        results = results if isinstance(results, tuple) else (results,)
        for i, y in enumerate(results):
            weight = np.random.default_rng(i).standard_normal(y.shape).astype(dtype)
            y.backward(Tensor(weight), retain_graph=True)
        found.append([y.data for y in results] + [x.grad for x in leaves if isinstance(x, Tensor)])
    for a, b in zip(*found, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())


# ── identities ───────────────────────────────────────────────────────────────────────────────────
def test_convolution_is_scipys_correlation(floor):
    x, w = normal(1, 1, 9, 8), normal(1, 1, 3, 4)
    expected = scipy.signal.correlate2d(x[0, 0], w[0, 0], mode="valid")
    np.testing.assert_allclose(ops.conv2d(x, w)[0, 0], expected, rtol=1e-12)
    same = ops.conv1d(normal(2, 3, 10), normal(4, 3, 4), padding="same")
    assert same.shape == (2, 4, 10)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_transposed_convolution_is_the_adjoint(n, floor):
    """⟨conv(x), y⟩ = ⟨x, conv_transpose(y)⟩."""
    conv, back = getattr(ops, f"conv{n}d"), getattr(ops, f"conv_transpose{n}d")
    x, w = normal(2, 4, *(7,) * n), normal(6, 2, *(3,) * n)
    options = {"stride": 2, "padding": 1, "groups": 2}
    y = conv(x, w, **options)
    other = normal(*y.shape)
    np.testing.assert_allclose((y * other).sum(), (x * back(other, w, **options)).sum(), rtol=1e-10)


def test_unpooling_puts_maxima_back(floor):
    x = RNG.permutation(2 * 3 * 36).reshape(2, 3, 6, 6).astype(np.float64) + 1
    y, index = ops.max_pool2d(x, kernel_size=2, return_indices=True)
    restored = ops.max_unpool(y, index, output_size=(6, 6))
    assert (restored[restored > 0] == x[restored > 0]).all() and (restored > 0).sum() == y.size


def test_the_running_averages_move(floor):
    x = normal(8, 3, 5)
    mean, var = Tensor(np.zeros(3)), Tensor(np.ones(3))
    before = mean.data
    for _ in range(300):
        ops.batch_norm(x, running_mean=mean, running_var=var, training=True, momentum=0.1)
    assert not before.any(), "the array that was there must not be written to"
    np.testing.assert_allclose(mean.data, x.mean(axis=(0, 2)), atol=1e-9)
    np.testing.assert_allclose(var.data, x.var(axis=(0, 2), ddof=1), rtol=1e-9)
    np.testing.assert_allclose(
        ops.batch_norm(x, running_mean=mean, running_var=var).data,
        (x - mean.data[:, None]) / np.sqrt(var.data[:, None] + 1e-5),
        rtol=1e-9,
    )


def test_cells_make_the_sequence(floor):
    x, h, c = normal(4, 3, 2), normal(3, 5), normal(3, 5)
    weights = normal(20, 2), normal(20, 5), normal(20), normal(20)
    hs, h_last, c_last = ops.lstm(x, h, c, *weights)
    for t in range(4):
        h, c = ops.lstm_cell(x[t], h, c, *weights)
        np.testing.assert_allclose(hs[t], h, rtol=1e-10)
    np.testing.assert_allclose(c_last, c, rtol=1e-10)


def test_a_reversed_sequence_runs_from_its_own_end(floor):
    x, lengths = normal(5, 2, 3), np.array([3, 5])
    weights = normal(16, 3), normal(16, 4), normal(16), normal(16)
    hs, h, _ = ops.lstm(x, None, None, *weights, lengths, reverse=True)
    turned = np.ascontiguousarray(x[:3, :1][::-1])
    expected, h_expected, _ = ops.lstm(turned, None, None, *weights)
    np.testing.assert_allclose(hs[:3, :1], expected[::-1], rtol=1e-10)
    np.testing.assert_allclose(h[:1], h_expected, rtol=1e-10)
    assert not hs[3:, 0].any()


def test_dropout_keeps_the_mean_and_its_gradient_the_mask(floor):
    x = Tensor(np.ones(20_000), requires_grad=True)
    y = ops.dropout(x, p=0.3, generator=Generator(4))
    y.backward(Tensor(np.ones(20_000)))
    assert set(np.unique(y.data).round(12)) == {0.0, round(1 / 0.7, 12)}
    assert abs(y.data.mean() - 1) < 0.02 and np.array_equal(x.grad, y.data)
    g = Generator(4)
    first, second = (ops.dropout(np.ones(64), p=0.5, generator=g) for _ in range(2))
    assert (first != second).any() and g.offset == 128


def test_the_nearest_by_cosine(floor):
    queries, database = normal(4, 6), normal(30, 6)
    database[7] = 0.0
    score, number = ops.cosine_topk(queries, database, k=30)
    table = ops.cosine_similarity_matrix(queries, database)
    assert np.array_equal(number, np.argsort(-table, axis=1, kind="stable"))
    np.testing.assert_allclose(score, -np.sort(-table, axis=1), atol=1e-12)
    assert not ops.cosine_topk(Tensor(queries, requires_grad=True), database, k=2)[0].requires_grad


# ── numbers ──────────────────────────────────────────────────────────────────────────────────────
def test_losses_at_the_edges(floor):
    far = np.array([1000.0, -1000.0])
    loss = ops.binary_cross_entropy_with_logits(far, np.array([1.0, 0.0]), reduction="none")
    assert (loss == 0).all()
    loss = ops.binary_cross_entropy_with_logits(far, np.array([0.0, 1.0]), reduction="none")
    np.testing.assert_allclose(loss, [1000.0, 1000.0])
    certain = Tensor(np.array([0.0, 1.0]), requires_grad=True)
    y = ops.binary_cross_entropy(certain, np.array([1.0, 1.0]), reduction="none")
    np.testing.assert_allclose(y.data, [100.0, 0.0])  # as PyTorch: the logarithm is cut at −100
    ops.sum(y).backward()
    assert np.isfinite(certain.grad).all()
    x, target = normal(6, 4), RNG.integers(0, 4, 6)
    expected = -scipy.special.log_softmax(x, axis=1)[np.arange(6), target].mean()
    np.testing.assert_allclose(ops.cross_entropy(x, target), expected, rtol=1e-12)
    assert math.isnan(ops.cross_entropy(x, np.full(6, -100)))
    assert ops.cross_entropy(x, np.full(6, -100), reduction="sum") == 0
    np.testing.assert_allclose(
        ops.smooth_l1_loss(x, x * 2, beta=0.4) * 0.4, ops.huber_loss(x, x * 2, delta=0.4), rtol=1e-12
    )
    p, q = scipy.special.softmax(x, axis=1), scipy.special.softmax(normal(6, 4), axis=1)
    expected = scipy.special.rel_entr(q, p).sum() / 6
    np.testing.assert_allclose(ops.kl_div(np.log(p), q, reduction="batchmean"), expected, rtol=1e-12)


def test_pooling_by_hand(floor):
    x = np.arange(1.0, 7.0).reshape(1, 1, 6)
    assert ops.max_pool1d(x, kernel_size=3, stride=2).tolist() == [[[3.0, 5.0]]]
    assert ops.max_pool1d(x, kernel_size=3, stride=2, ceil_mode=True).tolist() == [[[3.0, 5.0, 6.0]]]
    assert ops.avg_pool1d(x, kernel_size=2, padding=1).tolist() == [[[0.5, 2.5, 4.5, 3.0]]]
    padded = ops.avg_pool1d(x, kernel_size=2, padding=1, count_include_pad=False)
    assert padded.tolist() == [[[1.0, 2.5, 4.5, 6.0]]]
    assert ops.adaptive_avg_pool1d(x, output_size=4).tolist() == [[[1.5, 2.5, 4.5, 5.5]]]


# ── the floor under a length ─────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "cosine, eps",
    [
        (ops.cosine_similarity, 1e-8),
        (ops.cosine_similarity_twin, 1e-8),
        (lambda a, b: ops.cosine_similarity_matrix(a, b).reshape(1), 1e-12),
        (lambda a, b: ops.sum(ops.normalize(a) * ops.normalize(b), axis=-1), 1e-12),
    ],
    ids=["cosine_similarity", "cosine_similarity_twin", "cosine_similarity_matrix", "normalize"],
)
def test_vectors_shorter_than_the_default_eps_are_divided_by_it(floor, cosine, eps):
    """(0.3, 0.4) eps is half as long as eps: the cosine with itself is ¼, its slope (0.6, 0.8)/eps."""
    a = Tensor(np.array([[0.3, 0.4]]) * eps, requires_grad=True)
    value = cosine(a, a)
    np.testing.assert_allclose(value.data, [0.25], rtol=1e-12)
    value.backward()
    np.testing.assert_allclose(a.grad.data if hasattr(a.grad, "data") else a.grad, [[0.6 / eps, 0.8 / eps]])
