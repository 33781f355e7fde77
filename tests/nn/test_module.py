"""Module: what is found, in which order, under which names; saving, loading, moving, errors."""

import numpy as np
import pytest

from mmscratch import nn, ops
from mmscratch.random import Generator
from mmscratch.tensor import Tensor, tensor


class Inner(nn.Module):
    def __init__(self):
        self.scale = nn.Parameter(np.ones(2, np.float32))
        self.seen = nn.Buffer(np.zeros((), np.int64))
        self.cache = nn.Buffer(np.zeros(3, np.float32), persistent=False)


class Outer(nn.Module):
    """Children and parameters interleaved: own parameters still come first, as in PyTorch."""

    def __init__(self):
        self.first = nn.Linear(2, 3)
        self.gain = nn.Parameter(np.ones(1, np.float32))
        self.inner = Inner()
        self.drop = nn.Dropout(0.5, generator=Generator(7))
        self.number, self.nothing, self.sizes = 3, None, {"a": 1}

    def forward(self, x):
        return self.drop(self.first(x)) * self.gain


def test_walk_finds_everything_in_order():
    m = Outer()
    assert [n for n, _ in m.named_parameters()] == ["gain", "first.weight", "first.bias", "inner.scale"]
    assert list(m.state_dict()) == ["gain", "first.weight", "first.bias", "inner.scale", "inner.seen"]
    assert [n for n, _ in m.named_modules()] == ["", "first", "inner", "drop"]
    assert [n for n, _ in m.named_buffers()] == ["inner.seen", "inner.cache"]
    assert [n for n, _ in m.named_generators()] == ["drop.generator"]


def test_shared_parameter_is_listed_once_and_saved_twice():
    class Tied(nn.Module):
        def __init__(self):
            self.a, self.b = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
            self.b.weight = self.a.weight

    m = Tied()
    assert len(list(m.parameters())) == 1
    assert list(m.state_dict()) == ["a.weight", "b.weight"]
    assert len(list(nn.Sequential(m.a, m.a).parameters())) == 2 - 1


def test_modules_in_a_plain_list_are_refused_not_forgotten():
    class Wrong(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(2, 2)]

    with pytest.raises(TypeError, match="Wrong: attribute 'layers' is a plain list.*ModuleList"):
        list(Wrong().parameters())


def test_module_list_and_sequential():
    layers = nn.ModuleList([nn.Linear(2, 3)]).append(nn.ReLU())
    layers.extend([nn.Linear(3, 1)])
    assert len(layers) == 3 and isinstance(layers[1], nn.ReLU) and isinstance(layers[-1], nn.Linear)
    assert [type(m) for m in layers[1:]] == [nn.ReLU, nn.Linear]
    assert list(layers.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    s = nn.Sequential(*layers)
    x = tensor([[1.0, 2.0]])
    np.testing.assert_array_equal(s(x).data, layers[2](layers[1](layers[0](x))).data)
    assert isinstance(s[:2], nn.Sequential) and len(s[:2]) == 2
    with pytest.raises(TypeError, match="ModuleList: expected a Module, got int"):
        layers.append(3)


def test_train_and_eval_reach_all_and_are_per_instance():
    m, other = Outer(), Outer()
    assert m.training and m.drop.training
    m.eval()
    assert not m.drop.training and other.drop.training
    x = tensor(np.ones((4, 2), np.float32))
    np.testing.assert_array_equal(m(x).data, m(x).data)
    m.train()
    assert not np.array_equal(m(x).data, m(x).data)


def test_state_dict_is_a_copy_and_loads_bit_for_bit():
    m, other = Outer(), Outer()
    state = m.state_dict()
    state["gain"][...] = 5
    assert m.gain.data[0] == 1
    other.load_state_dict(state)
    assert other.gain.data[0] == 5
    other.gain.data[...] = 6
    assert state["gain"][0] == 5, "loading must copy: optimizers write in place"
    for name, value in m.state_dict().items():
        if name != "gain":
            np.testing.assert_array_equal(value, other.state_dict()[name])


def test_load_keeps_objects_dtype_and_accepts_tensors():
    m = nn.Linear(2, 2).to("float64")
    weight = m.weight
    m.load_state_dict({"weight": tensor(np.eye(2, dtype=np.float32)), "bias": nn.Parameter(np.ones(2))})
    assert m.weight is weight and m.weight.dtype == np.float64 and m.weight.requires_grad


def test_load_names_all_that_is_wrong_and_changes_nothing():
    m = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = m.state_dict()
    state = m.state_dict()
    del state["0.bias"], state["1.weight"]
    state["2.weight"] = np.zeros(3)
    message = r"Sequential.load_state_dict: missing 0.bias, 1.weight; unexpected 2.weight"
    with pytest.raises(KeyError, match=message):
        m.load_state_dict(state)
    assert m.load_state_dict(state, strict=False) == (["0.bias", "1.weight"], ["2.weight"])
    wrong = {**before, "0.weight": np.zeros((3, 3)), "1.bias": np.zeros(2), "0.bias": np.full(3, 9.0)}
    with pytest.raises(ValueError, match=r"0.weight has shape \(3, 3\), expected \(3, 2\); 1.bias has shape"):
        m.load_state_dict(wrong)
    np.testing.assert_array_equal(m.state_dict()["0.bias"], before["0.bias"])
    with pytest.raises(ValueError, match="0.bias: expected numbers, got dtype object"):
        m.load_state_dict({**before, "0.bias": np.array([None] * 3)})


def test_to_moves_floats_only_and_forgets_gradients():
    m = Outer()
    m.eval()
    m(tensor(np.ones((1, 2), np.float32))).sum().backward()
    assert m.gain.grad is not None
    parameters = list(m.parameters())
    m.to(np.float64)
    assert all(a is b for a, b in zip(parameters, m.parameters(), strict=True))
    assert {p.dtype for p in m.parameters()} == {np.dtype(np.float64)}
    assert m.inner.seen.dtype == np.int64 and m.gain.grad is None


def test_copy_owns_its_arrays_and_shares_generators():
    m = Outer()
    twin = m.copy()
    assert twin.first.weight is not m.first.weight
    assert not np.shares_memory(twin.first.weight.data, m.first.weight.data)
    assert isinstance(twin.first.weight, nn.Parameter) and twin.first.weight.requires_grad
    assert twin.drop.generator is m.drop.generator


def test_requires_grad_zero_grad_apply():
    m = Outer()
    m.eval().requires_grad_(False)
    assert not m(tensor(np.ones((1, 2), np.float32))).requires_grad
    m.requires_grad_()
    m(tensor(np.ones((1, 2), np.float32))).sum().backward()
    m.zero_grad()
    assert all(p.grad is None for p in m.parameters())
    order = []
    m.apply(lambda module: order.append(type(module).__name__))
    assert order[-1] == "Outer"


def test_results_are_tensors_not_parameters():
    m = nn.Linear(2, 2)
    for result in (m.weight + 1.0, m(tensor([[1.0, 2.0]])), ops.sum(m.weight)):
        assert type(result) is Tensor


def test_repr_shows_the_tree():
    text = repr(nn.Sequential(nn.Linear(2, 3), nn.Sequential(nn.ReLU(), nn.Conv2d(3, 4, 2))))
    assert "(0): Linear(2, 3, bias=True)" in text and "\n    (1): Conv2d(3, 4, kernel_size=(2, 2)" in text


def test_forward_that_is_not_written():
    with pytest.raises(NotImplementedError, match="Inner: forward is not written"):
        Inner()(1)


def test_same_seed_same_weights_and_another_seed_others():
    for make in (
        lambda g: nn.Linear(3, 4, generator=g),
        lambda g: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2, generator=g),
        lambda g: nn.LSTM(3, 4, num_layers=2, generator=g),
    ):
        a, b, c = (make(Generator(s)).state_dict() for s in (1, 1, 2))
        assert all(np.array_equal(a[k], b[k]) for k in a)
        assert not all(np.array_equal(a[k], c[k]) for k in a)


def test_stacked_layers_do_not_begin_alike():
    stack = nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8), 2)
    first, second = (layer.linear1.weight.data for layer in stack.layers)
    assert not np.array_equal(first, second)
    assert not stack.layers[0].self_attn.out_proj.bias.data.any()
