"""Official VQA accuracy: made annotations whose scores are known by hand, and the command on files."""

import itertools
import json

import pytest

from mmscratch.__main__ import main
from mmscratch.metrics.vqa import (
    CONTRACTIONS,
    answer_accuracy,
    normalize_answer,
    soft_scores,
    vqa_accuracy,
)


@pytest.mark.parametrize(("agree", "wanted"), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (7, 1), (10, 1)])
def test_of_ten_annotators(agree, wanted):
    said = ["red"] * agree + [f"other {k}" for k in range(10 - agree)]
    assert answer_accuracy("red", said) == pytest.approx(wanted, abs=1e-12)


def test_is_the_mean_over_all_choices_of_nine():
    said = ["red", "red", "blue", "green", "red", "blue", "teal", "teal", "teal", "teal"]
    for answer in ("red", "blue", "green", "teal", "pink"):
        nines = [min(1, list(nine).count(answer) / 3) for nine in itertools.combinations(said, 9)]
        assert answer_accuracy(answer, said) == pytest.approx(sum(nines) / 10, abs=1e-12)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The red ball", "red ball"),
        ("A cat and an owl", "cat and owl"),
        ("Two", "2"),
        ("none", "0"),
        ("ten", "10"),
        ("twelve", "twelve"),
        ("zero or one", "0 or 1"),
        ("dont", "don't"),
        ("shouldnt've", "shouldn't've"),
        ("shouldn'tve", "shouldn't've"),
        ("shouldntve", "shouldntve"),
        ("ow's'at", "'ow's'at"),
        ("Im", "im"),
        ("somebody'd", "somebodyd"),
        ("let's", "let's"),
        ("yes.", "yes"),
        ("3.5", "3.5"),
        ("3.", "3"),
        (".5", ".5"),
        ("u.s.", "us"),
        ("1,000", "1000"),
        ("red,green", "red green"),
        ("red, green", "red green"),
        ("black-and-white", "black and white"),
        ("t-shirt - red", "tshirt red"),  # a dash beside a space anywhere: all dashes are left out
        ("1,000-2,000", "10002000"),  # a comma between digits: all marks are left out
        ("left/right", "left right"),
        ("yes!", "yes"),
        ("it's 5:30", "it's 5:30"),
        ("(yes)", "yes"),
        ("a", ""),
    ],
)
def test_normalised(text, wanted):
    assert normalize_answer(text) == wanted


def test_the_table_of_contractions():
    assert len(CONTRACTIONS) == 114 and CONTRACTIONS["y'alld've"] == "y'all'd've"
    assert all(key.replace("'", "") == word.replace("'", "") for key, word in CONTRACTIONS.items())
    assert not {"shed", "wed", "shell", "ill", "were", "its"} & CONTRACTIONS.keys()


def test_only_the_first_32_stops_go():
    """A flag stands where a count belongs in the official code; the rule is the rule."""
    assert normalize_answer("." * 40) == "." * 8


def test_normalised_only_where_annotators_disagree():
    assert answer_accuracy("two", ["Two"] * 10) == 0
    assert answer_accuracy("Two", ["Two"] * 10) == 1
    assert answer_accuracy("two.", ["Two"] * 9 + ["2"]) == 1
    assert answer_accuracy("2", ["Two"] * 2 + ["2"] + ["3"] * 7) == pytest.approx(0.9)
    assert answer_accuracy(" yes\n", ["yes"] * 10) == 1  # ends are cut always
    assert answer_accuracy("the yes", ["yes"] * 10) == 0
    assert answer_accuracy("the yes", ["yes"] * 9 + ["no"]) == 1


def test_soft_scores():
    said = ["Two"] * 2 + ["2"] + ["3"] * 4 + ["a few"] * 3
    assert soft_scores(said) == pytest.approx({"2": 0.9, "3": 1.0, "few": 0.9})
    assert soft_scores(["red"]) == {"red": 0.3}


def test_refused():
    with pytest.raises(ValueError, match="at least 2 annotators"):
        answer_accuracy("yes", ["yes"])
    note = {"answers": ["yes", "no"], "answer_type": "", "question_type": ""}
    with pytest.raises(ValueError, match="1 lack one \\(such as 2\\), 1 are about none \\(such as 3\\)"):
        vqa_accuracy({1: "yes", 3: "no"}, {1: note, 2: note})
    with pytest.raises(ValueError, match="0 questions"):
        vqa_accuracy({}, {})


def files(folder, results=None):
    rows = [
        (1, "yes/no", "is the", ["yes"] * 8 + ["no"] * 2),
        (2, "yes/no", "is the", ["No"] * 10),
        (3, "number", "how many", ["2", "two", "3", "3", "3", "3", "3", "3", "3", "4"]),
        (4, "other", "what color", ["red"] * 3 + ["dark red"] * 7),
    ]
    notes = [
        {
            "question_id": i,
            "image_id": 10 + i,
            "answer_type": kind,
            "question_type": form,
            "multiple_choice_answer": said[0],
            "answers": [
                {"answer": a, "answer_confidence": "yes", "answer_id": k} for k, a in enumerate(said, 1)
            ],
        }
        for i, kind, form, said in rows
    ]
    (folder / "annotations.json").write_text(json.dumps({"info": {}, "annotations": notes}))
    if results is None:
        said = {1: "Yes!", 2: "no", 3: "two", 4: "the red"}
        results = [{"question_id": i, "answer": a} for i, a in said.items()]
    (folder / "results.json").write_text(json.dumps(results))
    return [str(folder / "results.json"), "--annotations", str(folder / "annotations.json")]


def test_the_command(tmp_path, capsys):
    out = tmp_path / "scores.json"
    assert main(["score", "vqa", *files(tmp_path), "--json", str(out)]) == 0
    found = json.loads(out.read_text())
    assert found["per question"] == pytest.approx({"1": 1.0, "2": 0.0, "3": 0.6, "4": 0.9})
    assert found["accuracy"] == pytest.approx(0.625) and found["overall"] == 62.5
    assert found["perAnswerType"] == {"number": 60.0, "other": 90.0, "yes/no": 50.0}
    assert found["perQuestionType"] == {"how many": 60.0, "is the": 50.0, "what color": 90.0}
    assert found["answer types"]["yes/no"] == {"accuracy": 0.5, "questions": 2}
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:2] == ["accuracy", "0.6250"] and len(lines) == 7


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([{"question_id": 1, "answer": "yes"}], "3 lack one"),
        ([{"question_id": 1, "answer": "yes"}] * 2, "is there twice"),
        ([{"question_id": 1}], "entry 0 has no 'answer'"),
        ([{"question_id": 1, "answer": 2}], "'answer' is a int, expected str"),
        ([], "has no result"),
        ({"a": 1}, "expected list"),
    ],
)
def test_files_that_do_not_fit(tmp_path, capsys, results, message):
    assert main(["score", "vqa", *files(tmp_path, results)]) == 2
    assert message in capsys.readouterr().err


def test_annotations_that_do_not_fit(tmp_path, capsys):
    command = files(tmp_path)
    for notes, message in (
        ([], "has no annotation"),
        ([{"question_id": 1, "answers": [{"answer": "yes"}]}], "at least 2 annotators, got 1"),
        ([{"question_id": 1, "answers": ["yes", "no"]}], "annotations[0].answers[0] is a str"),
    ):
        (tmp_path / "annotations.json").write_text(json.dumps({"annotations": notes}))
        assert main(["score", "vqa", *command]) == 2
        assert message in capsys.readouterr().err
