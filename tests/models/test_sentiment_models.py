"""MISA's losses in plain words, late scores as a sum, logistic regression at its optimum, networks."""

import numpy as np
import pytest

from mmscratch import tensor
from mmscratch.gradcheck import gradcheck
from mmscratch.models.sentiment.logistic import LogisticRegression
from mmscratch.models.sentiment.misa import MISA, central_moment_discrepancy, difference_loss
from mmscratch.models.sentiment.network import FUSIONS, LateScores, MoodScore, Senses
from mmscratch.models.sentiment.text import TextClassifier
from mmscratch.random import Generator
from mmscratch.representations.text.ngrams import SparseRows

RANDOM = np.random.default_rng(0)


def test_central_moment_discrepancy_in_plain_words():
    x, y = RANDOM.random((6, 3)), RANDOM.random((4, 3))
    wanted = np.linalg.norm(x.mean(0) - y.mean(0)) / 2
    for k in range(2, 6):
        a, b = (((v - v.mean(0)) ** k).mean(0) for v in (x, y))
        wanted += np.linalg.norm(a - b) / 2**k
    found = central_moment_discrepancy(tensor(x), tensor(y), 5, -1.0, 1.0).item()
    assert found == pytest.approx(wanted, rel=1e-6)
    assert central_moment_discrepancy(tensor(x), tensor(x)).item() < 1e-5
    gradcheck(lambda a, b: central_moment_discrepancy(a, b, 3), x, y)
    with pytest.raises(ValueError, match="moments ≥ 1 and low < high, got 0"):
        central_moment_discrepancy(tensor(x), tensor(y), 0)
    with pytest.raises(ValueError, match=r"x, y: expected \(B, D\)"):
        central_moment_discrepancy(tensor(x), tensor(y[:, :2]))


def test_difference_in_plain_words():
    x, y = RANDOM.normal(size=(5, 3)), RANDOM.normal(size=(5, 2))
    a, b = (v - v.mean(0) for v in (x, y))
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    assert difference_loss(tensor(x), tensor(y)).item() == pytest.approx(((a.T @ b) ** 2).mean(), rel=1e-6)
    gradcheck(difference_loss, x, y)


def test_misa_keeps_missing_modalities_out():
    model = MISA((3, 4), 5, generator=Generator(0), width=4)
    x = [tensor(RANDOM.normal(size=(6, d)).astype(np.float32)) for d in (3, 4)]
    present = np.tile([True, False], (6, 1))
    h, (similar, differ, again) = model.with_losses(*x, present=present)
    np.testing.assert_array_equal(
        model(x[0], x[1] * 9.0, present=present).detach().numpy(), h.detach().numpy()
    )
    assert min(v.item() for v in (similar, differ, again)) >= 0
    (h.sum() + similar + differ + again).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_late_scores_are_a_sum_so_xor_is_beyond_them():
    """ŝ(a, c) + ŝ(b, d) = ŝ(a, d) + ŝ(b, c) for any weights: not all four signs of XOR can be right."""
    model = LateScores((2, 2), 4, Generator(1))
    a, b, c, d = (tensor(RANDOM.normal(size=(1, 2)).astype(np.float32)) for _ in range(4))
    one, other = model(a, c) + model(b, d), model(a, d) + model(b, c)
    np.testing.assert_allclose(one.detach().numpy(), other.detach().numpy(), rtol=1e-5)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_fusion_scores_and_learns(fusion):
    sizes = (3, 3, 4)
    model = MoodScore(fusion, sizes, 8, Generator(0))
    x = [tensor(RANDOM.normal(size=(5, d)).astype(np.float32)) for d in sizes]
    present = np.array([[True] * 3, [True, False, True], [False, False, True], [True] * 3, [True] * 3])
    assert model(*x, present=present).shape == (5,)
    loss = model.loss(tensor(np.zeros(5, np.float32)), *x, present=present)
    loss.backward()
    assert np.isfinite(loss.item()) and all(p.grad is not None for p in model.parameters())
    with pytest.raises(ValueError, match="fusion: expected one of"):
        MoodScore("sum", sizes)


def test_senses_read_no_word_beyond_the_mask():
    model = Senses(7, (2, 5), 6, 4, Generator(0))
    words, patches, mel = (
        np.array([[1, 2, 0, 0]]),
        RANDOM.normal(size=(1, 2, 5)),
        RANDOM.normal(size=(1, 3, 6)),
    )
    given = tensor(patches.astype(np.float32)), tensor(mel.astype(np.float32))
    mask = np.array([[True, True, False, False]])
    assert model.polarities(tensor(words), *given, mask).shape == (1, 3)


def sparse(dense):
    rows, columns = np.nonzero(dense)
    start = np.r_[0, np.cumsum((dense != 0).sum(1))]
    return SparseRows(columns, dense[rows, columns], start, dense.shape[1])


def test_logistic_regression_is_at_its_optimum():
    dense = np.where(RANDOM.random((60, 9)) < 0.5, RANDOM.normal(size=(60, 9)), 0)
    labels = dense @ np.arange(9) + RANDOM.normal(size=60) > 0.5
    model = LogisticRegression(2.0, tolerance=1e-8).fit(sparse(dense), labels)
    y = np.where(labels, 1, -1)
    pull = 2.0 * y / (1 + np.exp(y * model.scores(sparse(dense))))  # by its own formula the gradient is 0
    np.testing.assert_allclose(model.weight, dense.T @ pull, atol=1e-5)
    assert abs(pull.sum()) < 1e-5
    theirs = pytest.importorskip("sklearn.linear_model").LogisticRegression(C=2.0, tol=1e-10, max_iter=1000)
    theirs.fit(dense, labels)
    np.testing.assert_allclose(model.weight, theirs.coef_[0], atol=1e-4)
    for wrong, told in ((labels[:3], "labels: expected"), (np.ones(60, bool), "both classes, got one")):
        with pytest.raises(ValueError, match=told):
            LogisticRegression().fit(sparse(dense), wrong)
    with pytest.raises(ValueError, match="c: expected more than 0"):
        LogisticRegression(0)


def test_a_classifier_comes_back_from_its_state():
    texts = ["good day", "so good", "bad day", "so bad", "not good", "not bad at all"]
    labels = [True, True, False, False, False, True]
    for views in ("tfidf", "letters", "both"):
        model = TextClassifier(views, 4.0, {"good": 1.9, "bad": -2.5}).fit(texts, labels)
        assert ((model.scores(texts) > 0) == labels).all()
        again = TextClassifier.from_state(model.state_dict())
        np.testing.assert_array_equal(again.scores(texts), model.scores(texts))
    with pytest.raises(ValueError, match="views: expected one of tfidf, letters, both"):
        TextClassifier("none")
