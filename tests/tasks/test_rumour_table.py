"""The table of rumours: the command, its controls, what it refuses; and, slow, what it claims."""

import json

import pytest

from mmscratch.__main__ import main
from mmscratch.tasks.rumour.table import RumourSettings, judge, load, oracle, taught_reader, train


def test_the_command(tmp_path, capsys):
    out = tmp_path / "r.json"
    small = ["groups=4", "test=3", "steps=2", "batch_size=8"]
    rows = ["--rows", "text", "tree, GAT", "all, GCN", "--regimes", "agree", "synergy"]
    assert main(["table", "rumour", "--seeds", "1", *rows, "--set", *small, "--json", str(out)]) == 0
    table = json.loads(out.read_text())["table"]
    assert list(table) == ["oracle", "text", "tree, GAT", "all, GCN"]
    assert table["text"]["synergy"][0]["bound"] == table["tree, GAT"]["synergy"][0]["bound"] == 0.5
    assert table["tree, GAT"]["agree"][0]["bound"] == table["all, GCN"]["synergy"][0]["bound"] == 1
    assert "≤50" in capsys.readouterr().out
    assert main(["table", "rumour", "--seeds", "0"]) == 2
    assert main(["table", "rumour", "--set", "steps=0"]) == 2
    assert "steps: expected at least 1, got 0" in capsys.readouterr().err


@pytest.mark.slow
def test_who_can_tell_what():
    """Text with picture tells what does not match, to a chain only the tree's edges; both are needed
    where both
    count. A test of one seed of the default settings."""
    settings = RumourSettings()
    reader = taught_reader(0, settings)
    posts, test = load("synergy", 0, settings, reader)
    assert oracle(test) > 0.97
    assert judge(train("text + picture", posts, 0, settings), test)["right"] < 0.65
    content, held = load("content", 0, settings, reader)
    assert judge(train("text + picture", content, 0, settings), held)["right"] > 0.95
    graph, held = load("graph", 0, settings, reader)
    assert judge(train("tree, GCN", graph, 0, settings), held)["right"] > 0.9
    assert judge(train("tree, bag", graph, 0, settings), held)["right"] < 0.6
