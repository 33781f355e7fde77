"""The alignment table: the world's links, what each method must and cannot do, and the command."""

import json

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import main
from mmscratch.data import scenes
from mmscratch.tasks.alignment import table
from mmscratch.tasks.alignment.sound import SOUND_METHODS, load_sounds, uncovered
from mmscratch.tasks.alignment.words import WORD_METHODS, load_words, word_links

QUICK_WORDS = [name for name in WORD_METHODS if "SCAN" not in name and name != "fragments"]
QUICK_SOUNDS = [name for name in SOUND_METHODS if "CTC" not in name]


@pytest.fixture(scope="module")
def words():
    train, checked, tested = load_words(0, 200, 20, 60)
    return {n: table.figures_of(WORD_METHODS[n](train, 0, "en"), checked, tested) for n in QUICK_WORDS}


@pytest.fixture(scope="module")
def sounds():
    train, checked, tested = load_sounds(0, 60, 10, 20)
    found = {}
    for n in QUICK_SOUNDS:
        weights = SOUND_METHODS[n](train, 0)
        found[n] = table.figures_of(lambda p, w=weights: w(p) * p.loud[:, None], checked, tested)
    return found


def test_truth_of_words():
    """A phrase that fits two objects is possible with both and sure with neither; "a" is sure of nothing."""
    look = dict(size="big", texture="solid", y=20.0, radius=10.0)
    first, second = (scenes.Object(shape="cross", colour="red", x=x, **look) for x in (12.0, 52.0))
    third = scenes.Object(shape="circle", colour="red", x=32.0, **look)
    scene = scenes.Scene(0, (first, third, second))
    nouns = tuple(scenes.Noun.of(o, "colour", "shape") for o in (first, third, second))
    caption = scenes.make_caption(scenes.AllOf(nouns), scene)
    sure, possible = word_links(caption, scene)
    said = list(caption.tokens)
    circle, cross = said.index("circle"), said.index("cross")
    assert sure[circle].tolist() == possible[circle].tolist() == [False, True, False]
    assert not sure[cross].any() and possible[cross].tolist() == [True, False, True]
    assert not sure[said.index("a")].any() and possible[said.index("a")].any()
    assert not possible[[t for t, k in enumerate(caption.links) if k < 0]].any()


def test_truth_of_sounds_and_clips():
    """An object is sure for at most 150 ms from its onset; the clip shows objects from left to right."""
    _, _, pairs = load_sounds(3, 10, 10, 10)
    for pair in pairs:
        assert (pair.sure <= pair.possible).all() and (pair.sure.sum(1) <= 1).all()
        assert pair.sure.sum(0).max() <= 8 and pair.possible.sum(0).max() <= 16
        begins = pair.possible.argmax(0)
        assert (np.diff(begins) >= 0).all()
        assert (np.diff(pair.shown) >= 0).all() and pair.shown[-1] == len(pair.colours) - 1
        assert pair.loud[pair.sure.any(1)].all()
    scene = scenes.sample_scene(1)
    objects = sorted(scene.objects, key=lambda o: o.x)
    seen, shown = uncovered(scene, objects, np.random.default_rng(0))
    for k in np.flatnonzero(np.diff(shown, prepend=-1)):
        assert seen[k, scenes.COLOURS.index(objects[shown[k]].colour)] == seen[k].max() > 0


def test_words_in_order_of_what_is_known(words):
    """Chance is chance; words alone are as good learnt as given; order or phrases settle the rest."""
    chance = words["uniform (chance)"]
    assert chance["pointing"] == pytest.approx(chance["chance"], abs=1e-12)
    assert words["lexicon, phrases"]["AER"] < 0.02
    assert words["IBM-1"]["AER"] == pytest.approx(words["lexicon, words"]["AER"], abs=0.05)
    assert (
        words["IBM-1 + DTW"]["AER"] < 0.1 < words["IBM-1"]["AER"] < words["diagonal"]["AER"] < chance["AER"]
    )
    assert words["IBM-1 + soft-DTW"]["pointing"] > words["diagonal"]["pointing"]


def test_sounds_beside_their_baselines(sounds):
    chance = sounds["uniform (chance)"]
    assert chance["pointing"] == pytest.approx(chance["chance"], abs=1e-12)
    for name in ("DTW", "soft-DTW"):
        assert sounds[name]["AER"] < min(sounds["diagonal"]["AER"], chance["AER"])
        assert sounds[name]["pointing"] > sounds["diagonal"]["pointing"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["attention (SCAN)", "fragments"])
def test_what_is_learnt_by_ranking_beats_chance(name):
    train, checked, tested = load_words(0, 400, 30, 60)
    found = table.figures_of(WORD_METHODS[name](train, 0, "en"), checked, tested)
    assert found["pointing"] > found["chance"] + 0.2


@pytest.mark.slow
def test_ctc_learns_when_colours_sound():
    train, checked, tested = load_sounds(0, 200, 20, 40)
    weights = SOUND_METHODS["CTC, forced"](train, 0)
    found = table.figures_of(lambda p: weights(p) * p.loud[:, None], checked, tested)
    assert found["pointing"] > found["chance"] + 0.3


def test_the_command(monkeypatch, tmp_path, capsys):
    from mmscratch.tasks.alignment import sound as alignment_sound
    from mmscratch.tasks.alignment import words as alignment_words

    few = {n: WORD_METHODS[n] for n in ("uniform (chance)", "IBM-1")}
    monkeypatch.setattr(alignment_words, "WORD_METHODS", few)
    monkeypatch.setattr(alignment_sound, "SOUND_METHODS", {"DTW": SOUND_METHODS["DTW"]})
    target = tmp_path / "table.json"
    assert main(["table", "alignment", "--seeds", "2", "--scenes", "40", "--json", str(target)]) == 0
    out = capsys.readouterr().out
    assert "words – objects" in out and "IBM-1" in out and "DTW" in out
    record = json.loads(target.read_text())
    assert len(record["words"]["IBM-1"]) == 2 and 0 <= record["sound"]["DTW"][0]["AER"] <= 1
    assert main(["table", "alignment", "--seeds", "0"]) == 2
    assert "--seeds: expected at least 1, got 0" in capsys.readouterr().err


@pytest.mark.slow
def test_the_figure(tmp_path):
    path = table.alignment_figure(tmp_path / "alignment.png", scenes=60)
    assert Image.open(path).size[0] > 800
