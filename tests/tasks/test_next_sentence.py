"""What can be told about sentences that follow one another: patterns, their table, and its figures."""

import pytest

from mmscratch.tasks.text import next_sentence
from mmscratch.tasks.text.next_sentence import Patterns, coarse, pattern, right


def test_patterns_forget_names_and_words_of_form():
    first = pattern("a red circle above a blue square", "i see a big red circle")
    assert first == (
        ("big", "colour 1", "shape 1"),
        (("colour 1", "shape 1", "above", "colour 2", "shape 2"),),
    )
    assert first == pattern(
        "there is a cyan cross above a green circle", "a big cyan cross is in the picture"
    )
    assert first != pattern("a red circle below a blue square", "i see a big red circle")
    assert first != pattern("a red circle above a red square", "i see a big red circle")
    assert first != pattern("a red circle above a blue square", "i see a small red circle")
    assert first != pattern("a blue square above a red circle", "i see a big red circle")


def test_lists_are_sets():
    listed = "i see only a green cross , a red triangle and a red cross"
    again = "the objects are a red cross , a green cross and a red triangle"
    second = "below a green cross is a red triangle"
    assert pattern(listed, second) == pattern(again, second)
    assert pattern(listed, second) != pattern("i see only a green cross and a red cross", second)


def test_coarse_patterns_count_what_is_shared():
    # colours, shapes and pairs of the second that the first has; how many words and pairs the second has
    assert coarse("a red circle above a blue square", "a red square left of a blue square") == (2, 2, 1, 4, 2)
    assert coarse("a red circle", "a big green cross") == (0, 0, 0, 2, 1)


def texts(n, told=True):
    """Documents of three sentences; the second's colour is the first's, or (told=False) says nothing."""
    colours, shapes = ("red", "green", "blue", "cyan"), ("circle", "square", "cross")
    found = []
    for i in range(n):
        c, s = colours[i % 4], shapes[i // 4 % 3]
        found.append([f"a {c} {s}", f"i see a {c} {s}" if told else "an object", "an object"])
    return found


def test_the_table_finds_what_there_is():
    """Twelve kinds of documents: place 0 is told but for strangers of one kind (9 of 119); place 1 is not."""
    table = Patterns(texts(120), epochs=20)
    figures = right(table, texts(120), epochs=20)
    alike = 9 / 119 / 2  # of all pairs, strangers that say what the true one says
    assert figures["sentences 1 and 2"] == pytest.approx(1 - alike, abs=0.02)
    assert figures["sentences 2 and 3"] == pytest.approx(0.5, abs=0.05)
    assert figures["pattern known"] == 1
    nothing = right(Patterns(texts(120, False)), texts(120, False))
    assert nothing["next sentence right"] == pytest.approx(0.5, abs=0.05)


def test_unknown_patterns_are_told_by_coarse_ones():
    table = Patterns(texts(60), epochs=20)
    assert table(0, "a red circle", "a big red circle") == (0, False)
    assert table(0, "a red circle", "a big green cross") == (1, False)


def test_the_command(capsys):
    assert next_sentence.main(["--data", "scenes:train=40,val=5,test=20", "--epochs", "2"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[0].startswith("next sentence right") and len(rows) == 6
    assert next_sentence.main(["--data", "mnist:x"]) == 2
    assert "documents are known of scenes only" in capsys.readouterr().err
    assert next_sentence.main(["--epochs", "0"]) == 2
