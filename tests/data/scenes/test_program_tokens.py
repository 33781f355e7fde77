"""Programs as sentences: there and back, and what is no program."""

import pytest

from mmscratch.data.scenes.dataset import load
from mmscratch.data.scenes.program_tokens import PROGRAM_TOKENS, SIGNATURES, program_of, program_tokens
from mmscratch.data.scenes.programs import _OPS, ProgramError, execute
from mmscratch.data.scenes.questions import make_question


def test_every_question_comes_back():
    seen = set()
    for seed in range(150):
        question = make_question(seed)
        tokens = program_tokens(question.program)
        assert program_of(tokens) == question.program
        assert execute(program_of(list(tokens)), question.scene).answer == question.answer
        seen.update(tokens)
    assert seen <= set(PROGRAM_TOKENS)
    assert {t.partition("[")[0] for t in seen} == set(SIGNATURES) - {"not"}  # no question needs it


def test_the_order_is_prefix():
    program = [
        {"op": "scene", "inputs": []},
        {"op": "filter", "inputs": [0], "attribute": "colour", "value": "red"},
        {"op": "count", "inputs": [1]},
        {"op": "count", "inputs": [0]},
        {"op": "less", "inputs": [2, 3]},
    ]
    tokens = program_tokens(program)
    assert tokens == ("less", "count", "filter[colour=red]", "scene", "count", "scene")
    again = program_of(tokens)  # the scene was read twice, so it is written twice
    assert [s["op"] for s in again] == ["scene", "filter", "count", "scene", "count", "less"]
    assert again[-1]["inputs"] == [2, 4]


def test_every_operation_has_a_signature():
    assert set(SIGNATURES) == set(_OPS)
    assert len(set(PROGRAM_TOKENS)) == len(PROGRAM_TOKENS) == 2 * 12 + 2 * 3 + 4 + 10


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("", "ends before its steps have all their inputs"),
        ("count", "ends before its steps have all their inputs"),
        ("count scene scene", "complete before its token 2, scene"),
        ("scene", "scene gives set, expected truth or number or value"),
        ("unique scene", "unique gives object, expected"),
        ("count count scene", "count gives number, expected set"),
        ("query[size] scene", "scene gives set, expected object"),
        ("exist filter[shape=red] scene", "no step is called 'filter\\[shape=red\\]'"),
    ],
)
def test_what_is_no_program(sentence, message):
    with pytest.raises(ProgramError, match=message):
        program_of(sentence.split())


def test_what_cannot_be_written():
    with pytest.raises(ValueError, match="an empty program"):
        program_tokens([])
    with pytest.raises(ValueError, match=r"step 0 .*no token stands for 'sort'"):
        program_tokens([{"op": "sort", "inputs": []}])
    with pytest.raises(ProgramError, match="more than 200 tokens"):
        program_of(["not"] * 10_000)


def test_question_sets_hold_programs_and_scenes():
    from mmscratch.data.scene_questions import load_scene_questions

    found = load_scene_questions("scenes:questions=24", "train")
    assert len(found.programs) == len(found.scenes) == len(found.supports) == 24
    for program, answer, scene in zip(found.programs, found.answers, found.scenes, strict=True):
        assert execute(program, scene).answer == answer
    some = found.about([3, 1])
    assert some.programs == (found.programs[1], found.programs[3]) and some.scenes[0] is found.scenes[3]
    assert load("scenes:questions=24").questions("train")[3].program == found.programs[3]
