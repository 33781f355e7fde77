"""Sharded indices: what one index finds, on any number of ranks."""

import json

import numpy as np
import pytest

from mmscratch.data.errors import DataError
from mmscratch.distributed import run_threads
from mmscratch.search import ShardedIndex, clustered, load_index, make_index, recall

N, D, K = 700, 16, 5
ROWS = clustered(N, D, clusters=20, seed=0)
QUERIES = clustered(40, D, clusters=20, seed=1)
SETTINGS = {
    "exact": {},
    "ivfpq": {"cells": 8, "parts": 4, "codewords": 16, "probes": 3, "rerank": 30},
    "hnsw": {"degree": 6, "ef_construction": 30, "ef_search": 20},
    "lsh": {},
}


def built(method, comm, grain=100, **more):
    index = ShardedIndex(method, D, comm=comm, grain=grain, **{**SETTINGS[method], **more})
    return index.build(ROWS[index.rows_of(N)], N)


def same(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("method", SETTINGS)
def test_any_number_of_ranks_finds_the_same(method):
    one = run_threads(1, lambda comm: built(method, comm).search(QUERIES, K))[0]
    for ranks in (2, 3, 4, 9):  # of 9 two have nothing
        for found in run_threads(ranks, lambda comm: built(method, comm).search(QUERIES, K)):
            same(found, one)
    true = make_index("exact", D).build(ROWS).search(QUERIES, K)[1]
    assert recall(one[1], true) > (0.5 if method == "lsh" else 0.8)


@pytest.mark.parametrize("method, more", [("exact", {}), ("ivfpq", {}), ("ivfpq", {"rerank": 0})])
@pytest.mark.parametrize("grain", [N, 350, 64, 9])
def test_grains_do_not_show(method, more, grain):
    """Exact and IVF-PQ find what one index finds, to the bit."""
    wanted = make_index(method, D, **{**SETTINGS[method], **more}).build(ROWS).search(QUERIES, K)
    found = run_threads(3, lambda comm: built(method, comm, grain, **more).search(QUERIES, K))[2]
    if more:  # equal codes have equal sums: which of them is found may differ
        np.testing.assert_array_equal(found[0], wanted[0])
    else:
        same(found, wanted)


def test_codes_are_learnt_from_the_same_sample():
    """More rows than are learnt from: the sample crosses the ranks in the order of the ids."""
    rows = clustered(3000, D, clusters=20, seed=2)
    settings = {**SETTINGS["ivfpq"], "codewords": 8}
    wanted = make_index("ivfpq", D, **settings).build(rows)
    assert len(wanted.sample(3000)) == 512

    def go(comm):
        index = ShardedIndex("ivfpq", D, comm=comm, grain=500, **settings)
        index.build(rows[index.rows_of(3000)], 3000)
        return index.search(QUERIES, K), [g.learnt() for g in index.grains.values()]

    for found, learnt in run_threads(4, go):
        same(found, wanted.search(QUERIES, K))
        for one in learnt:
            same(one, wanted.learnt())


def test_hnsw_is_a_graph_a_grain():
    found = run_threads(2, lambda comm: built("hnsw", comm, grain=350).search(QUERIES, K))[0]
    parts = [make_index("hnsw", D, **SETTINGS["hnsw"]).build(ROWS[a : a + 350]) for a in (0, 350)]
    answers = [part.search(QUERIES, K) for part in parts]
    for q in range(len(QUERIES)):
        rows = [(-s, i + 350 * p) for p, (score, ids) in enumerate(answers)
                for s, i in zip(score[q], ids[q], strict=True)]  # fmt: skip
        assert found[1][q].tolist() == [i for _, i in sorted(rows)[:K]]


@pytest.mark.parametrize("method", ["exact", "ivfpq", "hnsw"])
def test_saved_by_two_loaded_by_three(method, tmp_path):
    wanted = run_threads(2, lambda c: (built(method, c).save(tmp_path), built(method, c).search(QUERIES, K)))
    assert len(list(tmp_path.glob("grain-*.index"))) == 7
    for found in run_threads(3, lambda c: ShardedIndex.load(tmp_path, c).search(QUERIES, K)):
        same(found, wanted[0][1])


def test_bad_input_is_told(tmp_path):
    with pytest.raises(ValueError, match="ShardedIndex: grain: expected a whole number ≥ 1, got 0"):
        ShardedIndex("exact", D, grain=0)
    with pytest.raises(ValueError, match="method: expected one of exact"):
        ShardedIndex("near", D)
    index = ShardedIndex("exact", D)
    with pytest.raises(ValueError, match="the index is empty; build it first"):
        index.search(QUERIES)
    with pytest.raises(ValueError, match="build: expected 700 rows of 700, got 3 rows"):
        index.build(ROWS[:3], N)
    index.build(ROWS, N)
    with pytest.raises(ValueError, match="expected an empty index, got 700 rows"):
        index.build(ROWS, N)
    with pytest.raises(ValueError, match=r"k: expected a whole number in 1 … 700, got 701"):
        index.search(QUERIES, 701)
    index.save(tmp_path)
    about = json.loads((tmp_path / "sharded.json").read_text())
    for change, told in (({"format": 9}, "format 9"), ({"rows": "many"}, "rows"), ({"grain": -1}, "grain"),
                         ({"method": "near"}, "method"), ({"settings": 3}, "TypeError")):  # fmt: skip
        (tmp_path / "sharded.json").write_text(json.dumps(about | change))
        with pytest.raises(DataError, match=f"sharded.json: is damaged .*{told}"):
            ShardedIndex.load(tmp_path)
    (tmp_path / "sharded.json").write_text(json.dumps(about | {"rows": 699}))
    with pytest.raises(DataError, match="grain-000000.index: is .*expected 699 rows of exact"):
        ShardedIndex.load(tmp_path)
    assert len(load_index(tmp_path / "grain-000000.index")) == N
