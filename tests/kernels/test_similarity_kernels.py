"""Unit length and cosine: SciPy's distances, gradients, ties, threads, memory."""

import tracemalloc

import numpy as np
import pytest
from judge import agree, check_gradient, draw
from scipy.spatial.distance import cdist

from mmscratch import kernels

reference = kernels.floor("reference")


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (5, 7), (3, 0), (211, 307)], ids=str)
def test_l2_normalize(served, dtype, shape):
    x = draw(np.random.default_rng(0), shape, dtype)
    y, norm = served.l2_normalize(x, 1e-12)
    agree(norm, np.linalg.norm(x.astype(np.float64), axis=1).astype(dtype))
    if x.size:
        agree(y, (x / norm[:, None]).astype(dtype))
        dy = draw(np.random.default_rng(1), shape, dtype)
        expected = reference.l2_normalize_backward(dy, y, norm, 1e-12)
        agree(served.l2_normalize_backward(dy, y, norm, 1e-12), expected)


def test_gradient_is_tangent_and_true(served):
    """Also below eps, where the length is taken for constant."""
    x, dy = (draw(np.random.default_rng(s), (4, 5)) for s in (1, 2))
    x[2] *= 1e-2
    y, norm = served.l2_normalize(x, 0.2)
    dx = served.l2_normalize_backward(dy, y, norm, 0.2)
    check_gradient(lambda x: served.l2_normalize(x, 0.2)[0], [x], [dy], [dx])
    tangent = np.sum(x * dx, axis=1)
    np.testing.assert_allclose(tangent[[0, 1, 3]], 0, atol=1e-14)


def test_zero_rows_stay_zero(served, dtype):
    zero = np.zeros((2, 3), dtype)
    y, norm = served.l2_normalize(zero, 1e-12)
    assert not y.any() and not norm.any()
    np.testing.assert_allclose(served.l2_normalize_backward(zero + 1, y, norm, 0.5), 2)


def collection(rows, width, dtype):
    """With equal rows in far-away places, a zero row and rows of very different lengths."""
    rng = np.random.default_rng(3)
    database, queries = draw(rng, (rows, width), dtype), draw(rng, (6, width), dtype)
    database[[rows // 2, rows - 1]] = database[1]
    database[3] = 0
    database[4] *= 1000
    queries[0], queries[1] = database[1], 0
    queries[2] *= 1e6
    return queries, database


@pytest.mark.parametrize("rows, width, k", [(9, 3, 9), (9, 1, 4), (500, 17, 20), (20_000, 33, 10)])
def test_cosine_topk(served, dtype, rows, width, k):
    queries, database = collection(rows, width, dtype)
    with np.errstate(invalid="ignore"):
        cosine = np.nan_to_num(1 - cdist(queries, database, "cosine"), nan=0.0)
    score, index = served.cosine_topk(queries, database, k, False)
    assert score.dtype == dtype and index.dtype == np.int64 and score.shape == index.shape == (6, k)
    near = 1e-5 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(score, -np.sort(-cosine, axis=1)[:, :k], atol=near)
    np.testing.assert_allclose(score, np.take_along_axis(cosine, index, 1), atol=near)
    assert all(len(set(row)) == k for row in index.tolist())
    falls = (score[:, 1:] < score[:, :-1]) | (index[:, 1:] > index[:, :-1])
    assert falls.all(), "equal scores must come lower id first"
    if width > 1:
        assert index[0, :3].tolist() == [1, rows // 2, rows - 1]  # a tie, exactly
    assert index[1].tolist() == list(range(k))  # a zero query: cosine 0 with everything


def test_normalized_rows_skip_the_lengths(served, dtype):
    queries, database = (reference.l2_normalize(x, 1e-12)[0] for x in collection(4000, 20, dtype))
    agree(
        served.cosine_topk(queries, database, 5, True)[0],
        served.cosine_topk(queries, database, 5, False)[0],
    )
    # the promise "length 1" is taken at its word: without it the plain products rank
    assert served.cosine_topk(queries, 2 * database, 1, True)[0][0, 0] == pytest.approx(2, rel=1e-5)


def test_answers_do_not_depend_on_blocks_or_threads(dtype, threads, monkeypatch):
    import importlib

    cpu = kernels.floor("cpu")
    similarity = importlib.import_module("mmscratch.kernels.cpu.similarity")
    queries, database = collection(20_000, 33, dtype)
    expected = reference.cosine_topk(queries, database, 10, False)
    for tile, tasks in ((1 << 8, 1), (1 << 13, 5), (1 << 20, 32)):
        monkeypatch.setattr(similarity, "TILE", tile)
        monkeypatch.setattr(similarity, "TASKS", tasks)
        score, index = cpu.cosine_topk(queries, database, 10, False)
        np.testing.assert_array_equal(index, expected[1])
        agree(score, expected[0])


def test_memory_beside_the_database_stays_under_ten_megabytes():
    pytest.importorskip("numba")
    cpu = kernels.floor("cpu")
    rng = np.random.default_rng(4)
    queries, database = draw(rng, (300, 16), np.float32), draw(rng, (60_000, 16), np.float32)
    cpu.cosine_topk(queries[:2], database, 10, False)  # compile first
    tracemalloc.start()
    cpu.cosine_topk(queries, database, 10, False)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10e6, f"{peak / 1e6:.1f} MB; all scores at once would be 72 MB"


@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("many, width, k", [(1, 40, 7), (8, 33, 10), (9, 1, 3), (33, 65, 10), (70, 20, 150)])
def test_every_number_of_queries_finds_what_the_formula_finds(dtype, threads, many, width, k, normalized):
    """Few and many queries, parts of vectors and of tiles; rows of NaN, ∞ and zeros, ties far apart."""
    rng = np.random.default_rng(many)
    database, queries = draw(rng, (5003, width), dtype), draw(rng, (many, width), dtype)
    database[[17, 4000, 5002]] = database[5]
    database[6], database[4001], database[30] = 0, np.nan, np.inf
    database[40:50] *= 1e-22 if dtype is np.float32 else 1e-200
    database[50:60] *= 1e20 if dtype is np.float32 else 1e100
    queries[0] = database[5]
    if normalized:  # of length 1, apart from a few
        with np.errstate(all="ignore"):
            length = np.linalg.norm(database.astype(np.float64), axis=1, keepdims=True)
            database = (database / np.where(length > 0, length, 1)).astype(dtype)
    with np.errstate(all="ignore"):
        expected = reference.cosine_topk(queries, database, k, normalized)
    score, index = kernels.floor("cpu").cosine_topk(queries, database, k, normalized)
    np.testing.assert_array_equal(np.isnan(score), np.isnan(expected[0]))
    near = 1e-6 if dtype is np.float32 else 1e-12
    np.testing.assert_allclose(score, expected[0], rtol=near, atol=near)
    if dtype is np.float32 and width > 1:
        # float64 sums in two orders may round to neighbouring float32; elsewhere the ids agree
        assert np.mean(index == expected[1]) > 0.99


@pytest.mark.parametrize("many", [1, 20])
def test_a_row_too_short_for_squares_in_float32_is_found(many):
    """Its squares round up to the smallest number there is: by them it would be a third too long."""
    cpu = kernels.floor("cpu")
    rng = np.random.default_rng(0)
    database = (1 + 0.3 * rng.standard_normal((3000, 64))).astype(np.float32)
    database[-1] = 2.9e-23
    queries = np.ones((many, 64), np.float32)
    score, index = cpu.cosine_topk(queries, database, 3, False)
    assert (index[:, 0] == 2999).all() and score[:, 0] == pytest.approx(1)
