"""One door to every method, and what its options refuse."""

import dataclasses

import numpy as np
import pytest
from decoding_toys import END, START, Tree, constant

from mmscratch.decoding import SearchOptions, beam_search, diverse_beam_search, greedy, sample, search
from mmscratch.random import Generator

V, T = 5, 5


def same(found, wanted):
    assert found[0] == wanted[0]
    np.testing.assert_array_equal(found[1], wanted[1])
    for a, b in zip(found[2], wanted[2], strict=True):
        np.testing.assert_array_equal(a, b)


def first(found):
    best = [many[0] for many in found]
    return [h.tokens for h in best], [h.log_p for h in best], [h.attention for h in best]


RULES = {"min_length": 1, "no_repeat_ngram": 2}


@pytest.mark.parametrize(
    "options, wanted",
    [
        ({}, lambda *x: greedy(*x, **RULES)),
        (
            {"method": "beam", "width": 4, "length_penalty": 0.6},
            lambda *x: first(beam_search(*x, 4, 0.6, **RULES)),
        ),
        (
            {"method": "diverse", "width": 4, "groups": 2, "diversity": 0.0, "length_penalty": 4.0},
            lambda *x: first(diverse_beam_search(*x, 4, 2, 0.0, 4.0, **RULES)),
        ),
        (
            {"method": "sample", "temperature": 0.8, "top_k": 3, "top_p": 0.9},
            lambda *x: sample(*x, Generator(3), 0.8, 3, 0.9, **RULES),
        ),
        ({"method": "sample"}, lambda *x: sample(*x, Generator(3), **RULES)),
    ],
)  # fmt: skip
def test_every_method_by_its_name(options, wanted):
    tree = Tree(6, V, T, seed=2, look=T)
    where = (tree.step, tree.begin(range(6)), 6, START, END, T)
    same(search(*where, SearchOptions(**options, **RULES), Generator(3)), wanted(*where))


def test_forbidden_words_and_no_attention():
    log_p = np.log(np.array([0.1, 0.1, 0.5, 0.3]))
    for method in ("greedy", "beam", "diverse"):
        tokens, _, looks = search(
            constant(log_p), None, 2, START, END, 2, SearchOptions(method, min_length=2), forbidden=(2,)
        )
        assert looks is None
        assert all(2 not in said and said[0] in (START, 3) for said in tokens)


def test_options_survive_being_written_down():
    options = SearchOptions("beam", width=5, length_penalty=0.7)
    assert SearchOptions(**dataclasses.asdict(options)) == options


@pytest.mark.parametrize(
    "options, message",
    [
        ({"method": "beem"}, "method: expected greedy, beam, diverse or sample, got 'beem'"),
        ({"method": "beam", "width": 0}, "width: expected at least 1, got 0"),
        ({"method": "beam", "width": 2.0}, "width: expected a whole number, got 2.0"),
        ({"method": "beam", "length_penalty": -1.0}, "length_penalty: expected at least 0 and finite"),
        ({"method": "diverse", "width": 4}, "groups: expected a divisor of width = 4, got 3"),
        ({"method": "diverse", "groups": 0}, "groups: expected at least 1, got 0"),
        ({"method": "diverse", "diversity": float("nan")}, "diversity: expected at least 0 and finite"),
        ({"method": "sample", "temperature": 0.0}, "temperature: expected more than 0 and finite, got 0.0"),
        ({"method": "sample", "temperature": "warm"}, "temperature: expected a number, got 'warm'"),
        ({"method": "sample", "top_k": -1}, "top_k: expected at least 0, got -1"),
        ({"method": "sample", "top_p": 0.0}, "top_p: expected 0 < p ≤ 1, got 0.0"),
        ({"no_repeat_ngram": -1}, "no_repeat_ngram: expected at least 0, got -1"),
        ({"min_length": -1}, "min_length: expected at least 0, got -1"),
        ({"width": 5}, r"width: method 'greedy' does not use it \(method beam or diverse does\), got 5"),
        ({"method": "beam", "top_p": 0.9}, r"top_p: method 'beam' does not use it \(method sample"),
    ],
)  # fmt: skip
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        SearchOptions(**options)


def test_sampling_asks_for_a_generator():
    with pytest.raises(ValueError, match="generator: method 'sample' expects one, got None"):
        search(constant(np.zeros(4)), None, 1, START, END, 3, SearchOptions("sample"))
