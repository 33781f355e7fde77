"""Feature-wise linear modulation: the fast floor beside the reference, and gradients by differences."""

import numpy as np
import pytest
from judge import agree, check_gradient, draw

from mmscratch import kernels

reference = kernels.floor("reference")
LARGE = {
    "cells": (40, 25, 8, 8),
    "odd rows": (70, 3, 17, 15),
    "just a vector": (100, 40, 16),
    "less than a vector": (300, 70, 3),
    "no space": (300, 200),
    "long rows": (2, 3, 20_003),
}


def given(shape, dtype):
    rng = np.random.default_rng(0)
    return draw(rng, shape, dtype), draw(rng, shape[:2], dtype), draw(rng, shape[:2], dtype)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("shape", LARGE.values(), ids=LARGE)
def test_the_floors_agree(shape, relu, dtype, threads):
    """Forwards and backwards, whatever the number of threads; sums as near as their terms allow."""
    cpu, (x, gamma, beta) = kernels.floor("cpu"), given(shape, dtype)
    y = reference.film(x, gamma, beta, relu)
    agree(cpu.film(x, gamma, beta, relu), y)
    dy, kept = draw(np.random.default_rng(1), shape, dtype), y if relu else None
    got, wanted = (f.film_backward(dy, x, gamma, kept) for f in (cpu, reference))
    agree(got[0], wanted[0])
    bound = 1e-5 if dtype == np.float32 else 1e-13
    space = tuple(range(2, x.ndim))
    for g, w, terms in zip(got[1:], wanted[1:], (dy * x, dy), strict=True):
        assert g.shape == w.shape and g.dtype == dtype
        assert (np.abs(g - w) <= bound * (1e-30 + np.abs(terms).sum(axis=space))).all()


@pytest.mark.parametrize("shape", LARGE.values(), ids=LARGE)
def test_the_gradients_of_a_bias_and_its_rectifier(shape, dtype, threads):
    dy, y = (draw(np.random.default_rng(seed), shape, dtype) for seed in (0, 1))
    space = (0, *range(2, y.ndim))
    dx, db = kernels.floor("cpu").bias_relu_backward(dy, y)
    agree(dx, np.where(y > 0, dy, 0).astype(dtype))
    wanted, terms = (v.astype(np.float64).sum(axis=space) for v in (dx, np.abs(dx)))
    assert db.shape == wanted.shape and db.dtype == dtype
    assert (np.abs(db - wanted) <= (1e-6 if dtype == np.float32 else 1e-14) * (1e-30 + terms)).all()
    for g, w in zip(reference.bias_relu_backward(dy, y), (dx, db), strict=True):
        agree(g, w, 1e-3 if dtype == np.float32 else 1e-9)


def test_nan_stays(floor):
    x, gamma, beta = given((40, 25, 8, 8), np.float32)
    x[3, 5, 2, 1] = np.nan
    assert np.isnan(floor.film(x, gamma, beta, True)).sum() == 1


@pytest.mark.parametrize("relu", [False, True])
def test_the_gradient(floor, relu):
    x, gamma, beta = given((2, 3, 4), np.float64)
    y = floor.film(x, gamma, beta, relu)
    dy = draw(np.random.default_rng(1), y.shape)
    gradients = floor.film_backward(dy, x, gamma, y if relu else None)
    check_gradient(lambda *a: floor.film(*a, relu), (x, gamma, beta), [dy], gradients)
