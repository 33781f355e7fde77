"""Runs of words and letters: in plain words, as scikit-learn weighs them, and as the formula says."""

import numpy as np
import pytest

from mmscratch.representations.text.ngrams import NGrams, SparseRows

TEXTS = ["Good good day", "bad day :(", "a good one", "bad, bad"]


def test_runs_in_plain_words():
    assert NGrams("words", (1, 2)).runs("Not bad :) @me") == [
        "not", "bad", ":)", "@me", "not bad", "bad :)", ":) @me",
    ]  # fmt: skip
    assert NGrams("letters", (2, 3)).runs("ab c") == [" a", "ab", "b ", " ab", "ab ", " c", "c ", " c "]


def test_tfidf_is_scikit_learns_with_sublinear_counts():
    text = pytest.importorskip("sklearn.feature_extraction.text")
    theirs = text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"[\w'@#]+|[^\w\s]+")
    wanted = theirs.fit_transform(TEXTS).toarray()
    ours = NGrams("words", (1, 2)).fit(TEXTS)
    assert list(ours.column) == list(theirs.get_feature_names_out())
    np.testing.assert_allclose(ours.encode(TEXTS).dense(), wanted, rtol=1e-12)
    theirs = text.CountVectorizer(analyzer="char_wb", ngram_range=(2, 3)).fit(TEXTS)
    assert list(NGrams("letters", (2, 3)).fit(TEXTS).column) == list(theirs.get_feature_names_out())


def test_naive_bayes_weights_by_hand():
    grams = NGrams("words", (1, 1), "naive-bayes").fit(["up x", "up", "down x"], [True, True, False])
    p, q = np.array([1, 3, 2.0]), np.array([2, 1, 2.0])  # down, up, x
    np.testing.assert_allclose(grams.scale, np.log(p / 6) - np.log(q / 5), rtol=1e-12)
    row = grams.encode(["x up up new"]).dense()[0]
    np.testing.assert_allclose(row, np.r_[0, grams.scale[1:]] / np.linalg.norm(grams.scale[1:]), rtol=1e-12)
    assert not grams.encode(["nothing known", ""]).dense().any()


def test_sparse_rows_are_their_matrix():
    rng = np.random.default_rng(0)
    dense = np.where(rng.random((5, 7)) < 0.4, rng.normal(size=(5, 7)), 0)
    rows, columns = np.nonzero(dense)
    x = SparseRows(columns, dense[rows, columns], np.r_[0, np.cumsum((dense != 0).sum(1))], 7)
    w, v, more = rng.normal(size=7), rng.normal(size=5), rng.normal(size=(5, 2))
    np.testing.assert_allclose(x.times(w), dense @ w)
    np.testing.assert_allclose(x.transposed_times(v), dense.T @ v)
    np.testing.assert_array_equal(x.beside(more).dense(), np.c_[dense, more])
    with pytest.raises(ValueError, match=r"dense: expected \(5, E\), got \(4, 2\)"):
        x.beside(more[:4])


def test_a_state_gives_the_same_rows():
    grams = NGrams("letters", (2, 4), "naive-bayes", 2).fit(TEXTS, [True, False, True, False])
    again = NGrams.from_state(grams.state_dict())
    np.testing.assert_array_equal(again.encode(TEXTS).dense(), grams.encode(TEXTS).dense())


def test_refused():
    for wrong, told in (
        ({"unit": "lines"}, "unit: expected words or letters"),
        ({"weight": "bm25"}, "weight: expected one of tfidf, naive-bayes"),
        ({"lengths": (2, 1)}, "lengths: expected 1 ≤ m ≤ n"),
        ({"least": 0}, "least: expected at least 1"),
    ):
        with pytest.raises(ValueError, match=told):
            NGrams(**wrong)
    with pytest.raises(ValueError, match="call fit"):
        NGrams().encode(TEXTS)
    with pytest.raises(ValueError, match="labels: naive-bayes asks for"):
        NGrams(weight="naive-bayes").fit(TEXTS)
    with pytest.raises(ValueError, match="no run stands in 9 texts"):
        NGrams(least=9).fit(TEXTS)
    with pytest.raises(TypeError, match="expected str, got int"):
        NGrams().fit([1])
