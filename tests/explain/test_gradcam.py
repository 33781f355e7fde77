"""Grad-CAM and guided backpropagation: beside PyTorch's, beside CAM, and with faults that must show."""

import pathlib

import numpy as np
import pytest

from mmscratch import nn, ops
from mmscratch.explain import enlarge, grad_cam, gradcam, gradients, guided_backpropagation, guided_grad_cam
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(2)


@pytest.fixture(scope="module")
def golden():
    with np.load(pathlib.Path(__file__).parents[1] / "goldens" / "explain.npz", allow_pickle=False) as file:
        return dict(file)


class Network(nn.Module):
    """The golden's: a fused ReLU, a layer of its own, a fused one; then a linear layer over all places."""

    def __init__(self, weights):
        self.conv0 = nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False, activation="relu")
        self.conv1 = nn.Conv2d(4, 5, 3, stride=2, padding=1, bias=False)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(5, 6, 3, padding=1, bias=False, activation="relu")
        self.head = nn.Linear(54, 3, bias=False)
        self.to("float64")
        for layer, w in zip((self.conv0, self.conv1, self.conv2, self.head), weights, strict=True):
            layer.weight.data = np.ascontiguousarray(w)

    def forward(self, x, target):
        a = self.conv2(self.relu(self.conv1(self.conv0(x))))
        logits = self.head(ops.flatten(a, start=1))
        return ops.take_along(logits, target[:, None], axis=1)[:, 0]


@pytest.fixture(scope="module")
def network(golden):
    return Network([golden[f"w{i}"] for i in range(4)])


def test_grad_cam_is_pytorchs(golden, network):
    found = grad_cam(network, golden["x"], network.conv2, context=(golden["target"],))
    np.testing.assert_allclose(found, golden["cam"], atol=1e-12)
    assert (found > 0).any() and (found == 0).any()
    assert all(p.grad is None for p in network.parameters())
    np.testing.assert_allclose(enlarge(found, (12, 12)), golden["enlarged"], atol=1e-12)


def test_guided_backpropagation_is_pytorchs(golden, network):
    x, context = golden["x"], (golden["target"],)
    found = guided_backpropagation(network, x, network, context=context)
    np.testing.assert_allclose(found, golden["guided"], atol=1e-12)
    plain = Tensor(x, requires_grad=True)
    assert np.abs(found - gradients(network(plain, *context), plain)[0]).max() > 1e-3
    both = guided_grad_cam(network, x, network.conv2, network, context=context)
    np.testing.assert_allclose(both, golden["guided"] * golden["enlarged"][:, None], atol=1e-12)


def test_where_a_mean_and_a_linear_layer_follow_it_is_cam():
    """Zhou et al., 2016: the map of class c is Σ_k w_kc A^k; Selvaraju et al. get it over h·w."""
    conv = nn.Conv2d(3, 4, 3, padding=1, activation="tanh", generator=Generator(0)).to("float64")
    w = RANDOM.normal(size=4)
    x = RANDOM.normal(size=(2, 3, 6, 5))
    found = grad_cam(lambda t: ops.mean(conv(t), axis=(2, 3)) @ w, x, conv)
    a = conv(Tensor(x)).detach().numpy()
    np.testing.assert_allclose(found, np.maximum(np.tensordot(w, a, (0, 1)), 0) / 30, atol=1e-13)


def test_examples_do_not_mix(golden, network):
    whole = grad_cam(network, golden["x"], network.conv2, context=(golden["target"],))
    for i in range(3):
        one = grad_cam(network, golden["x"][i : i + 1], network.conv2, context=(golden["target"][i : i + 1],))
        np.testing.assert_allclose(one[0], whole[i], atol=1e-13)


def test_enlarging_keeps_constants_and_places():
    np.testing.assert_allclose(enlarge(np.full((1, 3, 2), 4.0), (12, 12)), 4)
    small = RANDOM.normal(size=(2, 4, 5))
    np.testing.assert_allclose(enlarge(small, (4, 5)), small)
    np.testing.assert_allclose(
        enlarge(small, (12, 15))[:, 1::3, 1::3], small
    )  # a place's centre is a pixel's


@pytest.mark.parametrize("fault", ["axis", "sign", "no weights"])
def test_a_seeded_fault_is_caught(monkeypatch, golden, network, fault):
    def wrong(scores, *nodes):
        (slope,) = gradients(scores, *nodes)
        return [{"axis": np.roll(slope, 1, axis=1), "sign": -slope, "no weights": slope * 0 + 1}[fault]]

    monkeypatch.setattr(gradcam, "gradients", wrong)
    found = grad_cam(network, golden["x"], network.conv2, context=(golden["target"],))
    assert np.abs(found - golden["cam"]).max() > 1e-3


def test_guiding_that_forgets_a_relu_is_refused(golden, network):
    x, context = golden["x"], (golden["target"],)
    with pytest.raises(ValueError, match="a relu that is no layer"):
        guided_backpropagation(lambda t, c: ops.relu(network(t, c)), x, network, context=context)
    with pytest.raises(ValueError, match="none of its layers"):
        guided_backpropagation(network, x, nn.Linear(2, 2), context=context)


def test_what_is_refused(golden, network):
    x, context = golden["x"], (golden["target"],)
    with pytest.raises(ValueError, match="called 0 times"):
        grad_cam(network, x, nn.Conv2d(2, 2, 1), context=context)
    with pytest.raises(ValueError, match=r"expected a result \(B, K, h, w\) with B 3, got \(3, 3\)"):
        grad_cam(network, x, network.head, context=context)
    with pytest.raises(ValueError, match="called 2 times"):
        grad_cam(lambda t, c: network(t, c) + network(t, c), x, network.conv2, context=context)
    with pytest.raises(ValueError, match=r"expected \(B, h, w\)"):
        enlarge(np.zeros((2, 2)), (4, 4))
