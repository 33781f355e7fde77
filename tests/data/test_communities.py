"""Graphs of communities: as many ties within and between as asked, features where they should lie."""

import numpy as np
import pytest

from mmscratch.data.communities import make_communities


def test_ties_and_features_are_as_asked():
    graphs = [make_communities(nodes=300, signal=1.5, seed=s) for s in range(8)]
    within = np.mean([(g.adjacency & (g.kind[:, None] == g.kind)).sum(1).mean() for g in graphs])
    between = np.mean([(g.adjacency & (g.kind[:, None] != g.kind)).sum(1).mean() for g in graphs])
    assert within == pytest.approx(8 * 99 / 100, rel=0.05) and between == pytest.approx(2, rel=0.08)
    g = graphs[0]
    assert (g.adjacency == g.adjacency.T).all() and not g.adjacency.diagonal().any()
    means = np.array([g.x[g.kind == k].mean(0) for k in range(3)])
    apart = [np.linalg.norm(means[i] - means[j]) for i in range(3) for j in range(i)]
    np.testing.assert_allclose(apart, 2 * 1.5, rtol=0.2)
    assert g.x.dtype == np.float32 and g.x.std() == pytest.approx(1, abs=0.25)


def test_parts_are_disjoint_and_balanced():
    g = make_communities(seed=3)
    assert (g.train.astype(int) + g.val + g.test == 1).all()
    for part, count in ((g.train, 10), (g.val, 10), (g.test, 20)):
        assert np.bincount(g.kind[part]).tolist() == [count] * 3


def test_a_seed_is_a_graph_and_rewiring_keeps_degrees():
    a, b, c = make_communities(seed=1), make_communities(seed=1), make_communities(seed=2)
    assert (a.adjacency == b.adjacency).all() and (a.x == b.x).all() and (a.adjacency != c.adjacency).any()
    moved = a.rewired(5)
    assert sorted(moved.adjacency.sum(1)) == sorted(a.adjacency.sum(1)) and (moved.x == a.x).all()
    same = a.kind[:, None] == a.kind
    share = [(g.adjacency & same).sum() / g.adjacency.sum() for g in (a, moved)]
    assert share[0] > 0.7 and abs(share[1] - 1 / 3) < 0.1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"nodes": 100}, "nodes: expected a multiple of kinds = 3"),
        ({"told": 30}, "more than 2 · told = 60"),
        ({"features": 2}, "features: expected at least kinds = 3, got 2"),
        ({"within": 80}, "expected chances from 0 to 1, got 2"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_communities(**options)
