"""Bags of words and TF-IDF, held to scikit-learn's (frozen by tests/goldens/make_text_goldens.py)."""

import json
from pathlib import Path

import numpy as np
import pytest

from mmscratch.representations.text import TFIDF, BagOfWords

GOLDEN = Path(__file__).parents[1] / "goldens" / "text.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN, allow_pickle=False) as arrays:
        return dict(arrays) | json.loads(arrays["text"].tobytes())


def test_counts_are_those_of_scikit_learn(golden):
    bag = BagOfWords(str.split).fit(golden["sentences"])
    assert list(bag.words) == golden["words"] and len(bag) == len(golden["words"])
    np.testing.assert_array_equal(bag.counts(golden["sentences"]), golden["counts"])
    features = bag.encode(golden["sentences"])
    assert features.values.shape == (7, 1, len(bag)) and features.mask.all()
    np.testing.assert_array_equal(features.values[:, 0], golden["counts"])


def test_smooth_is_scikit_learns_default(golden):
    tfidf = TFIDF("smooth", str.split).fit(golden["sentences"])
    np.testing.assert_allclose(tfidf.weights(golden["sentences"]), golden["smooth"], rtol=1e-6)


def test_plain_is_ln_n_over_df(golden):
    """scikit-learn without smoothing and normalisation has ln(N / df) + 1."""
    tfidf = TFIDF("plain", str.split).fit(golden["sentences"])
    np.testing.assert_allclose(tfidf.idf + 1, golden["unsmoothed_idf"], rtol=1e-12)
    expected = golden["counts"] * (golden["unsmoothed_idf"] - 1)
    np.testing.assert_allclose(tfidf.weights(golden["sentences"]), expected, rtol=1e-6)


def test_by_hand():
    texts = ["a b b", "a c"]
    np.testing.assert_allclose(
        TFIDF("plain").fit(texts).weights(["a b b c"]), [[0, 2 * np.log(2), np.log(2)]]
    )
    smooth = TFIDF().fit(texts)
    np.testing.assert_allclose(smooth.idf, [1, np.log(1.5) + 1, np.log(1.5) + 1])
    assert np.allclose(np.linalg.norm(smooth.weights([*texts, "c c c"]), axis=1), 1)
    assert not smooth.weights(["unknown words", ""]).any()
    # a word that was given but never met weighs ln N
    np.testing.assert_allclose(TFIDF("plain", words=["a", "z"]).fit(texts).weights(["z"]), [[0, np.log(2)]])


def test_order_is_lost():
    bag = BagOfWords().fit(["Red, left of blue!"])
    assert bag.words == ("blue", "left", "of", "red")
    np.testing.assert_array_equal(*(bag.counts([t]) for t in ("red left of blue", "blue left of red")))


def test_hashing_needs_no_fit_and_cancels_on_average():
    bag = BagOfWords(hashing=64)
    x = bag.counts(["a b b", "b a b", ""])
    np.testing.assert_array_equal(x[0], x[1])
    assert np.abs(x[0]).sum() in (3, 1) and not x[2].any() and len(bag) == 64
    np.testing.assert_array_equal(x, BagOfWords(hashing=64).counts(["a b b", "b a b", ""]))
    many = [" ".join(f"w{i}" for i in range(start, start + 50)) for start in range(0, 20_000, 50)]
    a = BagOfWords(hashing=512).counts(many)
    products = (a[:-1] * a[1:]).sum(axis=1)  # of texts without a common word: 0 on average
    assert abs(products.mean()) < 4 * products.std() / np.sqrt(len(products))
    assert 40 < (a**2).sum(axis=1).mean() < 60
    assert set(np.unique(np.sign(a))) == {-1, 0, 1}


def test_hashed_tfidf():
    tfidf = TFIDF("plain", hashing=1024).fit(["a b", "a c"])
    x = tfidf.weights(["a", "b"])
    assert not x[0].any() and np.abs(x[1]).max() == pytest.approx(np.log(2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BagOfWords().counts(["a"]), "call fit"),
        (lambda: TFIDF(words=["a"]).weights(["a"]), "call fit"),
        (lambda: BagOfWords(words=["a", "a"]), "more than once"),
        (lambda: BagOfWords(words=["a"], hashing=3), "got both"),
        (lambda: BagOfWords(hashing=0), "at least 1 column, got 0"),
        (lambda: BagOfWords().fit([""]), "at least one, got none"),
        (lambda: TFIDF("idf"), "smooth, plain, got 'idf'"),
        (lambda: TFIDF().fit([]), "texts: expected at least one"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    with pytest.raises(TypeError, match="put it in a list"):
        BagOfWords().fit("one text")
