"""Query-blindness: plain concatenation under a linear score, and what cures it."""

import numpy as np
import pytest

from mmscratch.ranking import LambdaMART, RankSVM, concatenation, interactions, ndcg, query_part

D, DOCUMENTS = 4, 8


def matching(queries, seed):
    """A document is the more relevant the more it agrees with its query: q, d, y, groups."""
    r = np.random.default_rng(seed)
    q, d = r.standard_normal((queries, D)), r.standard_normal((queries, DOCUMENTS, D))
    likeness = np.einsum("qd,qnd->qn", q, d)
    y = np.argsort(np.argsort(likeness, axis=1), axis=1) * 4 // DOCUMENTS
    return q, d.reshape(-1, D), y.reshape(-1), np.full(queries, DOCUMENTS)


def learnt(make, ranker):
    q, d, y, groups = matching(60, 0)
    ranker.fit(make(q, d, groups), y, groups)
    q, d, y, groups = matching(60, 1)
    return ndcg(y, ranker.predict(make(q, d, groups)), groups, 5)


def test_concatenation_is_query_blind_for_a_linear_score():
    q, d, y, groups = matching(60, 0)
    x = concatenation(q, d, groups)
    assert x.shape == (480, 2 * D)
    spread = query_part(x, groups)
    assert (spread[:D] == 0).all() and (spread[D:] > 0).all()
    model = RankSVM(0.02).fit(x, y, groups)
    assert np.abs(model.coef_[:D]).max() < 1e-12, "the query's part of every pair difference is 0"
    # whoever asks, the documents stand in the same order
    shelf, asked = d[:DOCUMENTS], np.random.default_rng(2).standard_normal((5, D))
    orders = {tuple(np.argsort(model.predict(concatenation(one[None], shelf, [DOCUMENTS])))) for one in asked}
    assert len(orders) == 1
    # the blind ranker is exactly the one that never saw the query
    alone = RankSVM(0.02).fit(d, y, groups)
    np.testing.assert_allclose(model.coef_[D:], alone.coef_, atol=1e-9)


def test_interactions_are_not():
    q, d, y, groups = matching(60, 0)
    make = lambda q, d, g: interactions(q, d, g, "product")  # noqa: E731
    model = RankSVM(1.0).fit(make(q, d, groups), y, groups)
    shelf, asked = d[:DOCUMENTS], np.random.default_rng(2).standard_normal((5, D))
    orders = {tuple(np.argsort(model.predict(make(one[None], shelf, [DOCUMENTS])))) for one in asked}
    assert len(orders) == 5


def test_what_each_is_worth_on_queries_not_seen():
    chance = ndcg(
        *[(y, np.random.default_rng(3).random(len(y)), g) for _, _, y, g in [matching(60, 1)]][0], 5
    )
    blind = learnt(concatenation, RankSVM(0.1))
    assert abs(blind - chance) < 0.12
    for kinds in ("product", "outer", "cosine", ("product", "difference", "cosine")):
        assert learnt(lambda q, d, g, k=kinds: interactions(q, d, g, k), RankSVM(0.1)) > 0.9, kinds
    trees = LambdaMART(100, 0.1, l2=1.0, min_data_in_leaf=5, feature_fraction=1.0)
    assert learnt(concatenation, trees) > blind + 0.1, "trees meet the two themselves"


def test_by_hand():
    q, d = [[1.0, 2]], [[3.0, -4], [0, 0]]
    found = interactions(q, d, [2], ("product", "difference", "outer", "cosine"))
    cosine = (3 - 8) / (np.sqrt(5) * 5)
    np.testing.assert_allclose(found, [[3, -8, 2, 6, 3, -4, 6, -8, cosine], [0, 0, 1, 2, 0, 0, 0, 0, 0]])
    assert interactions(q, [[1.0, 2, 3]], [1], "outer").tolist() == [[1, 2, 3, 2, 4, 6]]


@pytest.mark.parametrize(
    "change, word",
    [
        ({"kinds": "sum"}, "kinds: expected some of product"),
        ({"kinds": ()}, "kinds"),
        ({"groups": [1, 2]}, "queries: expected 2 rows"),
        ({"groups": [2]}, "sum to 2, there are 3"),
        ({"documents": np.zeros((3, 5))}, "queries have 2 features, documents 5"),
        ({"queries": [1.0, 2]}, "X: expected numbers"),
    ],
)
def test_errors(change, word):
    given = {"queries": [[1.0, 2]], "documents": np.zeros((3, 2)), "groups": [3]} | change
    with pytest.raises(ValueError, match=word):
        interactions(**given)
