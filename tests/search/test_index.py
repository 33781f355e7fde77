"""What holds of every method: the interface, incremental adding, order, refusals."""

import re

import numpy as np
import pytest
from search_cases import MAKE, D, K, N, built, queries, rows, truth

from mmscratch import kernels
from mmscratch.search import METHODS, make_index, recall

methods = pytest.mark.parametrize("name", MAKE)


@methods
def test_most_neighbours_are_found_and_scores_are_cosines(name):
    score, ids = built(name).search(queries(), K)
    assert (
        score.dtype == np.float32
        and ids.dtype == np.int64
        and score.shape == ids.shape == (len(queries()), K)
    )
    assert recall(ids, truth()) >= {"exact": 1, "codes": 0.55}.get(name, 0.97)
    assert (np.diff(score, axis=1) <= 0).all()
    if name != "codes":
        cosine = np.einsum("qd,qkd->qk", queries(), rows()[ids])
        np.testing.assert_allclose(score, cosine, atol=1e-6)


@methods
def test_compiled_is_the_formula_in_numpy(name):
    with kernels.use("reference"):
        plain = MAKE[name]().build(rows())
        score, ids = plain.search(queries(), K)
    again, same = built(name).search(queries(), K)
    np.testing.assert_array_equal(ids, same)
    np.testing.assert_allclose(score, again, atol=3e-7)


@methods
def test_rows_may_come_in_parts_and_queries_alone(name):
    index = MAKE[name]().train(rows())
    assert index.add(rows()[:1]).tolist() == [0]
    assert len(index) == 1 and index.dimension == D
    index.add(rows()[1:333])
    index.search(queries()[:2], 1)
    index.add(np.zeros((0, D), np.float32))
    assert index.add(rows()[333:]).tolist() == list(range(333, N))
    for a, b in zip(index.search(queries(), K), built(name).search(queries(), K), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(index.search(queries()[7], K)[a.dtype == np.int64], a[7:8])


@methods
def test_results_do_not_depend_on_threads(name):
    import numba

    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = MAKE[name]().build(rows()).search(queries(), K)
    finally:
        numba.set_num_threads(before)
    for a, b in zip(one, built(name).search(queries(), K), strict=True):
        np.testing.assert_array_equal(a, b)


@methods
def test_length_does_not_matter(name):
    index = MAKE[name]().build(rows() * np.linspace(0.1, 1e4, N)[:, None].astype(np.float32))
    score, ids = index.search(queries() * 1e-6, K)
    assert recall(ids, truth()) >= {"codes": 0.55}.get(name, 0.97)
    assert np.abs(score).max() <= (1.2 if name == "codes" else 1 + 1e-6)


@methods
def test_copies_and_zeros_are_rows_like_others(name):
    x = np.concatenate([rows()[:60], np.repeat(rows()[:1], 40, 0), np.zeros((1, D), np.float32)])
    index = MAKE[name](**({"cells": 4} if name in ("ivfpq", "codes") else {})).build(x)
    score, ids = index.search(x[:1], 5)
    if name != "codes":
        assert set(ids[0]) <= {0, *range(60, 100)}
        np.testing.assert_allclose(score, 1, atol=1e-6)
    assert len(set(ids[0])) == 5
    score, ids = index.search(np.zeros((1, D)), 3)
    assert np.isfinite(score[ids >= 0]).all()


def test_the_lower_id_comes_first_of_equal_rows():
    x = np.repeat(rows()[:30], 3, axis=0)
    for name in ("exact", "lsh", "hnsw"):
        _, ids = MAKE[name]().build(x).search(rows()[:30], 3)
        np.testing.assert_array_equal(ids, np.arange(90).reshape(30, 3))


def test_a_quick_method_may_find_fewer():
    index = MAKE["lsh"](tables=1, probes=1).build(rows())
    score, ids = index.search(queries(), 200)
    none = ids < 0
    assert none.any() and (score[none] == -np.inf).all() and np.isfinite(score[~none]).all()
    for row in ids:
        found = row[row >= 0]
        assert len(set(found)) == len(found)


@methods
@pytest.mark.parametrize(
    "call, said",
    [
        (lambda i: i.search(rows()[:, :-1]), "queries: expected numbers (N, 40), got float32 (900, 39)"),
        (lambda i: i.search(rows()[0], 0), "k: expected a whole number in 1 … 900, got 0"),
        (lambda i: i.search(rows()[0], N + 1), "in 1 … 900, got 901"),
        (lambda i: i.search(rows()[0], 2.0), "got 2.0"),
        (lambda i: i.search(np.full(D, np.nan)), "queries: row 0 holds NaN or infinity"),
        (lambda i: i.add(np.array([["a"] * D])), "vectors: expected numbers"),
        (lambda i: i.add(np.full((3, D), np.inf)), "vectors: row 0 holds NaN or infinity"),
        (lambda i: i.add(rows()[0]), "vectors: expected numbers (N, 40), got float32 (40,)"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(name, call, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        call(built(name))
    assert len(built(name)) == N


@methods
def test_an_empty_index_says_so(name):
    index = MAKE[name]()
    with pytest.raises(ValueError, match="the index is empty; add vectors first"):
        index.search(rows()[:1], 1)
    if index.needs_training:
        with pytest.raises(ValueError, match=r"call train\(sample\) first"):
            index.add(rows())


@pytest.mark.parametrize(
    "method, settings, said",
    [
        ("annoy", {}, "method: expected one of exact, lsh, ivfpq, hnsw, got 'annoy'"),
        ("hnsw", {"m": 3}, "HNSW: unknown setting 'm'; known: dimension, degree"),
        ("hnsw", {"degree": 1}, "degree: expected a whole number in 2 … 512, got 1"),
        ("hnsw", {"ef_search": 0}, "ef_search: expected"),
        ("ivfpq", {"parts": 7}, "parts=7 do not divide dimension=40"),
        ("ivfpq", {"probes": 300}, "probes: expected a whole number in 1 … 256, got 300"),
        ("ivfpq", {"codewords": 257}, "codewords: expected a whole number in 1 … 256"),
        ("lsh", {"bits": 21}, "bits: expected a whole number in 1 … 20, got 21"),
        ("lsh", {"bits": 2, "probes": 5}, "probes: expected a whole number in 1 … 4, got 5"),
        ("lsh", {"tables": True}, "tables: expected a whole number in 1 … 1024, got True"),
    ],
)
def test_settings_are_checked(method, settings, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        make_index(method, D, **settings)


def test_every_method_has_a_name():
    for method in METHODS:
        settings = {"parts": 8} if method == "ivfpq" else {}
        assert make_index(method, D, **settings).method == method


def test_recall_counts_what_was_found():
    assert recall([[1, 2, -1], [5, 4, 3]], [[2, 9], [3, 4]]) == 0.75
    with pytest.raises(ValueError, match="recall: expected"):
        recall([[1]], [[1], [2]])
