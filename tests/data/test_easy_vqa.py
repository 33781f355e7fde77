"""easy-VQA in both its layouts, the real files, and files that are not as they should be."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmscratch.data.easy_vqa import easy_vqa_splits, load_answers, load_easy_vqa
from mmscratch.data.errors import DataError
from mmscratch.data.spec import load_spec

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "easy_vqa"
ROWS = [["is it red?", "yes", 7], ["what is it?", "circle", 3], ["is it blue?", "no", 7]]


def pictures():
    return np.arange(3 * 8 * 8 * 3, dtype=np.uint8).reshape(3, 8, 8, 3)


def archive(folder, name="part", rows=ROWS, ids=(3, 5, 7), images=None, **more):
    (folder / f"{name}_questions.json").write_text(json.dumps(rows))
    images = pictures() if images is None else images
    np.savez(folder / f"{name}_images.npz", image_ids=np.array(ids), images=images, **more)
    return folder


def test_archives(tmp_path):
    (tmp_path / "answers.txt").write_text("yes\nno\ncircle\n")
    archive(tmp_path)
    found = load_spec(f"easy-vqa:{tmp_path}", split="part")
    assert found.name == "easy-vqa" and len(found) == 3
    assert found.questions == ("is it red?", "what is it?", "is it blue?")
    assert found.answers == ("yes", "circle", "no") and found.types == ("yes/no", "other", "yes/no")
    np.testing.assert_array_equal(found.image_of, [0, 1, 0])
    np.testing.assert_array_equal(found.images, pictures()[[2, 0]])
    assert load_answers(tmp_path, "part") == ("yes", "no", "circle")


@pytest.mark.parametrize("below", ["", "data"])
def test_its_own_layout(tmp_path, below):
    home = tmp_path / below / "test"
    (home / "images").mkdir(parents=True)
    (home / "questions.json").write_text(json.dumps(ROWS))
    (home.parent / "answers.txt").write_text("yes\nno\ncircle\n")
    for image, i in zip(pictures(), (3, 5, 7), strict=True):
        Image.fromarray(image).save(home / "images" / f"{i}.png")
    assert list(easy_vqa_splits(tmp_path)) == ["test"]
    found = load_easy_vqa(tmp_path, "test")
    np.testing.assert_array_equal(found.images[np.arange(2)], pictures()[[2, 0]])
    assert load_answers(tmp_path, "test") == ("yes", "no", "circle")
    (home / "images" / "3.png").unlink()
    with pytest.raises(DataError, match="asks about 1 pictures that images/ lacks, first 3.png"):
        load_easy_vqa(tmp_path, "test")


def test_questions_about_some_pictures(tmp_path):
    whole = load_easy_vqa(archive(tmp_path), "part")
    some = whole.about([1])
    assert some.questions == ("what is it?",) and some.answers == ("circle",) and some.ids == (1,)
    np.testing.assert_array_equal(some.image_of, [0])
    np.testing.assert_array_equal(some.images, pictures()[[0]])
    turned = whole.about([1, 0])
    np.testing.assert_array_equal(turned.image_of, [1, 0, 1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": []}, "has no question"),
        ({"rows": [["is it?", "yes"]]}, r"entry 0: expected \[question, answer, image id\]"),
        ({"rows": [["is it?", 1, 7]]}, "entry 0: expected"),
        ({"rows": [["is it?", "yes", True]]}, "entry 0: expected"),
        ({"rows": [["is it?", "yes", 4]]}, "asks about 1 pictures that part_images.npz lacks, first 4"),
        ({"rows": {"a": 1}}, "expected list"),
        ({"ids": (1, 2)}, "expected 3 numbers"),
        ({"ids": (7, 7, 3)}, "each once"),
        ({"images": pictures().astype(np.float32)}, "expected uint8"),
        ({"images": pictures()[..., :2]}, "expected uint8"),
    ],
)
def test_bad_archives(tmp_path, options, message):
    with pytest.raises(DataError, match=message):
        load_easy_vqa(archive(tmp_path, **options), "part")


def test_what_is_not_there(tmp_path):
    with pytest.raises(DataError, match="has neither"):
        load_easy_vqa(tmp_path)
    archive(tmp_path)
    with pytest.raises(ValueError, match="expected one of part, got 'train'"):
        load_easy_vqa(tmp_path)
    (tmp_path / "answers.txt").write_text("yes\nno\n")
    with pytest.raises(DataError, match="entry 1: answer 'circle' is not in answers.txt"):
        load_easy_vqa(tmp_path, "part")
    np.savez(tmp_path / "part_images.npz", pictures=pictures())
    with pytest.raises(DataError, match="holds pictures; expected image_ids and images"):
        load_easy_vqa(tmp_path, "part")


@pytest.mark.skipif(not REAL.is_dir(), reason="needs ../shared/data/easy_vqa")
def test_the_real_files():
    trained, held = (load_easy_vqa(REAL, name) for name in ("train", "test_even"))
    assert (len(trained), len(trained.images)) == (38575, 4000)
    assert (len(held), len(held.images)) == (4847, 500)
    assert held.images.shape == (500, 64, 64, 3) and len(load_answers(REAL)) == 13
    assert round(held.types.count("yes/no") / len(held), 3) == 0.742
