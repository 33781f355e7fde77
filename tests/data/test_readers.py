"""COCO, Karpathy, Flickr8k and VQA folders, and the SPEC that names them."""

import json

import numpy as np
import pytest
from PIL import Image

from mmscratch.data import (
    DataError,
    load_coco,
    load_flickr8k,
    load_karpathy,
    load_shapeworld,
    load_spec,
    load_vqa,
    parse_spec,
    scenes,
)
from mmscratch.data.scenes import export_scenes
from mmscratch.data.spec import known_data, register


def picture(path, colour, size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (colour, 0, 0)).save(path)


def coco(folder, split="train", annotations="", images="images"):
    for k in (1, 2, 3):
        picture(folder / images / f"p{k}.png", 10 * k)
    record = {
        "info": {},
        "images": [{"id": k, "file_name": f"p{k}.png", "width": 8, "height": 6} for k in (3, 1, 2)],
        "annotations": [
            {"id": 10, "image_id": 1, "caption": "A red one."},
            {"id": 11, "image_id": 3, "caption": "A third one.\n"},
            {"id": 12, "image_id": 1, "caption": "Again the first."},
        ],
    }
    path = folder / annotations / f"captions_{split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record))
    return path


@pytest.mark.parametrize(
    ("split", "annotations", "images"),
    [
        ("train", "", "images"),
        ("train", "", "images/train"),
        ("train2014", "annotations", "train2014"),
        ("train2017", "annotations", "images/train2017"),
        ("train", "annotations", ""),
    ],
)
def test_coco_layouts(tmp_path, split, annotations, images):
    coco(tmp_path, split, annotations, images)
    data = load_coco(tmp_path, "train")
    assert data.ids == (3, 1)  # picture 2 has no caption
    assert data.captions == (("A third one.",), ("A red one.", "Again the first."))
    assert data.agreement is None and data.lang == "en"
    assert data.pairs()[2] == (1, "Again the first.")
    assert data.images[np.array([1, 0])].shape == (2, 6, 8, 3)
    assert data.images[1][0, 0].tolist() == [10, 0, 0] and data.images[:1].shape == (1, 6, 8, 3)
    assert load_coco(tmp_path, "train", limit=1).ids == (3,)
    assert data.subset([1]).images[0][0, 0, 0] == 10


def test_coco_sizes(tmp_path):
    coco(tmp_path)
    picture(tmp_path / "images" / "p1.png", 7, (20, 20))
    with pytest.raises(DataError, match="p1.png: is 20 x 20, others are 6 x 8"):
        load_coco(tmp_path).images[np.arange(2)]
    assert load_coco(tmp_path, size=4).images[np.arange(2)].shape == (2, 4, 4, 3)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda r: r.pop("images"), "the file has no 'images'"),
        (lambda r: r.update(annotations={}), "'annotations' is a dict, expected list"),
        (lambda r: r["annotations"][0].update(image_id=9), "image_id 9 is not among"),
        (lambda r: r["annotations"][0].update(caption=" "), "annotations[0]: the caption is empty"),
        (lambda r: r["annotations"][0].update(caption=5), "annotations[0]: 'caption' is a int"),
        (lambda r: r["annotations"].append(3), "annotations[3] is a int, expected an object"),
        (lambda r: r["images"][1].update(id=3), "id 3 is there twice"),
        (lambda r: r["images"][0].update(id=True), "'id' is a bool"),
        (lambda r: r["images"][0].update(file_name="../p1.png"), "outside its folder"),
        (lambda r: r["images"][0].update(file_name="/etc/hostname"), "outside its folder"),
        (lambda r: r["images"][0].update(file_name="p9.png"), "lacks 1 of 2 pictures"),
        (lambda r: r.update(annotations=[]), "has no caption"),
    ],
)
def test_coco_refuses(tmp_path, change, word):
    path = coco(tmp_path)
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(DataError) as caught:
        load_coco(tmp_path)
    assert word in str(caught.value) and str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "0 bytes"),
        ("[]", "JSON list at the top, expected dict"),
        ("{]", "not JSON"),
        ("[" * 10**6, "JSON"),
    ],
)
def test_broken_json(tmp_path, text, word):
    coco(tmp_path).write_text(text)
    with pytest.raises(DataError, match=word):
        load_coco(tmp_path)


def test_coco_missing_and_large(tmp_path):
    with pytest.raises(DataError, match="has no captions_SPLIT.json or dataset_NAME.json"):
        load_coco(tmp_path)
    coco(tmp_path)
    with pytest.raises(ValueError, match="split: expected one of train, got 'val'"):
        load_coco(tmp_path, "val")
    with pytest.raises(DataError, match="more than the limit of 100"):
        load_coco(tmp_path, max_bytes=100)


def karpathy(folder, name="coco"):
    images = []
    for k, split in enumerate(("train", "restval", "test", "train")):
        picture(folder / "val2014" / f"p{k}.jpg", 50 * k)
        sentences = [{"raw": f"Number {k}.", "tokens": ["number", str(k)]}, {"tokens": ["n", str(k)]}]
        images.append(
            {"filename": f"p{k}.jpg", "filepath": "val2014", "split": split, "sentences": sentences}
            | {"cocoid": 100 + k, "imgid": k}
        )
    path = folder / f"dataset_{name}.json"
    path.write_text(json.dumps({"images": images, "dataset": name}))
    return path


def test_karpathy(tmp_path):
    path = karpathy(tmp_path)
    coco(tmp_path)
    data = load_coco(tmp_path, "test")
    assert data.ids == (102,) and data.captions == (("Number 2.", "n 2"),) and data.name == "coco"
    assert load_coco(tmp_path, "train+restval").ids == (100, 101, 103)
    assert load_karpathy(path, split="train", limit=1).ids == (100,)
    assert data.images[0].shape == (6, 8, 3)
    with pytest.raises(ValueError, match="expected one of restval, test, train, got 'val'"):
        load_coco(tmp_path, "val")
    (tmp_path / "val2014" / "p2.jpg").unlink()
    with pytest.raises(DataError, match="lacks 1 of 1"):
        load_coco(tmp_path, "test")


def flickr(folder, text=""):
    names = [f"{k}_ab.jpg" for k in range(3)]
    for k, name in enumerate(names):
        picture(folder / "Flicker8k_Dataset" / name, 40 * k)
    home = folder / text
    home.mkdir(exist_ok=True)
    lines = [f"{name}#{j}\tCaption {j} of {name} ." for name in names for j in range(5)]
    (home / "Flickr8k.token.txt").write_text("\n".join(lines) + "\n")
    for part, name in zip(("train", "dev", "test"), names, strict=True):
        (home / f"Flickr_8k.{part}Images.txt").write_text(name + "\n")
    return folder


@pytest.mark.parametrize("text", ["", "Flickr8k_text"])
def test_flickr8k(tmp_path, text):
    data = load_flickr8k(flickr(tmp_path, text), "val", size=5)
    assert data.ids == ("1_ab.jpg",) and len(data.captions[0]) == 5
    assert data.captions[0][2] == "Caption 2 of 1_ab.jpg ."
    assert data.images[np.array([0])].shape == (1, 5, 5, 3)
    assert load_flickr8k(tmp_path, "dev").ids == data.ids


@pytest.mark.parametrize(
    ("images", "said"),
    [([], "one of none, for the file has no picture, got 'train'"), ([{"split": "val"}], "one of val, got")],
)
def test_karpathy_without_the_split_is_a_fault_of_the_file(images, said, tmp_path):
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": images}))
    with pytest.raises(DataError, match=said):
        load_karpathy(tmp_path / "dataset_coco.json")


@pytest.mark.parametrize("number", [[1], {"a": 1}, None, 1.5])
def test_karpathy_with_an_id_that_is_none(number, tmp_path):
    image = {"split": "train", "sentences": [{"raw": "x"}], "filename": "1.png", "cocoid": number}
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": [image]}))
    with pytest.raises(DataError, match="cocoid or imgid must be a number or text"):
        load_karpathy(tmp_path / "dataset_coco.json")


def test_flickr8k_from_a_karpathy_file(tmp_path):
    karpathy(tmp_path, "flickr8k")
    assert load_flickr8k(tmp_path, "test").name == "flickr8k"


def test_flickr8k_refuses(tmp_path):
    with pytest.raises(DataError, match="has no Flickr8k.token.txt"):
        load_flickr8k(tmp_path)
    flickr(tmp_path)
    with pytest.raises(ValueError, match="split: expected one of train, val, test"):
        load_flickr8k(tmp_path, "all")
    (tmp_path / "Flickr_8k.testImages.txt").write_text("9.jpg\n")
    with pytest.raises(DataError, match="no caption for '9.jpg'"):
        load_flickr8k(tmp_path, "test")
    (tmp_path / "Flickr_8k.testImages.txt").write_text("\n")
    with pytest.raises(DataError, match="names no picture"):
        load_flickr8k(tmp_path, "test")
    (tmp_path / "Flickr_8k.testImages.txt").unlink()
    with pytest.raises(DataError, match="has no Flickr_8k.testImages.txt"):
        load_flickr8k(tmp_path, "test")
    (tmp_path / "Flickr8k.token.txt").write_text("a.jpg#0\tfine\nno tab here\n")
    with pytest.raises(DataError, match="line 2: expected PICTURE#N<TAB>caption"):
        load_flickr8k(tmp_path)


def vqa(folder, official=False, images=True, answers=True):
    for k in (7, 8):
        name = f"COCO_train2014_{k:012d}.jpg" if not images else f"p{k}.png"
        picture(folder / ("train2014" if official else "images") / name, k)
    questions = {
        "questions": [
            {"question_id": 70, "image_id": 8, "question": "What colour?"},
            {"question_id": 71, "image_id": 7, "question": "How many?"},
            {"question_id": 72, "image_id": 8, "question": "Is it red?"},
        ]
    }
    if images:
        questions["images"] = [{"id": k, "file_name": f"p{k}.png"} for k in (7, 8)]
    notes = [
        {"question_id": 71, "image_id": 7, "multiple_choice_answer": "2", "answer_type": "number"},
        {"question_id": 70, "image_id": 8, "multiple_choice_answer": "red", "question_type": "what"},
        {"question_id": 72, "image_id": 8, "multiple_choice_answer": "yes"},
    ]
    notes[1]["answers"] = [{"answer": "red", "answer_id": 1}, {"answer": "dark red", "answer_id": 2}]
    names = ("questions_train.json", "annotations_train.json")
    if official:
        names = ("v2_OpenEnded_mscoco_train2014_questions.json", "v2_mscoco_train2014_annotations.json")
    (folder / names[0]).write_text(json.dumps(questions))
    if answers:
        (folder / names[1]).write_text(json.dumps({"annotations": notes}))
    return folder / names[0], folder / names[1]


@pytest.mark.parametrize(("official", "images"), [(False, True), (True, False)])
def test_vqa(tmp_path, official, images):
    vqa(tmp_path, official, images)
    data = load_vqa(tmp_path, "train")
    assert data.questions == ("What colour?", "How many?", "Is it red?") and data.ids == (70, 71, 72)
    assert data.answers == ("red", "2", "yes") and data.all_answers[0] == ("red", "dark red")
    assert data.all_answers[1] == ("2",) and data.types == ("what", "number", "")
    assert data.image_of.tolist() == [0, 1, 0] and len(data.images) == 2 and len(data) == 3
    assert abs(int(data.images[0][0, 0, 0]) - 8) <= 2
    assert load_vqa(tmp_path, limit=1).questions == ("What colour?",)


def test_vqa_pictures_named_by_the_captions_file(tmp_path):
    coco(tmp_path)
    record = {"questions": [{"question_id": 1, "image_id": 2, "question": "?"}]}
    (tmp_path / "questions_train.json").write_text(json.dumps(record))
    data = load_vqa(tmp_path)
    assert data.images[0][0, 0, 0] == 20 and data.answers is None and data.types == ("",)


def test_vqa_refuses(tmp_path):
    with pytest.raises(DataError, match="has no questions_SPLIT.json"):
        load_vqa(tmp_path)
    questions, answers = vqa(tmp_path)
    with pytest.raises(ValueError, match="split: expected one of train"):
        load_vqa(tmp_path, "test")
    good = json.loads(answers.read_text())
    for change, word in (
        (lambda r: r["annotations"].pop(), "no answer for question_id 72"),
        (lambda r: r["annotations"][0].update(image_id=8), "about another image"),
        (lambda r: r["annotations"][0].update(answers=[]), "at least one entry"),
        (lambda r: r["annotations"][0].pop("multiple_choice_answer"), "'multiple_choice_answer'"),
    ):
        record = json.loads(json.dumps(good))
        change(record)
        answers.write_text(json.dumps(record))
        with pytest.raises(DataError, match=word):
            load_vqa(tmp_path)
    answers.unlink()
    record = json.loads(questions.read_text())
    record["questions"][1]["question_id"] = 70
    questions.write_text(json.dumps(record))
    with pytest.raises(DataError, match="same question_id"):
        load_vqa(tmp_path)


def test_specs(tmp_path):
    spec = parse_spec(f"shapeworld:{tmp_path}?lang=zh&seed=3")
    assert (spec.name, spec.folder, spec.options) == ("shapeworld", tmp_path, {"lang": "zh", "seed": "3"})
    assert str(spec) == f"shapeworld:{tmp_path}?lang=zh&seed=3"
    odd = tmp_path / "what?a=b"
    odd.mkdir()
    assert parse_spec(f"coco:{odd}").folder == odd
    assert parse_spec("coco:C:\\pictures").folder.name.endswith("pictures")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("mnist:x", "unknown kind 'mnist'.*known are coco, easy-vqa, flickr8k"),
        ("", "unknown kind ''"),
        ("/some/folder", "unknown kind"),
        ("coco", "names no folder; write coco:DIR"),
        ("coco:", "names no folder"),
        ("coco:x?limit", "expected key=value, got 'limit'"),
        ("coco:x?limit=1&limit=2", "'limit' is given twice"),
    ],
)
def test_bad_specs(text, word):
    with pytest.raises(ValueError, match=word):
        parse_spec(text)


def test_load_spec(tmp_path):
    coco(tmp_path)
    data = load_spec(f"coco:{tmp_path}?limit=1", split="train", size=4, seed=5)
    assert len(data) == 1 and data.images[0].shape == (4, 4, 3)
    with pytest.raises(ValueError, match="unknown option 'colour'; known are split, size, limit"):
        load_spec(f"coco:{tmp_path}?colour=red")
    with pytest.raises(DataError, match="no such folder"):
        load_spec(f"shapeworld:{tmp_path / 'none'}", split="train")


def test_register():
    assert {"coco", "flickr8k", "shapeworld", "vqa"} <= known_data().keys()
    with pytest.raises(ValueError, match="already taken"):
        register("coco", load_shapeworld, True, "")
    with pytest.raises(ValueError, match="plain word"):
        register("a:b", load_shapeworld, True, "")


def test_scenes_are_captions_too():
    data = load_spec("scenes:train=6,val=4,seed=3", split="train", seed=9)
    assert len(data) == 6 and data.images.shape == (6, 64, 64, 3) and data.lang == "en"
    again = load_spec("scenes:train=6,val=4", split="train", seed=3)
    np.testing.assert_array_equal(again.images, data.images)
    assert again.captions == data.captions
    assert load_spec("scenes:train=1,test=2,lang=zh", split="test", size=32).images.shape == (2, 32, 32, 3)
    with pytest.raises(ValueError, match="unknown key 'colour'"):
        load_spec("scenes:colour=red")


def test_an_export_of_the_scenes_reads_back(tmp_path):
    options = "scenes:train=5,val=2,test=3,questions=12"
    export_scenes(options, tmp_path / "out", progress=False)
    world = scenes.load(options)
    data, want = load_coco(tmp_path / "out", "train"), world.split("train")
    np.testing.assert_array_equal(data.images[:], want.images)
    assert data.captions == tuple(tuple(c.text for c in said) for said in want.captions)
    assert len(load_coco(tmp_path / "out", "test")) == 3
    asked, questions = load_vqa(tmp_path / "out", "train"), world.questions("train")
    assert asked.questions == tuple(q.text for q in questions)
    assert asked.types == tuple(q.family for q in questions) and len(asked.all_answers[0]) == 10
    for i in (0, 11):
        image = asked.images[int(asked.image_of[i])]
        np.testing.assert_array_equal(image, scenes.render(questions[i].scene))


def test_official_names_win_over_pictures_of_the_captions(tmp_path):
    """Captions and questions may number different pictures alike."""
    coco(tmp_path)
    questions = [{"question_id": 1, "image_id": 1, "question": "?"}]
    record = {"data_type": "mscoco", "data_subtype": "other", "questions": questions}
    (tmp_path / "questions_train.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match="COCO_other_000000000001.jpg"):
        load_vqa(tmp_path)
    picture(tmp_path / "images" / "other" / "COCO_other_000000000001.png", 99)
    assert load_vqa(tmp_path).images[0][0, 0, 0] == 99
