"""Word vectors from the command line."""

import gzip
import json

import pytest

from mmscratch.data import DataError
from mmscratch.representations.text import WordVectors
from mmscratch.tasks.text import words


def test_the_command(tmp_path, capsys):
    corpus, pairs, out = tmp_path / "corpus.jsonl.gz", tmp_path / "pairs.txt", tmp_path / "vectors.npz"
    record = {"captions": ["A red dog.", "The red dog, a blue cat!", "a cat"]}
    corpus.write_bytes(gzip.compress("\n".join([json.dumps(record)] * 5).encode()))
    pairs.write_text("dog\tcat\t9\nred blue 5\ndog zebra 1\n")
    arguments = [
        corpus,
        "--pairs",
        pairs,
        "--size",
        "8",
        "--epochs",
        "2",
        "--seeds",
        "2",
        "--quiet",
        "--out",
        out,
    ]
    assert words.main([str(a) for a in arguments]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "15 sentences, 55 words of 6"
    assert [line.split()[0] for line in printed[1:]] == list(words.MODELS)
    assert all("on 2 of 3 pairs" in line and "…" in line for line in printed[1:])
    assert set(WordVectors.load(out).words) == {"a", "red", "dog", "the", "blue", "cat"}


def test_plain_text(tmp_path):
    file = tmp_path / "corpus.txt"
    file.write_text("One line.\n\nAnd another, here\n...\n")
    assert words.read_sentences(file) == [["one", "line"], ["and", "another", "here"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"...\n", "holds no sentence"),
        (b'{"a": 1}\n', "line 1 has no 'captions'"),
        (b'{"captions": [1]}\n', "something else than text"),
        (b'{"captions"\n', "line 1: not JSON"),
        (b"\x1f\x8bxx", "gzip"),
    ],
)
def test_bad_files(tmp_path, capsys, content, message):
    file = tmp_path / "corpus"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        words.read_sentences(file)
    assert words.main([str(file)]) == 2
    assert capsys.readouterr().err.startswith("words: ")
