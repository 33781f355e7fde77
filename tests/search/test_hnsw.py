"""HNSW: its layers, its graph, the rule by which neighbours are chosen, and how recall grows with effort."""

import numpy as np
import pytest
from search_cases import MAKE, D, K, N, built, queries, rows, truth

from mmscratch import kernels
from mmscratch.search import HNSW, Exact, clustered, hnsw, recall


def test_layers_thin_out_by_the_degree_and_follow_from_seed_and_id():
    index = HNSW(8, degree=4)
    level = index._levels(0, 40_000)
    for layer in range(1, 5):
        share = (level >= layer).mean()
        assert abs(share - 4.0**-layer) < 4 * np.sqrt(4.0**-layer / 40_000)
    np.testing.assert_array_equal(index._levels(1000, 500), level[1000:1500])
    assert (HNSW(8, degree=4, seed=1)._levels(0, 500) != level[:500]).any()


@pytest.mark.slow
def test_the_graph_keeps_its_promises():
    index = built("hnsw")
    n, degree = len(index), index.degree
    level, place = index._level[:n], index._place[:n]
    assert index._state[1] == level.max() == level[index._state[0]]
    for i in range(n):
        for layer in range(level[i] + 1):
            mine = hnsw.neighbours(index._upper if layer else index._base, layer, place, i)
            assert layer or len(mine), "on layer 0 nobody is alone"
            assert len(set(mine)) == len(mine) <= (degree if layer else 2 * degree)
            assert i not in mine and (level[mine] >= layer).all()


def test_all_rows_are_reached_from_the_entry():
    index = HNSW(D, ef_search=N).build(rows())
    _, ids = index.search(queries()[:3], N)
    assert (np.sort(ids, axis=1) == np.arange(N)).all()


def test_more_effort_finds_more():
    found = []
    for ef in (10, 20, 40, 160):
        index = MAKE["hnsw"](ef_search=ef).build(rows())
        found.append(recall(index.search(queries(), K)[1], truth()))
    assert found == sorted(found) and found[0] < 0.97 and found[-1] > 0.999


def test_effort_is_a_setting_that_may_be_changed_later():
    index = HNSW(D, degree=5, ef_construction=20, ef_search=10).build(rows())
    few = recall(index.search(queries(), K)[1], truth())
    index.ef_search = 160
    assert recall(index.search(queries(), K)[1], truth()) > few
    index.ef_search = 0
    with pytest.raises(ValueError, match="ef_search: expected"):
        index.search(queries(), K)


def test_neighbours_are_chosen_in_different_directions():
    """Points on a line 0 — 1 — 2 and one across: the second on the line is behind the first."""
    angle = np.array([0.0, 0.1, 0.2, -0.3])
    x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    candidates = sorted(((float(x[0] @ x[i]), i) for i in (1, 2, 3)), reverse=True)
    assert hnsw.choose(x, candidates, 3) == [1, 3]
    assert hnsw.choose(x, candidates, 1) == [1]


def test_a_walk_of_full_breadth_is_an_exact_search():
    small = HNSW(D, ef_search=200).build(rows()[:200])
    exact = Exact(D).build(rows()[:200])
    for a, b in zip(small.search(queries(), 5), exact.search(queries(), 5), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    "fault",
    [
        ("choose", lambda x, candidates, most: [i for _, i in candidates[:most]]),  # the nearest, wherever
        ("climb", lambda q, x, links, layer, place, entry: entry),  # no descent
        ("link", lambda x, links, row, node, i: None),  # no way back
    ],
)
def test_a_fault_changes_the_graph_or_loses_neighbours(fault, monkeypatch):
    name, wrong = fault
    monkeypatch.setattr(hnsw, name, wrong)
    with kernels.use("reference"):
        index = MAKE["hnsw"]().build(rows()[:300])
    right = MAKE["hnsw"]().build(rows()[:300])
    assert not np.array_equal(index._base[:300], right._base[:300])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hnsw", "ivfpq", "lsh"])
def test_recall_on_twenty_thousand_vectors(name):
    """20,000 × 128 clustered (seeds 1 and 2), 500 queries: recall@10 ≥ .95."""
    from mmscratch.search import make_index

    settings = {"ivfpq": {"cells": 128, "parts": 16, "probes": 48}, "lsh": {"tables": 16, "probes": 48}}
    x, q = clustered(20_000, seed=1), clustered(500, seed=2)
    _, true = Exact(128).build(x).search(q, 10)
    _, ids = make_index(name, 128, **settings.get(name, {})).build(x).search(q, 10)
    assert recall(ids, true) >= 0.95
