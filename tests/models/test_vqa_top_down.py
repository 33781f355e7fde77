"""Boxes and one look at them: NumPy's own writing of the formulas, gradients, maps over a grid."""

import numpy as np
import pytest

from mmscratch.autograd import no_grad
from mmscratch.gradcheck import gradcheck
from mmscratch.models import vqa_top_down
from mmscratch.models.vqa_questions import QuestionBatch
from mmscratch.models.vqa_top_down import GatedTanh, TopDownVQA, cell_shares
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

RANDOM = np.random.default_rng(0)
QUESTIONS = QuestionBatch.of([[4, 5, 4, 8], [6, 7], [5]], [0, 2, 1, 0, 2])
IMAGE_OF = np.array([0, 0, 1, 2, 2])
C, R = 4, 3


def boxes():
    """(3, R, C + 6): the second picture has one box, the third two."""
    low = RANDOM.uniform(0, 0.5, (3, R, 2))
    high = low + RANDOM.uniform(0.1, 0.5, (3, R, 2))
    area = (high - low).prod(-1, keepdims=True)
    there = np.array([[1, 1, 1], [1, 0, 0], [1, 1, 0]])[:, :, None]
    return np.concatenate([RANDOM.normal(size=(3, R, C)), low, high, area, there], -1) * there


BOXES = boxes()


def model_of():
    model = TopDownVQA(9, 4, C + 6, hidden=6, generator=Generator(0))
    for part in model.parameters():
        part.data = part.data.astype(np.float64)
    return model


def linear(layer, x):
    bias = 0 if layer.bias is None else layer.bias.detach().numpy()
    return x @ layer.weight.detach().numpy().T + bias


def gated(layer, x):
    return np.tanh(linear(layer.value, x)) / (1 + np.exp(-linear(layer.gate, x)))


def check():
    model = model_of()
    with no_grad():
        z, alpha, _ = model.look(model.regions(Tensor(BOXES)), QUESTIONS, IMAGE_OF)
        texts = model.questions(QUESTIONS).numpy()
    for m, (i, u) in enumerate(zip(IMAGE_OF, QUESTIONS.which, strict=True)):
        real, q = BOXES[i, BOXES[i, :, -1] == 1], texts[u]
        f = real[:, :C] / np.linalg.norm(real[:, :C], axis=1, keepdims=True)
        v = np.concatenate([f, real[:, C:-1]], axis=1)
        a = np.array([linear(model.score, gated(model.together, np.concatenate([x, q])))[0] for x in v])
        p = np.exp(a) / np.exp(a).sum()
        np.testing.assert_allclose(alpha.numpy()[m, 0, : len(p)], p, rtol=1e-9)
        assert (alpha.numpy()[m, 0, len(p) :] == 0).all()
        h = gated(model.q, q) * gated(model.v, p @ v)
        wanted = linear(model.head.answer, np.maximum(linear(model.head.hidden, h), 0))
        np.testing.assert_allclose(z.numpy()[m], wanted, rtol=1e-9, atol=1e-12)


def test_the_model_is_its_formula():
    check()


REAL = vqa_top_down.ops
FAULTS = {
    "boxes that are not there": ("softmax", lambda x, mask: REAL.softmax(x)),
    "features of any length": ("normalize", lambda x: x),
    "another picture": ("take", lambda x, i: REAL.take(x, i * 0)),
    "question first": ("concatenate", lambda x, axis: REAL.concatenate(x[::-1], axis=axis)),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    name, wrong = FAULTS[fault]

    class Faulty:
        def __getattr__(self, other):
            return wrong if other == name else getattr(REAL, other)

    monkeypatch.setattr(vqa_top_down, "ops", Faulty())
    with pytest.raises((AssertionError, ValueError)):
        check()


@pytest.mark.slow
def test_gradients():
    model, layer = model_of(), GatedTanh(3, 2, Generator(1))
    for part in layer.parameters():
        part.data = part.data.astype(np.float64)
    gradcheck(lambda x, *_: layer(x), Tensor(RANDOM.normal(size=(4, 3)), requires_grad=True),
              *layer.parameters())  # fmt: skip
    regions = Tensor(BOXES, requires_grad=False)
    chosen = [
        p for key, p in model.named_parameters() if key.split(".")[0] in ("together", "score", "q", "v")
    ]
    gradcheck(lambda *_: model.look(model.regions(regions), QUESTIONS, IMAGE_OF)[0], *chosen)


def test_maps_lie_on_the_boxes():
    model = model_of()
    maps = model.attention(Tensor(BOXES), QUESTIONS, IMAGE_OF)
    assert maps.shape == (5, 1, 64)
    np.testing.assert_allclose(maps.sum(2), 1, rtol=1e-9)
    x0, y0, x1, y1 = BOXES[1, 0, C : C + 4]  # the second picture's only box
    rows, columns = np.divmod(np.arange(64), 8)
    inside = (columns / 8 < x1) & ((columns + 1) / 8 > x0) & (rows / 8 < y1) & ((rows + 1) / 8 > y0)
    np.testing.assert_array_equal(maps[2, 0] > 0, inside)


def test_shares_of_cells():
    found = cell_shares(np.array([[[0.25, 0, 0.75, 0.5], [0.25, 0.25, 0.25, 0.75], [0, 0, 0, 0]]]), 2)
    np.testing.assert_allclose(found[0, 0], [0.5, 0.5, 0, 0])
    np.testing.assert_array_equal(found[0, 1:], 0)


def test_refused():
    with pytest.raises(ValueError, match=r"boxes must be \(N, R, 10\), got \(1, 3, 64, 64\)"):
        model_of()(Tensor(np.zeros((1, 3, 64, 64))), QuestionBatch.of([[4]]), np.zeros(1, int))
    with pytest.raises(ValueError, match="question: expected one of bow, lstm, both, got 'gru'"):
        TopDownVQA(9, 4, 10, question="gru")
