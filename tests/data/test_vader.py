"""Rated texts: what is read, how it is split, and what is refused."""

import numpy as np
import pytest

from mmscratch.data.errors import DataError
from mmscratch.data.vader import load_lexicon, load_rated, split_rated


@pytest.fixture
def folder(tmp_path):
    rows = [f"{k}\t{(-1) ** k * (k % 4 + 0.5)}\ttext number {k}, \tsaid" for k in range(1, 31)]
    (tmp_path / "tweets_GroundTruth.txt").write_text("\n".join(rows[:20]) + "\n", encoding="utf-8")
    (tmp_path / "more_ground_truth_1of3.txt").write_text("\r\n".join(rows[20:]), encoding="utf-8")
    (tmp_path / "a_lexicon.txt").write_text("good\t1.9\t0.9\t[2, 1]\n:(\t-1.9\n", encoding="utf-8")
    return tmp_path


def test_texts_of_a_folder_of_one_file_and_of_a_part(folder):
    everything = load_rated(folder)
    assert len(everything) == 30 and everything.numbers.tolist() == list(range(1, 31))
    assert everything.texts[0] == "text number 1, \tsaid" and everything.ratings[0] == -1.5
    assert len(load_rated(folder, "1of3")) == 10
    assert len(load_rated(folder / "tweets_GroundTruth.txt")) == 20
    train, val = load_rated(folder, "train"), load_rated(folder, "val")
    assert sorted([*train.numbers, *val.numbers]) == everything.numbers.tolist()
    assert load_lexicon(folder) == {"good": 1.9, ":(": -1.9}
    (folder / "held.txt").write_text("1\t2\tfine\n")
    assert load_rated(folder, "held").texts == ("fine",)


def test_five_parts_share_nothing_and_are_all(folder):
    rated = load_rated(folder)
    parts = [split_rated(rated, 5, k, seed=3)[1] for k in range(5)]
    assert sorted(n for p in parts for n in p.numbers) == rated.numbers.tolist()
    shares = [p.positive.sum() for p in parts]
    assert max(shares) - min(shares) <= 1
    np.testing.assert_array_equal(split_rated(rated, 5, 1, seed=3)[1].numbers, parts[1].numbers)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1\t2\n", "line 1: expected number TAB rating TAB text"),
        ("1\t2\tgood\nx\t2\tgood\n", "line 2: expected number TAB rating TAB text"),
        ("1\t9\tgood\n", "line 1: expected a rating from −4 to 4, got 9"),
        ("1\tnan\tgood\n", "line 1: expected a number, got 'nan'"),
        ("1\t2\tgood\n1\t2\tbad\n", "number 1 is there twice"),
        ("\n\n", "has no rated text"),
    ],
)
def test_bad_lines_are_named(tmp_path, text, told):
    (tmp_path / "ground_truth.txt").write_text(text)
    with pytest.raises(DataError, match=told):
        load_rated(tmp_path)


def test_refused(folder, tmp_path_factory):
    with pytest.raises(
        ValueError, match="split: expected all, train, val, or what one file's name has in it"
    ):
        load_rated(folder, "third")
    with pytest.raises(DataError, match="no such file or folder"):
        load_rated(folder / "nowhere")
    with pytest.raises(DataError, match="has no file of rated texts"):
        load_rated(tmp_path_factory.mktemp("empty"))
    with pytest.raises(ValueError, match="expected 2 to 30 parts"):
        split_rated(load_rated(folder), 1)
    (folder / "a_lexicon.txt").write_text("good\n")
    with pytest.raises(DataError, match="line 1: expected a number"):
        load_lexicon(folder)
