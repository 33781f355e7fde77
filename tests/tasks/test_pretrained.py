"""The weights that ship: what they are, that they are whole, and that they see what the README says."""

import json
import shutil

import pytest

from mmscratch.models.scene_cnn import WEIGHTS, SceneCNN, load_pretrained, select_regions
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.image.attributes import judge

RECIPE = json.loads(WEIGHTS.with_suffix(".json").read_text(encoding="utf-8"))


def test_small_and_made_by_a_command_of_ours():
    assert WEIGHTS.stat().st_size < 2_000_000
    assert RECIPE["made by"].startswith("mmscratch train attributes --data scenes:")


def test_any_change_is_refused(tmp_path):
    for name in (WEIGHTS.name, WEIGHTS.with_suffix(".json").name):
        shutil.copy(WEIGHTS.with_name(name), tmp_path)
    copy = tmp_path / WEIGHTS.name
    load_pretrained(copy)
    data = bytearray(copy.read_bytes())
    data[-1] ^= 1
    copy.write_bytes(data)
    with pytest.raises(ValueError, match="sha256"):
        load_pretrained(copy)


def test_accuracy_is_what_the_recipe_says():
    """On fresh scenes of the recipe's distribution, within 3 standard errors; majorities beside it."""
    split = load_scenes("scenes:train=0,val=0,test=200,heldout_pairs=0,positions=all,seed=1", "test")
    figures = judge(load_pretrained(), split)
    said = RECIPE["test-iid"]["shape, colour and size right"]
    assert said >= 0.99
    error = (said * (1 - said) / figures["objects"]) ** 0.5
    assert abs(figures["shape, colour and size right"] - said) < 3 * error + 0.003
    assert figures["colour right, majority"] < 0.3 and figures["shape right, majority"] < 0.4


def test_regions_hold_the_objects():
    """Nearly every object's cell is among the eight best, and its place is written beside its features."""
    split = load_scenes("scenes:train=0,val=0,test=60,heldout_pairs=0,positions=all,seed=2", "test")
    regions, cells = load_pretrained().regions(split.floats(), 8)
    wanted = [(i, c) for i, row in enumerate(split.object_cells) for c in row if c >= 0]
    found = sum(c in cells[i] for i, c in wanted)
    assert found >= 0.98 * len(wanted)
    x, y = regions[0, 0, -2:]
    assert cells[0, 0] == int((y + 1) / 2 * 8) * 8 + int((x + 1) / 2 * 8)


def test_too_many_regions_are_refused():
    import numpy as np

    with pytest.raises(ValueError, match="64"):
        select_regions(np.zeros((1, 4, 8, 8)), np.zeros((1, 8, 8)), 65)
    with pytest.raises(ValueError, match="images"):
        SceneCNN().features(np.zeros((1, 1, 8, 8)))
