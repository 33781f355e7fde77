"""Searching a folder: pictures found, an index written and refused, queries of all kinds, composed ones."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from mmscratch.__main__ import main
from mmscratch.data import scenes
from mmscratch.data.errors import DataError
from mmscratch.data.picture_folder import find_pictures
from mmscratch.distributed import DistributedError, run_threads
from mmscratch.tasks.run import RunError
from mmscratch.tasks.search import composed, composed_table
from mmscratch.tasks.search import folder as search
from mmscratch.tasks.search import index as picture_index
from mmscratch.tasks.search.index import PictureIndex, fingerprint, index_settings

COLOURS = {c: np.round(255 * np.array(v)).astype(np.uint8) for c, v in scenes.colour_rgb.items()}
NAMES = list(COLOURS)


class Weights:
    def __init__(self, seed):
        self.turn = np.linalg.qr(np.random.default_rng(seed).standard_normal((16, 16)))[0].astype(np.float32)

    def state_dict(self):
        return {"turn": self.turn}


class MadeModel:
    """Pictures of one colour and texts that name colours; both become the colour's axis, turned alike."""

    size = 16

    def __init__(self, seed=0):
        self.model = Weights(seed)

    def _of(self, rows):
        rows = np.asarray(rows, np.float32) + 0.01
        return (rows / np.linalg.norm(rows, axis=1, keepdims=True)) @ self.model.turn

    def encode_pictures(self, images):
        assert images.dtype == np.uint8 and images.shape[1:] == (64, 64, 3)
        gap = np.abs(images[:, 32, 32].astype(int)[:, None] - np.stack(list(COLOURS.values()))).sum(-1)
        return self._of(np.eye(16)[gap.argmin(1)])

    def known_words(self, text):
        words = re.findall(r"\w+", text)
        return [w for w in words if w in NAMES], [w for w in words if w not in NAMES]

    def encode_texts(self, texts):
        return self._of([[*(c in re.findall(r"\w+", t) for c in NAMES), *[0] * 10] for t in texts])


@pytest.fixture
def folder(tmp_path):
    home = tmp_path / "pictures"
    (home / "sub").mkdir(parents=True)
    for n, (name, rgb) in enumerate(COLOURS.items()):
        for copy in range(2):
            path = home / ("sub" if copy else "") / f"{name}.png"
            Image.fromarray(np.broadcast_to(rgb, (40 + n, 50, 3)).copy()).save(path)
            if not copy:
                path.with_suffix(".txt").write_text(f"a {name} picture\nall is {name}\n\n")
    (home / ".hidden.png").write_bytes(b"no picture")
    return home


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose model is the made one."""
    home = tmp_path / "run"
    home.mkdir()
    about = {"format": 1, "task": "retrieval", "data": "scenes", "seed": 0, "settings": {}}
    (home / "run.json").write_text(json.dumps(about))
    monkeypatch.setattr(search, "load_model", lambda run: MadeModel())
    return home


@pytest.fixture
def index(folder, run, tmp_path):
    out = tmp_path / "index"
    assert main(["search", "build", str(folder), "--model", str(run), "--out", str(out), "--quiet"]) == 0
    return out


def ask(index, *words, **options):
    return [hit["file"] for hit in search.query(index, *words, **options)["found"]]


def test_pictures_are_found_with_their_captions(folder):
    found = find_pictures(folder)
    assert [p.name for p in found] == sorted([*(f"{c}.png" for c in NAMES), *(f"sub/{c}.png" for c in NAMES)])
    assert {p.name: p.captions for p in found}["red.png"] == ("a red picture", "all is red")
    assert {p.name: p.captions for p in found}["sub/red.png"] == ()
    with pytest.raises(DataError, match="no such folder"):
        find_pictures(folder / "nothing")
    (folder / "empty").mkdir()
    with pytest.raises(DataError, match="has no picture"):
        find_pictures(folder / "empty")


def test_an_export_of_scenes_is_found_with_all_captions(tmp_path):
    out = tmp_path / "scenes"
    scenes.export_scenes("scenes:train=2,val=2,test=3,questions=6", out, progress=False)
    found = find_pictures(out)
    assert len(found) == 7 and all(len(p.captions) == 5 and (out / p.name).is_file() for p in found)


@pytest.mark.parametrize("method", ["exact", "lsh", "ivfpq", "hnsw"])
def test_every_method_finds_by_text_and_by_picture(method, folder, run, tmp_path, capsys):
    out, sheet, table = (str(tmp_path / n) for n in ("index", "sheet.png", "found.json"))
    build = ["search", "build", str(folder), "--model", str(run), "--out", out, "--method", method, "--quiet"]
    assert main(build) == 0
    assert f"12 pictures, {method}, vectors of 16" in capsys.readouterr().out
    query = ["search", "query", out, "something green", "--k", "2", "--json", table, "--sheet", sheet]
    assert main(query) == 0
    said = capsys.readouterr()
    assert "green.png" in said.out and "not in the training captions: something" in said.err
    found = json.loads(open(table).read())["found"]
    assert {hit["file"] for hit in found} == {"green.png", "sub/green.png"}
    assert found[0]["rank"] == 1 and found[0]["score"] == pytest.approx(1, abs=1e-4)
    assert Image.open(sheet).size[0] > 500
    assert set(ask(out, image=folder / "blue.png", k=2)) == {"blue.png", "sub/blue.png"}


@pytest.mark.parametrize("ranks", [2, 3, 8])
def test_many_ranks_build_the_same_bytes(ranks, folder, run, tmp_path, monkeypatch):
    """12 pictures in 6 blocks of 2: also on more ranks than there are blocks."""
    monkeypatch.setattr(picture_index, "BATCH", 2)
    alone, out = tmp_path / "alone", tmp_path / "many"
    search.build(folder, run, alone, progress=False)
    built = run_threads(ranks, lambda comm: search.build(folder, run, out, comm=comm, progress=False))
    assert len(built[0].names) == 12 and built[1:] == [None] * (ranks - 1)
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {
        p.name: p.read_bytes() for p in alone.iterdir()
    }


def test_a_bad_picture_is_an_error_of_all_ranks(folder, run, tmp_path, monkeypatch):
    monkeypatch.setattr(picture_index, "BATCH", 2)
    (folder / "sub" / "yellow.png").write_bytes(b"no picture")

    def go(comm):
        try:
            search.build(folder, run, tmp_path / "many", comm=comm, progress=False)
        except (DataError, DistributedError) as error:
            return type(error).__name__, "yellow.png" in str(error), error.told

    *others, last = run_threads(3, go)
    assert others == [("DistributedError", True, True)] * 2 and last == ("DataError", True, False)
    assert not (tmp_path / "many").exists()


def test_like_this_but_green(index, folder, capsys, tmp_path):
    query = ["search", "query", str(index), "--like", str(folder / "red.png"), "--but", "green", "--k", "2"]
    assert main([*query, "--sheet", str(tmp_path / "s.png")]) == 0
    said = capsys.readouterr().out
    assert said.startswith("green for red\n") and "sub/green.png" in said
    found = search.query(index, like=folder / "red.png", but="red=blue", k=2)
    assert found["changes"] == [{"old": "red", "new": "blue"}]
    assert {hit["file"] for hit in found["found"]} == {"blue.png", "sub/blue.png"}


def test_another_model_is_refused(index, run, monkeypatch):
    monkeypatch.setattr(search, "load_model", lambda run: MadeModel(seed=1))
    with pytest.raises(RunError, match="is another model than the one whose vectors the index holds"):
        search.query(index, text="red")
    assert fingerprint(MadeModel()) == PictureIndex.open(index).model != fingerprint(MadeModel(1))


@pytest.mark.parametrize(
    "options, said",
    [
        ({}, "expected one of"),
        ({"text": "red", "image": "x.png"}, "expected one of"),
        ({"like": "x.png"}, "expected one of"),
        ({"but": "green"}, "expected one of"),
        ({"text": " "}, "the text is empty"),
        ({"text": "nothing known"}, "no word of 'nothing known' is among those of the training captions"),
        ({"text": "red", "k": 0}, "--k: expected 1 or more"),
        ({"like": "x.png", "but": "nicer"}, "--but: expected a word such as small"),
    ],
)
def test_a_query_that_is_none_is_refused(options, said, index):
    with pytest.raises(RunError, match=re.escape(said)):
        search.query(index, **options)


def test_damaged_indices_are_refused(index, folder, run, tmp_path):
    about = index / "pictures.json"
    record = json.loads(about.read_text())

    def write(**changed):
        about.write_text(json.dumps({**record, **changed}))

    for changed, said in (
        ({"format": 9}, "has format 9"),
        ({"pictures": record["pictures"][:-1]}, "has 12 vectors and 11 pictures"),
        ({"pictures": [{"file": "../x.png", "captions": []}]}, "outside its folder"),
        ({"pictures": [3]}, "is damaged"),
        ({"model": 3}, "is damaged"),
    ):
        write(**changed)
        with pytest.raises(DataError, match=re.escape(said)):
            PictureIndex.open(index)
    write()
    (index / "pictures.index").write_bytes(b"nothing")
    with pytest.raises(DataError):
        PictureIndex.open(index)
    with pytest.raises(DataError, match="is no index of pictures"):
        PictureIndex.open(folder)
    built = PictureIndex.build(folder, MadeModel(), run)
    with pytest.raises(DataError, match="is not empty"):
        built.save(index)
    built.save(index, force=True)
    assert ask(index, text="red", k=1)[0].endswith("red.png")
    with pytest.raises(DataError, match="is not empty"):
        built.save(folder, force=True)
    assert not [p for p in tmp_path.iterdir() if "partial" in p.name]


def test_a_picture_that_cannot_be_read_is_named_and_nothing_is_written(folder, run, tmp_path, capsys):
    (folder / "bad.png").write_bytes(b"no picture")
    out = tmp_path / "index"
    assert main(["search", "build", str(folder), "--model", str(run), "--out", str(out), "--quiet"]) == 2
    assert "bad.png" in capsys.readouterr().err and not out.exists()


def test_words_and_their_changes():
    assert composed.changes("green and big") == [(None, "green"), (None, "big")]
    assert composed.changes("dog=cat") == [("dog", "cat")]
    assert composed.changes("红色的") == [(None, "红色")]
    assert composed.replace_word("a red thing, redder", "red", "blue") == "a blue thing, redder"
    assert composed.replace_word("有红色圆形", "红色", "绿色") == "有绿色圆形"
    assert "circle" in composed.kind_of("square") and composed.kind_of("dog") == ()


def test_the_step_is_the_mean_difference_of_sentences():
    model = MadeModel()
    composer = composed.Composer(model, ["a red picture", "a red and blue picture", "a blue picture"])
    v = model.encode_texts(["red"])[0]
    q, told = composer.compose(v, [(None, "green")])
    assert told == [("red", "green")]
    pairs = [("a red picture", "a green picture"), ("a red and blue picture", "a green and blue picture")]
    step = np.mean([model.encode_texts([b])[0] - model.encode_texts([a])[0] for a, b in pairs], axis=0)
    np.testing.assert_allclose(q, (v + step) / np.linalg.norm(v + step), atol=1e-6)
    with pytest.raises(RunError, match="what 'cat' stands for is not known"):
        composer.old_word(v, "cat")


def test_what_is_asked_of_scenes_is_right_and_is_not_there_yet():
    asked = [scenes.sample_scene(s, scenes.SceneOptions(count=(1, 2))) for s in range(60)]
    gallery = [scenes.sample_scene(s, scenes.SceneOptions(count=(1, 2))) for s in range(100, 400)]
    for attribute in ("colour", "shape"):
        queries = composed_table.draw_queries(asked, gallery, attribute)
        assert len(queries) > 20
        for q in queries:
            before, after = ([getattr(o, attribute) for o in s.objects] for s in (q.scene, q.changed))
            assert before.count(q.old) == 1 and q.new not in before and after.count(q.new) == 1
            assert len(q.right) and all(
                composed_table.contents(gallery[i]) == composed_table.contents(q.changed) for i in q.right
            )
            assert composed_table.contents(q.scene) != composed_table.contents(q.changed)


def test_chance_is_that_of_an_order_by_lot():
    one = composed_table.Asked(None, None, "", "", np.array([1, 2]))
    first, ten = composed_table.by_lot([one], 100)
    assert first == pytest.approx(0.02) and ten == pytest.approx(1 - 90 * 89 / (100 * 99))


@pytest.mark.parametrize("count", [1, 2, 15, 17, 300, 5000])
def test_settings_suit_any_number_of_pictures(count):
    from mmscratch.search import make_index

    x = np.random.default_rng(0).standard_normal((count, 24))
    for method in ("lsh", "ivfpq", "hnsw"):
        assert len(make_index(method, 24, **index_settings(method, count, 24)).build(x)) == count
