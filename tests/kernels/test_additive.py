"""Scores of additive attention: the formula's twin, gradients, errors, threads."""

import numpy as np
import pytest
from judge import agree, check_gradient, draw

from mmscratch import kernels

reference = kernels.floor("reference")
SHAPES = {
    "one": (1, 1, 1, 1),
    "odd": (3, 2, 5, 7),
    "whole vectors": (2, 3, 4, 64),
    "many queries": (2, 70, 9, 33),
    "a task a query": (2, 3, 300, 40),
    "no queries": (2, 0, 3, 4),
    "no keys": (2, 3, 0, 4),
    "no items": (0, 3, 2, 4),
}


def case(shape, dtype, seed=0):
    batch, queries, keys, size = shape
    rng = np.random.default_rng(seed)
    given = (batch, queries, size), (batch, keys, size), (size,), (batch, queries, keys)
    query, key, weight, de = (draw(rng, s, dtype) for s in given)
    return query, key, weight, de


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_equals_the_formula(served, dtype, shape):
    query, key, weight, de = case(shape, dtype)
    agree(served.additive_scores(query, key, weight), reference.additive_scores(query, key, weight))
    got = served.additive_scores_backward(de, query, key, weight)
    agree(got, reference.additive_scores_backward(de, query, key, weight))


def test_two_dimensions_by_hand(served, dtype):
    query, key, weight = (np.array(x, dtype) for x in ([[[0, 1]]], [[[1, 0], [0, -1]]], [2, 3]))
    expected = [[[2 * np.tanh(1) + 3 * np.tanh(1), 0]]]
    np.testing.assert_allclose(served.additive_scores(query, key, weight), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 2, 3, 17)])
def test_gradients(served, shape):
    """Of all three inputs; those of the keys are those of the queries with both exchanged."""
    query, key, weight, de = case(shape, np.float64)
    dquery, dweight = served.additive_scores_backward(de, query, key, weight)
    turned = np.ascontiguousarray(de.transpose(0, 2, 1))
    dkey, again = served.additive_scores_backward(turned, key, query, weight)
    agree(again, dweight)
    check_gradient(served.additive_scores, (query, key, weight), [de], [dquery, dkey, dweight])


def test_errors_in_float32(served):
    """As kernels/cpu/additive_vectors.py states them."""
    query, key, weight, de = case((4, 6, 50, 129), np.float32)
    exact = [x.astype(np.float64) for x in (query, key, weight, de)]
    e = served.additive_scores(query, key, weight)
    assert np.abs(e - reference.additive_scores(*exact[:3])).max() < 1e-6 * np.abs(weight).sum()
    got = served.additive_scores_backward(de, query, key, weight)
    dquery, dweight = reference.additive_scores_backward(exact[3], *exact[:3])
    assert np.abs(got[0] - dquery).max() < 2e-6 * np.abs(de).sum(axis=2).max() * np.abs(weight).max()
    assert np.abs(got[1] - dweight).max() < 2e-6 * np.abs(de).sum()


def test_what_is_no_number_stays_in_its_row(served, dtype):
    query, key, weight, de = case((2, 3, 4, 5), dtype)
    query[1, 2, 3], key[0, 1, 0] = np.nan, np.inf
    agree(served.additive_scores(query, key, weight), reference.additive_scores(query, key, weight))
    got = served.additive_scores_backward(de, query, key, weight)
    agree(got, reference.additive_scores_backward(de, query, key, weight))
