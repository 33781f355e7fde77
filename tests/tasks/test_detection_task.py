"""The detection task: short training learns, its controls do not; the weights that ship see what is said."""

import json
import shutil

import numpy as np
import pytest

from mmscratch.__main__ import main
from mmscratch.data import scenes
from mmscratch.representations.image.detector import WEIGHTS, Detections, load_detector
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.image import detection
from mmscratch.tasks.run import Run

SMALL = "scenes:train=64,val=24,test=24,heldout_pairs=0,positions=all"


@pytest.fixture(scope="module")
def split():
    return load_scenes("scenes:train=0,val=0,test=120,heldout_pairs=0,positions=all,seed=1", "test")


def test_a_perfect_answer_scores_1(split):
    true, labels = detection.truths(split.scenes)
    found = [
        Detections(b, np.full(len(b), 0.9), {n: labels[n][i] for n in detection.HEADS})
        for i, b in enumerate(true)
    ]
    figures = detection.judge(found, split)
    for name, value in figures.items():
        if name not in ("pictures", "objects"):
            assert value == pytest.approx(1), name
    # one wrong colour of one object
    found[0].labels["colour"][0] = (found[0].labels["colour"][0] + 1) % 6
    again = detection.judge(found, split)
    assert again["shape, colour and size right"] == pytest.approx(1 - 1 / figures["objects"])
    assert again["shape right, of those found"] == 1 and again["mAP@.5 over colours"] < 1


def test_truths_are_the_scenes(split):
    true, labels = detection.truths(split.scenes)
    for i, scene in enumerate(split.scenes[:20]):
        assert np.array_equal(true[i], scenes.boxes(scene))
        assert [scenes.COLOURS[k] for k in labels["colour"][i]] == [o.colour for o in scene.objects]


def test_the_command_trains_evaluates_and_draws(tmp_path, capsys):
    run = str(tmp_path / "run")
    options = ["--data", SMALL, "--out", run, "--quiet", "--set", "steps=2", "batch_size=8"]
    assert main(["train", "detection", *options]) == 0
    assert main(["evaluate", run, "--split", "test", "--json", str(tmp_path / "figures.json")]) == 0
    shown = capsys.readouterr().out
    assert "AP@.5 " in shown and "AP@.5, random boxes" in shown
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["pictures"] == 24 and figures["AP@.5"] < 0.5
    picture = tmp_path / "boxes.png"
    assert detection.main([run, "--out", str(picture), "--data", SMALL]) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"


def test_bad_options_are_one_line(tmp_path, capsys):
    assert main(["train", "detection", "--data", "coco:x", "--out", str(tmp_path / "a")]) == 2
    assert "boxes are known of scenes only" in capsys.readouterr().err
    assert detection.main([str(tmp_path / "none"), "--out", "x.png"]) == 2
    assert "no such folder" in capsys.readouterr().err


# ── the weights that ship ───────────────────────────────────────────────────────────────────────
RECIPE = json.loads(WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))


def test_small_and_made_by_a_command_of_ours():
    assert WEIGHTS.stat().st_size < 1_000_000
    assert RECIPE["made by"].startswith("mmscratch train detection --data scenes:")
    said = RECIPE["test-iid"]
    assert said["AP@.5"] >= 0.95 and said["shape, colour and size right"] >= 0.99


def test_any_change_is_refused(tmp_path):
    for name in (WEIGHTS.name, WEIGHTS.with_suffix(".json").name):
        shutil.copy(WEIGHTS.with_name(name), tmp_path)
    copy = tmp_path / WEIGHTS.name
    data = bytearray(copy.read_bytes())
    data[-1] ^= 1
    copy.write_bytes(data)
    with pytest.raises(ValueError, match="sha256"):
        load_detector(copy)


def test_figures_are_what_the_recipe_says(split):
    """On fresh scenes of the recipe's distribution; the controls beside them."""
    figures = detection.figures(load_detector(), split)
    assert figures["AP@.5"] > RECIPE["test-iid"]["AP@.5"] - 0.01
    assert figures["shape, colour and size right"] > 0.98
    assert figures["AP@.5, shuffled pictures (voc)"] < 0.05 and figures["AP@.5, random boxes"] < 0.05


def test_learned_regions_are_where_the_objects_are(split):
    found = load_detector().regions(split.floats()[:40])
    true, _ = detection.truths(split.scenes[:40])
    assert (found.lengths == [len(b) for b in true]).mean() > 0.9
    geometry = found.values[0, : len(true[0]), -5:-1] * 64
    nearest = np.abs(geometry[:, None] - true[0]).max(-1).min(1)
    assert nearest.max() < 3


@pytest.mark.slow
def test_a_short_training_finds_the_objects(tmp_path):
    """110 steps on 600 scenes. The bound is well below what is reached, and far above the controls."""
    data = "scenes:train=600,val=40,test=120,heldout_pairs=0,positions=all"
    settings = ["steps=110", "batch_size=24", "validate_every=110", "checkpoint_every=110"]
    run = detection.train(data, tmp_path / "run", 0, settings, progress=False)
    figures = detection.evaluate(Run.open(run.folder), split="test")
    assert figures["AP@.5"] > 0.8
    assert figures["AP@.5, shuffled pictures (voc)"] < 0.05 and figures["AP@.5, random boxes"] < 0.05


def test_a_fixed_number_of_boxes_stands_where_the_objects_are():
    """Each object's cell is among the best boxes' cells; what is too few is filled with the whole picture."""
    split = load_scenes("scenes:train=1,val=60,test=1", "val")
    features, cells = load_detector().best_regions(split.floats(), 8)
    assert features.shape == (60, 8, 101) and cells.shape == (60, 8)
    wanted = scenes.box_cells(split.scenes)
    found = [c in cells[i] for i, row in enumerate(wanted) for c in row if c >= 0]
    assert np.mean(found) > 0.95  # the rest have their centres on the line between two cells
    whole = features[:, :, -5:] == np.array([0, 0, 1, 1, 1], np.float32)
    few = load_detector().best_regions(split.floats(), 64)[0]
    assert not whole.all(2)[:, 0].any() and (few[:, -1, -5:] == [0, 0, 1, 1, 1]).all()
