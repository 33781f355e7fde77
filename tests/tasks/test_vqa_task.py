"""Visual question answering: the commands, batches, controls, and what is reached on easy-VQA."""

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import main
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.tasks.run import Run, RunError
from mmscratch.tasks.vqa import table as vqa_table
from mmscratch.tasks.vqa import task as vqa
from mmscratch.tasks.vqa.data import Asked, Prior, VQABatches, load, shifted
from mmscratch.tasks.vqa.judge import warnings

REAL = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "easy_vqa"
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220)}
TINY = ["epochs=25", "width=8", "batch_size=9", "hidden=32", "lr=0.01"]


def write(folder, name, n, seed):
    """Coloured squares, each with four questions of which none is answered by its words alone."""
    random = np.random.default_rng(seed)
    images = np.full((n, 16, 16, 3), 250, np.uint8)
    rows = []
    for i in range(n):
        colour = list(COLOURS)[random.integers(3)]
        y, x = random.integers(1, 8, 2)
        images[i, y : y + 7, x : x + 7] = COLOURS[colour]
        rows.append(["what color is it?", colour, 2 * i])
        for asked in COLOURS:
            rows.append([f"is it {asked}?", "yes" if asked == colour else "no", 2 * i])
    (folder / f"{name}_questions.json").write_text(json.dumps(rows))
    np.savez(folder / f"{name}_images.npz", image_ids=2 * np.arange(n), images=images)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("easy")
    write(folder, "train", 160, 0)
    write(folder, "test_odd", 30, 1)
    (folder / "answers.txt").write_text("yes\nno\nred\ngreen\nblue\n")
    return folder


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "run"
    data = f"easy-vqa:{folder}"
    assert main(["train", "vqa", "--data", data, "--out", str(out), "--quiet", "--set", *TINY]) == 0
    return out


def test_the_commands(folder, trained, tmp_path, capsys):
    command = ["evaluate", str(trained), "--split", "test_odd", "--json", str(tmp_path / "figures.json")]
    assert main(command) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["questions"] == 120 and figures["images"] == 30
    assert figures["accuracy"] > figures["question-only"] > figures["majority"]
    assert figures["majority"] == pytest.approx(0.5)  # "no" to two of four questions
    assert 0.5 <= figures["question-only"] < 0.65 and figures["shuffled images"] < 0.8
    assert figures["image-only"] < 0.7 and "warning" not in figures
    assert "question-only" in capsys.readouterr().out
    # another folder with another name for the split
    write(tmp_path, "mine", 5, 3)
    assert main(["evaluate", str(trained), "--data", f"easy-vqa:{tmp_path}", "--split", "mine"]) == 0
    picture = np.full((20, 20, 3), 250, np.uint8)
    picture[5:13, 5:13] = COLOURS["green"]
    Image.fromarray(picture).resize((16, 16)).save(tmp_path / "green.png")
    command = ["ask", str(trained), str(tmp_path / "green.png"), "What color is it?"]
    capsys.readouterr()
    assert main([*command, "--json", str(tmp_path / "said.json")]) == 0
    assert capsys.readouterr().out.split()[0] == "green"
    assert json.loads((tmp_path / "said.json").read_text())[0]["answer"] == "green"


def test_what_is_refused(folder, trained, tmp_path, capsys):
    for split, message in (("nowhere", "expected one of test_odd, train, got 'nowhere'"),):
        assert main(["evaluate", str(trained), "--split", split]) == 2
        assert message in capsys.readouterr().err
    assert main(["ask", str(trained), str(tmp_path / "none.png"), "is it red?"]) == 2
    assert "no such file" in capsys.readouterr().err
    assert main(["ask", str(trained), str(tmp_path / "none.png"), " "]) == 2
    assert "QUESTION: is empty" in capsys.readouterr().err
    assert main(["train", "vqa", "--data", "coco:x", "--out", str(tmp_path / "a")]) == 2
    assert "easy-vqa:DIR" in capsys.readouterr().err
    with pytest.raises(RunError, match="fusion: expected product|fusion: expected film or"):
        vqa.train(f"easy-vqa:{folder}", tmp_path / "b", 0, ["fusion=sum"], progress=False)
    assert main(["evaluate", str(trained), "--data", f"easy-vqa:{tmp_path}"]) == 2
    assert "has neither" in capsys.readouterr().err


def test_validation_is_a_tenth_of_the_pictures(folder):
    data = f"easy-vqa:{folder}"
    whole, rest, val = (load(data, name) for name in ("train+val", "train", "val"))
    assert (len(whole.images), len(rest.images), len(val.images)) == (160, 144, 16)
    assert sorted(rest.ids + val.ids) == list(whole.ids)
    assert load(data, "val").ids == val.ids


def test_batches_hold_every_question_of_their_pictures(folder):
    found = load(f"easy-vqa:{folder}", "train")
    words = Vocabulary(["is", "it", "red", "green", "blue", "what", "color"])
    asked = Asked(found, words, ["yes", "no", "red", "green", "blue"])
    whole = list(VQABatches(asked, 9, seed=3))
    assert len(whole) == 16
    for images, questions, image_of, target in whole:
        assert images.shape == (9, 3, 16, 16) and len(questions.which) == len(target) == 36
        np.testing.assert_array_equal(np.bincount(image_of), [4] * 9)
        assert len(questions.ids) == 4  # each wording once
        named = target[target >= 2]
        np.testing.assert_array_equal(np.flatnonzero(target >= 2), np.arange(9) * 4)
        seen = images.reshape(9, 3, -1).min(2).argmax(1)  # the channel that is never dark
        np.testing.assert_array_equal(seen, named - 2)
    begun = VQABatches(asked, 9, seed=3)
    iterator = iter(begun)
    for _ in range(4):
        next(iterator)
    again = VQABatches(asked, 9, seed=3)
    again.load_state_dict(begun.state_dict())
    for ours, theirs in zip(again, whole[4:], strict=True):
        np.testing.assert_array_equal(ours[0], theirs[0])
        np.testing.assert_array_equal(ours[3], theirs[3])


def test_pictures_are_moved():
    random = np.random.default_rng(0)
    images = random.random((40, 3, 7, 9)).astype(np.float32)
    draws, again = np.random.default_rng(1), np.random.default_rng(1)
    found = shifted(images, 2, draws)
    steps = [again.integers(-2, 3, (40, 1))[:, 0] for _ in range(2)]
    assert {*steps[0], *steps[1]} == {-2, -1, 0, 1, 2}
    for image, wanted, dy, dx in zip(found, images, *steps, strict=True):
        padded = np.pad(wanted, ((0, 0), (2, 2), (2, 2)), "edge")
        np.testing.assert_array_equal(image, padded[:, 2 + dy : 9 + dy, 2 + dx : 11 + dx])


def test_soft_targets(folder):
    found = load(f"easy-vqa:{folder}", "val")
    asked = Asked(found, Vocabulary(["is"]), ["yes", "no", "red", "green", "blue"])
    np.testing.assert_array_equal(asked.scores(np.arange(4)).argmax(1), asked.target[:4])
    np.testing.assert_array_equal(asked.scores(np.arange(4)).sum(1), 1)


def test_prior():
    class Some:
        questions = ("a?", "a?", "a?", "b?", "b?")
        answers = ("no", "yes", "yes", "red", "no")
        types = ("",) * 5

    prior = Prior.of(Some)
    assert prior.majority == "no" and prior.questions == {"a?": ["yes", 3], "b?": ["red", 2]}
    assert prior.blind(["b?", "a?", "c?"]) == ["red", "yes", "no"]


def test_a_blind_model_is_told():
    random = np.random.default_rng(0)
    blind = random.random(400) < 0.6
    right = {"accuracy": blind, "question-only": blind, "majority": random.random(400) < 0.2}
    right |= {"image-only": random.random(400) < 0.2, "shuffled images": blind}
    assert warnings(right)["warning"].startswith("not better than question-only, shuffled images:")
    right["accuracy"] = blind | (random.random(400) < 0.5)
    assert warnings(right) == {}
    right["accuracy"] = blind.copy()
    right["accuracy"][np.flatnonzero(~blind)[:4]] = True  # four of 400 are luck
    assert "question-only" in warnings(right)["warning"]


@pytest.mark.parametrize(
    "settings",
    [
        ["fusion=product", "question=lstm"],
        ["loss=soft", "fusion=concat"],
        ["model=film"],
        ["model=relation", "question=lstm", "fusion=concat"],
        ["model=transformer"],
    ],
)
def test_other_models_and_resuming(folder, tmp_path, settings):
    data = f"easy-vqa:{folder}"
    short = [*settings, "epochs=2", "width=2", "batch_size=27", "hidden=8"]
    run = vqa.train(data, tmp_path / "run", 1, short, progress=False)
    again = vqa.train(None, tmp_path / "run", None, resume=True, progress=False)
    assert again.seed == 1 and Run.open(tmp_path / "run").task == "vqa"
    figures = vqa.evaluate(run, split="test_odd")
    assert "warning" in figures and 0 <= figures["accuracy"] <= 1


def test_scenes_are_asked_too(tmp_path):
    data = "scenes:questions=60"
    run = vqa.train(data, tmp_path / "run", 0, ["epochs=1", "width=2", "hidden=8"], progress=False)
    figures = vqa.evaluate(run, split="test-iid")
    assert 0 <= figures["pair consistency"] <= figures["accuracy"] <= 1
    assert "VQA accuracy" in figures and "accuracy, count" in figures


def test_the_table(folder, tmp_path, capsys):
    command = [
        "--data",
        f"easy-vqa:{folder}",
        "--out",
        str(tmp_path / "t"),
        "--seeds",
        "2",
        "--set",
        "epochs=1",
    ]
    command += ["width=2", "hidden=8"]
    assert vqa_table.main([*command, "--splits", "val", "test_odd", "--families"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:3] == ["split", "accuracy", "majority"] and "test_odd" in "\n".join(lines)
    assert vqa_table.main([*command, "--vary", "fusion=sum"]) == 2


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/easy_vqa")
def test_easy_vqa(tmp_path):
    """Measures accuracy on easy-VQA's even test pictures (seed 0, validation carved from train).

    Controls: majority 37.7 %, question-only 67.2 %, shuffled pictures.
    """
    run = vqa.train(f"easy-vqa:{REAL}", tmp_path / "run", 0, progress=False)
    figures = vqa.evaluate(run, split="test_even")
    assert figures["majority"] == pytest.approx(0.377, abs=5e-4)
    assert figures["question-only"] == pytest.approx(0.672, abs=1e-3)
    assert figures["accuracy"] >= 0.995 and figures["shuffled images"] < 0.7
