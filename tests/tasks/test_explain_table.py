"""The table of explanations: its questions, its score, its controls, and the command."""

import json

import numpy as np
import pytest

from mmscratch.__main__ import main
from mmscratch.data import scenes
from mmscratch.explain import integrated_gradients
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.explain import table as explain_table
from mmscratch.tasks.explain.figure import explain_figure
from mmscratch.tensor import Tensor

DATA = "scenes:train=0,val=0,test=12,count=3-4,heldout_pairs=0,positions=all"
QUICK = ("difference from the background", "gradient", "Grad-CAM")


@pytest.fixture(scope="module")
def split():
    return load_scenes(DATA, "test-iid")


@pytest.fixture(scope="module")
def asked(split):
    return explain_table.ask_for_objects(split)


def test_each_question_is_true_of_one_object(split, asked):
    wanted = 0
    for scene in split.scenes:
        names = [(o.shape, o.colour) for o in scene.objects]
        wanted += sum(names.count(n) == 1 for n in names)
    assert len(asked) == wanted and len(asked[:5]) == 5
    assert not (asked.masks & asked.others).any() and asked.masks.any((1, 2)).all()
    o = next(o for o in split.scenes[0].objects)
    assert scenes.SHAPES[asked.shape[0]] == o.shape and list(scenes.COLOURS)[asked.colour[0]] == o.colour
    assert asked.masks[0, int(o.y), int(o.x)]


def test_the_score_is_its_formula(asked):
    model = load_pretrained()
    found = explain_table.named_score(model)(Tensor(asked.images[:4]), *asked[:4].named).detach().numpy()
    logits = model(Tensor(asked.images[:4]))[1].detach().numpy().astype(np.float64)
    for z, shape, colour, got in zip(logits, asked.shape, asked.colour, found, strict=False):
        cells = z[0] + z[1 + shape] + z[5 + colour]
        assert got == pytest.approx(np.log(np.exp(cells).sum()), rel=1e-5)
    assert explain_table.right_of(model, asked) > 0.85


def test_maps_find_the_object_and_those_of_random_weights_do_not(asked):
    found = explain_table.figures_of(asked, 1, QUICK, progress=lambda line: None)
    for method in QUICK[1:]:
        figures = found[method]
        for name in ("pointing", "IoU", "mass inside"):
            assert figures[name] > 2 * figures[f"random, {name}"]
            assert figures[name] > 3 * figures[f"{name}, chance"]
        assert figures["others"] < figures["pointing"] / 2
        assert abs(figures["random, correlation"]) < 0.5
    blind = found[QUICK[0]]  # it knows where objects are, and not which one is asked for
    assert blind["pointing"] < 0.5 < blind["others"] and "random, pointing" not in blind


def test_a_map_that_is_zero_counts_as_uniform(asked, monkeypatch):
    monkeypatch.setitem(explain_table.METHODS, "nothing", lambda model, a: np.zeros((len(a), 64, 64)))
    figures = explain_table.judge(explain_table.maps_of("nothing", None, asked), asked)
    for name in ("pointing", "IoU", "mass inside", "others"):
        assert figures[name] == pytest.approx(figures[f"{name}, chance"])


def test_integrated_gradients_of_the_network_add_up_nearly(asked):
    """It is rectified: the gap falls as 1/n, see ``integrated_gradients``."""
    few = asked[:2]
    gaps = []
    for steps in (4, 64):
        found = integrated_gradients(
            explain_table.named_score(load_pretrained()), few.images, few.background,
            context=few.named, steps=steps,
        )  # fmt: skip
        gaps.append(np.abs(found.gap / found.change).mean())
    assert gaps[1] < min(0.05, gaps[0])


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(explain_table, "METHODS", {k: explain_table.METHODS[k] for k in QUICK})
    out = tmp_path / "figures.json"
    options = ["--data", DATA, "--objects", "3", "--seeds", "1", "--json", str(out)]
    assert main(["table", "explain", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:8] for line in lines[-3:]] == ["differen", "gradient", "Grad-CAM"]
    found = json.loads(out.read_text())
    assert found["objects"] == 3 and found["chance"]["pointing"] == found["chance"]["pointing, chance"]
    assert main(["table", "explain", "--data", DATA, "--split", "elsewhere"]) == 2
    assert main(["table", "explain", "--seeds", "0"]) == 2
    told = capsys.readouterr().err
    assert "elsewhere" in told and "expected at least 1, got 0" in told
    with pytest.raises(SystemExit):
        main(["table", "nothing"])


def test_the_figure(tmp_path, asked, monkeypatch):
    from mmscratch.tasks.explain import figure as module

    monkeypatch.setattr(module, "METHODS", QUICK)
    path = explain_figure(tmp_path / "explain.png", asked, 1)
    assert path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > 10_000
