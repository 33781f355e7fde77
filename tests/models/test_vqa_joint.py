"""Joint embedding of picture and question: PyTorch's values, gradients, traps."""

import pathlib

import numpy as np
import pytest

from mmscratch import ops
from mmscratch.models import vqa_joint, vqa_questions
from mmscratch.models.fusion import film
from mmscratch.models.vqa_joint import AnswerHead, FiLM, JointEmbedding, PictureCNN
from mmscratch.models.vqa_questions import BagOfWords, LSTMQuestions, QuestionBatch
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

FILE = pathlib.Path(__file__).parents[1] / "goldens" / "vqa.npz"
GOLDEN = dict(np.load(FILE, allow_pickle=False))
VARIANTS = sorted({name.split("/")[0] for name in GOLDEN if name.endswith("/logits")})
CHANNELS, WORDS, HIDDEN, ANSWERS = (4, 5, 6, 6), 9, 7, 5
QUESTIONS = QuestionBatch.of([[4, 5, 4, 8], [6, 7], [5]], [0, 2, 1, 0, 2])
IMAGE_OF, TARGET = np.array([0, 0, 1, 2, 2]), np.array([3, 0, -1, 4, 1])


def check(name):
    fusion, question, loss = name.split("-")
    model = JointEmbedding(WORDS, ANSWERS, fusion, question, loss, CHANNELS, HIDDEN, Generator(0))
    start = f"{name}/weights/"
    weights = {k.removeprefix(start): v for k, v in GOLDEN.items() if k.startswith(start)}
    for key, parameter in model.named_parameters():
        parameter.data = weights.pop(key).copy()
    assert not weights
    images = Tensor(GOLDEN["images"].copy(), requires_grad=True)
    logits = model(images, QUESTIONS, IMAGE_OF)
    np.testing.assert_allclose(logits.detach().numpy(), GOLDEN[f"{name}/logits"], rtol=1e-9, atol=1e-12)
    value = model.head.loss(logits, TARGET if loss == "softmax" else GOLDEN["scores"])
    assert value.item() == pytest.approx(float(GOLDEN[f"{name}/loss"]), rel=1e-10)
    value.backward()
    found = {"images": images} | dict(model.named_parameters())
    for key, node in found.items():
        np.testing.assert_allclose(
            node.grad, GOLDEN[f"{name}/gradient/{key}"], rtol=1e-7, atol=1e-11, err_msg=key
        )


@pytest.mark.parametrize("name", VARIANTS)
def test_values_and_gradients_are_torchs(name):
    check(name)


REAL = vqa_joint.ops
FAULTS = {
    "the mean for the maximum": ("global_max_pool", lambda x: REAL.global_avg_pool(x), "film-bow-softmax"),
    "no rectifier in FiLM": ("film", lambda *a, relu: REAL.film(*a), "film-lstm-soft"),
    "β before γ": ("chunk", lambda x, **o: REAL.chunk(x, **o)[::-1], "film-bow-softmax"),
    "not normalised": ("normalize", lambda x: x, "product-lstm-softmax"),
    "question first": ("concatenate", lambda x, **o: REAL.concatenate(x[::-1], **o), "concat-bow-soft"),
    "mean over answers": (
        "binary_cross_entropy_with_logits",
        lambda z, s, reduction: REAL.binary_cross_entropy_with_logits(z, s),
        "concat-bow-soft",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    name, wrong, variant = FAULTS[fault]

    class Faulty:
        def __getattr__(self, other):
            return wrong if other == name else getattr(REAL, other)

    for module in (vqa_joint, film):
        monkeypatch.setattr(module, "ops", Faulty())
    with pytest.raises((AssertionError, ValueError)):
        check(variant)


def test_a_forgotten_length_is_caught(monkeypatch):
    class Faulty:
        def __getattr__(self, other):
            return getattr(ops, other)

    def all_long(self, batch):
        long = np.full_like(batch.lengths, batch.ids.shape[1])
        return real(self, QuestionBatch(batch.ids, long, batch.which))

    real = vqa_questions.LSTMQuestions.forward
    monkeypatch.setattr(vqa_questions.LSTMQuestions, "forward", all_long)
    with pytest.raises(AssertionError):
        check("product-lstm-softmax")


def test_a_bag_has_no_order_and_a_reader_has():
    batch = QuestionBatch.of([[4, 5, 6], [6, 5, 4], [4, 5]])
    np.testing.assert_array_equal(batch.counts(8)[:, 4:7], [[1, 1, 1], [1, 1, 1], [1, 1, 0]])
    bag = BagOfWords(8, 5, generator=Generator(0))(batch).detach().numpy()
    np.testing.assert_array_equal(bag[0], bag[1])
    read = LSTMQuestions(8, 5, generator=Generator(0))(batch).detach().numpy()
    assert np.abs(read[0] - read[1]).max() > 1e-3
    alone = LSTMQuestions(8, 5, generator=Generator(0))(QuestionBatch.of([[4, 5]])).detach().numpy()
    np.testing.assert_allclose(read[2], alone[0], atol=1e-6)  # what pads is not read


def test_film_begins_as_the_picture():
    film = FiLM(4, 3, 6, Generator(0))
    film.q.weight.data[:] = 0
    film.q.bias.data[:] = 0
    v = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    wanted = np.maximum(v @ film.v.weight.detach().numpy().T + film.v.bias.detach().numpy(), 0)
    q = Tensor(np.ones((2, 3), np.float32))
    np.testing.assert_allclose(film(Tensor(v), q).detach().numpy(), wanted, atol=1e-6)


def test_the_maximum_does_not_know_where():
    """A picture moved by eight pixels, within an even ground, is the same vector."""
    cnn = PictureCNN((4, 5, 6, 6), Generator(0))
    images = np.full((2, 3, 96, 96), 0.5, np.float32)
    images[0, :, 32:40, 32:44] = 0.9
    images[1, :, 40:48, 48:60] = 0.9
    found = cnn(Tensor(images)).detach().numpy()
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)


def test_refused():
    with pytest.raises(ValueError, match="fusion: expected one of .*film.*, got 'sum'"):
        JointEmbedding(9, 5, fusion="sum")
    with pytest.raises(ValueError, match="question: expected one of bow, lstm, both, got 'gru'"):
        JointEmbedding(9, 5, question="gru")
    with pytest.raises(ValueError, match="loss: expected softmax or soft"):
        AnswerHead(4, 4, 2, "hinge")
    with pytest.raises(ValueError, match="none of them empty"):
        QuestionBatch.of([[1], []])
    with pytest.raises(ValueError, match=r"images must be \(B, 3, H, W\)"):
        PictureCNN()(Tensor(np.zeros((1, 1, 8, 8), np.float32)))
