"""The table of applications: bounds that hold whatever is trained, controls, the command, the pictures."""

import json

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import main
from mmscratch.data.applications.shop import make_shop
from mmscratch.metrics.tied_ranks import ndcg_at
from mmscratch.tasks.applications import (
    APPLICATIONS,
    application,
    figures,
    health,
    medical,
    molecules,
    recommendation,
    tryon,
)
from mmscratch.tasks.applications import table as applications_table
from mmscratch.tasks.applications.content import judge as judge_views
from mmscratch.tasks.applications.content import title_counts


def test_every_application_has_the_same_face():
    for name in APPLICATIONS:
        module = application(name)
        assert module.TITLE and module.FIGURES and callable(module.rows)
        module.SETTINGS()


# ── recommendation ──────────────────────────────────────────────────────────────────────────────
def test_recommendations_are_judged_as_in_plain_words():
    shop = make_shop(users=12, seed=5)
    scores = np.random.default_rng(0).normal(size=shop.utility.shape)
    gain, recall = [], []
    for u in range(12):
        listed = [i for i in range(shop.warm) if i not in shop.train[u]]
        top = sorted(listed, key=lambda i, u=u: -scores[u, i])[:10]
        hits = [i in shop.test[u] for i in top]
        best = sum(1 / np.log2(2 + r) for r in range(5))
        gain.append(sum(h / np.log2(2 + r) for r, h in enumerate(hits)) / best)
        recall.append(sum(hits) / 5)
    found = recommendation.judge(shop, scores)
    assert found["warm NDCG"] == pytest.approx(np.mean(gain)) and found["warm recall"] == pytest.approx(
        np.mean(recall)
    )


def test_constant_scores_get_chance():
    shop = make_shop(users=20, seed=6)
    found = recommendation.judge(shop, np.zeros(shop.utility.shape))
    assert found["cold recall"] == pytest.approx(10 / 40) and found["warm recall"] == pytest.approx(10 / 108)
    y = np.zeros(40)
    y[:3] = 1
    assert found["cold NDCG"] == pytest.approx(ndcg_at(np.zeros(40), y, 10))
    assert set(recommendation.by_counts(shop, np.zeros(shop.utility.shape)).values()) == {0.5}


def test_the_oracle_orders_best():
    shop = make_shop(users=200, seed=7)
    oracle = recommendation.judge(shop, shop.utility)
    for other in (shop.visible, -shop.utility, np.tile(shop.counts, (200, 1))):
        assert all(oracle[k] > v for k, v in recommendation.judge(shop, other).items())
    assert recommendation.by_counts(shop, shop.utility)["0"] > 0.9


# ── try-on ──────────────────────────────────────────────────────────────────────────────────────
def test_splines_err_less_than_affine_maps_and_the_true_warp_not_at_all():
    found = tryon.rows(3, tryon.SETTINGS(figures=10, learnt=60))
    assert found["true warp"] == {"error": 0.0, "overlap": 1.0, "colour": 0.0}
    error = {name: f["error"] for name, f in found.items()}
    assert error["spline"] < 0.3 < error["affine"] < 3 < error["no warp"]
    assert error["spline, noisy, smoothed"] < error["spline, noisy"]


def test_a_finder_is_ridge_regression():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 5)), random.normal(size=(40, 4))
    finder = tryon.LandmarkFinder(x, y, penalties=(2.0,))
    centred = x - x.mean(0)
    stacked = np.concatenate(
        [centred, np.sqrt(2.0) * np.eye(5)]
    )  # ridge as least squares with five more rows
    weight = np.linalg.lstsq(stacked, np.concatenate([y - y.mean(0), np.zeros((5, 4))]), rcond=None)[0]
    np.testing.assert_allclose(finder(x), y.mean(0) + centred @ weight, atol=1e-9)


# ── content ─────────────────────────────────────────────────────────────────────────────────────
def test_views_are_judged_without_the_last_item():
    history, wanted = np.array([[3, 0], [2, 1]]), np.array([1, 0])
    scores = np.array([[9.0, 2, 3, 1], [1, 5, 4, 3]])
    found = judge_views(scores, history, wanted)
    assert found["MRR"] == pytest.approx((1 / 2 + 1 / 3) / 2) and found["Hit@10"] == 1


def test_titles_are_counted():
    counts = title_counts(["a b", "b b", "a c"])
    np.testing.assert_allclose(counts.mean(0), 0, atol=1e-6)
    assert counts[1].argmax() == 1 and counts.shape == (3, 3)


# ── what the others allow ───────────────────────────────────────────────────────────────────────
def test_no_rule_of_bags_passes_a_half():
    data = molecules.make_molecules(40, seed=9)
    assert molecules.best_of_bags(data) >= 0.5
    for pair in range(40):  # within twins it is exactly a half
        some = data.pair == pair
        part = type(data)(**{k: np.array(v)[some] for k, v in vars(data).items()})
        assert molecules.best_of_bags(part) == 0.5


def test_grad_cam_of_a_scan_is_a_map_of_its_pixels():
    data = medical.make_scans(8, seed=1)
    ids, words = medical.word_ids(data.reports)
    maps = medical.maps_of(medical.reader(len(words)).eval(), data, ids)
    assert maps.shape == (8, 32, 32) and (maps >= 0).all() and (maps.max((1, 2)) > 0).all()


# ── the command ─────────────────────────────────────────────────────────────────────────────────
def test_the_command_writes_table_and_pictures(tmp_path, capsys):
    out, picture, shirts = (tmp_path / n for n in ("t.json", "t.png", "s.png"))
    given = ["--applications", "health", "--seeds", "2", "--set", "train=40", "test=40", "steps=2"]
    files = ["--json", str(out), "--figure", str(picture), "--tryon", str(shirts)]
    assert main(["table", "applications", *given, *files]) == 0
    printed = capsys.readouterr().out
    assert "Bayes' rule" in printed and "no series" in printed
    record = json.loads(out.read_text())["health"]
    assert record["settings"]["steps"] == 2 and len(record["table"]["majority"]) == 2
    assert set(record["table"]["both, modality dropout"][0]) == set(health.SEEN)
    assert Image.open(picture).size[0] > 300 and Image.open(shirts).size[0] > 600


def test_lines_show_pixels_as_they_are_and_shares_in_per_cent():
    found = {"affine": [{"error": 1.25, "overlap": 0.5, "colour": 0.25}]}
    line = applications_table.lines_of("tryon", found).split("\n")[-1]
    assert line.split()[:4] == ["affine", "1.25", "(1.25–1.25)", "50.0"]


@pytest.mark.parametrize(
    "given, words",
    [
        (["--seeds", "0"], "--seeds: expected at least 1, got 0"),
        (["--set", "steps=2"], "--set: expected one --applications NAME"),
        (["--applications", "health", "--set", "dropout=1"], "dropout: expected 0 ≤ p < 1"),
        (["--applications", "medical", "--set", "train=6"], "train: expected a multiple of 4, got 6"),
        (["--applications", "tryon", "--set", "figures=1"], "figures: expected at least 10, got 1"),
        (["--applications", "content", "--set", "error=2"], "error: expected a share"),
    ],
)
def test_refused(given, words, capsys):
    assert main(["table", "applications", *given]) == 2
    assert words in capsys.readouterr().err


def test_the_overview_has_a_panel_or_two_of_every_application(tmp_path):
    tables = {
        name: {"random": [dict.fromkeys(application(name).FIGURES, v) for v in (0.2, 0.4)]}
        for name in APPLICATIONS
    }
    assert figures.overview(tmp_path / "all.png", tables).stat().st_size > 1000
