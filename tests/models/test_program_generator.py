"""Questions to programs: PyTorch's values and gradients, one step as all at once, what is learnt."""

import pathlib

import numpy as np
import pytest

from mmscratch import optim
from mmscratch.models import program_generator
from mmscratch.models.program_generator import ProgramGenerator
from mmscratch.models.vqa_questions import QuestionBatch
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

GOLDEN = dict(
    np.load(pathlib.Path(__file__).parents[1] / "goldens" / "vqa_relations.npz", allow_pickle=False)
)
QUESTIONS = QuestionBatch.of([[4, 5, 4, 8], [6, 7], [5]])
TOKENS = ("scene", "count", "exist")
PROGRAMS = [("count", "scene"), ("exist", "count", "scene"), ("scene",)]


def check():
    """Its twin reads and writes one question at a time, in a loop over the steps."""
    model = ProgramGenerator(9, TOKENS, hidden=6, size=5)
    start = "program/weights/"
    weights = {k.removeprefix(start): v for k, v in GOLDEN.items() if k.startswith(start)}
    for key, parameter in model.named_parameters():
        parameter.data = weights.pop(key).copy()
    assert not weights
    loss = model.loss(QUESTIONS, PROGRAMS)
    assert loss.item() == pytest.approx(float(GOLDEN["program/loss"]), rel=1e-9)
    loss.backward()
    for key, node in model.named_parameters():
        wanted = GOLDEN[f"program/gradient/{key}"]
        np.testing.assert_allclose(node.grad, wanted, rtol=1e-7, atol=1e-11, err_msg=key)


def test_values_and_gradients_are_torchs():
    check()


REAL = program_generator.ops
FAULTS = {
    "what pads is looked at": ("attention", lambda h, k, e, real, **o: REAL.attention(h, k, e, **o)),
    "scores are scaled": ("attention", lambda h, k, e, real, scale: REAL.attention(h, k, e, real)),
    "the state before the context": ("concatenate", lambda x, **o: REAL.concatenate(x[::-1], **o)),
    "what pads is counted": (
        "cross_entropy",
        lambda z, t, ignore_index: REAL.cross_entropy(z, Tensor(np.maximum(t.numpy(), 0))),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    name, wrong = FAULTS[fault]

    class Faulty:
        def __getattr__(self, other):
            return wrong if other == name else getattr(REAL, other)

    monkeypatch.setattr(program_generator, "ops", Faulty())
    with pytest.raises(AssertionError):
        check()


def test_step_by_step_is_all_at_once():
    model = ProgramGenerator(9, TOKENS, hidden=6, size=5, generator=Generator(0)).eval()
    tokens = np.array([[1, 4, 5, 6], [1, 6, 6, 4], [1, 5, 4, 4]])
    whole = model(QUESTIONS, tokens).detach().numpy()
    e, real, (h, c) = model.encode(QUESTIONS)
    state = e, real, h[0], c[0]
    for t in range(3):
        state, logits, _ = model.step(state, Tensor(tokens[:, t]))
        np.testing.assert_allclose(logits.detach().numpy(), whole[:, t], rtol=1e-4, atol=1e-6)


def test_a_tiny_language_is_learnt():
    """The program depends on the order of two words: what a bag of them cannot tell."""
    questions = QuestionBatch.of([[4, 5], [5, 4], [4, 4], [5]])
    programs = [("count", "scene"), ("exist", "scene"), ("scene",), ("exist", "exist", "scene")]
    model = ProgramGenerator(6, TOKENS, hidden=24, size=8, generator=Generator(0))
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    for _ in range(80):
        loss = model.loss(questions, programs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    said, p = model.generate(questions)
    assert [tuple(s) for s in said] == programs
    assert (p > 0.8).all() and (p <= 1).all()


def test_what_never_ends_is_cut():
    model = ProgramGenerator(9, TOKENS, hidden=4, size=4, generator=Generator(0))
    model.write.bias.data[model.vocabulary.end] = -100
    said, _ = model.generate(QUESTIONS, longest=7)
    assert [len(s) for s in said] == [7, 7, 7]
