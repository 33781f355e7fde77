"""``mmscratch score captions``: the published values through the door, every format, every refusal."""

import json
from pathlib import Path

import pytest

from mmscratch.__main__ import main
from mmscratch.data.caption_files import load_scored_captions
from mmscratch.data.errors import DataError

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "caption_metrics"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data/caption_metrics")


def close(have, want, tolerance):
    assert have == pytest.approx(want, rel=0, abs=tolerance)


def write(path, value):
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return str(path)


@pytest.fixture
def score(tmp_path, capsys):
    """Run the command; the JSON it wrote, after a look at what it printed."""

    def run(*arguments):
        out = tmp_path / "scores.json"
        assert main(["score", "captions", *map(str, arguments), "--json", str(out)]) == 0
        found = json.loads(out.read_text(encoding="utf-8"))
        printed = capsys.readouterr().out
        assert all(f"{name:12} {value:.6f}" in printed for name, value in found.items() if name[0] != "p")
        return found

    return run


@pytest.fixture
def refusal(capsys):
    """The one line that the command says before it leaves with 2."""

    def run(*arguments):
        assert main(["score", "captions", *map(str, arguments)]) == 2
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1 and err.startswith("mmscratch: ")
        return err

    return run


def coco_files(folder, images):
    """(results, annotations) in COCO's formats from {id: (candidate, references)}."""
    results = [{"image_id": i, "caption": said} for i, (said, _) in images.items()]
    notes = [
        {"id": k, "image_id": i, "caption": text}
        for k, (i, text) in enumerate((i, r) for i, (_, several) in images.items() for r in several)
    ]
    annotations = {"images": [{"id": i, "file_name": f"{i}.jpg"} for i in images], "annotations": notes}
    return write(folder / "results.json", results), write(folder / "annotations.json", annotations)


# ── published and reference values ──────────────────────────────────────────────────────────────
@needs_data
@pytest.mark.parametrize("form", ["text", "folder"])
def test_nlg_evals_own_figures(score, form):
    folder = DATA / "nlg_eval"
    text = [folder / "hyp.txt", "--references", folder / "ref1.txt", folder / "ref2.txt"]
    found = score(*(text if form == "text" else [folder]))
    want = json.loads((folder / "expected.json").read_text())["corpus hyp/ref1/ref2"]
    del want["METEOR"]
    close({name: found[name] for name in want}, want, 5e-6)


@needs_data
@pytest.mark.parametrize("form", ["as it is", "as written", "raw", "tokenized"])
def test_coco_examples_figures(score, tmp_path, form):
    path = DATA / "coco_fakecap_subset.json"
    data = json.loads(path.read_text())
    end = "_tokenized" if form == "tokenized" else ""
    files = coco_files(
        tmp_path, {i["image_id"]: (i["candidate" + end], i["references" + end]) for i in data["images"]}
    )
    files = [path] if form.startswith("as") else [files[0], "--references", files[1]]
    found = score(*files, "--per-image", *(["--tokenizer", "words"] if form == "as written" else []))
    want = data["corpus_scores_reference_code_on_this_subset"]
    close({name: found[name] for name in want}, want, 1e-6)
    for image, row in zip(data["images"], found["per_image"], strict=True):
        assert row["image_id"] == image["image_id"]
        for name, value in image["published_per_image"].items():
            assert name == "METEOR" or round(row[name], 3) == value
        close(row["CIDEr"], image["CIDEr_reference_code_on_this_subset"], 1e-6)


@needs_data
@pytest.mark.parametrize("form", ["as it is", "coco"])
def test_coco_debug_figures(score, tmp_path, form):
    path = DATA / "coco_debug10.json"
    data = json.loads(path.read_text())
    said, meant = data["hypotheses"], data["references"]
    files = coco_files(tmp_path, {int(i): (said[i][0], meant[i]) for i in said})
    files = [path, "--references", path] if form == "as it is" else [files[0], "--references", files[1]]
    found = score(*files, "--per-image")
    close(
        {k: found[k] for k in data["corpus_scores_reference_code"]},
        data["corpus_scores_reference_code"],
        1e-6,
    )
    want = data["CIDEr_per_image_reference_code"]
    close({str(r["image_id"]): r["CIDEr"] for r in found["per_image"]}, want, 1e-6)


# ── formats and options ─────────────────────────────────────────────────────────────────────────
IMAGES = {7: ("A red ball.", ["a red ball", "the ball"]), 9: ("two dogs", ["Two dogs!", "dogs", "a dog"])}


def test_every_format_gives_the_same(score, tmp_path):
    results, annotations = coco_files(tmp_path, IMAGES)
    want = score(results, "--references", annotations)
    mapped = write(tmp_path / "said.json", {i: [c] for i, (c, _) in IMAGES.items()})
    meant = write(tmp_path / "meant.json", {str(i): r for i, (_, r) in IMAGES.items()})
    both = write(
        tmp_path / "both.json",
        {"images": [{"image_id": i, "candidate": c, "references": r} for i, (c, r) in IMAGES.items()]},
    )
    assert score(mapped, "--references", meant) == score(results, "--references", meant) == want
    assert score(both) == score(both, "--references", annotations) == want
    said = write(tmp_path / "hyp.txt", "A red ball.\r\ntwo dogs\n")
    files = [write(tmp_path / f"ref{k}.txt", text) for k, text in enumerate(("a red ball\nTwo dogs!",
             "the ball\ndogs\n", "\na dog\n"))]  # fmt: skip
    assert score(said, "--tokenizer", "words", "--references", *files) == want
    assert score(tmp_path) == score(said, "--references", *files) != want
    assert load_scored_captions(said, files).references == [
        ["a red ball", "the ball"],
        ["Two dogs!", "dogs", "a dog"],
    ]


def test_words_given_by_the_file_are_taken_unless_a_tokenizer_is_named(tmp_path):
    images = [{"image_id": 1, "candidate": "A b!", "references": ["A-b."], "candidate_tokenized": "x y",
               "references_tokenized": ["y", "z"]}]  # fmt: skip
    path = write(tmp_path / "both.json", {"images": images})
    found = load_scored_captions(path)
    assert (found.candidates, found.references, found.words) == (["x y"], [["y", "z"]], True)
    found = load_scored_captions(path, as_written=True)
    assert (found.candidates, found.references, found.words) == (["A b!"], [["A-b."]], False)
    one = write(tmp_path / "one.json", [{"image_id": 1, "caption": "c"}])
    assert load_scored_captions(one, [path]).references == [["A-b."]]
    both = {"hypotheses": {"1": ["A"]}, "references": {"1": ["B"]}}
    both |= {"hypotheses_tokenized": {"1": ["a"]}, "references_tokenized": {"1": ["b"]}}
    found = load_scored_captions(write(tmp_path / "debug.json", both))
    assert (found.candidates, found.references, found.words) == (["a"], [["b"]], True)


def test_metrics_may_be_chosen(score, tmp_path):
    files = coco_files(tmp_path, IMAGES)
    asked = [files[0], "--references", files[1], "--metrics"]
    assert (
        list(score(*asked, "CIDEr", "Bleu_1")) == list(score(*asked, "CIDEr,Bleu_1")) == ["Bleu_1", "CIDEr"]
    )
    found = score(*asked, "Bleu", "CIDEr_plain", "--per-image")
    assert list(found) == ["Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4", "CIDEr_plain", "per_image"]
    assert [row["image_id"] for row in found["per_image"]] == [7, 9]


def test_what_a_reader_should_know_is_said(tmp_path, capsys):
    results, annotations = coco_files(tmp_path, IMAGES)
    one = write(tmp_path / "one.json", [{"image_id": "9", "caption": "dogs"}])
    assert main(["score", "captions", one, "--references", annotations]) == 0
    out, err = capsys.readouterr()
    assert "CIDEr        0.000000" in out
    assert "1 images, tokenizer words" in err and "1 more images have references" in err
    assert "CIDEr of a single image is 0" in err
    assert main(["score", "captions", results, "--references", annotations, "--per-image"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("7: Bleu_1 1.000") and "left out" not in err


# ── refusals ────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("said", "message"),
    [
        ([{"image_id": 7, "caption": "x"}, {"image_id": 8, "caption": "x"}], "no reference for image 8"),
        ([{"image_id": 7, "caption": "x"}, {"image_id": "7", "caption": "y"}], "image 7 twice"),
        ([{"image_id": 7}], "entry 0 has no 'caption'"),
        ([{"image_id": 7.5, "caption": "x"}], "expected int or str"),
        ([{"image_id": 7, "caption": None}], "'caption' is a NoneType, expected str"),
        ({"7": ["x", "y"]}, "image 7 twice"),
        ({"7": [3]}, "image 7: expected a caption, got a JSON int"),
        ([], "holds no caption"),
        (["x"], "entry 0 is a str, expected an object"),
        ("nonsense", "is not JSON"),
        ("7", "expected a list or an object"),
        ({"images": [{"image_id": 1, "candidate": "x"}] * 2}, "image 1 twice"),
    ],
)
def test_bad_candidates(refusal, tmp_path, said, message):
    _, annotations = coco_files(tmp_path, IMAGES)
    assert message in refusal(write(tmp_path / "bad.json", said), "--references", annotations)


NOTE = {"image_id": 7, "caption": "x"}


@pytest.mark.parametrize(
    ("meant", "message"),
    [
        ({"images": [{"id": 7}], "annotations": []}, "holds no reference"),
        ({"images": [{"id": 7}], "annotations": [NOTE]}, "no reference for image 9"),
        ({"images": [{"id": 7}, {"id": 7}], "annotations": [NOTE]}, "images[1]: id 7 is there twice"),
        ({"images": [{"id": 9}], "annotations": [NOTE]}, "image_id 7 is not among the images"),
        ({"annotations": [{"image_id": 7}]}, "annotations[0] has no 'caption'"),
        ({"7": ["x"], "9": []}, "no reference for image 9"),
        ({"7": ["x"], "9": [" "]}, "no reference for image 9"),
        ({"hypotheses": {}, "other": {}}, "has no 'references'"),
    ],
)
def test_bad_references(refusal, tmp_path, meant, message):
    results, _ = coco_files(tmp_path, IMAGES)
    assert message in refusal(results, "--references", write(tmp_path / "bad.json", meant))


def test_bad_text_and_options(refusal, tmp_path):
    said, short = write(tmp_path / "a.txt", "x\ny\n"), write(tmp_path / "b.txt", "x\n")
    assert "has 2 lines, but" in refusal(said, "--references", short)
    assert "one each is expected" in refusal(said, "--references", said, short)
    assert "no such file" in refusal(tmp_path / "none.json", "--references", said)
    assert "without hyp.txt and ref*.txt" in refusal(tmp_path)
    assert "holds its own references" in refusal(tmp_path, "--references", said)
    assert "holds no references" in refusal(said)
    results, annotations = coco_files(tmp_path, IMAGES)
    assert "holds no references" in refusal(results) and "holds no references" in refusal(annotations)
    assert "METEOR_lite does without" in refusal(results, "--references", annotations, "--metrics", "METEOR")
    write(tmp_path / "empty.txt", "\n\n")
    with pytest.raises(DataError, match="no reference"):
        load_scored_captions(said, [tmp_path / "empty.txt"])
