"""Costs counted on the tape: every formula by hand, layers and what is computed between them."""

import numpy as np
import pytest

from mmscratch import nn, ops
from mmscratch.explain import cost, counting
from mmscratch.models.scene_cnn import SceneCNN
from mmscratch.ops.attention import attention_twin
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(1)


def drawn(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def test_a_linear_layer():
    found = cost(nn.Linear(5, 7), drawn(3, 5))
    assert (found.parameters, found.flops, found.activations) == (42, 2 * 3 * 5 * 7, 3 * 7 * 4)


def test_convolutions():
    found = cost(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), drawn(2, 4, 8, 8))
    assert found.flops == 2 * (2 * 6 * 4 * 4) * 2 * 9 and found.parameters == 6 * 2 * 9 + 6
    found = cost(nn.ConvTranspose2d(4, 6, 3, stride=2), drawn(2, 4, 5, 5))
    assert found.flops == 2 * (2 * 4 * 5 * 5) * 6 * 9
    assert cost(nn.Conv1d(3, 5, 4), drawn(1, 3, 10)).flops == 2 * 5 * 7 * 3 * 4


def test_attention_and_its_twin_cost_the_same_products():
    layer = nn.MultiheadAttention(8, 2, batch_first=True)
    x = drawn(3, 5, 8)
    found = cost(layer, x, function=lambda t: layer(t, t, t, need_weights=False)[0])
    assert found.by_op["attention"] == 2 * (3 * 2 * 5 * 5) * (4 + 4)
    assert found.by_op["linear"] == 2 * 3 * 5 * (8 * 24 + 8 * 8)
    kept = found.activations  # three parts of q, k, v and their order; o, P; back, and the projection
    assert kept >= 4 * (3 * 5 * 24 + 3 * 2 * 5 * 5 + 3 * 5 * 8)
    layer.rule = attention_twin
    assert cost(layer, x, function=lambda t: layer(t, t, t)[0]).by_op["matmul"] == found.by_op["attention"]


def test_recurrence():
    assert cost(nn.LSTM(3, 5), drawn(4, 2, 3)).by_op["lstm"] == 2 * 4 * 2 * (3 + 5) * 4 * 5
    assert cost(nn.GRU(3, 5), drawn(4, 2, 3)).by_op["gru"] == 2 * 4 * 2 * (3 + 5) * 3 * 5


def test_what_lies_between_layers_counts():
    empty = nn.Module()
    a, b = drawn(4, 3, 5), drawn(5, 6)
    assert cost(empty, a, b, function=lambda x, y: x @ y).by_op == {"matmul": 2 * 4 * 3 * 5 * 6}
    assert cost(empty, a, function=lambda x: x @ Tensor(b)).flops == 2 * 4 * 3 * 5 * 6
    assert cost(empty, a[0], function=lambda x: ops.sum(x * x, axis=1)).by_op == {"mul": 15, "sum": 15}
    assert (
        cost(empty, a, function=lambda x: ops.permute(ops.reshape(x, shape=(6, 10)), axes=(1, 0))).flops == 0
    )


def test_low_rank_fusion_is_cheaper_than_the_tensor():
    """Zadeh et al., 2017: ∏ d_m products a result; Liu et al., 2018: r Σ d_m. Counted, both."""
    d, h, r, batch = (6, 5, 4), 3, 2, 10
    senses = [drawn(batch, n) for n in d]
    tensor = nn.Linear(6 * 5 * 4, h, bias=False)
    factors = nn.ModuleList([nn.Linear(n, r * h, bias=False) for n in d])

    def tensor_fusion(a, b, c):
        ab = ops.reshape(ops.unsqueeze(a, axis=2) * ops.unsqueeze(b, axis=1), shape=(batch, 30))
        abc = ops.reshape(ops.unsqueeze(ab, axis=2) * ops.unsqueeze(c, axis=1), shape=(batch, 120))
        return tensor(abc)

    def low_rank(*senses):
        parts = [layer(x) for layer, x in zip(factors, senses, strict=True)]
        return ops.sum(ops.reshape(parts[0] * parts[1] * parts[2], shape=(batch, r, h)), axis=1)

    full, low = cost(tensor, *senses, function=tensor_fusion), cost(factors, *senses, function=low_rank)
    assert full.by_op == {"linear": 2 * batch * 120 * h, "mul": batch * (30 + 120)}
    assert low.by_op == {"linear": 2 * batch * sum(d) * r * h, "mul": 2 * batch * r * h, "sum": batch * r * h}
    assert (full.parameters, low.parameters) == (120 * h, sum(d) * r * h)


def test_a_network_and_a_batch():
    one, three = (cost(SceneCNN(), drawn(n, 3, 64, 64)) for n in (1, 3))
    sizes = ((3, 32, 32), (32, 64, 16), (64, 128, 8), (128, 128, 8))
    products = sum(2 * 9 * i * o * side**2 for i, o, side in sizes) + 2 * 128 * 13 * 64
    assert one.by_op["conv2d"] == products and three.flops == 3 * one.flops
    assert three.activations == 3 * one.activations and three.parameters == one.parameters
    assert "conv2d" in str(one) and str(one).startswith("243 k parameters")


def test_nothing_is_left_behind():
    layer = nn.Linear(5, 7).requires_grad_(False)
    layer.weight.grad = np.ones((7, 5), np.float32)
    assert cost(layer, drawn(3, 5)).flops == 210
    assert not layer.weight.requires_grad and (layer.weight.grad == 1).all() and layer.bias.grad is None


@pytest.mark.parametrize("fault", ["inner", "moves"])
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    if fault == "inner":
        monkeypatch.setattr(counting, "_inner", lambda shapes: (shapes[0] or shapes[1])[0])
    else:
        monkeypatch.setattr(counting, "MOVES", {"split"})
    with pytest.raises(AssertionError):
        test_what_lies_between_layers_counts()


def test_what_is_refused():
    with pytest.raises(ValueError, match="the result has no gradient"):
        cost(nn.Module(), np.arange(3), function=lambda x: x)
    with pytest.raises(ValueError, match="its weight is no parameter"):
        cost(nn.Module(), drawn(1, 2, 5), function=lambda x: ops.conv1d(x, drawn(2, 2, 3)))
