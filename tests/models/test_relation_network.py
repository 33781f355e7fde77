"""A relation network: pairs written out one by one, PyTorch's gradients, what a sum of pairs can tell."""

import pathlib

import numpy as np
import pytest

from mmscratch import optim
from mmscratch.gradcheck import gradcheck
from mmscratch.models import relation_network
from mmscratch.models.relation_network import Pairs, RelationNetwork
from mmscratch.models.vqa_questions import QuestionBatch
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

GOLDEN = dict(
    np.load(pathlib.Path(__file__).parents[1] / "goldens" / "vqa_relations.npz", allow_pickle=False)
)
VARIANTS = sorted({name.split("/")[0] for name in GOLDEN if name.startswith("relation") and "/" in name})
QUESTIONS = QuestionBatch.of([[4, 5, 4, 8], [6, 7], [5]], [0, 2, 1, 0, 2])
IMAGE_OF, TARGET = np.array([0, 0, 1, 2, 2]), np.array([3, 0, -1, 4, 1])
RANDOM = np.random.default_rng(0)


def double(module):
    for parameter in module.parameters():
        parameter.data = parameter.data.astype(np.float64)
    return module


def parts(layer):
    bias = 0 if layer.bias is None else layer.bias.detach().numpy()
    return layer.weight.detach().numpy(), bias


def check(name):
    model = RelationNetwork(9, 5, channels=(4, 5, 6, 6), hidden=7, halve="halve" in name)
    start = f"{name}/weights/"
    weights = {k.removeprefix(start): v for k, v in GOLDEN.items() if k.startswith(start)}
    for key, parameter in model.named_parameters():
        parameter.data = weights.pop(key).copy()
    assert not weights
    images = Tensor(GOLDEN["images"].copy(), requires_grad=True)
    logits = model(images, QUESTIONS, IMAGE_OF)
    np.testing.assert_allclose(logits.detach().numpy(), GOLDEN[f"{name}/logits"], rtol=1e-8, atol=1e-10)
    model.head.loss(logits, TARGET).backward()
    for key, node in ({"images": images} | dict(model.named_parameters())).items():
        wanted = GOLDEN[f"{name}/gradient/{key}"]
        np.testing.assert_allclose(node.grad, wanted, rtol=1e-6, atol=1e-10, err_msg=key)


@pytest.mark.parametrize("name", VARIANTS)
def test_values_and_gradients_are_torchs(name):
    """Its twin sets every pair side by side, [o_i; o_j; q], before one wide first layer."""
    check(name)


REAL = relation_network.ops


def faulty(name, wrong):
    class Faulty:
        def __getattr__(self, other):
            return wrong if other == name else getattr(REAL, other)

    return Faulty()


FAULTS = {
    "the first layer is not rectified": ("relu", lambda x: x),
    "the mean for the sum": ("sum", lambda x, **o: REAL.mean(x, **o)),
    "places before features": ("concatenate", lambda x, **o: REAL.concatenate(x[::-1], **o)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    monkeypatch.setattr(relation_network, "ops", faulty(*FAULTS[fault]))
    with pytest.raises(AssertionError):
        check("relation-halve")


def test_the_two_places_of_a_pair_differ():
    pairs = Pairs(3, 4, 5, generator=Generator(0))
    o, q = (Tensor(RANDOM.normal(size=s).astype(np.float32)) for s in ((2, 4, 3), (2, 4)))
    left, right, asked = pairs.first(o), pairs.second(o), pairs.asked(q)
    found = pairs(left, right, asked).detach().numpy()
    assert np.abs(found - pairs(left, left, asked).detach().numpy()).max() > 1e-3


def test_pairs_are_their_formula():
    pairs = double(Pairs(3, 4, 5, layers=3, generator=Generator(0)))
    o, q = RANDOM.normal(size=(2, 4, 3)), RANDOM.normal(size=(2, 4))
    left, right = pairs.first(Tensor(o)), pairs.second(Tensor(o))
    found = pairs(left, right, pairs.asked(Tensor(q))).detach().numpy()
    (a, bias), (b, _), (c, _) = (parts(p) for p in (pairs.first, pairs.second, pairs.asked))
    whole = np.concatenate([a, b, c], axis=1)
    for m in range(2):
        wanted = 0
        for i in range(4):
            for j in range(4):
                g = np.maximum(whole @ np.concatenate([o[m, i], o[m, j], q[m]]) + bias, 0)
                for layer in pairs.rest:
                    w, more = parts(layer)
                    g = np.maximum(w @ g + more, 0)
                wanted = wanted + g / 4
        np.testing.assert_allclose(found[m], wanted, rtol=1e-10)


def test_conducted_pairs_are_their_formula():
    pairs = double(Pairs(3, 4, 5, layers=2, fusion="film", generator=Generator(0)))
    o, q = RANDOM.normal(size=(2, 4, 3)), RANDOM.normal(size=(2, 4))
    found = pairs(pairs.first(Tensor(o)), pairs.second(Tensor(o)), pairs.asked(Tensor(q))).detach().numpy()
    (a, bias), (b, _), (c, more), (w, last) = (
        parts(p) for p in (pairs.first, pairs.second, pairs.asked, pairs.rest[0])
    )
    for m in range(2):
        gamma, beta, other_gamma, other_beta = np.split(c @ q[m] + more, 4)
        wanted = 0
        for i in range(4):
            for j in range(4):
                g = (1 + gamma) * (a @ o[m, i] + bias) + beta + (1 + other_gamma) * (b @ o[m, j]) + other_beta
                wanted = wanted + np.maximum(w @ np.maximum(g, 0) + last, 0) / 4
        np.testing.assert_allclose(found[m], wanted, rtol=1e-10)


@pytest.mark.parametrize("fusion", ["concat", "film"])
def test_gradients(fusion):
    pairs = double(Pairs(2, 3, 4, layers=2, fusion=fusion, generator=Generator(1)))
    shapes = (2, 3, 4), (2, 3, 4), (2, 16 if fusion == "film" else 4)
    gradcheck(pairs, *(Tensor(RANDOM.normal(size=s), requires_grad=True) for s in shapes))


def test_objects_have_no_order():
    model = RelationNetwork(9, 4, channels=(3, 4), hidden=6, generator=Generator(0))
    batch = QuestionBatch.of([[4, 5]])
    o = RANDOM.normal(size=(1, 7, 6)).astype(np.float32)
    found = model.answer(Tensor(o), batch, np.zeros(1, np.int64)).detach().numpy()
    mixed = model.answer(Tensor(o[:, ::-1].copy()), batch, np.zeros(1, np.int64)).detach().numpy()
    np.testing.assert_allclose(found, mixed, rtol=1e-4, atol=1e-6)


def test_pairs_learn_what_no_single_object_tells():
    """Is B one place after A, on a ring of three? Either is met anywhere as often with yes as with no."""
    place = np.array([[0, 1], [1, 2], [2, 0], [1, 0], [2, 1], [0, 2]], np.float32) - 1  # of A, of B
    right = np.array([1, 1, 1, 0, 0, 0])
    o = np.zeros((6, 2, 3), np.float32)
    o[:, 0, 0] = o[:, 1, 1] = 1
    o[:, :, 2] = place
    model = RelationNetwork(9, 2, channels=(1,), hidden=16, generator=Generator(0))
    batch = QuestionBatch.of([[4]], np.zeros(6, np.int64))
    optimizer = optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(120):
        loss = model.head.loss(model.answer(Tensor(o), batch, np.arange(6)), right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    said = model.answer(Tensor(o), batch, np.arange(6)).detach().numpy().argmax(1)
    np.testing.assert_array_equal(said, right)


def test_shapes_and_refusals():
    model = RelationNetwork(9, 4, channels=(3, 4), hidden=6, generator=Generator(0))
    images = Tensor(np.zeros((1, 3, 32, 32), np.float32))
    assert tuple(model.objects(images).shape) == (1, 64, 6)  # 32 / 2 / 2 = 8 cells a side
    whole = RelationNetwork(9, 4, channels=(3, 4), hidden=6, halve=False, generator=Generator(0))
    assert tuple(whole.objects(images).shape) == (1, 256, 6)
    given = RelationNetwork(9, 4, hidden=6, rows=5, generator=Generator(0))
    rows = Tensor(np.ones((2, 3, 5), np.float32))
    assert given(rows, QuestionBatch.of([[4]]), np.ones(1, np.int64)).shape == (1, 4)
    with pytest.raises(ValueError, match=r"objects must be \(N, n, 5\), got \(1, 3, 32, 32\)"):
        given.objects(images)
    with pytest.raises(ValueError, match="question: expected one of bow, lstm, both, got 'gru'"):
        RelationNetwork(9, 3, question="gru")
    with pytest.raises(ValueError, match="fusion: expected concat or film, got 'sum'"):
        Pairs(2, 2, 2, fusion="sum")
    with pytest.raises(ValueError, match="layers: expected at least 1, got 0"):
        Pairs(2, 2, 2, layers=0)
