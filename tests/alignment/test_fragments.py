"""Fragments against loops over pairs and parts; hidden labels; gradients; a small world to be learnt."""

import numpy as np
import pytest

from mmscratch import optim
from mmscratch.alignment import Fragments, fragment_loss, fragment_scores, ranking_loss, word_weights
from mmscratch.alignment.fragments import SMOOTH, hidden_labels
from mmscratch.gradcheck import gradcheck
from mmscratch.random import Generator
from mmscratch.tensor import Tensor

random = np.random.default_rng(0)
X = random.normal(size=(3, 3, 4, 5))
REGIONS = np.array([[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]], bool)
WORDS = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]], bool)


def test_scores_are_the_papers_sums():
    mean, best = np.zeros((3, 3)), np.zeros((3, 3))
    for k in range(3):
        for n in range(3):
            x = X[k, n][REGIONS[k]][:, WORDS[n]]
            mean[k, n] = np.maximum(x, 0).sum() / (x.shape[0] * (x.shape[1] + SMOOTH))
            best[k, n] = x.max(0).sum()
    np.testing.assert_allclose(fragment_scores(Tensor(X), REGIONS, WORDS).data, mean, atol=1e-12)
    np.testing.assert_allclose(fragment_scores(Tensor(X), REGIONS, WORDS, "best").data, best, atol=1e-12)


def test_fragment_loss_is_the_papers_sum():
    own, others = [], []
    for k in range(3):
        for n in range(3):
            x = X[k, n][REGIONS[k]][:, WORDS[n]]
            if k == n:
                y = np.where(x > 0, 1, -1)
                y[x.argmax(0), np.arange(x.shape[1])] = 1
                own += list(np.maximum(0, 1 - y * x).ravel())
            else:
                others += list(np.maximum(0, 1 + x).ravel())
    expected = np.mean(own) + np.mean(others)
    assert fragment_loss(Tensor(X), REGIONS, WORDS).item() == pytest.approx(expected, abs=1e-12)


def test_every_fragment_has_a_region_and_strangers_have_none():
    """And no other labelling that gives every fragment a region costs less: y is the best of all."""
    own = np.eye(3, dtype=bool)[:, :, None, None] & REGIONS[:, None, :, None] & WORDS[None, :, None, :]
    y = hidden_labels(X, own)
    assert (y[~own] == -1).all()
    for k in range(3):
        x, labels = X[k, k][REGIONS[k]][:, WORDS[k]], y[k, k][REGIONS[k]][:, WORDS[k]]
        assert ((labels == 1).sum(0) >= 1).all()
        for j in range(x.shape[1]):
            options = np.array(np.unravel_index(range(1, 2 ** len(x)), (2,) * len(x))).T * 2 - 1
            least = np.maximum(0, 1 - options * x[:, j]).sum(1).min()
            assert np.maximum(0, 1 - labels[:, j] * x[:, j]).sum() == pytest.approx(least, abs=1e-12)


def test_ranking_loss():
    s = random.normal(size=(4, 4))
    expected = sum(
        max(0, s[k, n] - s[k, k] + 0.3) + max(0, s[n, k] - s[k, k] + 0.3)
        for k in range(4) for n in range(4) if k != n
    )  # fmt: skip
    assert ranking_loss(Tensor(s), 0.3).item() == pytest.approx(expected / 4, abs=1e-12)
    assert ranking_loss(Tensor(np.eye(4)), 0.3).item() == 0


def test_gradients():
    for kind in ("mean", "best"):
        assert gradcheck(lambda x, k=kind: fragment_scores(x, REGIONS, WORDS, k), X)
    assert gradcheck(lambda x: fragment_loss(x, REGIONS, WORDS), X)
    assert gradcheck(ranking_loss, random.normal(size=(4, 4)))


def test_word_weights():
    x = np.array([[1.0, -2.0, 3.0], [0.0, 1.0, 1.0]])
    np.testing.assert_array_equal(word_weights(x), [[1, 1], [3, 2], [3, 1]])


def test_products_are_of_neighbouring_words():
    model = Fragments(6, 3, dim=5, embedding=2, generator=Generator(0))
    regions, tokens = random.normal(size=(2, 3, 3)).astype(np.float32), np.array([[1, 2, 3], [4, 2, 0]])
    out = model(Tensor(regions), tokens).data
    w = {name: p.data for name, p in model.named_parameters()}
    v = regions @ w["W_m.weight"].T + w["W_m.bias"]
    for n, (before, word) in {0: (0, 1), 1: (1, 2), 2: (2, 3)}.items():
        pair = np.concatenate([w["E.weight"][before], w["E.weight"][word]])
        s = np.maximum(w["W_R.weight"] @ pair + w["W_R.bias"], 0)
        np.testing.assert_allclose(out[:, 0, :, n], v @ s, atol=1e-5)


@pytest.mark.parametrize("kind", ["mean", "best"])
def test_it_finds_words_that_it_was_never_told(kind):
    """Six kinds of regions, two words each, three a picture: pairs alone teach which is which."""
    draw = np.random.default_rng(0)
    model = Fragments(13, 6, dim=32, embedding=16, generator=Generator(0))
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def batch(n):
        kinds = np.array([draw.permutation(6)[:3] for _ in range(n)])
        said = np.array([draw.permutation(k) for k in kinds])
        words = np.stack([2 * said + 1, 2 * said + 2], axis=2).reshape(n, 6)
        return kinds, words, model(Tensor(np.eye(6, dtype=np.float32)[kinds]), words)

    masks = np.ones((12, 3), bool), np.ones((12, 6), bool)
    for _ in range(120):
        products = batch(12)[2]
        margin = 0.1 if kind == "mean" else 1.0
        loss = ranking_loss(fragment_scores(products, *masks, kind), margin) + fragment_loss(products, *masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    kinds, words, products = batch(40)
    looked = np.array([word_weights(products.data[n, n]).argmax(1) for n in range(40)])
    right = np.take_along_axis(kinds, looked, 1) == (words - 1) // 2
    assert right.mean() > 0.65, right.mean()  # chance: 1/3


def test_what_is_refused():
    for call, words in (
        (lambda: fragment_scores(Tensor(X), REGIONS[:2], WORDS), r"\(2, 4\)"),
        (lambda: fragment_scores(Tensor(X), REGIONS & False, WORDS), "no parts"),
        (lambda: fragment_scores(Tensor(X), REGIONS, WORDS, "most"), "'most'"),
        (lambda: fragment_loss(Tensor(X[:1, :1]), REGIONS[:1], WORDS[:1]), "at least 2"),
        (lambda: ranking_loss(Tensor(X[0, 0])), r"\(4, 5\)"),
    ):
        with pytest.raises(ValueError, match=words):
            call()
