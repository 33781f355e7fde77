"""Programs as answers, and detected objects as what is asked about: runs, figures, refusals."""

import json

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import main
from mmscratch.data.scenes.program_tokens import program_tokens
from mmscratch.data.scenes.questions import make_question
from mmscratch.data.scenes.render import render
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.tasks.run import RunError
from mmscratch.tasks.vqa import task as vqa
from mmscratch.tasks.vqa.data import Asked, load
from mmscratch.tasks.vqa.features import detected_rows
from mmscratch.tasks.vqa.program import ProgramBatches

DATA = "scenes:questions=240"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    settings = ["model=program", "epochs=40", "batch_size=60", "lr=0.01", "hidden=64"]
    command = ["train", "vqa", "--data", DATA, "--out", str(out), "--quiet", "--set", *settings]
    assert main(command) == 0
    return out


@pytest.mark.slow
def test_the_commands(trained, tmp_path, capsys):
    """240 questions are too few for new programs, not for those of the words that were met."""
    assert main(["evaluate", str(trained), "--split", "test-iid", "--json", str(tmp_path / "f.json")]) == 0
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["accuracy"] > figures["question-only"]
    assert 0.3 < figures["program accuracy"] < figures["accuracy, oracle program"]
    assert figures["accuracy, oracle program"] > 0.95
    assert figures["accuracy, oracle scene"] > figures["question-only"]
    assert "program accuracy, relate" in figures
    question = make_question(5, "query_colour")
    Image.fromarray(render(question.scene)).save(tmp_path / "scene.png")
    capsys.readouterr()
    assert (
        main(["ask", str(trained), str(tmp_path / "scene.png"), "are there more circles than squares"]) == 0
    )
    assert capsys.readouterr().out.split()[0] in vqa.load_model(vqa.Run.open(trained))[2]


def test_batches_hold_every_wording_with_its_program():
    found = load(DATA, "train")
    words = Vocabulary.from_tokens(q.split() for q in found.questions)
    asked = Asked(found, words, ["yes", "no"])
    batches = ProgramBatches(asked, 50, seed=1)
    first = list(batches)
    assert sum(len(p) for _, p in first) == len(set(found.questions)) and len(first) == len(batches)
    wanted = {
        tuple(asked.sentences[w]): program_tokens(p) for w, p in zip(asked.which, found.programs, strict=True)
    }
    for questions, programs in first:
        for ids, length, program in zip(questions.ids, questions.lengths, programs, strict=True):
            assert wanted[tuple(ids[:length])] == program
    again = ProgramBatches(asked, 50, seed=1)
    iterator = iter(again)
    next(iterator)
    rest = ProgramBatches(asked, 50, seed=1)
    rest.load_state_dict(again.state_dict())
    assert [p for _, p in rest] == [p for _, p in first[1:]]


def test_objects_that_are_detected():
    questions = [make_question(seed) for seed in range(4)]
    rows = detected_rows(np.stack([render(q.scene) for q in questions]), batch_size=3)
    assert rows.shape == (4, 8, 15) and rows.dtype == np.float32
    for row, question in zip(rows, questions, strict=True):
        assert (row[:, 0] > 0.5).sum() == len(question.scene)
        assert (np.diff(row[:, 0]) <= 0).all() and np.abs(row[:, 1:3]).max() <= 1


@pytest.mark.parametrize(
    "settings", [["model=relation", "question=lstm"], ["model=transformer"], ["model=joint"]]
)
def test_models_of_detected_objects(tmp_path, settings):
    short = [*settings, "encoder=detected", "epochs=1", "hidden=8"]
    run = vqa.train("scenes:questions=60", tmp_path / "run", 1, short, progress=False)
    assert 0 <= vqa.evaluate(run, split="val")["accuracy"] <= 1
    Image.fromarray(render(make_question(0).scene)).save(tmp_path / "scene.png")
    said = vqa.ask(run, tmp_path / "scene.png", "is there a red circle?")
    assert len(said) == 3 and sum(s["probability"] for s in said) <= 1 + 1e-6


def test_what_is_refused(tmp_path):
    rows = [["what?", "yes", k] for k in range(20)]
    (tmp_path / "train_questions.json").write_text(json.dumps(rows))
    images = np.zeros((20, 16, 16, 3), np.uint8)
    np.savez(tmp_path / "train_images.npz", image_ids=np.arange(20), images=images)
    (tmp_path / "answers.txt").write_text("yes\n")
    with pytest.raises(RunError, match="programs are known of questions about scenes only"):
        vqa.train(f"easy-vqa:{tmp_path}", tmp_path / "a", 0, ["model=program"], progress=False)
    with pytest.raises(RunError, match="encoder: detected is .*film"):
        vqa.train(DATA, tmp_path / "b", 0, ["model=film", "encoder=detected"], progress=False)
    with pytest.raises(RunError, match="pool: expected max with encoder=detected"):
        vqa.train(DATA, tmp_path / "b", 0, ["encoder=detected", "pool=flat"], progress=False)
    with pytest.raises(RunError, match="fusion: expected film or concat for model=relation, got 'mlb'"):
        vqa.train(DATA, tmp_path / "b", 0, ["model=relation", "fusion=mlb"], progress=False)
    with pytest.raises(RunError, match="hidden: expected a multiple of its 4 heads, got 6"):
        vqa.train(DATA, tmp_path / "c", 0, ["model=transformer", "hidden=6"], progress=False)
    with pytest.raises(RunError, match="no such folder"):
        settings = ["model=program", f"detector={tmp_path / 'none'}", "epochs=1"]
        vqa.train("scenes:questions=60", tmp_path / "d", 0, settings, progress=False)
