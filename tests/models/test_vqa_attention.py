"""Attention over cells: NumPy's own writing of the formulas, gradients, maps, what order and padding do."""

import numpy as np
import pytest

from mmscratch.autograd import no_grad
from mmscratch.gradcheck import gradcheck
from mmscratch.models import vqa_attention, vqa_regions
from mmscratch.models.vqa_attention import Glimpses, StackedAttention, WordGlimpses
from mmscratch.models.vqa_questions import QuestionBatch
from mmscratch.models.vqa_regions import PictureCells
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(0)
QUESTIONS = QuestionBatch.of([[4, 5, 4, 8], [6, 7], [5]], [0, 2, 1, 0, 2])
IMAGE_OF = np.array([0, 0, 1, 2, 2])
SIZES = {"channels": (3, 4, 5, 5), "hidden": 6}
MODELS = {
    "san": lambda: StackedAttention(9, 4, "bow", generator=Generator(0), hops=3, **SIZES),
    "glimpses": lambda: Glimpses(9, 4, question="bow", generator=Generator(1), glimpses=3, **SIZES),
    "words": lambda: WordGlimpses(9, 4, generator=Generator(2), glimpses=3, **SIZES),
}
IMAGES = RANDOM.random((3, 3, 16, 24))


def double(module):
    for part in (*module.parameters(), *module.buffers()):
        if part.data.dtype == np.float32:
            part.data = part.data.astype(np.float64)
    return module


def linear(layer, x):
    y = x @ layer.weight.detach().numpy().T
    y = y + (layer.bias.detach().numpy() if layer.bias is not None else 0)
    return {None: lambda t: t, "tanh": np.tanh, "relu": lambda t: np.maximum(t, 0)}[layer.activation](y)


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def head(model, h):
    return linear(model.head.answer, linear(model.head.hidden, h))


def stacked(model, f, q):
    v, u, maps = linear(model.value, f), q, []
    for key, query, score in zip(model.keys, model.queries, model.scores, strict=True):
        p = softmax(np.tanh(linear(key, v) + linear(query, u)) @ score.weight.detach().numpy()[0])
        u = u + p @ v
        maps.append(p)
    return head(model, u), np.stack(maps)


def glimpsed(model, f, q):
    both = linear(model.query, q) * linear(model.key, f)
    maps = np.stack([softmax(both @ p) for p in model.maps.weight.detach().numpy()])
    fusion, seen = model.fusion, (maps @ f).reshape(-1)
    joined = linear(fusion.join, linear(fusion.v, seen) * linear(fusion.q, q))  # MLB
    return head(model, joined), maps


def normalised(norm, x):
    mean, var, weight, bias = (
        p.detach().numpy() for p in (norm.running_mean, norm.running_var, norm.weight, norm.bias)
    )
    return (x - mean) / np.sqrt(var + 1e-5) * weight + bias


def by_words(model, f, y):
    betas = [softmax(linear(model.choose, y) @ p) for p in model.words.weight.detach().numpy()]
    read = np.stack(betas) @ y
    k = linear(model.key, f)
    scores = np.stack([k @ linear(model.query, r) for r in read]) * 4 / np.sqrt(k.shape[1])
    maps = np.stack([softmax(s) for s in scores])
    w = np.concatenate([maps @ f, (1 / (1 + np.exp(2 - scores))).sum(1)[:, None]], axis=1)
    q = linear(model.question, read.reshape(-1))
    same = [linear(model.same, w[i]) * linear(model.same, w[i + 1]) for i in range(0, len(w) - 1, 2)]
    apart = [linear(model.differ, w[i] - w[i + 1]) * linear(model.ask, q) for i in range(0, len(w) - 1, 2)]
    seen = np.concatenate([w.reshape(-1), *same, *apart])
    seen = normalised(model.seen, seen)
    gamma, beta = np.split(linear(model.fusion.q, q), 2)  # FiLM
    return head(model, np.maximum((1 + gamma) * linear(model.fusion.v, seen) + beta, 0)), maps


BY_HAND = {"san": stacked, "glimpses": glimpsed, "words": by_words}


def check(name):
    model = double(MODELS[name]())
    if name == "words":
        model(Tensor(IMAGES), QUESTIONS, IMAGE_OF)  # running means that are not 0
    model.eval()
    with no_grad():
        found = model(Tensor(IMAGES), QUESTIONS, IMAGE_OF).numpy()
        f = model.regions(Tensor(IMAGES)).numpy()
        cells = model.pictures(Tensor(IMAGES)).numpy()
        np.testing.assert_allclose(
            f, normalised(model.cells, cells) if name == "words" else cells, rtol=1e-9, atol=1e-12
        )
        if name == "words":
            read, mask = (t.numpy() for t in model.reader(QUESTIONS))
            texts = [y[m] for y, m in zip(read, mask, strict=True)]
        else:
            texts = list(model.questions(QUESTIONS).numpy())
    maps = model.attention(Tensor(IMAGES), QUESTIONS, IMAGE_OF)
    for m, (i, u) in enumerate(zip(IMAGE_OF, QUESTIONS.which, strict=True)):
        z, alpha = BY_HAND[name](model, f[i], texts[u])
        np.testing.assert_allclose(found[m], z, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(maps[m], alpha, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", MODELS)
def test_a_model_is_its_formula(name):
    check(name)


REAL = vqa_attention.ops
FAULTS = {
    "the words' mask forgotten": ("words", "softmax", lambda x, mask=None, **o: REAL.softmax(x, **o)),
    "over the glimpses": ("glimpses", "softmax", lambda x, mask=None: REAL.softmax(x, mask, axis=1)),
    "the last hop alone": ("san", "take", lambda x, i: REAL.mul(REAL.take(x, i), 0.5)),
    "another picture": ("san", "take", lambda x, i: REAL.take(x, i * 0)),
    "glimpses in another order": (
        "words", "flatten", lambda x, start: REAL.flatten(REAL.flip(x, axes=(1,)), start=1)
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    name, op, wrong = FAULTS[fault]

    class Faulty:
        def __getattr__(self, other):
            return wrong if other == op else getattr(REAL, other)

    monkeypatch.setattr(vqa_attention, "ops", Faulty())
    with pytest.raises((AssertionError, ValueError)):
        check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_gradients(name):
    model = double(MODELS[name]())
    regions = Tensor(RANDOM.normal(size=(3, 3, model.pictures.size)), requires_grad=True)
    away = ("pictures", "head", "reader", "questions", "cells")
    small = [(k, p) for k, p in model.named_parameters() if p.data.size < 60 and k.split(".")[0] not in away]
    chosen = [p for _, p in small]
    assert len(chosen) >= 3
    gradcheck(lambda r, *_: model.look(r, QUESTIONS, IMAGE_OF)[0], regions, *chosen)


@pytest.mark.parametrize("name", MODELS)
def test_maps_sum_to_one_and_follow_the_cells(name):
    """The order in which cells are listed does not matter: maps are permuted with them, answers stay."""
    model = double(MODELS[name]())
    regions, order = RANDOM.normal(size=(3, 7, model.pictures.size)), RANDOM.permutation(7)
    with no_grad():
        z, alpha, beta = model.look(Tensor(regions), QUESTIONS, IMAGE_OF)
        z2, alpha2, _ = model.look(Tensor(np.ascontiguousarray(regions[:, order])), QUESTIONS, IMAGE_OF)
    np.testing.assert_allclose(alpha.numpy().sum(2), 1, rtol=1e-12)
    np.testing.assert_allclose(alpha2.numpy(), alpha.numpy()[:, :, order], rtol=1e-9)
    np.testing.assert_allclose(z2.numpy(), z.numpy(), rtol=1e-9, atol=1e-12)
    assert (beta is None) == (name != "words")


def test_words_that_are_not_there_are_not_read():
    model = double(MODELS["words"]()).eval()
    joint = model.words_by_cells(Tensor(IMAGES), QUESTIONS, IMAGE_OF)
    np.testing.assert_allclose(joint.sum((1, 2)), 1, rtol=1e-12)
    there = QUESTIONS.lengths[QUESTIONS.which]
    for words, n in zip(joint.sum(2), there, strict=True):
        assert (words[:n] > 0).all() and (words[n:] == 0).all()
    alone = QuestionBatch.of([[6, 7]])
    both = model.attention(Tensor(IMAGES), QUESTIONS, IMAGE_OF)[2]
    np.testing.assert_allclose(model.attention(Tensor(IMAGES[1:2]), alone, np.zeros(1, int))[0], both)
    assert MODELS["san"]().words_by_cells(Tensor(IMAGES.astype(np.float32)), QUESTIONS, IMAGE_OF) is None


def test_cells_know_their_place():
    cells = PictureCells((3, 4, 5, 5), Generator(0))
    found = cells(Tensor(IMAGES.astype(np.float32))).detach().numpy()
    assert found.shape == (3, 6, 7)
    np.testing.assert_allclose(found[0, :, 5], [-1, 0, 1, -1, 0, 1])
    np.testing.assert_allclose(found[0, :, 6], [-1, -1, -1, 1, 1, 1])
    grid = cells.cnn.grid(Tensor(IMAGES.astype(np.float32))).detach().numpy()
    np.testing.assert_array_equal(found[1, 4, :5], grid[1, :, 1, 1])


def test_refused():
    with pytest.raises(ValueError, match="StackedAttention: hops: expected at least 1, got 0"):
        StackedAttention(9, 3, hops=0)
    with pytest.raises(ValueError, match="Glimpses: question: expected one of bow, lstm, both, got 'gru'"):
        Glimpses(9, 3, question="gru")
    with pytest.raises(ValueError, match="WordGlimpses: fusion: expected one of .*mlb.*, got 'sum'"):
        WordGlimpses(9, 3, fusion="sum")
    with pytest.raises(ValueError, match="hidden: expected an even number"):
        WordGlimpses(9, 3, hidden=5)
    with pytest.raises(NotImplementedError):
        vqa_regions.Attending().look(None, None, None)
