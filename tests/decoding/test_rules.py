"""Forbidden words, least length and n-gram blocking, against a search of each sentence in plain Python."""

import numpy as np
import pytest
from decoding_toys import END, START, Tree, constant

from mmscratch.decoding import greedy, sample
from mmscratch.decoding.rules import Rules
from mmscratch.random import Generator


def repeats(words, n):
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return len(grams) != len(set(grams))


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_exactly_the_words_that_repeat_an_ngram_are_blocked(n):
    rng = np.random.default_rng(n)
    said = rng.integers(2, 5, size=(40, 9))
    for t in range(10):
        scores = rng.normal(size=(40, 6))
        kept = scores.copy()
        found = Rules(END, no_repeat_ngram=n).apply(scores, said[:, :t])
        np.testing.assert_array_equal(scores, kept)  # the argument is as it was
        for row, words in enumerate(said[:, :t].tolist()):
            if repeats(words, n):
                continue  # the rule would never have let it come so far
            for word in range(6):
                wanted = -np.inf if repeats([*words, word], n) else scores[row, word]
                assert found[row, word] == wanted, (words, word)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_sentences_with_the_rule_repeat_nothing(n):
    log_p = np.log(np.array([0.0001, 0.05, 0.5, 0.4, 0.0499]))
    for tokens in (
        greedy(constant(log_p), None, 1, START, END, 12, no_repeat_ngram=n)[0],
        sample(constant(log_p), None, 200, START, END, 12, Generator(0), no_repeat_ngram=n)[0],
    ):
        assert not any(repeats(said, n) for said in tokens)
    assert any(repeats(s, n) for s in sample(constant(log_p), None, 200, START, END, 12, Generator(0))[0])


def test_no_end_before_the_least_length():
    log_p = np.log(np.array([0.01, 0.9, 0.05, 0.04]))
    assert greedy(constant(log_p), None, 2, START, END, 9)[0] == [[], []]
    tokens, p, _ = greedy(constant(log_p), None, 2, START, END, 9, min_length=3)
    assert tokens == [[2, 2, 2]] * 2
    np.testing.assert_allclose(p, 3 * np.log(0.05) + np.log(0.9))
    assert all(
        len(s) >= 2 for s in sample(constant(log_p), None, 99, START, END, 9, Generator(0), min_length=2)[0]
    )


def test_forbidden_words_are_not_said_and_the_model_keeps_its_probability():
    log_p = np.log(np.array([0.5, 0.1, 0.25, 0.15]))
    tokens, p, _ = greedy(constant(log_p), None, 1, START, END, 2, forbidden=[START, 2])
    assert tokens == [[3, 3]]
    assert p[0] == pytest.approx(2 * np.log(0.15))  # not of what is left, 0.15 / 0.25


def test_a_sentence_with_no_word_left_ends():
    """Of three words each once, and no end before five: after three words it must end."""
    log_p = np.log(np.array([0.1, 0.1, 0.3, 0.3, 0.2]))
    rules = {"no_repeat_ngram": 1, "min_length": 5, "forbidden": (START,)}
    tokens, p, _ = greedy(constant(log_p), None, 2, START, END, 9, **rules)
    assert tokens == [[2, 3, 4]] * 2
    np.testing.assert_allclose(p, np.log(0.3 * 0.3 * 0.2 * 0.1))
    assert sorted(sample(constant(log_p), None, 1, START, END, 9, Generator(1), **rules)[0][0]) == [2, 3, 4]


def test_rules_that_do_not_apply_change_nothing():
    tree = Tree(2, 5, 4, seed=3)
    plain = greedy(tree.step, tree.begin([0, 1]), 2, START, END, 4)
    ruled = greedy(tree.step, tree.begin([0, 1]), 2, START, END, 4, forbidden=[START], no_repeat_ngram=4)
    assert plain[0] == ruled[0]
    np.testing.assert_array_equal(plain[1], ruled[1])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"forbidden": (END,)}, r"forbidden: expected ids other than end \(1\), got \(1,\)"),
        ({"forbidden": (4,)}, r"forbidden: expected ids in \[0, 4\), got \[4\]"),
        ({"forbidden": (-1,)}, r"forbidden: expected ids in \[0, 4\), got \[-1\]"),
        ({"min_length": -1}, "min_length must be at least 0 and whole, got -1"),
        ({"min_length": 6}, "min_length: expected at most max_length = 5, got 6"),
        ({"no_repeat_ngram": 0.5}, "no_repeat_ngram must be at least 0 and whole, got 0.5"),
    ],
)
def test_bad_rules(options, message):
    with pytest.raises(ValueError, match=message):
        greedy(constant(np.zeros(4)), None, 1, START, END, 5, **options)


def test_an_end_outside_the_vocabulary():
    with pytest.raises(ValueError, match=r"end: expected ids in \[0, 4\), got \[7\]"):
        greedy(constant(np.zeros(4)), None, 1, START, 7, 5)
