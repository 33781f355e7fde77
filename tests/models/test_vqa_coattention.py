"""Hierarchical co-attention: NumPy's own writing of the formulas, gradients, what padding may not do."""

import numpy as np
import pytest

from mmscratch.autograd import no_grad
from mmscratch.gradcheck import gradcheck
from mmscratch.models import vqa_coattention
from mmscratch.models.vqa_coattention import Alternating, CoAttention, Parallel, QuestionLevels
from mmscratch.models.vqa_questions import QuestionBatch
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(0)
QUESTIONS = QuestionBatch.of([[4, 5, 4, 8, 6], [6, 7, 8], [5]], [0, 2, 1, 0, 2])
IMAGE_OF = np.array([0, 0, 1, 2, 2])
IMAGES = RANDOM.random((3, 3, 16, 24))
D = 6


def double(module):
    for part in module.parameters():
        if part.data.dtype == np.float32:
            part.data = part.data.astype(np.float64)
    return module


def model_of(order):
    return double(CoAttention(9, 4, order, channels=(3, 4, 5, 5), hidden=D, generator=Generator(0)))


def values(parameter):
    return parameter.detach().numpy()


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def levels_by_hand(reader, sentence):
    """(T, d) three times, of one question alone."""
    word = values(reader.embed.weight)[sentence]
    n, phrase = len(word), []
    for t in range(n):
        grams = []
        for s, gram in enumerate(reader.grams, start=1):
            window = [word[t + j] if t + j < n else np.zeros(D) for j in range(s)]
            weight = values(gram.weight)  # (d, d, s)
            grams.append(np.tanh(sum(weight[:, :, j] @ window[j] for j in range(s)) + values(gram.bias)))
        phrase.append(np.max(grams, axis=0))
    h, c, whole = np.zeros(D), np.zeros(D), []
    w = {k.rsplit(".", 1)[-1]: values(p) for k, p in reader.lstm.named_parameters()}
    for x in phrase:
        gates = w["weight_ih_l0"] @ x + w["bias_ih_l0"] + w["weight_hh_l0"] @ h + w["bias_hh_l0"]
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        whole.append(h)
    return word, np.array(phrase), np.array(whole)


def parallel_by_hand(level, q, v):
    """With the columns of the paper: Q (d, T), V (d, R)."""
    q, v = q.T, v.T
    c = np.tanh(q.T @ values(level.affinity.weight).T @ v)
    wv, wq = values(level.v.weight), values(level.q.weight)
    av = softmax(values(level.hv.weight)[0] @ np.tanh(wv @ v + (wq @ q) @ c))
    aq = softmax(values(level.hq.weight)[0] @ np.tanh(wq @ q + (wv @ v) @ c.T))
    return q @ aq, v @ av, aq, av


def alternating_by_hand(level, q, v):
    def attend(k, x, g):
        h = np.tanh(x @ values(level.x[k].weight).T + values(level.x[k].bias) + g)
        a = softmax(h @ values(level.h[k].weight)[0])
        return a @ x, a

    summary, _ = attend(0, q, 0)
    seen, looked = attend(1, v, values(level.g[0].weight) @ summary)
    found, read = attend(2, q, values(level.g[1].weight) @ seen)
    return found, seen, read, looked


BY_HAND = {"parallel": parallel_by_hand, "alternating": alternating_by_hand}


def check(order):
    model = model_of(order)
    with no_grad():
        z, maps, words = (t.numpy() for t in model.look(model.regions(Tensor(IMAGES)), QUESTIONS, IMAGE_OF))
        v = model.value(model.regions(Tensor(IMAGES))).numpy()
    for m, (i, u) in enumerate(zip(IMAGE_OF, QUESTIONS.which, strict=True)):
        n, h = QUESTIONS.lengths[u], np.zeros(0)
        for r, q in enumerate(levels_by_hand(model.questions, QUESTIONS.ids[u, :n])):
            q, seen, read, looked = BY_HAND[order](model.levels[r], q, v[i])
            np.testing.assert_allclose(maps[m, r], looked, rtol=1e-9, atol=1e-13)
            np.testing.assert_allclose(words[m, r, :n], read, rtol=1e-9, atol=1e-13)
            assert (words[m, r, n:] == 0).all()
            together = model.together[r]
            h = np.tanh(values(together.weight) @ np.concatenate([q + seen, h]) + values(together.bias))
        h = np.maximum(values(model.head.hidden.weight) @ h + values(model.head.hidden.bias), 0)
        wanted = values(model.head.answer.weight) @ h + values(model.head.answer.bias)
        np.testing.assert_allclose(z[m], wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("order", BY_HAND)
def test_the_model_is_its_formula(order):
    check(order)


REAL = vqa_coattention.ops
FAULTS = {
    "the first gram alone": ("parallel", "maximum", lambda a, b: a),
    "padded in front": ("parallel", "pad", lambda x, pads: REAL.pad(x, pads=(*pads[:2], pads[2][::-1]))),
    "words beyond the end": ("alternating", "softmax", lambda x, mask=None: REAL.softmax(x)),
    "no affinity": ("parallel", "matmul", lambda a, b: REAL.matmul(REAL.mul(a, a), b)),
    "padding has an embedding": ("parallel", "where", lambda m, x, y: x),
    "question and picture apart": ("alternating", "take", lambda x, i: REAL.take(x, i * 0)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    order, op, wrong = FAULTS[fault]

    class Faulty:
        def __getattr__(self, other):
            return wrong if other == op else getattr(REAL, other)

    monkeypatch.setattr(vqa_coattention, "ops", Faulty())
    with pytest.raises((AssertionError, ValueError)):
        check(order)


@pytest.mark.parametrize("cls", [Parallel, Alternating])
def test_gradients(cls):
    level = double(cls(4, Generator(0)))
    mask = Tensor(np.array([[True, True, False], [True, True, True]]))
    q = RANDOM.normal(size=(2, 3, 4)) * mask.numpy()[:, :, None]
    q, v = Tensor(q, requires_grad=True), Tensor(RANDOM.normal(size=(2, 5, 4)), requires_grad=True)
    for k in (0, 1):
        gradcheck(lambda q, v, *_, k=k: level(q, v, mask)[k], q, v, *level.parameters())


@pytest.mark.slow
def test_gradients_of_the_levels():
    reader = double(QuestionLevels(9, 3, Generator(0)))
    for k in (0, 1, 2):
        parameters = [p for name, p in reader.named_parameters() if k == 2 or "lstm" not in name]
        parameters = parameters if k else [reader.embed.weight]
        gradcheck(lambda *_, k=k: reader(QUESTIONS)[0][k], *parameters)


@pytest.mark.parametrize("order", BY_HAND)
def test_maps_sum_to_one_and_follow_the_cells(order):
    model = model_of(order)
    regions, permuted = RANDOM.normal(size=(3, 7, model.pictures.size)), RANDOM.permutation(7)
    with no_grad():
        z, alpha, beta = model.look(Tensor(regions), QUESTIONS, IMAGE_OF)
        z2, alpha2, beta2 = model.look(
            Tensor(np.ascontiguousarray(regions[:, permuted])), QUESTIONS, IMAGE_OF
        )
    for a in (alpha, beta):
        np.testing.assert_allclose(a.numpy().sum(2), 1, rtol=1e-12)
    np.testing.assert_allclose(alpha2.numpy(), alpha.numpy()[:, :, permuted], rtol=1e-9)
    np.testing.assert_allclose(beta2.numpy(), beta.numpy(), rtol=1e-9)
    np.testing.assert_allclose(z2.numpy(), z.numpy(), rtol=1e-9, atol=1e-12)


def test_parallel_attention_needs_both_sides():
    """The affinity makes each side's map depend on the other; alternating likewise."""
    for order in BY_HAND:
        model = model_of(order)
        one = QuestionBatch.of([[4, 5, 4, 8, 6], [6, 7, 8, 5, 5]], [0, 1])
        found = model.attention(Tensor(IMAGES[:1]), one, np.zeros(2, int))
        assert np.abs(found[0] - found[1]).max() > 1e-7, order
        joint = model.words_by_cells(Tensor(IMAGES[:2]), QuestionBatch.of([[4, 5, 4]], [0, 0]), np.arange(2))
        assert np.abs(joint[0].sum(1) - joint[1].sum(1)).max() > 1e-7, order


def test_refused():
    with pytest.raises(ValueError, match="order: expected parallel or alternating, got 'both'"):
        CoAttention(9, 3, "both")
