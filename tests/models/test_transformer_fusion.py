"""One stream of words and cells: PyTorch's values and gradients, what pads, what an order does."""

import pathlib

import numpy as np
import pytest

from mmscratch import nn
from mmscratch.models import transformer_fusion
from mmscratch.models.transformer_fusion import TransformerFusion, waves
from mmscratch.models.vqa_questions import QuestionBatch
from mmscratch.nn.position import sinusoids
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

GOLDEN = dict(
    np.load(pathlib.Path(__file__).parents[1] / "goldens" / "vqa_relations.npz", allow_pickle=False)
)
QUESTIONS = QuestionBatch.of([[4, 5, 4, 8], [6, 7], [5]], [0, 2, 1, 0, 2])
IMAGE_OF, TARGET = np.array([0, 0, 1, 2, 2]), np.array([3, 0, -1, 4, 1])


def check():
    """Its twin reads one question at a time, so that nothing is padded."""
    model = TransformerFusion(9, 5, channels=(4, 5, 6, 6), hidden=8, layers=2, heads=2, longest=6)
    start = "one-stream/weights/"
    weights = {k.removeprefix(start): v for k, v in GOLDEN.items() if k.startswith(start)}
    for key, parameter in model.named_parameters():
        parameter.data = weights.pop(key).reshape(parameter.shape).copy()
    assert not weights
    images = Tensor(GOLDEN["images"].copy(), requires_grad=True)
    logits = model(images, QUESTIONS, IMAGE_OF)
    np.testing.assert_allclose(logits.detach().numpy(), GOLDEN["one-stream/logits"], rtol=1e-6, atol=1e-7)
    model.head.loss(logits, TARGET).backward()
    for key, node in ({"images": images} | dict(model.named_parameters())).items():
        wanted = GOLDEN[f"one-stream/gradient/{key}"]
        found = node.grad.reshape(wanted.shape)
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7, err_msg=key)


def test_values_and_gradients_are_torchs():
    check()


REAL, WAVES = transformer_fusion.ops, waves
FAULTS = {
    "cells first": ("concatenate", lambda x, **o: REAL.concatenate(x[::-1], **o)),
    "cells read by columns": (
        "flatten",
        lambda x, **o: REAL.flatten(REAL.permute(x, axes=(0, 1, 3, 2)), **o) if x.ndim == 4 else x,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    name, wrong = FAULTS[fault]

    class Faulty:
        def __getattr__(self, other):
            return wrong if other == name else getattr(REAL, other)

    monkeypatch.setattr(transformer_fusion, "ops", Faulty())
    with pytest.raises((AssertionError, ValueError)):
        check()


def test_padding_that_is_seen_is_caught(monkeypatch):
    def everything(self, src, src_key_padding_mask=None):
        return real(self, src)

    real = nn.TransformerEncoder.forward
    monkeypatch.setattr(nn.TransformerEncoder, "forward", everything)
    with pytest.raises(AssertionError):
        check()


def test_rows_for_columns_are_caught(monkeypatch):
    monkeypatch.setattr(transformer_fusion, "waves", lambda h, w, d: np.roll(WAVES(w, h, d), d // 2, axis=1))
    with pytest.raises(AssertionError):
        check()


def test_waves():
    found = waves(3, 5, 8)
    np.testing.assert_allclose(found[1 * 5 + 4], np.concatenate([sinusoids(5, 4)[4], sinusoids(3, 4)[1]]))
    assert len(np.unique(found.round(6), axis=0)) == 15


def test_a_question_is_the_same_beside_longer_ones():
    model = TransformerFusion(9, 3, channels=(3, 4), hidden=8, layers=1, heads=2, generator=Generator(0))
    images = Tensor(np.random.default_rng(0).random((1, 3, 16, 16)).astype(np.float32))
    alone = model(images, QuestionBatch.of([[4, 5]]), np.zeros(1, np.int64)).detach().numpy()
    beside = model(images, QuestionBatch.of([[4, 5], [6, 7, 8, 4, 5]]), np.zeros(2, np.int64))
    np.testing.assert_allclose(beside.detach().numpy()[0], alone[0], atol=1e-5)


def test_order_of_words_and_places_of_cells_count():
    model = TransformerFusion(9, 3, channels=(3, 4), hidden=8, layers=1, heads=2, generator=Generator(0))
    for seed, part in enumerate((model.places, model.embed)):  # they begin small
        nn.init.normal_(part.weight, std=1.0, generator=Generator(seed))
    images = np.random.default_rng(0).random((1, 3, 16, 16)).astype(np.float32)
    both = QuestionBatch.of([[4, 5, 6], [6, 5, 4]])
    found = model(Tensor(images), both, np.zeros(2, np.int64)).detach().numpy()
    assert np.abs(found[0] - found[1]).max() > 1e-3
    regions = model.regions(Tensor(images))
    mixed = Tensor(regions.detach().numpy()[:, ::-1].copy())  # each cell with its place: a set
    one = QuestionBatch.of([[4, 5, 6]])
    np.testing.assert_allclose(
        model.answer(mixed, one, np.zeros(1, np.int64)).detach().numpy()[0], found[0], atol=1e-5
    )


def test_objects_for_cells():
    """A detector's objects are a set: their order changes nothing, what they are does."""
    model = TransformerFusion(9, 3, hidden=8, layers=1, heads=2, rows=5, generator=Generator(0))
    rows, batch = np.random.default_rng(0).random((1, 4, 5)).astype(np.float32), QuestionBatch.of([[4, 5]])
    found, mixed, others = (
        model(Tensor(np.ascontiguousarray(r)), batch, np.zeros(1, np.int64)).detach().numpy()
        for r in (rows, rows[:, ::-1], 1 - rows)
    )
    np.testing.assert_allclose(found, mixed, atol=1e-5)
    assert np.abs(found - others).max() > 1e-4


def test_refused():
    model = TransformerFusion(9, 3, channels=(3, 4), hidden=8, layers=1, heads=2, longest=2)
    with pytest.raises(ValueError, match="has 4 positions .* at most max_length = 3"):
        model(
            Tensor(np.zeros((1, 3, 8, 8), np.float32)), QuestionBatch.of([[4, 5, 6]]), np.zeros(1, np.int64)
        )
    with pytest.raises(ValueError, match="num_heads 3 must divide embed_dim 8"):
        TransformerFusion(9, 3, hidden=8, heads=3)
