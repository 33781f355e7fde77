"""LSH: the probability of a collision is Charikar's, tables add up as theory says, probes come in order."""

import numpy as np
import pytest
from search_cases import MAKE, D, K, Q, queries, rows, truth

from mmscratch import kernels
from mmscratch.search import LSH, clustered, lsh, recall


@pytest.mark.parametrize("angle", [0.0, 0.3, 1.0, np.pi / 2, 2.5, np.pi])
def test_a_bit_agrees_with_probability_one_less_angle_over_pi(angle):
    """4,000 hyperplanes in 12 dimensions; four standard deviations."""
    index = LSH(12, tables=400, bits=10)
    a, b = np.zeros(12), np.zeros(12)
    a[3], b[3], b[7] = 1, np.cos(angle), np.sin(angle)
    x = np.stack([a, b]).astype(np.float32)
    agree = ((index._margins(x)[0] >= 0) == (index._margins(x)[1] >= 0)).mean()
    p = lsh.collision(np.cos(angle))
    assert abs(p - (1 - angle / np.pi)) < 1e-7
    assert abs(agree - p) <= 4 * np.sqrt(p * (1 - p) / 4000) + 1e-3 * (angle > 3.1)


def test_the_rows_that_are_found_are_as_many_as_theory_says():
    """Over 200 tables of 6 bits: the share of tables in which a pair meets is (1 − θ/π)^6."""
    index = LSH(D, tables=200, bits=6, probes=1).build(rows())
    bucket = index._bucket[:900]
    cosine = rows()[:30] @ rows()[30:430].T
    meet = (bucket[:30, None] == bucket[None, 30:430]).mean(-1)
    expected = lsh.collision(cosine, bits=6)
    assert abs(meet.mean() - expected.mean()) < 0.01
    for low, high in ((-0.3, 0), (0, 0.2), (0.2, 0.4), (0.4, 0.6)):
        some = (cosine > low) & (cosine <= high)
        assert abs(meet[some].mean() - expected[some].mean()) < 0.03


def test_recall_is_that_of_theory():
    """One probe, T tables of b bits: each true neighbour is found with probability 1 − (1 − p^b)^T."""
    cosine = np.take_along_axis(queries() @ rows().T, truth(), 1)
    for tables, bits in ((1, 4), (4, 6), (10, 8)):
        found, expected = [], lsh.collision(cosine, bits, tables).mean()
        for seed in range(6):
            index = LSH(D, tables=tables, bits=bits, probes=1, seed=seed).build(rows())
            found.append(recall(index.search(queries(), K)[1], truth()))
        assert abs(np.mean(found) - expected) < 4 * np.std(found) / np.sqrt(len(found)) + 0.02


def test_probes_come_in_the_order_of_their_margins():
    margins = np.random.default_rng(0).standard_normal(7)
    cost = {a: sum(margins[i] ** 2 for i in range(7) if a >> i & 1) for a in range(128)}
    order = list(lsh.flips(margins, 128))
    assert sorted(order) == list(range(128)) and order[0] == 0
    np.testing.assert_allclose([cost[a] for a in order], sorted(cost.values()), rtol=1e-5)
    assert list(lsh.flips(margins, 5)) == order[:5] and list(lsh.flips(margins[:2], 99)) != []


def test_more_probes_tables_and_fewer_bits_find_more():
    def found(**settings):
        return recall(LSH(D, **settings).build(rows()).search(queries(), K)[1], truth())

    by_probes = [found(tables=3, bits=8, probes=p) for p in (1, 4, 16, 256)]
    assert by_probes == sorted(by_probes) and by_probes[-1] == 1
    by_tables = [found(tables=t, bits=8, probes=1) for t in (1, 4, 16)]
    assert by_tables == sorted(by_tables)
    assert found(tables=3, bits=3, probes=1) > found(tables=3, bits=8, probes=1)


@pytest.mark.parametrize("fault", ["one bit less", "flips backwards", "tables alike"])
def test_a_fault_is_seen(fault, monkeypatch):
    """Against the compiled search, which is not touched by it."""
    right = MAKE["lsh"]().build(rows())
    _, ids = right.search(queries(), K)
    if fault == "flips backwards":
        straight = lsh.flips
        monkeypatch.setattr(lsh, "flips", lambda m, n: list(straight(m, 128))[::-1][:n])
    elif fault == "one bit less":
        bucket_of = lsh.bucket_of
        monkeypatch.setattr(lsh, "bucket_of", lambda m: bucket_of(m) >> 1)
    else:
        right._planes.columns[:, 7:14] = right._planes.columns[:, :7]
    with kernels.use("reference"):
        _, other = right.search(queries(), K)
    assert not np.array_equal(ids, other)


def test_opposite_vectors_never_meet():
    index = LSH(D, tables=20, bits=4, probes=1).build(np.concatenate([rows()[:1], -rows()[:1]]))
    assert (index._bucket[0] + index._bucket[1] == 15).all()


def test_many_probes_of_few_bits_look_at_everything():
    index = LSH(16, tables=1, bits=5, probes=32).build(clustered(300, 16, seed=1))
    score, ids = index.search(clustered(Q, 16, seed=2), 300)
    assert (np.sort(ids, 1) == np.arange(300)).all() and np.isfinite(score).all()
