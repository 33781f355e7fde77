"""Occlusion: against brute force, additive scores, and faults that must show."""

import numpy as np
import pytest

from mmscratch import ops
from mmscratch.explain import occlude, occlusion

RANDOM = np.random.default_rng(4)
X = RANDOM.normal(size=(3, 2, 9, 10))
W = RANDOM.normal(size=(2, 9, 10))


def function(t):
    return ops.tanh(ops.sum(t * W, axis=(1, 2, 3)) * 0.2)


def by_force(x, window, stride, fill):
    """Pixel by pixel: every window that covers it, by its definition."""
    height, width = x.shape[1:]
    corners = [
        (i, j)
        for i in range(height - window + 1)
        for j in range(width - window + 1)
        if (i % stride == 0 or i == height - window) and (j % stride == 0 or j == width - window)
    ]

    def value(picture):
        return np.tanh((picture * W).sum() * 0.2)

    found = np.zeros((height, width))
    for p in range(height):
        for q in range(width):
            drops = []
            for i, j in corners:
                if i <= p < i + window and j <= q < j + window:
                    covered = x.copy()
                    covered[:, i : i + window, j : j + window] = fill
                    drops.append(value(x) - value(covered))
            found[p, q] = np.mean(drops)
    return found


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_it_is_its_definition(batch_size):
    found = occlusion(function, X, window=4, stride=3, fill=0.3, batch_size=batch_size)
    for x, one in zip(X, found, strict=True):
        np.testing.assert_allclose(one, by_force(x, 4, 3, 0.3), atol=1e-12)


def test_tiles_share_out_a_score_that_adds_up():
    x, w, fill = X[:, :, :8, :8], W[:, :8, :8], np.array([0.5, -0.25])[:, None, None]
    found = occlusion(lambda t: ops.sum(t * w, axis=(1, 2, 3)), x, window=4, stride=4, fill=fill)
    np.testing.assert_allclose(found.sum((1, 2)) / 16, ((x - fill) * w).sum((1, 2, 3)), rtol=1e-10)
    whole = occlusion(lambda t: ops.sum(t * w, axis=(1, 2, 3)), x, window=8, stride=1, fill=fill)
    np.testing.assert_allclose(whole[:, 3, 5], ((x - fill) * w).sum((1, 2, 3)), rtol=1e-10)


def test_a_score_of_one_place_is_found_there():
    found = occlusion(lambda t: t[:, 1, 6, 2], X + 5, window=3, stride=1)
    np.testing.assert_allclose(found[:, 6, 2], X[:, 1, 6, 2] + 5)
    np.testing.assert_allclose(found[:, 6, 2], found.max((1, 2)))  # ties with pixels only such windows cover
    assert (found[:, :4] == 0).all() and (found[:, :, 5:] == 0).all()


def test_the_context_goes_along():
    which = np.array([1, 0, 1])

    def first_row(t, channel):
        return ops.sum(t[:, :, 0] * np.eye(2)[channel][:, :, None], axis=(1, 2))

    found = occlusion(first_row, X, window=3, stride=3, context=(which,), batch_size=2)
    np.testing.assert_allclose(found[:, 0, 0], X[np.arange(3), which, 0, :3].sum(1))


@pytest.mark.parametrize("fault", ["sign", "edge", "mean"])
def test_a_seeded_fault_is_caught(monkeypatch, fault):
    true_scores, true_corners = occlude._scores, occlude._corners
    if fault == "sign":
        monkeypatch.setattr(occlude, "_scores", lambda *a: -true_scores(*a))
    elif fault == "edge":
        monkeypatch.setattr(occlude, "_corners", lambda t, n, w, s: true_corners(t, n, w, s)[:-1])
    else:
        monkeypatch.setattr(occlude, "_corners", lambda t, n, w, s: true_corners(t, n, w, 1))
    with np.errstate(invalid="ignore"):
        found = occlusion(function, X[:1], window=4, stride=3, fill=0.3)[0]
    assert not np.allclose(found, by_force(X[0], 4, 3, 0.3), atol=1e-6)


def test_what_is_refused():
    with pytest.raises(ValueError, match="window: expected an integer from 1 to 9, got 11"):
        occlusion(function, X, window=11)
    with pytest.raises(ValueError, match="stride: expected an integer from 1 to 4, got 5"):
        occlusion(function, X, window=4, stride=5)
    with pytest.raises(ValueError, match=r"images: expected \(B, C, H, W\)"):
        occlusion(function, X[0])
    with pytest.raises(ValueError, match="fill: expected a shape that broadcasts"):
        occlusion(function, X, fill=np.zeros(3))
    with pytest.raises(ValueError, match="got ndarray"):
        occlusion(lambda t: t.numpy().sum((1, 2, 3)), X)
