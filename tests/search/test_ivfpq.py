"""k-means, product quantisation and the inverted file: what theory says of each."""

import numpy as np
import pytest
from search_cases import MAKE, D, K, built, queries, rows, truth

from mmscratch import kernels
from mmscratch.search import ProductQuantizer, clustered, ivfpq, kmeans, recall
from mmscratch.search.clusters import seeds
from mmscratch.search.panel import Panel


def spread_of(x, centres):
    gap = ((x[:, None] - centres[None]) ** 2).sum(-1)
    return gap.min(1).mean(), gap.argmin(1)


def test_a_panel_finds_the_nearest():
    x, c = rows()[:203], rows()[300:337]
    for floor in ("reference", kernels.host().__name__.rpartition(".")[2]):
        with kernels.use(floor):
            panel = Panel(c)
            np.testing.assert_array_equal(panel.nearest(x), spread_of(x, c)[1])
            np.testing.assert_allclose(panel.products(x), x @ c.T, atol=1e-6)
            np.testing.assert_array_equal(panel.nearest(x[7:8]), panel.nearest(x)[7:8])
    same = Panel(np.repeat(c[:1], 40, 0))
    assert (same.nearest(x) == 0).all(), "the first of equally near ones"


def test_kmeans_finds_clusters_that_are_there():
    r = np.random.default_rng(0)
    centres = r.standard_normal((7, 5)) * 10
    x = (centres[r.integers(0, 7, 700)] + 0.1 * r.standard_normal((700, 5))).astype(np.float32)
    found = kmeans(x, 7, seed=3)
    gap = ((found[:, None] - centres[None]) ** 2).sum(-1)
    assert sorted(gap.argmin(1)) == list(range(7)) and gap.min(1).max() < 0.01


def test_iterations_never_make_it_worse_and_centres_are_means():
    x = rows()
    cost = [spread_of(x, kmeans(x, 25, seed=1, iterations=n))[0] for n in (1, 2, 4, 8, 60)]
    assert all(b <= a + 1e-6 for a, b in zip(cost[:-1], cost[1:], strict=True)) and cost[-1] < cost[0]
    centres = kmeans(x, 25, seed=1, iterations=60)
    label = spread_of(x, centres)[1]
    means = np.stack([x[label == j].astype(np.float64).mean(0) for j in range(25)])
    np.testing.assert_allclose(centres, means, atol=1e-5)


def test_seeds_prefer_what_is_far_by_the_square():
    """Of two other points at distances 1 and 3 the farther is the second seed 9 times of 10."""
    x = np.array([[0.0], [1.0], [3.0]], np.float32)
    second = []
    for n in range(2000):
        a, b = seeds(x, 2, np.random.default_rng(n))[:, 0]
        if a == 0:
            second.append(b == 3)
    assert abs(np.mean(second) - 0.9) < 4 * np.sqrt(0.09 / len(second))


def test_kmeans_with_as_many_centres_as_rows_and_with_copies():
    assert spread_of(rows()[:30], kmeans(rows()[:30], 30))[0] < 1e-9
    copies = np.repeat(rows()[:2], 20, 0)
    assert np.isfinite(kmeans(copies, 5)).all() and spread_of(copies, kmeans(copies, 5))[0] < 1e-9
    with pytest.raises(ValueError, match="31 centres need at least as many rows, got 30"):
        kmeans(rows()[:30], 31)


def test_codes_are_the_nearest_words_and_the_table_sums_to_the_product():
    book = ProductQuantizer.train(rows(), 8, 16)
    code = book.encode(rows())
    pieces = rows().reshape(-1, 8, 1, D // 8)
    np.testing.assert_array_equal(code, ((pieces - book.codewords) ** 2).sum(-1).argmin(-1))
    table, near = book.table(queries()), book.decode(code)
    sums = table[:, np.arange(8), code].sum(-1)
    np.testing.assert_allclose(sums, queries() @ near.T, atol=1e-5)
    off = rows() - near
    np.testing.assert_allclose(book.distortion(rows()), (off**2).sum(1).mean(), rtol=1e-5)


def test_distortion_falls_with_parts_and_with_words():
    by_parts = [ProductQuantizer.train(rows(), m, 16).distortion(rows()) for m in (1, 2, 4, 8, 20, 40)]
    by_words = [ProductQuantizer.train(rows(), 8, k).distortion(rows()) for k in (1, 4, 16, 64, 256)]
    assert by_parts == sorted(by_parts, reverse=True) and by_words == sorted(by_words, reverse=True)
    assert by_parts[-1] < 0.1 * by_parts[0]
    one = ProductQuantizer.train(rows()[:64], 8, 1)
    np.testing.assert_allclose(one.distortion(rows()[:64]), rows()[:64].var(axis=0).sum(), rtol=1e-4)


def test_every_cell_probed_and_every_row_rescored_is_exact():
    _, ids = MAKE["ivfpq"](probes=20, rerank=900).build(rows()).search(queries(), K)
    np.testing.assert_array_equal(ids, truth())


def test_codes_alone_give_the_product_with_what_they_stand_for():
    index = MAKE["codes"](probes=20).build(rows())
    score, ids = index.search(queries(), 900)
    stands = index._centres[index._cell[:900]] + index._book.decode(index._code[:900])
    expected = np.take_along_axis(queries() @ stands.T, ids, 1)
    np.testing.assert_allclose(score, expected, atol=2e-6)
    assert (np.sort(ids, 1) == np.arange(900)).all()


def test_more_probes_and_more_rescoring_find_more():
    index = MAKE["ivfpq"]().build(rows())
    found = []
    for probes, rerank in ((1, 10), (2, 10), (2, 40), (8, 40), (20, 200)):
        index.probes, index.rerank = probes, rerank
        found.append(recall(index.search(queries(), K)[1], truth()))
    assert found == sorted(found) and found[0] < 0.8 and found[-1] > 0.999


def test_residuals_are_what_is_quantised(monkeypatch):
    """Codes of the rows themselves (no residual) stand farther off."""
    plain = ProductQuantizer.train(rows(), 8, 32)
    index = built("codes")
    rest = rows() - index._centres[index._cell[:900]]
    assert index._book.distortion(rest) < plain.distortion(rows())


def test_training_is_refused_where_it_cannot_be():
    with pytest.raises(ValueError, match="32 centres need at least as many rows, got 31"):
        MAKE["ivfpq"]().train(rows()[:31])
    with pytest.raises(ValueError, match="rows were added already"):
        built("ivfpq").train(rows())
    index = MAKE["codes"]().build(rows())
    index.rerank = 5
    with pytest.raises(ValueError, match="made with rerank=0 and holds no rows"):
        index.search(queries(), 1)


@pytest.mark.parametrize("wrong", ["no centre", "wrong table", "farthest cells"])
def test_a_fault_is_seen(wrong, monkeypatch):
    """The formula with a term lost, the table turned, or probing the far cells: recall of codes falls."""
    right = ivfpq.scan

    def scan(tasks, q, coarse, half, panels, codes, ids, starts, probes, near, found):
        if wrong == "no centre":
            half, coarse = coarse[0] * 0 + half, coarse * 0
        elif wrong == "wrong table":
            panels = np.ascontiguousarray(panels[::-1])
        else:
            half, coarse = -half, -coarse
        right(tasks, q, coarse, half, panels, codes, ids, starts, probes, near, found)

    with kernels.use("reference"):
        index = MAKE["codes"]().build(rows())
        good = recall(index.search(queries(), K)[1], truth())
        monkeypatch.setattr(ivfpq, "scan", scan)
        assert recall(index.search(queries(), K)[1], truth()) < good - 0.1


def test_made_up_vectors_are_of_unit_length_and_of_their_seed():
    a, b = clustered(50, 16, seed=1), clustered(50, 16, seed=1)
    np.testing.assert_array_equal(a, b)
    assert (clustered(50, 16, seed=2) != a).any() and a.dtype == np.float32
    np.testing.assert_allclose((a**2).sum(1), 1, atol=1e-6)
