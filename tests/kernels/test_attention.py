"""Attention on every floor: the definition in plain loops, agreement, masks, gradients."""

import math

import numpy as np
import pytest
from judge import agree, check_gradient, draw

from mmscratch import kernels

reference = kernels.floor("reference")

SHAPES = {  # B, G, Lq, Lk, D, E
    "one": (1, 1, 1, 1, 1, 1),
    "odd": (2, 3, 5, 7, 3, 5),
    "square": (2, 2, 4, 4, 4, 4),
    "no batch": (0, 2, 3, 4, 2, 2),
    "no query": (2, 1, 0, 4, 2, 2),
}


def masks(kind, batch, groups, queries, keys, rng):
    """One mask of each kind; of the bool ones, the first query of the first batch sees nothing."""
    if kind in ("none", "causal"):
        return None
    if kind == "keys":  # (B, 1, 1, Lk): padding
        return rng.random((batch, 1, 1, keys)) < 0.7
    if kind == "additive":
        return rng.standard_normal((1, groups, queries, keys))
    if kind == "additive, hidden":
        mask = np.where(rng.random((batch, 1, queries, keys)) < 0.6, 0.5, -np.inf)
    else:
        mask = rng.random((batch, groups, queries, keys)) < 0.6
    mask[:1, :, :1] = mask.dtype.type(0 if mask.dtype == bool else -np.inf)
    return mask


KINDS = ["none", "causal", "keys", "full", "full, causal", "additive", "additive, hidden"]


def by_loops(query, key, value, mask, causal, scale):
    """Equation 1 of Vaswani et al. (2017), number by number."""
    batch, groups, queries, width = query.shape
    keys = key.shape[2]
    out = np.zeros((batch, groups, queries, value.shape[3]))
    for b, g, i in np.ndindex(batch, groups, queries):
        weights = []
        for j in range(keys):
            score = scale * sum(query[b, g, i, d] * key[b, g, j, d] for d in range(width))
            if mask is not None:
                m = mask[tuple(at % n for at, n in zip((b, g, i, j), mask.shape, strict=True))]
                score = score + m if mask.dtype != bool else (score if m else -math.inf)
            weights.append(0.0 if causal and j > i else math.exp(score))
        for j in range(keys):
            if sum(weights) > 0:
                out[b, g, i] += weights[j] / sum(weights) * value[b, g, j]
    return out


def arguments(shape, kind, dtype, seed=0):
    batch, groups, queries, keys, width, out = shape
    rng = np.random.default_rng(seed)
    mask = masks(kind, batch, groups, queries, keys, rng)
    if mask is not None and mask.dtype != bool:
        mask = mask.astype(dtype)
    q, k, v = (
        draw(rng, s, dtype)
        for s in ((batch, groups, queries, width), (batch, groups, keys, width), (batch, groups, keys, out))
    )
    return q, k, v, mask, "causal" in kind, 1 / math.sqrt(width)


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_is_the_definition(kind):
    given = arguments(SHAPES["odd"], kind, np.float64)
    out, probability = reference.attention(*given)
    np.testing.assert_allclose(out, by_loops(*given), rtol=1e-12, atol=1e-14)
    sums = probability.sum(axis=-1)
    assert np.all(np.isclose(sums, 1) | (sums == 0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", SHAPES)
def test_floors_agree(floor, dtype, name, kind):
    given = arguments(SHAPES[name], kind, dtype)
    expected = reference.attention(*given)
    got = floor.attention(*given)
    agree(got, expected)
    dout = draw(np.random.default_rng(1), expected[0].shape, dtype)
    backward = (dout, *given[:3], expected[1], given[5])
    agree(floor.attention_backward(*backward), reference.attention_backward(*backward))


@pytest.mark.parametrize("kind", ["none", "full, causal", "additive"])
def test_floors_agree_on_large_arrays(floor, dtype, kind):
    given = arguments((3, 4, 33, 65, 16, 8), kind, dtype)
    expected = reference.attention(*given)
    agree(floor.attention(*given), expected)
    backward = (expected[0], *given[:3], expected[1], given[5])
    agree(floor.attention_backward(*backward), reference.attention_backward(*backward))


@pytest.mark.parametrize("kind", KINDS)
def test_gradient(floor, kind):
    q, k, v, mask, causal, scale = arguments((2, 2, 3, 4, 3, 2), kind, np.float64)
    out, probability = floor.attention(q, k, v, mask, causal, scale)
    dout = draw(np.random.default_rng(1), out.shape)
    gradients = floor.attention_backward(dout, q, k, v, probability, scale)

    def f(q, k, v):
        return reference.attention(q, k, v, mask, causal, scale)[0]

    check_gradient(f, (q, k, v), (dout,), gradients)


def test_a_query_that_sees_nothing_gives_zero(floor, dtype):
    q, k, v, mask, causal, scale = arguments(SHAPES["odd"], "full", dtype)
    out, probability = floor.attention(q, k, v, mask, causal, scale)
    assert np.all(out[0, :, 0] == 0) and np.all(probability[0, :, 0] == 0)
    dout = np.ones_like(out)
    dquery, dkey, dvalue = floor.attention_backward(dout, q, k, v, probability, scale)
    assert np.all(dquery[0, :, 0] == 0)
    assert all(np.all(np.isfinite(d)) for d in (dquery, dkey, dvalue))


def test_hidden_keys_do_not_count_whatever_they_hold(floor, dtype):
    q, k, v, _, _, scale = arguments(SHAPES["square"], "none", dtype)
    mask = np.ones((1, 1, 1, 4), bool)
    mask[..., 2] = False
    expected = floor.attention(q, k, v, mask, False, scale)[0]
    k[:, :, 2] = np.nan
    v[:, :, 2] = 1e30
    np.testing.assert_array_equal(floor.attention(q, k, v, mask, False, scale)[0], expected)


def test_scores_of_any_size(floor, dtype):
    """exp(1000) overflows, exp(1000 − max) does not."""
    q, k, v, _, _, _ = arguments(SHAPES["square"], "none", dtype)
    out, probability = floor.attention(1000 * q, k, v, None, False, 1.0)
    assert np.all(np.isfinite(out))
    np.testing.assert_allclose(probability.sum(axis=-1), 1, rtol=1e-5)


def test_a_nan_comes_through(floor, dtype):
    q, k, v, _, _, scale = arguments(SHAPES["square"], "none", dtype)
    q[0, 0, 1] = np.nan
    out = floor.attention(q, k, v, None, False, scale)[0]
    assert np.all(np.isnan(out[0, 0, 1]))
    assert np.isnan(out).sum() == out.shape[-1]


@pytest.mark.parametrize("kind", ["none", "causal", "full", "additive"])
def test_errors_in_float32(served, kind):
    """As kernels/cpu/attention_vectors.py states them, for queries and keys ~ N(0, 1), scale 1/√D."""
    rng = np.random.default_rng(5)
    batch, groups, queries, keys, depth, width = 2, 3, 40, 300, 64, 48
    exact = [
        rng.standard_normal((batch, groups, *s)) for s in ((queries, depth), (keys, depth), (keys, width))
    ]
    exact = [x.astype(np.float32).astype(np.float64) for x in exact]
    mask = masks(kind, batch, groups, queries, keys, rng)
    narrow = [x.astype(np.float32) for x in exact]
    given = mask.astype(np.float32) if mask is not None and mask.dtype != bool else mask
    exact_mask = given.astype(np.float64) if given is not None and given.dtype != bool else given
    o, p = served.attention(*narrow, given, kind == "causal", depth**-0.5)
    wanted_o, wanted_p = reference.attention(*exact, exact_mask, kind == "causal", depth**-0.5)
    assert np.abs(p - wanted_p).max() < 3e-6 * wanted_p.max()
    assert np.abs(o - wanted_o).max() < 3e-6 * np.abs(exact[2]).max()
    do = rng.standard_normal(o.shape).astype(np.float32)
    got = served.attention_backward(do, *narrow, p, depth**-0.5)
    wanted = reference.attention_backward(do.astype(np.float64), *exact, wanted_p, depth**-0.5)
    for g, w in zip(got, wanted, strict=True):
        assert np.abs(g - w).max() < 3e-6 * np.abs(w).max()
