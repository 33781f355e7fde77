"""Greedy and sampled sentences against the toys' written-out distributions."""

import itertools

import numpy as np
import pytest
from decoding_toys import END, START, Tree, constant
from scipy import stats

from mmscratch.decoding import greedy, sample
from mmscratch.decoding.choice import Draw
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

V, T = 5, 4
P = np.array([0.05, 0.4, 0.3, 0.2, 0.05])


@pytest.fixture
def tree():
    return Tree(3, V, T, seed=1, look=T)


def chi_square(counts, p):
    """p-value of counts under p; categories of probability 0 must be empty."""
    assert counts[p == 0].sum() == 0
    n = counts.sum()
    if np.count_nonzero(p) == 1:
        return 1.0
    return stats.chisquare(counts[p > 0], n * p[p > 0] / p.sum()).pvalue


def test_greedy_takes_the_likeliest_word_each_time(tree):
    tokens, log_p, looks = greedy(tree.step, tree.begin([0, 1, 2]), 3, START, END, T)
    for b, said in enumerate(tokens):
        full = []
        for _ in range(T):
            word = max(range(V), key=lambda w, b=b, full=full: tree.log_p(b, [*full, w]))
            full.append(word)
            if word == END:
                break
        assert said == [w for w in full if w != END]
        assert log_p[b] == pytest.approx(tree.log_p(b, full), rel=1e-12)
        assert looks[b].shape == (len(said), T)
        for t, row in enumerate(looks[b]):  # the row of word t has read the words before it
            assert row[: t + 1].tolist() == [START, *said[:t]]


def test_greedy_takes_the_lower_id_on_ties():
    assert greedy(constant(np.log([0.1, 0.2, 0.35, 0.35])), None, 2, START, END, 3)[0] == [[2, 2, 2]] * 2


def test_sample_draws_sentences_as_often_as_they_are_likely(tree):
    """Every sentence of a tree, its empirical frequency against its probability: χ² at 10⁻³."""
    n, length = 40_000, 3
    tokens, log_p, looks = sample(tree.step, tree.begin(np.full(n, 1)), n, START, END, length, Generator(3))
    ended = list(tree.sentences(length))
    cut = list(itertools.product(range(2, V), repeat=length))
    p = np.exp([tree.log_p(1, [*s, END]) for s in ended] + [tree.log_p(1, s) for s in cut])
    assert p.sum() == pytest.approx(1)
    place = {s: i for i, s in enumerate([*ended, *cut])}
    counts = np.bincount([place[tuple(s)] for s in tokens], minlength=len(p))
    assert chi_square(counts, p) > 1e-3
    np.testing.assert_allclose(np.exp(log_p), [p[place[tuple(s)]] for s in tokens], rtol=1e-9)
    assert all(look.shape == (len(said), T) for look, said in zip(looks, tokens, strict=True))


@pytest.mark.parametrize(
    "options, wanted",
    [
        ({}, P),
        ({"temperature": 0.5}, P**2),
        ({"temperature": 2.0}, P**0.5),
        ({"top_k": 2}, P * [0, 1, 1, 0, 0]),
        ({"top_k": 9}, P),
        ({"top_p": 0.69}, P * [0, 1, 1, 0, 0]),
        ({"top_p": 0.71}, P * [0, 1, 1, 1, 0]),
        ({"top_p": 0.4 - 1e-9}, P * [0, 1, 0, 0, 0]),
        ({"top_p": 1.0}, P),
        ({"temperature": 0.5, "top_p": 0.69}, P**2 * [0, 1, 1, 0, 0]),  # .16 and .09 of .295
        ({"temperature": 0.5, "top_p": 0.5}, P**2 * [0, 1, 0, 0, 0]),
        ({"top_k": 3, "top_p": 0.75}, P * [0, 1, 1, 0, 0]),  # 7/9 of what top_k has left
        ({"min_length": 1}, P * [1, 0, 1, 1, 1]),
        ({"forbidden": (0, 2)}, P * [0, 1, 0, 1, 1]),
        ({"top_k": 2, "forbidden": (2,)}, P * [0, 1, 0, 1, 0]),  # the rules come before the cuts
    ],
)
def test_what_a_word_is_drawn_from(options, wanted):
    """The first word of many sentences: χ² at 10⁻³; the log-probability stays the model's."""
    n = 20_000
    tokens, log_p, _ = sample(constant(np.log(P)), None, n, START, END, 1, Generator(5), **options)
    words = np.array([said[0] if said else END for said in tokens])
    assert chi_square(np.bincount(words, minlength=V), np.asarray(wanted, float)) > 1e-3
    np.testing.assert_allclose(log_p, np.log(P)[words])


def test_ties_at_the_cut_keep_the_lower_id():
    scores = np.log(np.full((1, 4), 0.25))
    assert Draw(top_k=2).weights(scores).nonzero()[1].tolist() == [0, 1]
    assert Draw(top_p=0.5).weights(scores).nonzero()[1].tolist() == [0, 1]


def test_a_word_without_probability_is_never_drawn():
    """The ends of the interval, and a number so near 1 that u · total rounds to total."""
    scores = np.log(np.array([[1e-300, 1.0, 0.3, 1e-300]]))
    scores[0, [0, 3]] = -np.inf
    for u in (0.0, 1 - 2**-53):
        assert Draw()(scores, np.array([u]))[0] == (1 if u == 0 else 2)


def test_tiny_temperature_is_greedy(tree):
    drawn = sample(tree.step, tree.begin([0, 1, 2]), 3, START, END, T, Generator(0), temperature=1e-6)
    found = greedy(tree.step, tree.begin([0, 1, 2]), 3, START, END, T)
    assert drawn[0] == found[0]
    np.testing.assert_allclose(drawn[1], found[1])


def test_top_one_is_greedy(tree):
    for cut in ({"top_k": 1}, {"top_p": 1e-9}):
        drawn = sample(tree.step, tree.begin([0, 1, 2]), 3, START, END, T, Generator(0), **cut)
        assert drawn[0] == greedy(tree.step, tree.begin([0, 1, 2]), 3, START, END, T)[0]


def test_a_seed_says_the_same_again_and_another_seed_something_else(tree):
    def drawn(seed):
        return sample(tree.step, tree.begin([0] * 20), 20, START, END, T, Generator(seed))[0]

    assert drawn(7) == drawn(7) != drawn(8)


def test_sentences_do_not_depend_on_the_others_of_the_batch(tree):
    """The first rows draw the same whatever stands after them, and the generator ends in one place."""
    alone, beside = Generator(7), Generator(7)
    first = sample(tree.step, tree.begin([0, 1]), 2, START, END, T, alone)
    both = sample(tree.step, tree.begin([0, 1, 2, 2]), 4, START, END, T, beside)
    assert both[0][:2] == first[0]
    np.testing.assert_array_equal(both[1][:2], first[1])
    assert (alone.offset, beside.offset) == (2 * 2 * T, 2 * 4 * T)
    other = sample(tree.step, tree.begin([0, 1, 0, 1]), 4, START, END, T, Generator(7))
    assert other[0][:2] == first[0]


def test_a_sentence_that_has_ended_is_left_alone():
    """Row 0 ends at once; what the model would say after that enters neither words nor log p."""

    def step(state, token):
        p = np.log([[0.01, 0.97, 0.01, 0.01], [0.01, 0.01, 0.01, 0.97]])
        return state, Tensor(p), Tensor(np.eye(2))

    for run in (
        greedy(step, None, 2, START, END, 5),
        sample(step, None, 2, START, END, 5, Generator(0), top_k=1),
    ):
        tokens, log_p, looks = run
        assert tokens == [[], [3] * 5]
        np.testing.assert_allclose(log_p, np.log(0.97) * np.array([1, 5]))
        assert [look.shape for look in looks] == [(0, 2), (5, 2)]


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan, np.inf, "hot", True])
def test_bad_temperature(temperature):
    with pytest.raises(ValueError, match="temperature must be more than 0"):
        sample(constant(np.log(P)), None, 1, START, END, 3, Generator(0), temperature=temperature)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"top_k": 0}, "top_k must be at least 1 and whole, got 0"),
        ({"top_k": 1.5}, "top_k must be at least 1 and whole, got 1.5"),
        ({"top_p": 0.0}, r"top_p must be in \(0, 1\], got 0.0"),
        ({"top_p": 1.1}, r"top_p must be in \(0, 1\], got 1.1"),
        ({"max_length": 0}, "max_length must be at least 1"),
        ({"batch": 0}, "batch must be at least 1"),
    ],
)
def test_bad_options(options, message):
    options = {"batch": 1, "max_length": 3} | options
    with pytest.raises(ValueError, match=message):
        sample(constant(np.log(P)), None, start=START, end=END, generator=Generator(0), **options)


def test_bad_logits_are_refused():
    with pytest.raises(ValueError, match=r"step: expected logits \(2, V\) for 2 words, got \(1, 5\)"):
        greedy(lambda s, t: (s, Tensor(np.zeros((1, 5))), None), None, 2, START, END, 3)
    bad = np.zeros((2, 5))
    bad[1, 3] = np.nan
    with pytest.raises(ValueError, match="got NaN or .inf in row 1"):
        greedy(lambda s, t: (s, Tensor(bad), None), None, 2, START, END, 3)
