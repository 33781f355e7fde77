"""Programs in probabilities: the symbolic executor where all is certain, all possible worlds elsewhere."""

import itertools

import numpy as np
import pytest

from mmscratch.data.scenes.graph import ATTRIBUTES
from mmscratch.data.scenes.programs import ProgramError, execute
from mmscratch.data.scenes.questions import make_pair, make_question
from mmscratch.models import program_executor
from mmscratch.models.program_executor import NAMED, ObjectTables, answer_shares, tables_of_scenes

RANDOM = np.random.default_rng(0)


def drawn(n=1, r=3, blur=1.0):
    """Tables in which nothing is certain."""
    shares = {name: RANDOM.dirichlet(np.ones(len(ATTRIBUTES[name])), (n, r)) for name in NAMED}
    return ObjectTables(RANDOM.random((n, r)), RANDOM.uniform(0, 64, (n, r, 2)), shares, blur)


def step(op, *inputs, **fields):
    return {"op": op, "inputs": list(inputs), **fields}


RED = [step("scene"), step("filter", 0, attribute="colour", value="red")]


def check_certain(seeds):
    for seed in seeds:
        for question in make_pair(seed)[:2]:
            names, shares = answer_shares(question.program, tables_of_scenes([question.scene]))
            assert shares.sum() == pytest.approx(1)
            assert names[shares[0].argmax()] == execute(question.program, question.scene).answer
            assert shares.max() == pytest.approx(1)


def test_on_certain_scenes_it_is_the_symbolic_executor():
    check_certain(range(60))


FAULTS = {
    "exclude as filter": ("exclude", program_executor._filter),
    "less as greater": ("less", program_executor._greater),
    "or as and": ("or", program_executor._and),
    "one direction for the other": ("holds", lambda t, s, u, v: program_executor._holds(t, s, v, u)),
    "the other object's side": ("direction", lambda t, s, u, v: program_executor._direction(t, s, v, u)),
    "an object of the set for the only one": ("unique", lambda t, s, w: w / w.sum(1, keepdims=True) * 0.9),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    op, wrong = FAULTS[fault]
    names = program_executor._MODULES[op][0]
    monkeypatch.setitem(program_executor._MODULES, op, (names, wrong))
    with pytest.raises(AssertionError):
        check_certain(range(60))


def worlds(tables):
    """Every possible world of a picture: (its probability, who is there, who has which values)."""
    r = tables.present.shape[1]
    ranges = [range(tables.shares[name].shape[2]) for name in NAMED]
    for there in itertools.product((0, 1), repeat=r):
        p_there = np.prod([p if t else 1 - p for p, t in zip(tables.present[0], there, strict=True)])
        for kinds in itertools.product(itertools.product(*ranges), repeat=r):
            p = p_there * np.prod([
                tables.shares[name][0, i, k[a]] for i, k in enumerate(kinds) for a, name in enumerate(NAMED)
            ])  # fmt: skip
            yield p, there, kinds


def two_values(n=1, r=2):
    """Two values of each attribute, so that there are 1,024 worlds of two objects."""
    shares = {name: RANDOM.dirichlet(np.ones(2), (n, r)) for name in NAMED}
    return ObjectTables(RANDOM.random((n, r)), RANDOM.uniform(0, 64, (n, r, 2)), shares, 1.0)


def test_counts_are_those_of_all_worlds():
    tables = two_values(r=3)
    wanted = np.zeros(4)
    red = ATTRIBUTES["colour"].index("red")
    for p, there, kinds in worlds(tables):
        wanted[sum(t and k[1] == red for t, k in zip(there, kinds, strict=True))] += p
    names, shares = answer_shares([*RED, step("count", 1)], tables)
    assert names == ("0", "1", "2", "3")
    np.testing.assert_allclose(shares[0], wanted, atol=1e-12)
    exist = answer_shares([*RED, step("exist", 1)], tables)[1][0]
    np.testing.assert_allclose(exist, [1 - wanted[0], wanted[0]], atol=1e-12)


def test_a_query_is_that_of_the_worlds_with_one_object():
    tables = two_values()
    wanted, red = np.zeros(2), ATTRIBUTES["colour"].index("red")
    for p, there, kinds in worlds(tables):
        mine = [k for t, k in zip(there, kinds, strict=True) if t and k[1] == red]
        if len(mine) == 1:
            wanted[mine[0][0]] += p
    program = [*RED, step("unique", 1), step("query", 2, attribute="shape")]
    np.testing.assert_allclose(answer_shares(program, tables)[1][0], wanted / wanted.sum(), atol=1e-12)


def test_shares_sum_to_one():
    tables = drawn(n=5, r=4)
    for seed in range(40):
        _, shares = answer_shares(make_question(seed).program, tables)
        assert (shares >= -1e-12).all()
        np.testing.assert_allclose(shares.sum(1), 1, atol=1e-9)


def test_pictures_are_executed_apart():
    tables, program = drawn(n=6), make_question(3, "compare_attribute").program
    whole = answer_shares(program, tables)[1]
    for i in range(6):
        np.testing.assert_allclose(answer_shares(program, tables.take(np.array([i])))[1][0], whole[i])


def test_nearer_than_the_blur_is_unsure():
    shares = {name: np.zeros((1, 2, len(ATTRIBUTES[name]))) for name in NAMED}
    for i in range(2):  # a red circle, a green one
        shares["colour"][0, i, i] = shares["shape"][0, i, 0] = shares["size"][0, i, 0] = 1
    green = [step("scene"), step("filter", 2, attribute="colour", value="green")]
    program = [*RED, *green, step("unique", 1), step("unique", 3), step("holds", 4, 5, relation="left")]
    for apart, wanted in ((0.0, 0.5), (2.0, 1 / (1 + np.exp(-1))), (-40.0, 0.0)):
        place = np.array([[[30.0, 9], [30 + apart, 50]]])
        found = answer_shares(program, ObjectTables(np.ones((1, 2)), place, shares, 2.0))[1]
        assert found[0, 0] == pytest.approx(wanted, abs=1e-8)


def test_a_question_without_an_answer_has_none():
    """Where the symbolic executor says that nothing is unique, no answer has a share."""
    program = [step("scene"), step("unique", 0), step("query", 1, attribute="size")]
    scene = make_question(0).scene
    with pytest.raises(ProgramError):
        execute(program, scene)
    assert (answer_shares(program, tables_of_scenes([scene]))[1] == 0).all()


def test_refused():
    with pytest.raises(ValueError, match="step 0: op must be one of scene, .* got 'sort'"):
        answer_shares([step("sort")], drawn())
