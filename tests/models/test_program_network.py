"""Question → program → answer on a scene that is seen: what the detector hands on, and what is not known."""

import numpy as np
import pytest

from mmscratch.data.image import to_float
from mmscratch.data.scenes.program_tokens import program_tokens
from mmscratch.data.scenes.questions import make_question
from mmscratch.data.scenes.render import render
from mmscratch.models.program_executor import tables_of_scenes
from mmscratch.models.program_network import ProgramNetwork
from mmscratch.models.scene_reader import read_tables
from mmscratch.models.vqa_questions import QuestionBatch
from mmscratch.random import Generator
from mmscratch.representations.image.detector import Detector, load_detector
from mmscratch.tensor import Tensor

ASKED = [make_question(seed) for seed in range(30)]
IMAGES = to_float(np.stack([render(q.scene) for q in ASKED]))
ANSWERS = sorted({q.answer for q in ASKED})
BATCH = QuestionBatch.of([[4]] * len(ASKED))


def test_pictures_are_read():
    """What the detector that ships says of pictures, beside the scenes that they show."""
    found, true = read_tables(load_detector(), IMAGES), tables_of_scenes([q.scene for q in ASKED])
    for k, question in enumerate(ASKED):
        there = found.present[k] > 0.5
        assert there.sum() == len(question.scene)
        distance = np.abs(found.place[k][there][:, None] - true.place[k][None, : len(question.scene)]).max(2)
        nearest = distance.argmin(1)
        assert sorted(nearest) == list(range(len(question.scene))) and distance.min(1).max() < 1.7
        for name in ("colour", "size"):
            wanted = true.shares[name][k, nearest].argmax(1)
            np.testing.assert_array_equal(found.shares[name][k][there].argmax(1), wanted)
    many = np.array([len(q.scene) for q in ASKED])
    assert np.abs(found.present.sum(1) - many).max() < 0.5  # what is there is sure, what is not too
    for shares in found.shares.values():
        np.testing.assert_allclose(shares.sum(2), 1, atol=1e-5)


def test_true_programs_on_scenes():
    model = ProgramNetwork(9, ANSWERS, hidden=4)
    told = [q.program for q in ASKED], np.ones(len(ASKED))
    target = np.array([ANSWERS.index(q.answer) for q in ASKED])
    everyone = np.arange(len(ASKED))
    oracle = model.answer(tables_of_scenes([q.scene for q in ASKED]), BATCH, everyone, told)
    np.testing.assert_array_equal(oracle.argmax(1), target)
    np.testing.assert_allclose(np.exp(oracle[everyone, target]), 1, atol=1e-9)
    seen = model.answer(read_tables(load_detector(), IMAGES), BATCH, everyone, told)
    assert (seen.argmax(1) == target).mean() >= 0.9
    others = model.answer(read_tables(load_detector(), IMAGES), BATCH, np.roll(everyone, 1), told)
    assert (others.argmax(1) == target).mean() < 0.7  # not of another picture


def test_what_is_not_known_is_shared_out():
    model = ProgramNetwork(9, ["yes", "no", "red", "3"], hidden=4)
    scene = tables_of_scenes([ASKED[0].scene])
    program = [{"op": "scene", "inputs": []}, {"op": "exist", "inputs": [0]}]
    batch = QuestionBatch.of([[4], [5]], [0, 0, 1])
    found = np.exp(model.answer(scene, batch, np.zeros(3, int), ([program, None], np.array([0.6, 1.0]))))
    np.testing.assert_allclose(found[0], [0.7, 0.1, 0.1, 0.1], atol=1e-9)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[2], 0.25)
    np.testing.assert_allclose(found.sum(1), 1)


def test_only_the_writer_is_learnt():
    model = ProgramNetwork(9, ANSWERS, hidden=4, generator=Generator(0))
    assert {n.split(".")[0] for n, p in model.named_parameters() if p.requires_grad} == {"writer"}
    assert "detector.conv1.weight" in model.state_dict()  # but saved with it
    model.writer.loss(BATCH, [program_tokens(q.program) for q in ASKED]).backward()
    logits = model(Tensor(IMAGES[:3]), QuestionBatch.of([[4, 5], [6]], [0, 1, 1]), np.array([0, 0, 2]))
    assert logits.shape == (3, len(ANSWERS)) and not logits.requires_grad


def test_an_empty_picture_is_no_error():
    model = ProgramNetwork(9, ["no", "yes"], detector=Detector(), hidden=4)
    tables = read_tables(model.detector, np.full((2, 3, 64, 64), 0.9, np.float32))
    program = [{"op": "scene", "inputs": []}, {"op": "exist", "inputs": [0]}]
    found = model.answer(tables, QuestionBatch.of([[4]]), np.zeros(1, int), ([program], np.ones(1)))
    assert found.argmax() == 0


def test_refused():
    with pytest.raises(ValueError, match=r"images must be \(B, 3, H, W\)"):
        ProgramNetwork(9, ANSWERS, hidden=4)(Tensor(np.zeros((1, 1, 64, 64), np.float32)), BATCH, [0])
