"""The table of fusions: bounds that hold for whatever is trained, controls, the command, the picture."""

import json

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import main
from mmscratch.data.regimes import REGIMES
from mmscratch.tasks.fusion import table as fusion_table
from mmscratch.tasks.fusion.table import controls, judge, table
from mmscratch.tasks.fusion.training import FusionSettings, split_of, train

QUICK = FusionSettings(train=120, held=120, test=240, steps=60, batch_size=60, noise=0.1, dropout=0.0)


def test_a_product_learns_xor_and_pools_of_decisions_do_not():
    """Tensor fusion tells nearly all; late fusions stay near ½, below the 75 % that no sum exceeds."""
    test = split_of("synergy", "test", 0, QUICK)
    found = {name: judge(train(name, "synergy", 0, QUICK), test) for name in ("tensor", "late-product")}
    assert found["tensor"]["both"] > 0.95
    assert abs(found["tensor"]["no second"] - 0.5) < 0.15 and abs(found["tensor"]["shuffled"] - 0.5) < 0.15
    assert found["late-product"]["both"] < 0.75


def test_controls_are_what_the_worlds_allow():
    for regime in REGIMES:
        found = controls(regime, 0, QUICK)
        assert list(found) == list(fusion_table.CONTROLS)
        assert found["majority"]["both"] == 0.5
        assert found["Bayes' rule"]["both"] > 0.99  # next to no noise
    assert found["mean posterior"]["both"] == 0.5  # of XOR
    assert found["Bayes' rule"]["no first"] == found["Bayes' rule"]["no second"] == 0.5
    assert abs(found["first"]["both"] - 0.5) < 0.15


def test_blending_hears_the_modality_that_generalises():
    """Where the first alone tells, the second's head gains nothing on rows that are held back."""
    record = table(["blended"], ["unique"], 1, QUICK)["blended"]["unique"][0]
    weights = [record[f"weight of {name}"] for name in ("first", "second", "both")]
    assert sum(weights) == pytest.approx(1) and min(weights) >= 0
    assert weights[1] < 0.1 < weights[0]
    assert record["both"] > 0.9


def test_a_run_is_its_seed():
    one, two = (train("gated", "unique", 4, QUICK) for _ in range(2))
    for a, b in zip(one.parameters(), two.parameters(), strict=True):
        np.testing.assert_array_equal(a.data, b.data)


def test_the_parts_share_no_row():
    seen = [
        split_of("synergy", part, seed, QUICK).first for seed in (0, 1) for part in ("train", "held", "test")
    ]
    firsts = [set(map(bytes, view[:, 0].round(6))) for view in seen]
    for i, a in enumerate(firsts):
        assert all(not a & b for b in firsts[i + 1 :])


def test_the_command_writes_table_and_picture(tmp_path, capsys):
    out, picture = tmp_path / "t.json", tmp_path / "t.png"
    given = ["--seeds", "1", "--methods", "late-weighted", "low-rank", "--regimes", "unique", "synergy"]
    small = ["--set", "train=24", "held=24", "test=48", "steps=2", "batch_size=12"]
    assert main(["table", "fusion", *given, *small, "--json", str(out), "--figure", str(picture)]) == 0
    printed = capsys.readouterr().out
    assert "Bayes' rule" in printed and "low-rank" in printed
    record = json.loads(out.read_text())
    assert record["settings"]["steps"] == 2
    assert list(record["table"]) == [*fusion_table.CONTROLS, "late-weighted", "low-rank"]
    figures = record["table"]["low-rank"]["synergy"][0]
    assert set(figures) == {"both", "no first", "no second", "shuffled", "parameters"}
    assert Image.open(picture).size[0] > 400


def test_refused(capsys):
    assert main(["table", "fusion", "--seeds", "0"]) == 2
    assert "--seeds: expected at least 1, got 0" in capsys.readouterr().err
    assert main(["table", "fusion", "--set", "train=50"]) == 2
    assert "train: expected a multiple of 12, got 50" in capsys.readouterr().err
    assert main(["table", "fusion", "--set", "dropout=1"]) == 2
    assert "dropout: expected 0 ≤ p < 1" in capsys.readouterr().err


@pytest.mark.slow
def test_which_fusion_learns_which_world():
    """The claims of the heat map, one seed of the default settings (about a minute of one core).

    Every method learns what is redundant and what is unique; those that decide late cannot learn synergy
    (at most 75 %, and as their experts know nothing, near ½), those with a part for both can.
    """
    settings = FusionSettings()
    methods = ["early", "intermediate", "hybrid", "tensor", "low-rank", "gated", "mult", "late-product"]
    record = table(methods, list(REGIMES), 1, settings)
    for name in methods:
        figures = {regime: found[0] for regime, found in record[name].items()}
        assert figures["redundant"]["both"] > 0.95 and figures["unique"]["both"] > 0.88
        assert figures["redundant"]["no second"] > 0.85 and figures["unique"]["no second"] > 0.85
        assert abs(figures["unique"]["no first"] - 0.5) < 0.08
        assert abs(figures["synergy"]["no second"] - 0.5) < 0.08
        if name == "late-product":
            assert figures["synergy"]["both"] < 0.6
        else:
            assert figures["synergy"]["both"] > 0.8
        for regime, found in figures.items():  # nobody beats Bayes' rule, but for luck
            assert found["both"] < record["Bayes' rule"][regime][0]["both"] + 0.03
