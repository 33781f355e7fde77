"""The tables of trends and challenges: what they count and draw, and the commands, small."""

import json

import numpy as np
import pytest

from mmscratch.__main__ import main
from mmscratch.data import scenes
from mmscratch.explain import cost
from mmscratch.models.caption_models import build_captioner
from mmscratch.models.scene_cnn import load_pretrained
from mmscratch.random import Generator
from mmscratch.tasks.captioning.data import load_scenes
from mmscratch.tasks.explain import cost as explain_cost
from mmscratch.tasks.explain import gap as explain_gap
from mmscratch.tasks.explain import scarcity
from mmscratch.tasks.explain import table as explain_table
from mmscratch.tasks.trends import graphs as trends_graphs
from mmscratch.tasks.trends import table as trends_table
from mmscratch.tensor import Tensor

PICTURES = "scenes:train=40,val=0,test=30,count=3-4,heldout_pairs=0,positions=all"


@pytest.fixture(scope="module")
def splits():
    return [load_scenes(PICTURES, part) for part in ("train", "test-iid")]


# ── graphs ──────────────────────────────────────────────────────────────────────────────────────
def test_edges_help_and_depth_makes_nodes_alike():
    graph = trends_graphs.make_communities(nodes=60, told=8, seed=0)
    alone, two = (
        trends_graphs.figures_of(trends_graphs.train(graph, "gcn", False, d, 0, steps=40), graph)
        for d in (0, 2)
    )
    assert two["test"] > alone["test"] + 0.1 and two["energy"] < alone["energy"]
    deep = trends_graphs.NodeClassifier(12, 3, 24, generator=Generator(0)).eval()
    plain = trends_graphs.figures_of(deep, graph)  # untrained
    assert plain["cosine"] > 0.99 and plain["energy"] < two["energy"]


def test_nodes_without_direction_are_all_alike():
    graph = trends_graphs.make_communities(nodes=60, told=5)
    assert trends_graphs.alike(np.zeros((60, 4)), graph) == {"cosine": 1.0, "energy": 0.0}


def test_the_graphs_command(tmp_path, capsys):
    out, png = tmp_path / "trends.json", tmp_path / "smooth.png"
    options = ["--block", "graphs", "--seeds", "1", "--depths", "1", "2"]
    assert main(["table", "trends", *options, "--json", str(out), "--figure", str(png)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines[2:9]] == [
        "majority", "Â^k X, untrained", "no edges", "rewired edges", "GCN", "GCN + residual", "GAT"
    ]  # fmt: skip
    found = json.loads(out.read_text())["graphs"]
    assert list(found["GAT + residual"]) == ["1", "2"] and png.read_bytes()[:4] == b"\x89PNG"
    assert found["majority"]["0"][0]["test"] == pytest.approx(1 / 3)


def test_bad_options_are_told(capsys):
    assert main(["table", "trends", "--seeds", "0"]) == 2
    assert main(["table", "trends", "--block", "decoder", "--figure", "x.png"]) == 2
    assert main(["table", "explain", "--block", "gap", "--figure", "x.png"]) == 2
    assert main(["table", "explain", "--block", "scarcity", "--steps", "0"]) == 2
    told = capsys.readouterr().err
    assert "--seeds: expected at least 1, got 0" in told and "not among decoder" in told
    assert "not among gap" in told and "--steps: expected at least 1, got 0" in told


# ── pictures ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("name", ["CNN", "ViT"])
def test_encoders_learn(name, splits):
    model = trends_table.train_encoder(name, splits[0], 0, steps=12)
    figures = trends_table.encoder_figures(model, splits[1], 0)
    assert figures["objectness right (cells)"] > 0.85 and 0 <= figures["shuffled"] <= 1
    again = trends_table.train_encoder(name, splits[0], 0, steps=12)
    for a, b in zip(model.parameters(), again.parameters(), strict=True):
        assert (a.detach().numpy() == b.detach().numpy()).all()


@pytest.mark.slow
def test_the_other_blocks(tmp_path, capsys):
    out = tmp_path / "trends.json"
    options = ["--block", "encoder", "decoder", "--seeds", "1", "--steps", "20", "--sizes", "60"]
    assert main(["table", "trends", *options, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert set(found["encoder"]) == {"CNN", "ViT"} and len(found["decoder"]["Transformer"]) == 1
    assert "majority: shape" in capsys.readouterr().out


# ── few labels ──────────────────────────────────────────────────────────────────────────────────
def test_names_are_those_of_the_scenes(splits):
    found = scarcity.names_in(splits[0].scenes).reshape(-1, 4, 6)
    for row, scene in zip(found, splits[0].scenes, strict=True):
        names = {(o.shape, o.colour) for o in scene.objects}
        assert row.sum() == len(names)
        assert all(row[scenes.SHAPES.index(s), list(scenes.COLOURS).index(c)] for s, c in names)


def test_jitter_mirrors_and_shifts_and_nothing_else():
    images = np.random.default_rng(0).random((40, 3, 16, 16)).astype(np.float32)
    moved = scarcity.jitter(images, Generator(0), most=2)
    seen = set()
    for before, after in zip(images, moved, strict=True):
        wide = np.pad(before, ((0, 0), (2, 2), (2, 2)), "edge")
        fits = [
            (flip, y, x) for flip in (1, -1) for y in range(5) for x in range(5)
            if (wide[:, y : y + 16, x : x + 16][..., ::flip] == after).all()
        ]  # fmt: skip
        assert len(fits) == 1
        seen.add(fits[0])
    assert {f for f, _, _ in seen} == {1, -1} and {y for _, y, _ in seen} == set(range(5))


def test_the_score_is_a_smooth_maximum_over_cells():
    model = scarcity.NameScores(load_pretrained(), Generator(0)).to("float64")
    a = np.random.default_rng(1).normal(size=(2, 128, 8, 8))
    cells = a.reshape(2, 128, 64).transpose(0, 2, 1)
    hat = (cells - cells.mean(-1, keepdims=True)) / np.sqrt(cells.var(-1, keepdims=True) + 1e-5)
    z = hat @ model.names.weight.detach().numpy().T + model.names.bias.detach().numpy()
    np.testing.assert_allclose(model.score(Tensor(a)).detach().numpy(), np.log(np.exp(z).mean(1)), rtol=1e-6)


def test_scores_alike_reach_the_share_of_each_name():
    names = (np.random.default_rng(2).random((200, 24)) < 0.15).astype(np.float32)
    found = scarcity.mean_precision(np.zeros((200, 24)), names)
    share = names.mean(0).mean()
    assert share < found < share + 0.04  # the first ranks are few: above the share by about ln N / N
    assert scarcity.mean_precision(names, names) == 1


@pytest.mark.slow
def test_transfer_needs_fewer_pictures():
    spec = "scenes:train=40,val=0,test=120,count=3-4,heldout_pairs=0,positions=all"
    parts = [load_scenes(spec, name) for name in ("train", "test-iid")]
    (images, names), (held, held_names) = ((s.floats(), scarcity.names_in(s.scenes)) for s in parts)
    figures = {
        way: scarcity.figures_of(scarcity.learn(way, images, names, 0, steps=120), held, held_names, 0)
        for way in ("scratch", "transfer")
    }
    assert figures["transfer"]["AP"] > figures["scratch"]["AP"] + 0.1
    assert figures["transfer"]["AP"] > figures["transfer"]["AP, shuffled"] + 0.2


def test_the_curve(tmp_path):
    record = {
        way: {"10": [{"AP": 0.1}, {"AP": 0.2}], "20": [{"AP": 0.3}, {"AP": 0.3}]}
        for way in ("no picture", *scarcity.WAYS)
    }
    assert scarcity.curve_figure(tmp_path / "curve.png", record).read_bytes()[:4] == b"\x89PNG"


# ── gap and cost ────────────────────────────────────────────────────────────────────────────────
def test_moving_two_cones_together_does_not_change_who_is_near():
    """Pairs around one direction, each cloud shifted its own way: search is right with and without."""
    random = np.random.default_rng(3)
    common = random.normal(size=(50, 16))
    v, t = common + 2 * np.eye(16)[0], common + 2 * np.eye(16)[1]
    v, t = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (v, t))
    found = explain_gap.gap_figures(v, t)
    assert found["gap"] > 0.5 > 0.2 > found["gap, moved"]
    assert found["R@1, moved"] >= found["R@1"] > 0.8


def test_passes_are_counted(splits):
    asked = explain_table.ask_for_objects(splits[1], 2)
    count = {
        name: explain_cost.passes_of(explain_table.METHODS[name], load_pretrained(), asked)
        for name in ("difference from the background", "gradient", "guided Grad-CAM")
    }
    assert list(count.values()) == [(0, 0), (1, 1), (2, 2)]

    def twice(model, a):
        return explain_table._integrated(model, a, steps=3)

    assert explain_cost.passes_of(twice, load_pretrained(), asked) == (5, 3)  # and both ends


def test_fused_steps_are_not_counted_as_one():
    model = build_captioner("soft", 30, 12, hidden=8, embedding=4, attention=4, generator=Generator(0))
    regions, words = np.ones((1, 5, 12), np.float32), np.arange(4, 9)[None]
    with pytest.raises(ValueError, match="decode_steps: many steps in one operation"):
        cost(model, regions, function=lambda x: model(x, Tensor(words))[0])
    one, four = (cost(model, regions, function=lambda x, n=n: explain_cost._say(model, x, n)) for n in (1, 4))
    gates = 2 * 4 * 8 * (4 + 12 + 8)  # of one step: [x; z; h] to four gates
    assert four.flops - one.flops > 3 * gates and one.parameters == four.parameters


def test_controls_of_maps(splits):
    asked = explain_table.ask_for_objects(splits[1], 20)
    maps = explain_table.controls(asked)
    figures = {name: explain_table.judge(m, asked) for name, m in maps.items()}
    assert figures["chance"]["pointing"] == figures["chance"]["pointing, chance"]
    for name in ("random map", "centre prior"):
        assert figures[name]["pointing"] < 0.4
    assert maps["centre prior"][0].argmax() in (31 * 64 + 31, 31 * 64 + 32, 32 * 64 + 31, 32 * 64 + 32)


@pytest.mark.slow
def test_the_blocks_of_challenges(tmp_path, capsys):
    out, png = tmp_path / "found.json", tmp_path / "curve.png"
    options = ["--block", "scarcity", "gap", "cost", "--seeds", "1", "--steps", "5", "--sizes", "20", "40"]
    assert main(["table", "explain", *options, "--json", str(out), "--curve", str(png)]) == 0
    found = json.loads(out.read_text())
    assert set(found) == {"scarcity", "gap", "cost"} and png.exists()
    assert list(found["scarcity"]["transfer"]) == ["20", "40"]
    assert found["cost"]["explanations"]["integrated gradients"] == {"forwards": 34, "backwards": 32}
    assert (
        found["cost"]["fusions"]["tensor"]["parameters"] > found["cost"]["fusions"]["low-rank"]["parameters"]
    )
    assert "fusions: mult" in capsys.readouterr().out
