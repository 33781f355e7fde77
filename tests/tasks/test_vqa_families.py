"""The table of the scenes' questions by family: blind controls, claims, figure, splits; and kept features."""

import gc
import json

import numpy as np
import pytest

from mmscratch.data.scene_questions import load_scene_questions
from mmscratch.data.scenes import FAMILIES
from mmscratch.data.vocabulary import Vocabulary
from mmscratch.models.vqa_joint import JointEmbedding, PictureCNN
from mmscratch.models.vqa_questions import QUESTIONS, QuestionBatch
from mmscratch.models.vqa_regions import PictureCells
from mmscratch.random import Generator
from mmscratch.tasks.run import RunError
from mmscratch.tasks.vqa import features as vqa_features
from mmscratch.tasks.vqa import table as vqa_table
from mmscratch.tasks.vqa.data import Asked, Prior, VQABatches, load
from mmscratch.tasks.vqa.families import blind, by_family, claims, draw_families, family_table
from mmscratch.tasks.vqa.settings import VQASettings
from mmscratch.tensor import Tensor

DATA = "scenes:questions=60"


@pytest.fixture(scope="module")
def sides():
    return load(DATA, "train"), load(DATA, "iid")


def figures(**right):
    """As of ``judge``: accuracy by family, all alike but for those named."""
    found = {f"accuracy, {f}": right.get(f, right["all"]) for f in FAMILIES}
    return found | {"accuracy": right["all"], "pair consistency": 0.25, "shuffled images": 0.3}


def test_short_names_of_splits(sides):
    assert load(DATA, "test").questions == load(DATA, "test-iid").questions == sides[1].questions
    assert load(DATA, "iid") is load(DATA, "test-iid")  # drawn once
    with pytest.raises(RunError, match="--split"):
        load(DATA, "length")
    for name in ("cogent", "count"):
        found = load(DATA, name)
        assert len(found) == 20 and (found.pairs == np.arange(20) // 2).all()
        assert {f for f in found.types} == set(FAMILIES)
    most = {"exist": 5, "count": 6, "query_colour": 6, "query_shape": 4}
    for kind, i in zip(found.types, found.image_of, strict=True):
        assert len(found.scenes[i]) == most.get(kind, 5) + 1  # one more than training ever shows


def test_what_is_reached_blind(sides):
    train, test = sides
    table = blind(train, test)
    assert list(table) == [*FAMILIES, "relations", "all"]
    assert table["count"]["chance"] == 0.25 and table["relations"]["chance"] == pytest.approx(
        (0.5 + 0.25) / 2
    )
    assert table["all"]["chance"] == pytest.approx((6 * 0.5 + 3 * 0.25 + 1 / 6) / 10)
    for row in table.values():
        assert all(0 <= share <= 1 for share in row.values())


def test_the_table(sides):
    controls = blind(*sides)
    models = {"one": [figures(all=0.5, relate=0.4, query_relation=0.2)] * 2, "two": [figures(all=0.75)] * 2}
    text = family_table("test-iid", models, controls, 20)
    lines = {line[:18].strip(): line.split() for line in text.splitlines()}
    assert text.startswith("test-iid: 20 questions, 2 seeds")
    assert lines["relations"][-2:] == ["30.0", "75.0"] and lines["all"][-2:] == ["50.0", "75.0"]
    assert lines["minimal pairs"][-2:] == ["25.0", "25.0"] and lines["all, seeds"][-1] == "75.0–75.0"
    assert "not better than blind" not in text
    models["one"][0]["warning"] = "blind"
    assert family_table("test-iid", models, controls, 20).endswith("in at least one seed: one")


def test_claims_are_shown_or_refuted():
    models = {
        "none": [figures(all=0.6)],
        "looks": [figures(all=0.8)],
        "pairs": [figures(all=0.5, relate=0.9)],
    }
    said = claims(models, 2000, ("none",), ("looks",))
    assert said[0] == "attention > none, all: looks beside none: 80.0 − 60.0 = +20.0 ± 2.8: shown"
    assert said[1].startswith("relations need more than CNN + LSTM: looks beside none") and "shown" in said[1]
    models["looks"] = [figures(all=0.5)]
    assert claims(models, 2000, ("none",), ("looks",))[0].endswith("refuted")
    models["looks"] = [figures(all=0.61)]
    assert claims(models, 2000, ("none",), ("looks",))[0].endswith("undecided")
    assert claims(models, 2000, ("none",), ()) == []


def test_the_figure(sides, tmp_path):
    models = {"one": [figures(all=0.5), figures(all=0.6)], "two": [figures(all=0.75)] * 2}
    assert by_family(models["one"])["all"] == [0.5, 0.6]
    controls = blind(*sides)
    path = draw_families(tmp_path / "f.png", {"iid": (models, controls), "count": (models, controls)})
    assert path.stat().st_size > 10_000


def test_the_command(tmp_path, capsys):
    """Two small models on every split: one table each, all figures, a picture."""
    command = [
        "--data",
        DATA,
        "--out",
        str(tmp_path / "t"),
        "--seeds",
        "1",
        "--json",
        str(tmp_path / "all.json"),
    ]
    command += ["--vary", "model=joint", "model=san,encoder=detected", "--figure", str(tmp_path / "f.png")]
    assert vqa_table.main([*command, "--set", "epochs=1", "width=2", "hidden=8"]) == 0
    text = capsys.readouterr().out
    assert [line.split(":")[0] for line in text.splitlines() if "questions, 1 seed;" in line] == [
        "test-iid", "test-cogent", "test-count",
    ]  # fmt: skip
    record = json.loads((tmp_path / "all.json").read_text())
    assert len(record) == 3 and all(len(models) == 2 for models in record.values())
    assert (tmp_path / "f.png").exists()
    assert vqa_table.main([*command[:4], "--vary", "model=sum"]) == 2
    assert vqa_table.main(["--data", "easy-vqa:x", "--out", str(tmp_path), "--figure", "f.png"]) == 2


def test_every_model_of_the_table_has_settings_that_fit():
    for settings in vqa_table.MODELS.values():
        assert isinstance(vqa_table.settings_from(VQASettings, list(settings)), VQASettings)
    assert set(vqa_table.NO_ATTENTION) <= set(vqa_table.MODELS)


def test_features_are_computed_once(sides):
    images = sides[0].images[:3]
    grids = vqa_features.scene_grids(images)
    assert grids.shape == (3, 128, 8, 8) and grids.dtype == np.float16
    assert vqa_features.scene_grids(images) is grids
    rows = vqa_features.detected_rows(images)
    assert rows.shape == (3, 8, 15) and vqa_features.detected_rows(images) is rows
    other = images.copy()
    again = vqa_features.scene_grids(other)
    assert again is not grids
    np.testing.assert_array_equal(again, grids)
    before = len(vqa_features._KEPT)
    del other, images, again
    gc.collect()
    assert len(vqa_features._KEPT) == before - 3  # two of the first pictures, one of their copy


def test_a_model_reads_grids_and_not_shifted():
    random = np.random.default_rng(0)
    cnn = PictureCNN((4, 6), Generator(0))
    cnn.read_grids(5, Generator(1))
    grid = random.random((2, 5, 3, 3)).astype(np.float32)
    weight, bias = (p.detach().numpy() for p in (cnn.convolutions[0].weight, cnn.convolutions[0].bias))
    wanted = np.maximum(np.einsum("kc,nchw->nkhw", weight[:, :, 0, 0], grid) + bias[:, None, None], 0)
    np.testing.assert_allclose(cnn.grid(Tensor(grid)).detach().numpy(), wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cnn(Tensor(grid)).detach().numpy(), wanted.max((2, 3)), rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"images must be \(B, 5, H, W\)"):
        cnn.grid(Tensor(np.zeros((2, 3, 8, 8), np.float32)))


def test_all_cells_side_by_side():
    model = JointEmbedding(9, 4, "product", channels=(2, 3), hidden=6, pool="flat", generator=Generator(0))
    assert model.pictures.size == 3 * 64
    images = np.random.default_rng(0).random((2, 3, 16, 16)).astype(np.float32)
    flat = model.pictures(Tensor(images)).detach().numpy()
    np.testing.assert_array_equal(
        flat.reshape(2, 3, 8, 8), model.pictures.grid(Tensor(images)).detach().numpy()
    )
    batch = QuestionBatch.of([[4, 5], [6]])
    assert model(Tensor(images), batch, np.arange(2)).shape == (2, 4)
    with pytest.raises(ValueError, match="expected 192 numbers"):
        model.pictures(Tensor(np.zeros((1, 3, 32, 32), np.float32)))
    with pytest.raises(ValueError, match="pool: expected max or flat"):
        PictureCNN(pool="mean")


def test_regions_that_come_as_rows():
    cells = PictureCells(15)
    rows = Tensor(np.zeros((2, 8, 15), np.float32))
    assert cells.size == 15 and cells(rows) is rows
    with pytest.raises(ValueError, match=r"regions \(N, R, 15\)"):
        cells(Tensor(np.zeros((2, 8, 14), np.float32)))


def test_grids_are_not_moved(sides):
    train = sides[0]
    grids = np.random.default_rng(0).random((len(train.images), 2, 3, 3)).astype(np.float16)
    asked = Asked(train, Vocabulary(["is"]), ["yes", "no"], grids)
    shown, _, image_of, _ = next(iter(VQABatches(asked, 5, seed=0, shift=4)))
    assert shown.dtype == np.float32 and shown.shape == (5, 2, 3, 3) and len(image_of) == 5
    known = {g.astype(np.float32).tobytes() for g in grids}
    assert all(g.tobytes() in known for g in shown)


def test_a_new_wording_is_answered_as_its_kind():
    class Some:
        questions = ("a?", "a?", "b?", "c?", "d?")
        answers = ("no", "no", "red", "red", "blue")
        types = ("exist", "exist", "colour", "colour", "colour")

    prior = Prior.of(Some)
    assert prior.types == {"exist": "no", "colour": "red"}
    assert prior.blind(["z?", "a?", "y?", "x?"], ["colour", "colour", "exist", "size"]) == [
        "red",
        "no",
        "no",
        "no",
    ]
    assert prior.some_questions(4) == (["a?", "b?", "c?", "d?"], pytest.approx([2, 1, 1, 1]))
    drawn, weights = prior.some_questions(2)
    assert len(set(drawn)) == 2 and set(drawn) < set("abcd?") | {"a?", "b?", "c?", "d?"}
    np.testing.assert_array_equal(weights, 1)
    assert prior.some_questions(2)[0] == drawn


def test_val_and_tests_have_a_thousand_at_most():
    from mmscratch.data.scenes.options import parse_options
    from mmscratch.data.scenes.splits import plan

    for asked, held in ((600, 100), (24_000, 1000)):
        options = parse_options(f"scenes:questions={asked}")
        assert [plan(s, options).questions for s in ("train", "val", "test-count")] == [asked, held, held]
    assert load_scene_questions("scenes:questions=12", "val").pairs is None


def test_both_readings_of_a_question():
    both = QUESTIONS["both"](9, 7, Generator(0))
    batch = QuestionBatch.of([[4, 5, 4], [5, 4]])
    q = both(batch).detach().numpy()
    assert q.shape == (2, 7)
    np.testing.assert_array_equal(q[:, :3], both.bag(batch).detach().numpy())
    np.testing.assert_array_equal(q[:, 3:], both.order(batch).detach().numpy())
    turned = both(QuestionBatch.of([[4, 4, 5], [4, 5]])).detach().numpy()
    np.testing.assert_allclose(turned[:, :3], q[:, :3])  # a bag has no order
    assert np.abs(turned[:, 3:] - q[:, 3:]).max(1).min() > 1e-4
