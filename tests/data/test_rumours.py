"""Posts of which some are rumours: what each part tells, counted; captions executed; trees measured."""

import numpy as np
import pytest

from mmscratch.data.rumours import REGIMES, best_alone, depth, make_rumours, make_tree

FULL = ("text", "picture", "tree")


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_text_alone_and_picture_alone_are_at_one_half(lang):
    for regime in REGIMES:
        data = make_rumours(regime, 5, seed=2, lang=lang)
        half = len(data) // 2
        assert data.rumour.sum() == half
        assert best_alone(data, ("text",)) == best_alone(data, ("picture",)) == (half, len(data))
        assert best_alone(data, FULL) == (len(data), len(data))


def test_which_part_tells_which_regime():
    told = {r: make_rumours(r, 4, seed=0) for r in REGIMES}
    right = {r: {p: best_alone(d, p)[0] / len(d) for p in ((FULL[:2]), ("tree",), ("text", "tree"))}
             for r, d in told.items()}  # fmt: skip
    assert right["content"] == {FULL[:2]: 1, ("tree",): 0.5, ("text", "tree"): 0.5}
    assert right["graph"] == {FULL[:2]: 0.5, ("tree",): 1, ("text", "tree"): 1}
    assert right["agree"] == {FULL[:2]: 1, ("tree",): 1, ("text", "tree"): 1}
    assert right["synergy"] == {FULL[:2]: 0.5, ("tree",): 0.5, ("text", "tree"): 0.5}
    assert (told["synergy"].rumour == (told["synergy"].mismatch ^ told["synergy"].chain)).all()


def test_trees_have_one_size_and_differ_in_depth():
    data = make_rumours("content", 6, seed=1)
    deep = np.array([depth(p) for p in data.parents])
    assert (deep[data.chain] >= 7).all() and (deep[~data.chain] <= 4).all()
    a = data.adjacency
    assert (a == a.transpose(0, 2, 1)).all() and (a.sum((1, 2)) == 2 * 13).all()  # a tree of 14 nodes
    assert depth([-1, 0, 1, 1]) == 2


def test_the_two_captions_of_a_group_differ_in_one_word():
    data = make_rumours("content", 8, seed=3)
    for g in range(8):
        one, other = (
            {t for t, i in zip(data.tokens, data.ids[:, 0], strict=True) if i == 2 * g + k} for k in (0, 1)
        )
        one, other = one.pop(), other.pop()
        assert len(set(one) ^ set(other)) >= 2
    assert set(data.mismatch.tolist()) == {True, False}
    right = [COLOUR in t for t, COLOUR in zip(data.tokens, _colours(data), strict=True)]
    assert all(r or m for r, m in zip(right, data.mismatch, strict=True))


def _colours(data):
    from mmscratch.data.scenes.graph import COLOURS

    return [COLOURS[c] for c in data.look[:, 0]]


def test_a_seed_is_its_posts_and_bad_input_is_refused():
    one, same, other = (make_rumours("agree", 3, seed=s) for s in (4, 4, 5))
    assert one.tokens == same.tokens and (one.parents == same.parents).all()
    assert one.tokens != other.tokens
    with pytest.raises(
        ValueError, match="regime: expected one of content, graph, agree, synergy, got 'gossip'"
    ):
        make_rumours("gossip", 3)
    with pytest.raises(ValueError, match="groups: expected at least 1, got 0"):
        make_rumours("content", 0)
    with pytest.raises(ValueError, match="parts: expected some of text, picture, tree, got 'user'"):
        best_alone(one, ("user",))
    with pytest.raises(ValueError, match="nodes: expected at least 8, got 3"):
        make_tree(True, 3, np.random.default_rng(0))
