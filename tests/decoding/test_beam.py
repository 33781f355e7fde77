"""Beam search against every sentence written out, and against a search of one picture in plain Python."""

import collections

import numpy as np
import pytest
from decoding_toys import END, START, Tree, constant

from mmscratch.decoding import beam_search, greedy
from mmscratch.tensor import Tensor

V, T = 4, 4


def factor(n, alpha):
    return ((5 + n) / 6) ** alpha


def plain_beam(tree, picture, width, alpha, length, allowed=lambda said, word: True):
    """One picture, lists and sorting: [(finished, score, log p, words)], the best first."""
    live, ended = [((), 0.0)], []
    for t in range(length):
        candidates = [
            ((*said, word), tree.log_p(picture, [*said, word]))
            for said, _ in live
            for word in range(tree.vocabulary)
            if word != START and allowed(said, word)
        ]
        candidates.sort(key=lambda c: -c[1])
        live = []
        for said, log_p in candidates[:width]:
            if said[-1] == END:
                ended.append((True, log_p / factor(t + 1, alpha), log_p, list(said[:-1])))
            else:
                live.append((said, log_p))
    ended.sort(key=lambda h: -h[1])
    rest = sorted(((False, p / factor(length, alpha), p, list(s)) for s, p in live), key=lambda h: -h[1])
    return [*ended, *rest][:width]


def agree(found, wanted):
    assert [h.tokens for h in found] == [words for *_, words in wanted]
    assert [h.finished for h in found] == [ended for ended, *_ in wanted]
    np.testing.assert_allclose([h.score for h in found], [score for _, score, *_ in wanted], rtol=1e-9)
    np.testing.assert_allclose([h.log_p for h in found], [log_p for _, _, log_p, _ in wanted], rtol=1e-9)


@pytest.mark.parametrize("alpha", [0.0, 0.7, 2.0])
def test_a_beam_of_all_sentences_is_exhaustive_search(alpha):
    """Width V^T: the ten best sentences that end are the ten best of the enumeration."""
    tree = Tree(3, V, T, seed=1)
    found = beam_search(tree.step, tree.begin([0, 1, 2]), 3, START, END, T, V**T, alpha)
    for b in range(3):
        every = [(tree.log_p(b, [*s, END]), list(s)) for s in tree.sentences(T)]
        scored = sorted(((p / factor(len(s) + 1, alpha), p, s) for p, s in every), reverse=True)
        agree(found[b][:10], [(True, *rest) for rest in scored[:10]])


@pytest.mark.parametrize("alpha", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_is_greedy(seed, alpha):
    tree = Tree(4, V, T, seed=seed, look=T)
    tokens, log_p, looks = greedy(tree.step, tree.begin(range(4)), 4, START, END, T)
    found = [one for (one,) in beam_search(tree.step, tree.begin(range(4)), 4, START, END, T, 1, alpha)]
    assert [h.tokens for h in found] == tokens
    np.testing.assert_allclose([h.log_p for h in found], log_p, rtol=1e-12)
    for h, look in zip(found, looks, strict=True):
        np.testing.assert_array_equal(h.attention, look)


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("width", [2, 3, 5])
def test_every_picture_of_a_batch_as_alone_and_by_hand(width, alpha, early_stopping):
    """Sentences, scores and order, with and without early stopping: rows do not influence each other."""
    tree = Tree(12, V, 5, seed=width)
    order = np.random.default_rng(0).permutation(12)
    found = beam_search(
        tree.step, tree.begin(order), 12, START, END, 5, width, alpha, early_stopping=early_stopping
    )
    for b, many in zip(order, found, strict=True):
        agree(many, plain_beam(tree, b, width, alpha, 5))
    assert set(tree.calls) == {12, 12 * width} and len(tree.calls) <= 5  # one call a word, for all rows


@pytest.mark.parametrize("n_best", [1, 2])
def test_fewer_best_are_the_first_of_more(n_best):
    tree = Tree(8, V, 6, seed=9)
    more = beam_search(tree.step, tree.begin(range(8)), 8, START, END, 6, 4, 0.8)
    less = beam_search(tree.step, tree.begin(range(8)), 8, START, END, 6, 4, 0.8, n_best=n_best)
    assert [[h.tokens for h in many[:n_best]] for many in more] == [[h.tokens for h in x] for x in less]


def test_early_stopping_spares_steps():
    """The end has 9/10: two words in, no longer sentence can be better. With α it can, and goes on longer."""
    log_p = np.log(np.array([1e-9, 0.9, 0.05, 0.05]))
    steps = {}
    for key in ((0.0, True), (0.0, False), (5.0, True)):
        calls = []

        def step(state, token, calls=calls):
            calls.append(1)
            return constant(log_p)(state, token)

        beam_search(step, None, 1, START, END, 30, 3, key[0], n_best=1, early_stopping=key[1])
        steps[key] = len(calls)
    assert steps[0.0, True] == 1
    assert steps[0.0, False] == 30
    assert 1 < steps[5.0, True] <= 30


def test_attention_is_that_of_the_words_said():
    """The row of word t was computed from START and the words before it: it followed its hypothesis."""
    tree = Tree(6, V, T, seed=4, look=T)
    for many in beam_search(tree.step, tree.begin(range(6)), 6, START, END, T, 5, 0.5):
        for h in many:
            assert h.attention.shape == (len(h.tokens), T)
            for t, row in enumerate(h.attention):
                assert row[: t + 1].tolist() == [START, *h.tokens[:t]]


def test_where_nothing_ends_the_unfinished_are_the_answer():
    log_p = np.log(np.array([0.1, 1e-30, 0.6, 0.3 - 1e-30]))
    (found,) = beam_search(constant(log_p), None, 1, START, END, 3, 2, 1.0)
    assert [sorted(h.tokens) for h in found] == [[2, 2, 2], [2, 2, 3]]
    assert not any(h.finished for h in found)
    assert found[0].score == pytest.approx(3 * np.log(0.6) / (8 / 6))


def test_unfinished_sentences_come_after_those_that_ended():
    """The end is taken once, as the least likely of three; the two others are likelier and did not end."""
    log_p = np.log(np.array([1e-12, 0.2, 0.5, 0.3]))
    (found,) = beam_search(constant(log_p), None, 1, START, END, 2, 3)
    assert [(h.tokens, h.finished) for h in found] == [([], True), ([2, 2], False), ([2, 3], False)]
    assert found[0].score < found[1].score


def test_fewer_sentences_than_the_width():
    """Two words, one of them the end: after three steps there are three sentences and one unfinished."""
    log_p = np.log(np.array([0.4, 0.6]))
    (found,) = beam_search(constant(log_p), None, 1, 0, 1, 3, 9)
    assert [h.tokens for h in found] == [[], [0], [0, 0], [0, 0, 0]]
    assert [h.finished for h in found] == [True, True, True, False]


def test_a_wider_beam_may_find_a_worse_best():
    """B and C begin likelier than they end, and push A out of a beam of two; greedy stays with A.

    A (0.40) then x (0.40): 0.16. B (0.35) then y or z (0.50 each): 0.175, but each goes on with 0.5.
    """
    a, b, x, y, z, end = 2, 3, 4, 5, 6, 1
    table = {
        (): {a: 0.40, b: 0.35, x: 0.25},
        (x,): {y: 0.5, z: 0.5},
        (a,): {x: 0.40, y: 0.30, z: 0.30},
        (a, x): {end: 1.0},
        (b,): {y: 0.5, z: 0.5},
        (b, y): {end: 0.5, x: 0.5},
        (b, z): {end: 0.5, x: 0.5},
    }

    def step(state, token):
        words = np.concatenate([state.numpy(), token.numpy()[:, None]], axis=1)
        p = np.full((len(words), 7), 1e-12)
        for row, said in zip(p, words[:, 1:].tolist(), strict=True):
            for word, value in table.get(tuple(said), {end: 1.0}).items():
                row[word] = value
        return Tensor(words), Tensor(np.log(p)), None

    best = {}
    for width in (1, 2, 7**3):
        state = Tensor(np.zeros((1, 0), np.int64))
        best[width] = beam_search(step, state, 1, START, END, 3, width)[0][0]
    assert best[1].tokens == best[7**3].tokens == [a, x]
    assert best[2].tokens == [b, y]
    assert best[2].score < best[1].score


def test_rules_hold_in_every_beam():
    tree = Tree(4, 5, 5, seed=2)

    def allowed(said, word):
        if word == END:
            return len(said) >= 2
        return word != 3 and (said[-1:], word) not in {
            (said[i : i + 1], said[i + 1]) for i in range(len(said) - 1)
        }

    rules = {"min_length": 2, "no_repeat_ngram": 2, "forbidden": (START, 3)}
    found = beam_search(tree.step, tree.begin(range(4)), 4, START, END, 5, 3, 0.5, **rules)
    for b, many in enumerate(found):
        agree(many, plain_beam(tree, b, 3, 0.5, 5, allowed))
        for h in many:
            assert len(h.tokens) >= 2 and 3 not in h.tokens


Memory = collections.namedtuple("Memory", "words extra")


def test_a_state_of_every_kind_follows_its_hypotheses():
    """Dicts, lists, named tuples, None and shared parts; what no step changes is never copied."""
    from mmscratch.decoding import Shared

    tree = Tree(3, V, T, seed=6)
    table = Tensor(np.arange(7.0))  # seven rows, whatever the batch
    met = []

    def step(state, token):
        met.append(state["picture"])
        assert state["shared"].value is table and state["extra"][0] is None and state["extra"][1] == "x"
        memory = state["memory"]
        np.testing.assert_array_equal(memory.extra[0].numpy()[:, 0], state["picture"].numpy()[:, 0])
        assert met[-1].shape[0] == token.shape[0]
        (picture, words), logits, _ = tree.step((state["picture"], memory.words), token)
        memory = Memory(words, [picture])
        return state | {"memory": memory}, logits, None

    picture, words = tree.begin([2, 0, 1])
    state = {
        "picture": picture, "memory": Memory(words, [picture]), "shared": Shared(table), "extra": [None, "x"],
    }  # fmt: skip
    found = beam_search(step, state, 3, START, END, T, 3, early_stopping=False)
    for b, many in zip([2, 0, 1], found, strict=True):
        agree(many, plain_beam(tree, b, 3, 0.0, T))
    assert len(met) == T and all(x is met[1] for x in met[1:])


def test_watching_sees_the_tree():
    """Every sentence handed back can be read off the parents and words that were watched."""
    tree = Tree(2, V, T, seed=8)
    steps = []
    found = beam_search(
        tree.step,
        tree.begin([0, 1]),
        2,
        START,
        END,
        T,
        3,
        watch=lambda *x: steps.append(x),
        early_stopping=False,
    )
    assert len(steps) == T and all(x.shape == (2, 3) for one in steps for x in one)
    for b, many in enumerate(found):
        ends = {}
        for t, (_, word, log_p) in enumerate(steps):
            for place in range(3):
                if log_p[b, place] > -np.inf and (word[b, place] == END or t == T - 1):
                    said, at = [], place
                    for parents, words, _ in reversed(steps[: t + 1]):
                        said.insert(0, int(words[b, at]))
                        at = int(parents[b, at])
                    ends[tuple(w for w in said if w != END)] = log_p[b, place]
        assert {tuple(h.tokens): h.log_p for h in many}.items() <= ends.items()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"width": 0}, "width must be at least 1 and whole, got 0"),
        ({"n_best": 4}, "n_best: expected at most width = 3, got 4"),
        ({"length_penalty": -0.1}, "length_penalty must be at least 0 and finite, got -0.1"),
        ({"length_penalty": np.nan}, "length_penalty must be at least 0 and finite, got nan"),
        ({"max_length": 0}, "max_length must be at least 1 and whole, got 0"),
        ({"state": (Tensor(np.zeros((2, 3))),)}, r"state: expected tensors with 1 rows.*got \(2, 3\)"),
    ],
)
def test_bad_options(options, message):
    given = {"state": None, "width": 3, "max_length": 4} | options
    with pytest.raises(ValueError, match=message):
        beam_search(constant(np.zeros(5)), batch=1, start=START, end=END, **given)
