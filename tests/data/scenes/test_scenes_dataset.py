"""Options, splits, loading, priors, export."""

import json

import numpy as np
import pytest
from PIL import Image

from mmscratch.data.errors import DataError
from mmscratch.data.scenes import (
    HELDOUT_PAIRS,
    HELDOUT_QUADRANT,
    LoadOptions,
    Scene,
    answer_priors,
    export_scenes,
    format_priors,
    load,
    parse_options,
    priors,
    render,
    split_of,
    truth,
    vocabulary,
)
from mmscratch.data.scenes.splits import QUESTION_SPLITS, SPLITS, TESTS

SMALL = "scenes:train=200,val=60,test=60,questions=60,level=3"


@pytest.fixture(scope="module")
def small():
    return load(SMALL)


def test_options_parse():
    assert parse_options("scenes") == parse_options("scenes:") == parse_options("") == LoadOptions()
    o = parse_options("scenes:train=10, level=2,lang=zh,heldout_pairs=8,striped=true,count=3-4,noise=0.05")
    assert (o.train, o.level, o.lang, o.heldout_pairs, o.striped) == (10, 2, "zh", 8, True)
    assert o.counts == (3, 4) and o.noise == 0.05 and o.pairs == frozenset(HELDOUT_PAIRS)
    assert parse_options("train=5,level=4") == LoadOptions(train=5, level=4)
    for text in ("scenes", "scenes:train=10,level=2,striped=true", "scenes:positions=all,count=3"):
        assert str(parse_options(text)) == text
        assert parse_options(str(parse_options(text))) == parse_options(text)


@pytest.mark.parametrize(
    "text, words",
    [
        ("scenes:trian=5", "unknown key 'trian'.*known keys: train, val"),
        ("scenes:train", "'train'.*is not key=value"),
        ("scenes:train=many", "train must be an integer, got 'many'"),
        ("scenes:train=-1", "train must be an integer from 0"),
        ("scenes:level=5", "level must be 1, 2, 3 or 4"),
        ("scenes:lang=fr", "lang must be en or zh"),
        ("scenes:heldout_pairs=9", "heldout_pairs must be an integer from 0 to 8"),
        ("scenes:striped=maybe", "striped must be true or false"),
        ("scenes:count=2-9", "count must lie within 1 to 6"),
        ("scenes:count=a", "count must be a number"),
        ("scenes:count=1-3,level=2", "level 2 need two objects"),
        ("scenes:relations=none", "relations must be all or spatial"),
        ("scenes:seed=1,seed=2", "'seed' is said twice"),
        ("scenes:noise=2", "noise must lie in"),
        ("coco:dir", "expected scenes or scenes:"),
        ("shapes", "expected scenes or scenes:"),
    ],
)
def test_bad_options_say_what_is_wrong(text, words):
    with pytest.raises(ValueError, match=words):
        parse_options(text)


def test_splits_are_disjoint_and_the_digit_decides(small):
    signatures = {}
    for name in SPLITS:
        graphs = small.split(name).graphs
        assert len(graphs) == {"train": 200}.get(name, 60)
        found = {g.signature() for g in graphs}
        assert len(found) == len(graphs) and {split_of(g) for g in graphs} == {name}
        assert len({g.hash() for g in graphs}) == len(graphs) == len({g.seed for g in graphs})
        for other, theirs in signatures.items():
            assert not found & theirs, (name, other)
        signatures[name] = found
    another = load(SMALL + ",seed=1")
    assert not {g.signature() for g in another.split("test-iid").graphs} & signatures["train"]
    assert another.split("train").graphs[0] != small.split("train").graphs[0]


def test_each_split_differs_from_training_in_its_own_way(small):
    held = frozenset(HELDOUT_PAIRS[:4])

    def pairs(scene):
        return {(o.colour, o.shape) for o in scene.objects}

    for name in SPLITS:
        split = small.split(name)
        for scene, said in zip(split.graphs, split.captions, strict=True):
            if name == "test-cogent":
                assert pairs(scene) & held
            else:
                assert not pairs(scene) & held
            where = [o.quadrant == HELDOUT_QUADRANT[o.colour] for o in scene.objects]
            assert all(where) if name == "test-position" else not any(where)
            assert scene.noise == (80 / 1024 if name == "test-noise" else 20 / 1024)
            n = {"test-count": (6, 6), "test-length": (5, 5)}.get(name, (2, 4))
            assert n[0] <= len(scene) <= n[1]
            for c in said:
                assert (c.template == 4) == (name == "test-language")
                assert truth(c.text, scene).true
    longest = max(len(c.tokens) for said in small.split("train").captions for c in said)
    assert min(len(c.tokens) for said in small.split("test-length").captions for c in said) >= longest - 5
    assert {len(g) for g in load("scenes:train=100,level=1").split("train").graphs} == {2, 3, 4, 5}


@pytest.mark.parametrize("k", [0, 1, 4, 8])
def test_diversity_knob(k):
    data = load(f"scenes:train=400,test=40,heldout_pairs={k}")
    seen = {(o.colour, o.shape) for g in data.split("train").graphs for o in g.objects}
    assert len(seen) == 24 - k and not seen & set(HELDOUT_PAIRS[:k])
    assert ("test-cogent" in data.names) == (k > 0)
    if k == 0:
        with pytest.raises(ValueError, match="heldout_pairs of at least 1"):
            data.split("test-cogent")
    else:
        assert all(
            {(o.colour, o.shape) for o in g.objects} & set(HELDOUT_PAIRS[:k])
            for g in data.split("test-cogent").graphs
        )


def test_arrays(small):
    val = small.split("val")
    assert val.images.shape == (60, 64, 64, 3) and val.images.dtype == np.uint8
    assert (val.images[7] == render(val.graphs[7])).all()
    assert val.images is val.images and small.split("val") is val
    assert all(len(said) == 5 for said in val.captions)
    with pytest.raises(ValueError, match="split must be one of train"):
        small.split("test")
    with pytest.raises(TypeError, match="options must be"):
        load(3)


def test_loading_is_deterministic(small):
    again = load(parse_options(SMALL))
    assert again.split("test-noise").graphs == small.split("test-noise").graphs
    assert again.split("val").captions == small.split("val").captions
    assert again.questions("val", 10) == small.questions("val", 10)
    prefix = load(SMALL.replace("train=200", "train=50")).split("train")
    assert prefix.graphs == small.split("train").graphs[:50]


@pytest.mark.parametrize("level, lang", [(1, "zh"), (2, "en"), (4, "zh")])
def test_levels_and_languages(level, lang):
    split = load(f"scenes:train=30,level={level},lang={lang},references=3,striped=true").split("train")
    for scene, said in zip(split.graphs, split.captions, strict=True):
        assert len(said) == 3 and {c.lang for c in said} == {lang} and {c.level for c in said} == {level}
        assert all(truth(c.text, scene, lang).true for c in said)
        assert all(set(c.tokens) <= set(vocabulary(lang)) for c in said)


@pytest.mark.parametrize("name", QUESTION_SPLITS)
def test_question_splits(small, name):
    asked = small.questions(name, 30)
    held = frozenset(HELDOUT_PAIRS[:4])
    assert len({q.family for q in asked}) == 10 and len({q.scene.signature() for q in asked}) == 30
    for q in asked:
        assert split_of(q.scene) == name
        assert bool({(o.colour, o.shape) for o in q.scene.objects} & held) == (name == "test-cogent")
        assert (q.template == 2) == (name == "test-language")


def test_pairs_stay_on_their_side(small):
    for name in ("train", "val", "test-iid", "test-cogent"):
        for pair in small.pairs(name, 10):
            assert split_of(pair.first.scene) == name
            side = TESTS if name in TESTS else (name,)
            assert split_of(pair.second.scene) in side
            assert pair.first.answer != pair.second.answer and pair.first.text == pair.second.text


def test_questions_refuse_what_they_cannot_give(small):
    with pytest.raises(ValueError, match="not for test-position"):
        small.questions("test-position")
    with pytest.raises(ValueError, match="families must be among"):
        small.questions("val", 3, ("guess",))


def test_priors_are_told(small):
    table = priors(small.split("train").graphs)
    assert abs(sum(table["pair"].values()) - 1) < 1e-12 and "red circle" not in table["pair"]
    assert len(table["pair"]) == 20 and set(table["objects"]) == {"2", "3", "4"}
    text = format_priors(table | answer_priors(small.questions("val", 20)))
    assert "colour" in text and "query_relation" in text and "%" in text


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    out = tmp_path_factory.mktemp("export") / "deep" / "scenes"
    spec = "scenes:train=12,val=4,test=4,questions=24,level=2"
    return out, spec, export_scenes(spec, out, progress=False)


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def test_export_in_coco_format(exported):
    out, spec, summary = exported
    assert summary == read(out / "dataset.json") and summary["options"] == spec
    assert [p.name for p in out.parent.iterdir()] == ["scenes"]
    data = load(spec)
    for name in ("train", "val", "test-iid"):
        coco, split = read(out / "annotations" / f"captions_{name}.json"), data.split(name)
        assert {"info", "licenses", "images", "annotations"} <= set(coco)
        assert len(coco["images"]) == len(split) == summary["splits"][name]["images"]
        assert len({a["id"] for a in coco["annotations"]}) == 5 * len(split)
        graphs = [json.loads(line) for line in (out / "graphs" / f"{name}.jsonl").read_text().splitlines()]
        for k, record in enumerate(coco["images"]):
            assert {"id", "width", "height", "file_name", "license"} <= set(record)
            image = np.asarray(Image.open(out / "images" / name / record["file_name"]))
            assert image.shape == (64, 64, 3) and (image == split.images[k]).all()
            scene = Scene.from_dict(graphs[k])
            assert scene == split.graphs[k] and graphs[k]["image_id"] == record["id"]
            said = [a["caption"] for a in coco["annotations"] if a["image_id"] == record["id"]]
            assert said == [c.text for c in split.captions[k]] and all(truth(s, scene).true for s in said)


def test_export_in_vqa_format(exported):
    out, _, summary = exported
    for name in ("train", "val", "test-iid"):
        asked = read(out / "questions" / f"v2_OpenEnded_scenes_{name}_questions.json")
        told = read(out / "questions" / f"v2_scenes_{name}_annotations.json")
        common = {"info", "license", "data_type", "data_subtype"}
        assert common | {"task_type", "questions"} <= set(asked) and common | {"annotations"} <= set(told)
        assert len(asked["questions"]) == len(told["annotations"]) == summary["splits"][name]["questions"]
        for q, a in zip(asked["questions"], told["annotations"], strict=True):
            assert {"image_id", "question", "question_id"} <= set(q)
            assert q["question_id"] == a["question_id"] and q["image_id"] == a["image_id"]
            assert a["answer_type"] in ("yes/no", "number", "other") and len(a["answers"]) == 10
            assert set(a["answers"][0]) == {"answer_id", "answer", "answer_confidence"}
            given = [x["answer"] for x in a["answers"]]
            assert given.count(a["multiple_choice_answer"]) == max(map(given.count, given))
            assert (out / "images" / f"vqa-{name}" / f"scenes_vqa-{name}_{q['image_id']:012d}.png").is_file()
    ids = [q["pair_id"] for q in asked["questions"]]
    assert ids == [1, 1, 2, 2, 3, 3, 4, 4]
    answers = [a["true_answer"] for a in told["annotations"]]
    assert all(answers[k] != answers[k + 1] for k in (0, 2, 4, 6))


def test_export_refuses_and_replaces(exported, tmp_path):
    spec = "scenes:train=2,val=1,test=1,questions=0"
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("keep")
    with pytest.raises(DataError, match="is not empty"):
        export_scenes(spec, out, progress=False)
    assert [p.name for p in out.iterdir()] == ["mine.txt"]
    export_scenes(spec, out, progress=False, force=True)
    export_scenes(spec.replace("train=2", "train=3"), out, progress=False, force=True)
    assert (out / "mine.txt").read_text() == "keep" and len(list((out / "images" / "train").iterdir())) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    with pytest.raises(DataError, match="is a file"):
        export_scenes(spec, out / "mine.txt", progress=False, force=True)
    with pytest.raises(ValueError, match="split must be one of"):
        export_scenes(spec, tmp_path / "x", progress=False, splits=("dev",))


def test_a_failed_export_leaves_nothing(tmp_path, monkeypatch):
    from mmscratch.data.scenes import export

    def broken(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "_vqa", broken)
    with pytest.raises(DataError, match="No space left"):
        export_scenes("scenes:train=2,val=1,test=1,questions=0", tmp_path / "out", progress=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_ten_thousand_scenes_in_time():
    """Measured in processor seconds of the one process, so that a busy machine does not count."""
    from time import process_time

    start = process_time()
    split = load("scenes:train=10000").split("train")
    assert len(split) == len(split.images) == 10_000
    assert process_time() - start < 15
