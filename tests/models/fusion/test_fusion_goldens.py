"""Fusions against what PyTorch computes: values and all gradients, frozen by make_fusion_goldens.py."""

import pathlib

import numpy as np
import pytest
from fusion_checks import array, double

from mmscratch import ops
from mmscratch.models.fusion import adaptation_gate, cross_modal, gated, low_rank, make
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

FILE = pathlib.Path(__file__).parents[2] / "goldens" / "fusion.npz"
GOLDEN = dict(np.load(FILE, allow_pickle=False))
OPTIONS = {
    "mult": {"width": 4, "heads": 2, "layers": 2, "kernel": 3},
    "low-rank": {"rank": 2},
    "gated": {},
    "mag": {"beta": 0.7},
}


def check(name):
    fuse = make(name, (4, 3, 2), 3, Generator(0), **OPTIONS[name])
    start = f"{name}/weights/"
    weights = {k.removeprefix(start): v for k, v in GOLDEN.items() if k.startswith(start)}
    fuse.to(np.float64)
    if name == "mult":
        fuse.place.to(np.float64)
    for key, parameter in fuse.named_parameters():
        parameter.data = weights.pop(key).copy()
    assert not weights
    kind, masks = "vector", None
    if name == "mult":
        kind = "sequence"
        masks = [np.arange(max(n)) < n[:, None] for n in GOLDEN["lengths"]]
    inputs = [Tensor(GOLDEN[f"{kind}/{m}"].copy(), requires_grad=True) for m in range(3)]
    h = fuse(*inputs, masks=masks)
    np.testing.assert_allclose(array(h), GOLDEN[f"{name}/h"], rtol=1e-9, atol=1e-11)
    ops.sum(h * Tensor(np.cos(np.arange(9.0)).reshape(3, 3))).backward()
    found = {f"input/{m}": x for m, x in enumerate(inputs)} | dict(fuse.named_parameters())
    for key, node in found.items():
        wanted = GOLDEN[f"{name}/gradient/{key}"]
        np.testing.assert_allclose(node.grad, wanted, rtol=1e-7, atol=1e-9, err_msg=key)


@pytest.mark.parametrize("name", OPTIONS)
def test_values_and_gradients_are_torchs(name):
    check(name)


class Faulty:
    """ops, but for one."""

    def __init__(self, **wrong):
        self.wrong = wrong

    def __getattr__(self, name):
        return self.wrong.get(name) or getattr(ops, name)


FAULTS = {
    "the mask the wrong way round": (cross_modal, {"logical_not": lambda x: x}, "mult"),
    "the other's order": (cross_modal, {"concatenate": lambda x, **o: ops.concatenate(x[::-1], **o)}, "mult"),
    "a sum for the product": (low_rank, {"sum": lambda x, axis: ops.mean(x, axis=axis)}, "low-rank"),
    "gates of the wrong modality": (gated, {"reshape": lambda x, shape: ops.flip(
        ops.reshape(x, shape=shape), axes=1)}, "gated"),
    "the longer shift": (adaptation_gate, {"minimum": ops.maximum}, "mag"),
    "the state first": (
        adaptation_gate, {"concatenate": lambda x, **o: ops.concatenate(x[::-1], **o)}, "mag"
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    module, wrong, name = FAULTS[fault]
    monkeypatch.setattr(module, "ops", Faulty(**wrong))
    with pytest.raises((AssertionError, ValueError)):
        check(name)


def test_a_residual_that_is_not_normalised_is_caught(monkeypatch):
    def plain(self, z, s, mask=None):
        s, hidden = self.norm_s(s), ops.logical_not(mask)
        told, weights = self.attention(self.norm_z(z), s, s, key_padding_mask=hidden)
        u = told + z
        return self.feed(self.norm_out(u)) + u, weights

    monkeypatch.setattr(cross_modal.CrossModalBlock, "forward", plain)
    with pytest.raises(AssertionError):
        check("mult")


def test_each_modality_looks_at_the_other_alone():
    """With equal keys the weights are even; they sum to 1 over the steps that take part."""
    net = double(cross_modal.CrossModalTransformer(4, 2, 2, generator=Generator(0)), seed=1)
    x, other = np.random.default_rng(0).normal(size=(2, 3, 4)), np.ones((2, 5, 4))
    mask = np.arange(5) < np.array([[5], [2]])
    weights = array(net(Tensor(x), Tensor(other), Tensor(mask))[1])
    np.testing.assert_allclose(weights[0], 1 / 5, rtol=1e-10)
    np.testing.assert_allclose(weights[1], np.tile([0.5, 0.5, 0, 0, 0], (3, 1)), rtol=1e-10)


def test_unaligned_sequences_keep_their_own_lengths():
    fuse = double(make("mult", (4, 3), 3, Generator(0), width=4), seed=1)
    x, y = np.random.default_rng(0).normal(size=(2, 7, 4)), np.random.default_rng(1).normal(size=(2, 3, 3))
    assert array(fuse(Tensor(x), Tensor(y))).shape == (2, 3)
    moved = array(fuse(Tensor(x[:, ::-1].copy()), Tensor(y)))
    assert np.abs(moved - array(fuse(Tensor(x), Tensor(y)))).max() > 1e-3  # and their order counts


def test_refused():
    with pytest.raises(ValueError, match="kernel: expected an odd number, got 2"):
        make("mult", (4, 3), 3, kernel=2)
    fuse = make("mult", (4, 3), 3, Generator(0), max_length=4)
    with pytest.raises(ValueError, match="expected at most max_length = 4"):
        fuse(Tensor(np.ones((1, 5, 4), np.float32)), Tensor(np.ones((1, 2, 3), np.float32)))
