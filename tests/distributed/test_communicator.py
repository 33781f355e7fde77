"""Communicators, shards and the tree: what every rank may rely on, with threads in place of MPI."""

import numpy as np
import pytest

from mmscratch.distributed import (
    SERIAL,
    DistributedError,
    bounds,
    connect,
    owned,
    owner,
    partials,
    root,
    run_threads,
    tree_sum,
)


@pytest.mark.parametrize("ranks", [1, 2, 3, 5])
def test_everybody_hears_the_same(ranks):
    def talk(comm):
        assert comm.broadcast({"from": comm.rank, "x": np.arange(3)})["from"] == 0
        assert comm.gather(comm.rank**2) == [r**2 for r in range(ranks)]
        parts = [np.full(q + 1, 10 * comm.rank + q, np.float32) for q in range(ranks)]
        found = comm.exchange(parts, [comm.rank + 1] * ranks)
        assert [f.tolist() for f in found] == [[10 * q + comm.rank] * (comm.rank + 1) for q in range(ranks)]
        joined = comm.collect(np.full(comm.rank, comm.rank), range(ranks))
        assert joined.tolist() == [r for r in range(ranks) for _ in range(r)]
        return comm.received["arrays"]

    received = run_threads(ranks, talk)
    for rank, count in enumerate(received):
        others = sum(range(ranks)) - rank
        assert count == 4 * (ranks - 1) * (rank + 1) + 8 * others


def test_the_serial_twin_says_the_same():
    assert SERIAL.broadcast(3) == 3 and SERIAL.gather(3) == [3] and SERIAL.first(lambda: 5) == 5
    part = np.arange(3.0)
    (found,) = SERIAL.exchange([part], [3])
    found += 1
    assert part.tolist() == [0, 1, 2] and SERIAL.collect(part, [3]).tolist() == [0, 1, 2]
    assert SERIAL.received == {"arrays": 0, "objects": 0} and connect("serial").size == 1


def test_an_error_of_rank_0_is_one_of_all():
    def go(comm):
        def fails():
            raise ValueError("no such folder")

        try:
            comm.first(fails)
        except (ValueError, DistributedError) as error:
            return type(error).__name__, str(error), error.told

    assert run_threads(3, go) == [
        ("ValueError", "no such folder", False),
        *[("DistributedError", "rank 0: ValueError: no such folder", True)] * 2,
    ]


def test_a_failing_rank_ends_the_others():
    def go(comm):
        if comm.rank == 1:
            raise KeyError("mine")
        comm.gather(0)

    with pytest.raises(KeyError, match="mine"):
        run_threads(3, go)


def test_bad_input_is_told():
    with pytest.raises(DistributedError, match="expected mpi or serial, got 'carrier pigeon'"):
        connect("carrier pigeon")
    with pytest.raises(ValueError, match="exchange: expected 1 parts and sizes, got 2 and 1"):
        SERIAL.exchange([np.ones(1)] * 2, [1])
    with pytest.raises(ValueError, match=r"exchange: part 0 is float64 \(1, 1\), expected 1-D"):
        SERIAL.exchange([np.ones((1, 1))], [1])
    with pytest.raises(ValueError, match="root: expected at least 1 shard, got 0"):
        root(0)
    with pytest.raises(ValueError, match="bounds: expected count ≥ 0 and pieces ≥ 1, got 3 and 0"):
        bounds(3, 0)


@pytest.mark.parametrize("count, pieces", [(12, 4), (10, 4), (3, 5), (0, 2), (1, 1)])
def test_pieces_cover_everything_once(count, pieces):
    found = bounds(count, pieces)
    assert [i for a, b in found for i in range(a, b)] == list(range(count)) and len(found) == pieces
    sizes = [b - a for a, b in found]
    assert max(sizes) - min(sizes) <= 1
    assert owner(count, pieces) == [p for p, n in enumerate(sizes) for _ in range(n)]
    assert run_threads(2, lambda c: list(owned(5, c))) == [[0, 1], [2, 3, 4]]


@pytest.mark.parametrize("shards", range(1, 18))
def test_the_tree_does_not_see_the_ranks(shards):
    """Numbers whose float32 sum depends on the order: the tree's does not, however shards are dealt out."""
    values = (10.0 ** np.random.default_rng(shards).uniform(-4, 4, (shards, 50))).astype(np.float32)
    values *= np.random.default_rng(1).choice([-1, 1], values.shape).astype(np.float32)
    wanted = tree_sum(root(shards), lambda i: values[i].copy(), shards)
    for ranks in range(1, shards + 1):
        known = {}
        for first, last in bounds(shards, ranks):
            nodes = partials(first, last, shards)
            covered = [i for n, k in nodes for i in range(k << n, min((k + 1) << n, shards))]
            assert covered == list(range(first, last))
            known |= {node: tree_sum(node, lambda i: values[i].copy(), shards) for node in nodes}
        np.testing.assert_array_equal(tree_sum(root(shards), None, shards, known), wanted)
    np.testing.assert_allclose(wanted, values.astype(np.float64).sum(0), rtol=1e-3, atol=2e-2)
    if shards > 8:  # in the order of the ranks it would not be the same
        assert not np.array_equal(np.add.accumulate(values)[-1], wanted)


def test_nothing_adds_nothing():
    leaves = [None, np.ones(2), None, np.ones(2), None]
    assert tree_sum(root(5), lambda i: leaves[i], 5).tolist() == [2, 2]
    assert tree_sum(root(3), lambda i: None, 3) is None
