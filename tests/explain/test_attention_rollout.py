"""Attention through layers: every way counted, beside PyTorch's, differences, and faults that must show."""

import itertools
import pathlib

import numpy as np
import pytest

from mmscratch import nn, ops
from mmscratch.explain import (
    attention_relevance,
    attention_rollout,
    class_map,
    gradient_attention,
    roll_out,
    rollout,
    watch_attention,
)
from mmscratch.ops.attention import attention_twin
from mmscratch.random import Generator
from mmscratch.representations.image.vit import VisionTransformer
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(8)


@pytest.fixture(scope="module")
def golden():
    with np.load(pathlib.Path(__file__).parents[1] / "goldens" / "explain.npz", allow_pickle=False) as file:
        return dict(file)


class Network(nn.Module):
    """The golden's: two layers of attention with a residual, and a read-out at the first place."""

    def __init__(self, golden):
        self.first, self.second = (
            nn.MultiheadAttention(6, 3, batch_first=True).to("float64") for _ in range(2)
        )
        for i, layer in enumerate((self.first, self.second)):
            layer.load_state_dict({k[3:]: v for k, v in golden.items() if k.startswith(f"l{i}.")})
        self.readout = nn.Parameter(golden["readout"][:, 0].copy())

    def forward(self, x):
        for layer in (self.first, self.second):
            x = x + layer(x, x, x, need_weights=False)[0]
        return ops.tanh(x[:, 0] @ self.readout)


def test_it_is_pytorchs(golden):
    net = Network(golden)
    np.testing.assert_allclose(attention_rollout(net, golden["tokens"], net), golden["rollout"], atol=1e-12)
    weighed = gradient_attention(net, golden["tokens"], net)
    for i, a in enumerate(weighed):
        wanted = np.maximum(golden[f"p{i}"] * golden[f"dp{i}"], 0).mean(1)
        np.testing.assert_allclose(a, wanted, atol=1e-12)
    np.testing.assert_allclose(attention_relevance(weighed), golden["relevance"], atol=1e-12)
    assert net.readout.grad is None and "rule" not in vars(net.first)


def test_rollout_counts_every_way():
    """R_ij is a sum over all ways from the last layer's place i to the input's j: here each one walked."""
    weights = [RANDOM.dirichlet(np.ones(4), size=(1, 2, 4)) for _ in range(3)]
    found = roll_out(weights, residual=0.3)[0]
    mixed = [0.3 * np.eye(4) + 0.7 * w[0].mean(0) for w in weights]
    wanted = np.zeros((4, 4))
    for i, a, b, j in itertools.product(range(4), repeat=4):
        wanted[i, j] += mixed[2][i, a] * mixed[1][a, b] * mixed[0][b, j]
    np.testing.assert_allclose(found, wanted, atol=1e-13)
    np.testing.assert_allclose(found.sum(1), 1)
    np.testing.assert_allclose(roll_out(weights, residual=1)[0], np.eye(4))
    np.testing.assert_allclose(roll_out([w.mean(1) for w in weights], 0.3)[0], found)


def test_causal_attention_stays_causal():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, generator=Generator(0)).eval()
    stack = nn.TransformerEncoder(layer, 3, generator=Generator(1)).eval().to("float64")
    x = RANDOM.normal(size=(2, 5, 8))
    mask = nn.causal_mask(5)
    found = attention_rollout(lambda t: ops.sum(stack(t, mask), axis=(1, 2)), x, stack)
    assert (np.triu(found, 1) == 0).all() and (found[:, 4] > 0).all()


def test_the_gradient_of_a_weight_is_its_derivative(golden, monkeypatch):
    """Each probability moved by itself, its row left unnormalised: central differences of the score."""
    net = Network(golden)
    x, h = golden["tokens"][:1], 1e-5
    for layer, g, i, j in ((net.first, 0, 0, 3), (net.first, 2, 4, 1), (net.second, 1, 0, 2)):
        slopes = []
        for sign in (1, -1):
            nudge = np.zeros((1, 3, 5, 5))
            nudge[0, g, i, j] = sign * h

            def moved(query, key, value, mask=None, nudge=nudge, **options):
                _, p = attention_twin(query, key, value, mask, **options)
                return (p + nudge) @ value, p

            layer.rule = moved
            slopes.append(net(Tensor(x)).item())
            del layer.rule
        which = 0 if layer is net.first else 1
        assert (slopes[0] - slopes[1]) / (2 * h) == pytest.approx(golden[f"dp{which}"][0, g, i, j], abs=1e-8)


def test_of_a_vision_transformer_the_class_token_looks():
    vit = VisionTransformer(16, 4, 12, 2, 3, 5, generator=Generator(3)).eval()
    x = RANDOM.uniform(size=(2, 3, 16, 16)).astype(np.float32)

    def function(t):
        return vit(t)[:, 2]

    found = class_map(attention_rollout(function, x, vit))
    traced = [w.detach().numpy() for w in vit(Tensor(x), trace=True)[1]]
    np.testing.assert_allclose(found, class_map(roll_out(traced)), rtol=1e-5)
    assert found.shape == (2, 4, 4)
    weighed = attention_relevance(gradient_attention(function, x, vit))
    other = attention_relevance(gradient_attention(lambda t: vit(t)[:, 3], x, vit))
    assert np.abs(weighed - other).max() > 1e-4  # rollout is blind to what is asked, this is not
    assert (class_map(weighed) >= 0).all()


def test_watching_leaves_the_result_and_no_trace(golden):
    net = Network(golden)
    before = net(Tensor(golden["tokens"])).detach().numpy()
    with watch_attention(net, [net.second]) as kept:
        during = net(Tensor(golden["tokens"])).detach().numpy()
    assert len(kept) == 1 and kept[0].shape == (2, 3, 5, 5)
    np.testing.assert_allclose(during, before, rtol=1e-12)
    np.testing.assert_allclose(kept[0].detach().numpy(), golden["p1"], atol=1e-12)


@pytest.mark.parametrize("fault", ["order", "no residual", "absolute", "transpose"])
def test_a_seeded_fault_is_caught(golden, monkeypatch, fault):
    net, x = Network(golden), golden["tokens"]
    weights = [golden["p0"], golden["p1"]]
    if fault == "order":
        assert not np.allclose(roll_out(weights[::-1]), golden["rollout"], atol=1e-6)
    elif fault == "no residual":
        assert not np.allclose(roll_out(weights, residual=0), golden["rollout"], atol=1e-6)
    elif fault == "transpose":
        assert not np.allclose(roll_out([w.swapaxes(2, 3) for w in weights]), golden["rollout"], atol=1e-6)
    else:
        true = rollout.gradients
        monkeypatch.setattr(rollout, "gradients", lambda *nodes: [-g for g in true(*nodes)])
        wrong = attention_relevance(gradient_attention(net, x, net))
        assert not np.allclose(wrong, golden["relevance"], atol=1e-6)


def test_what_is_refused(golden):
    net = Network(golden)
    with pytest.raises(ValueError, match="has no layer of attention"):
        attention_rollout(net, golden["tokens"], nn.Linear(2, 2))
    with pytest.raises(ValueError, match=r"expected self-attention of one length .* got \[\(1, 2, 3\)\]"):
        roll_out([np.ones((1, 2, 3))])
    with pytest.raises(ValueError, match=r"got \[\]"):
        attention_relevance([])
    with pytest.raises(ValueError, match="residual: expected a number from 0 to 1"):
        roll_out([np.ones((1, 2, 2))], residual=2)
    with pytest.raises(ValueError, match=r"T = 1 \+ 2·2, got \(1, 6, 6\)"):
        class_map(np.zeros((1, 6, 6)))
