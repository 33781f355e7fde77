"""Graph networks of any depth, and the Vision Transformer of the scenes."""

import numpy as np
import pytest

from mmscratch import kernels, nn
from mmscratch.gradcheck import gradcheck
from mmscratch.models.node_classifier import NodeClassifier
from mmscratch.models.scene_cnn import SceneCNN
from mmscratch.models.scene_vit import SceneViT
from mmscratch.nn.graph import normalized_adjacency
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(4)
A = np.array([[[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0]]], float)
X = RANDOM.normal(size=(1, 4, 3))


@pytest.mark.parametrize("residual", [False, True])
def test_a_gcn_is_its_formula(residual):
    model = NodeClassifier(3, 2, 2, "gcn", residual, width=4, generator=Generator(0)).to("float64").eval()
    z, states = model(Tensor(X), Tensor(A), trace=True)

    def affine(layer, x):
        return x @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()

    hat = normalized_adjacency(Tensor(A)).numpy()[0]
    h = np.maximum(affine(model.first, X[0]), 0)
    kept = [h]
    for layer in model.layers:
        y = hat @ h @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        h = h * residual + np.maximum(y, 0)
        kept.append(h)
    for got, wanted in zip(states, kept, strict=True):
        np.testing.assert_allclose(got.detach().numpy()[0], wanted, atol=1e-12)
    np.testing.assert_allclose(z.detach().numpy()[0], affine(model.last, h), atol=1e-12)


@pytest.mark.parametrize("kind, residual", [("gcn", True), ("gat", False)])
def test_gradients_are_the_derivatives(kind, residual):
    model = NodeClassifier(3, 2, 2, kind, residual, width=4, generator=Generator(1)).to("float64").eval()
    with kernels.use("reference"):
        assert gradcheck(lambda x: model(x, Tensor(A)), X)


def test_depth_nothing_hears_no_neighbour_and_depth_two_reaches_two_edges():
    for depth in (0, 2):
        model = NodeClassifier(3, 2, depth, width=8, generator=Generator(2)).to("float64").eval()
        x = Tensor(X, requires_grad=True)
        model(x, Tensor(A))[0, 0].sum().backward()
        heard = np.abs(x.grad[0]).sum(1) > 0
        assert not heard[3] and heard[1:3].tolist() == [depth == 2] * 2


@pytest.mark.parametrize(
    "options, message",
    [
        ({"kind": "mlp"}, "kind: expected one of gcn, gat, got 'mlp'"),
        ({"depth": -1}, "expected depth ≥ 0"),
        ({"width": 5}, "a width that 2 heads divide, got 1, 5"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        NodeClassifier(3, 2, **({"depth": 1} | options))


# ── the Vision Transformer ──────────────────────────────────────────────────────────────────────
def test_a_cell_is_its_patch():
    """Without blocks a cell's logits depend on its own 8 × 8 pixels alone; with one, on all."""
    images = RANDOM.uniform(size=(1, 3, 64, 64)).astype(np.float32)
    for attend in (False, True):
        model = SceneViT(16, 1, 2, generator=Generator(0)).eval()
        if not attend:
            model.vit.transformer.resblocks = nn.ModuleList([])
        x = Tensor(images, requires_grad=True)
        features, logits = model(x)
        assert features.shape == (1, 16, 8, 8) and logits.shape == (1, 13, 8, 8)
        logits[0, :, 2, 5].sum().backward()
        reached = np.abs(x.grad[0]).sum(0) > 0
        own = np.zeros((64, 64), bool)
        own[16:24, 40:48] = True
        assert reached[own].all() and reached[~own].any() == attend


def test_it_takes_the_scene_networks_targets_and_shows_its_weights():
    model = SceneViT(16, 2, 2, generator=Generator(0)).eval()
    _, logits, weights = model(Tensor(np.zeros((2, 3, 64, 64), np.float32)), trace=True)
    assert [w.shape for w in weights] == [(2, 2, 65, 65)] * 2
    np.testing.assert_allclose(weights[0].detach().numpy().sum(-1), 1, rtol=1e-5)
    targets = {"objectness": np.zeros((2, 8, 8), np.int64)}
    targets |= {head: np.full((2, 8, 8), -1) for head in ("shape", "colour", "size")}
    targets["objectness"][0, 3, 3], targets["shape"][0, 3, 3] = 1, 2
    targets["colour"][0, 3, 3], targets["size"][0, 3, 3] = 5, 1
    ours = model.attribute_loss(logits, targets).item()
    assert ours == pytest.approx(SceneCNN().attribute_loss(logits.detach(), targets).item())
    with pytest.raises(ValueError, match="image has shape"):
        model(Tensor(np.zeros((2, 3, 32, 32), np.float32)))
