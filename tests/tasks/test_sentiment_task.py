"""The commands: train and judge rated texts; tables of moods, digits and texts; what they refuse."""

import json

import numpy as np
import pytest

from mmscratch.__main__ import main
from mmscratch.data.fsdd import SpokenDigits
from mmscratch.data.mnist import Digits
from mmscratch.tasks.sentiment import digits as pairs_task
from mmscratch.tasks.sentiment.digits import PairSettings, pairs, run_digits

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def texts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("vader")
    words = {1: ("good", "lovely", "fine"), -1: ("bad", "ugly", "poor")}
    rows = []
    for k in range(60):
        sign = 1 if k % 3 else -1
        rows.append(f"{k}\t{sign * 1.5}\tthat {words[sign][k % 2]} thing {words[sign][k % 3]} {k}")
    (folder / "ground_truth_a.txt").write_text("\n".join(rows[:50]))
    (folder / "lexicon.txt").write_text("good\t1.9\nbad\t-2.5\n")
    other = tmp_path_factory.mktemp("held")
    (other / "x_ground_truth_1of3.txt").write_text("\n".join(rows[40:]))
    return folder, other


def test_train_and_evaluate_rated_texts(texts, tmp_path, capsys):
    folder, other = texts
    run, out = str(tmp_path / "run"), tmp_path / "f.json"
    assert main(["train", "sentiment", "--data", f"vader:{folder}", "--out", run]) == 0
    assert main(["evaluate", run, "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["texts"] == 10 and found["right"] > found["right, majority"]
    assert 0.5 < found["right, majority"] < 0.8 and "right, the lexicon's rules alone" in found
    assert main(["evaluate", run, "--data", f"vader:{other}", "--split", "1of3", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["texts"] == 20 and found["texts that were learnt from"] == 10
    assert main(["evaluate", run, "--data", f"vader:{other}", "--split", "test", "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["texts"] == 10 and found["texts that were learnt from"] == 0
    capsys.readouterr()
    assert main(["evaluate", run, "--split", "test"]) == 2
    assert "all texts of" in capsys.readouterr().err
    assert main(["evaluate", run, "--split", "nothing"]) == 2
    assert "split: expected all, train, val" in capsys.readouterr().err


def test_texts_refused(texts, tmp_path, capsys):
    given = ["train", "sentiment", "--out", str(tmp_path / "r"), "--data"]
    for spec, told in (
        (f"text:{texts[0]}", "known as vader:DIR"),
        ("vader:/nowhere", "no such file or folder"),
    ):
        assert main([*given, spec]) == 2
        assert told in capsys.readouterr().err
    assert main([*given, f"vader:{texts[0]}", "--set", "views=none"]) == 2
    assert "views: expected tfidf, letters or both" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_table_of_texts(texts, tmp_path, capsys):
    out = tmp_path / "t.json"
    given = ["table", "sentiment", "--of", "text", "--data", f"vader:{texts[0]}", "--seeds", "1"]
    assert main([*given, "--methods", "TF-IDF, logistic", "--json", str(out)]) == 0
    found = json.loads(out.read_text())["table"]
    assert set(found) == {"majority", "the lexicon's rules", "TF-IDF, logistic"}
    assert found["TF-IDF, logistic"][0] > found["majority"][0]


def test_table_of_moods(tmp_path, capsys):
    out, picture = tmp_path / "t.json", tmp_path / "t.png"
    small = ["teach=70", "teach_steps=2", "train=96", "test=96", "scenes=2", "steps=2", "batch_size=8"]
    given = ["--seeds", "1", "--regimes", "synergy", "--methods", "early", "late", "mult", "misa"]
    command = ["table", "sentiment", *given, "--set", *small, "--json", str(out), "--figure", str(picture)]
    assert main(command) == 0
    rows = json.loads(out.read_text())["table"]["synergy"]
    assert list(rows) == ["mean", "encoders", "text", "picture", "sound", "early", "late", "mult", "misa"]
    assert rows["text"][0]["all"]["bound"] == 0.5
    assert set(rows["mult"][0]) == {"all", "no text", "no picture", "no sound"}
    assert picture.stat().st_size > 10_000
    for wrong, told in (
        (["--seeds", "0"], "--seeds: expected at least 1"),
        (["--methods", "sum"], "--methods: expected some of early"),
        (["--set", "dropout=1"], "dropout: expected 0 ≤ p < 1"),
        (["--of", "digits"], "--data: expected mnist:PATH fsdd:PATH"),
        (["--of", "text"], "--data: expected vader:DIR"),
    ):
        assert main(["table", "sentiment", *wrong]) == 2
        assert told in capsys.readouterr().err


def test_pairs_are_balanced_so_one_of_two_says_nothing():
    digits = np.repeat(np.arange(10), 3)
    for label, chance in (("parity", 2), ("sum", 10)):
        image, sound, y = pairs(label, 200, digits, digits[::-1], RANDOM)
        for seen in (digits[image], digits[::-1][sound]):
            for d in range(10):
                assert (np.bincount(y[seen == d], minlength=chance) == 20 // chance).all()
    image, sound, y = pairs("same", 30, digits, digits, RANDOM)
    assert (digits[image] == y).all() and (digits[sound] == y).all()
    with pytest.raises(ValueError, match="count: expected a multiple of 100, got 150"):
        pairs("sum", 150, digits, digits, RANDOM)
    with pytest.raises(ValueError, match="label: expected one of same, parity, sum"):
        pairs("difference", 100, digits, digits, RANDOM)


def test_digits_of_a_few_rows(monkeypatch):
    """Pictures and sounds that are plain codes of their digit: every part of the table is there."""
    monkeypatch.setattr(pairs_task, "LABELS", {"same": pairs_task.LABELS["same"]})
    monkeypatch.setattr(
        pairs_task, "pictures", lambda spoken: np.eye(48)[spoken.digits][:, :, None] * np.ones(32)
    )
    labels = np.tile(np.arange(10), 20)
    images = Digits(np.repeat(labels, 784).reshape(-1, 28, 28).astype(np.uint8) * 25, labels)
    who = np.repeat(["ann", "theo"], 100)
    spoken = SpokenDigits((np.zeros(1),) * 200, labels, who, np.tile(np.repeat(np.arange(10), 10), 2), 8000)
    settings = PairSettings(images=120, epochs=1, steps=2, batch_size=20)
    table, alone = run_digits(images, spoken, ["late-product", "tensor"], 1, settings)
    assert list(table["same"]) == ["image alone", "sound alone", "late-product", "tensor"]
    figures = table["same"]["tensor"]["unseen speaker"][0]
    assert set(figures) == {"both", "image only", "sound only"}
    assert set(alone) == {"image", "sound"}
    with pytest.raises(ValueError, match="held_out: expected one of ann, theo, got 'bob'"):
        run_digits(images, spoken, ["tensor"], 1, PairSettings(images=120, held_out="bob"))
