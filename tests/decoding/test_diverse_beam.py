"""Diverse beam search against plain Python, and its limits: one group, no diversity, much of it."""

import numpy as np
import pytest
from decoding_toys import END, START, Tree, constant

from mmscratch.decoding import beam_search, diverse_beam_search

V, T = 5, 4


def plain(tree, picture, width, groups, strength, length):
    """Vijayakumar et al., algorithm 1, one picture: the sentences of each group, {words: log p}."""
    each = width // groups
    live, ended = [[((), 0.0)] for _ in range(groups)], [{} for _ in range(groups)]
    for _ in range(length):
        taken = []
        for g in range(groups):
            candidates = [
                ((*said, word), tree.log_p(picture, [*said, word]))
                for said, _ in live[g]
                for word in range(1, V)
            ]
            candidates.sort(key=lambda c: -(c[1] - strength * taken.count(c[0][-1])))
            chosen = candidates[:each]
            live[g] = [c for c in chosen if c[0][-1] != END]
            ended[g] |= {said[:-1]: log_p for said, log_p in chosen if said[-1] == END}
            taken = taken + [said[-1] for said, _ in chosen]
    result = []
    for g in range(groups):
        best = sorted(ended[g].items(), key=lambda c: -c[1])
        result.append(dict([*best, *sorted(live[g], key=lambda c: -c[1])][:each]))
    return result


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("strength", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("width, groups", [(4, 2), (6, 3), (3, 3)])
def test_by_hand(width, groups, strength, early_stopping):
    tree = Tree(6, V, T, seed=width)
    found = diverse_beam_search(
        tree.step,
        tree.begin(range(6)),
        6,
        START,
        END,
        T,
        width,
        groups,
        strength,
        early_stopping=early_stopping,
    )
    for b, many in enumerate(found):
        for g, wanted in enumerate(plain(tree, b, width, groups, strength, T)):
            mine = {tuple(h.tokens): h.log_p for h in many if h.group == g}
            assert mine == pytest.approx(wanted)
        keys = [(not h.finished, -h.score) for h in many]
        assert keys == sorted(keys)
    assert set(tree.calls) == {6, 6 * width} and len(tree.calls) <= T


def test_one_group_is_beam_search():
    tree = Tree(5, V, T, seed=1, look=T)
    for alpha in (0.0, 0.8):
        plain = beam_search(tree.step, tree.begin(range(5)), 5, START, END, T, 4, alpha)
        one = diverse_beam_search(tree.step, tree.begin(range(5)), 5, START, END, T, 4, 1, 0.7, alpha)
        for a, b in zip(sum(plain, []), sum(one, []), strict=True):
            assert (a.tokens, a.score, a.log_p, a.finished) == (b.tokens, b.score, b.log_p, b.finished)
            np.testing.assert_array_equal(a.attention, b.attention)


def test_without_diversity_every_group_is_the_same_beam():
    tree = Tree(5, V, T, seed=1)
    alone = beam_search(tree.step, tree.begin(range(5)), 5, START, END, T, 2)
    found = diverse_beam_search(tree.step, tree.begin(range(5)), 5, START, END, T, 6, 3, 0.0)
    for b, many in enumerate(found):
        for g in range(3):
            assert [h.tokens for h in many if h.group == g] == [h.tokens for h in alone[b]]


def test_much_diversity_gives_every_group_its_own_words():
    tree = Tree(5, V, T, seed=3)
    found = diverse_beam_search(tree.step, tree.begin(range(5)), 5, START, END, T, 3, 3, 1e3)
    for many in found:
        for t in range(T):
            said = [h.tokens[t] for h in many if len(h.tokens) > t]
            assert len(said) == len(set(said))
        assert len({tuple(h.tokens) for h in many}) == 3


def test_diversity_is_not_in_the_scores():
    tree = Tree(3, V, T, seed=5)
    for b, many in enumerate(
        diverse_beam_search(tree.step, tree.begin(range(3)), 3, START, END, T, 4, 4, 5.0)
    ):
        for h in many:
            assert h.log_p == pytest.approx(tree.log_p(b, [*h.tokens, END] if h.finished else h.tokens))


def test_watching_counts_the_hypotheses_of_all_groups():
    """The place of a parent is among all of the picture's hypotheses: its words so far end where it says."""
    tree = Tree(2, V, T, seed=5)
    steps, said = [], []
    diverse_beam_search(
        tree.step, tree.begin([0, 1]), 2, START, END, T, 4, 2, 0.5, early_stopping=False,
        watch=lambda *x: steps.append(x),
    )  # fmt: skip
    for t, (parent, word, log_p) in enumerate(steps):
        before, said = said, [[None] * 4 for _ in range(2)]
        for b in range(2):
            for place in range(4):
                if log_p[b, place] == -np.inf:
                    continue
                whole = [*(before[b][parent[b, place]] if t else []), int(word[b, place])]
                said[b][place] = whole
                assert log_p[b, place] == pytest.approx(tree.log_p(b, whole))
    assert len(steps) == T


@pytest.mark.parametrize(
    "options, message",
    [
        ({"groups": 0}, "groups must be at least 1 and whole, got 0"),
        ({"groups": 3}, "groups: expected a divisor of width = 4, got 3"),
        ({"diversity": -1.0}, "diversity must be at least 0 and finite, got -1.0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        diverse_beam_search(
            constant(np.zeros(5)), None, 1, START, END, 4, **({"width": 4, "groups": 2} | options)
        )
