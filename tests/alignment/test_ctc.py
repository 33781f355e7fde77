"""CTC against the enumeration of all paths and all labellings, PyTorch's figures, and the definition of a
gradient."""

import itertools
import pathlib

import numpy as np
import pytest

from mmscratch import ops
from mmscratch.alignment import (
    collapsed,
    ctc_greedy,
    ctc_loss,
    ctc_occupancy,
    ctc_prefix_beam,
    forced_alignment,
)
from mmscratch.gradcheck import gradcheck
from mmscratch.tensor import Tensor

GOLDENS = pathlib.Path(__file__).resolve().parents[1] / "goldens" / "ctc.npz"
random = np.random.default_rng(0)


def log_softmax(x):
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def every_path(y, target, blank=0):
    """Paths that are read as the target: (path, probability)."""
    t, k = y.shape
    for path in itertools.product(range(k), repeat=t):
        if collapsed(path, blank) == list(target):
            yield path, np.exp(sum(y[i, p] for i, p in enumerate(path)))


def loss_of(y, target, **options):
    target = np.array([target], np.int64).reshape(1, -1)
    return ctc_loss(y[:, None], target, np.array([len(y)]), np.array([target.shape[1]]), **options)


def test_collapse():
    assert collapsed([1, 1, 0, 1, 2, 2, 0]) == [1, 1, 2] and collapsed([0, 0]) == []
    assert collapsed([2, 2, 1, 2], blank=2) == [1]


@pytest.mark.parametrize("target", [[], [1], [1, 1], [1, 2], [2, 1, 2], [1, 1, 2], [2, 2, 2]])
@pytest.mark.parametrize("blank", [0, 3])
def test_loss_and_gradient_are_those_of_all_paths(target, blank):
    y = log_softmax(random.normal(size=(5, 4)))
    paths = list(every_path(y, target, blank))
    p = sum(w for _, w in paths)
    x = Tensor(y[:, None], requires_grad=True)
    loss = ctc_loss(x, np.array([target], np.int64).reshape(1, -1), np.array([5]), np.array([len(target)]),
                    blank=blank, reduction="sum")  # fmt: skip
    assert loss.item() == pytest.approx(-np.log(p), abs=1e-12)
    loss.backward()
    said = np.zeros_like(y)
    for path, w in paths:
        said[np.arange(5), list(path)] += w / p
    np.testing.assert_allclose(x.grad[:, 0], -said, atol=1e-12)


def test_all_labellings_sum_to_one():
    y = log_softmax(random.normal(size=(4, 3)))
    every = [t for n in range(5) for t in itertools.product((1, 2), repeat=n)]
    assert sum(np.exp(-loss_of(y, list(t), reduction="sum")) for t in every) == pytest.approx(1, abs=1e-12)


def test_occupancy_is_the_share_of_the_paths():
    """By hand from the paths: in which frames is the u-th label being said?"""
    y, target = log_softmax(random.normal(size=(5, 3))), [1, 1, 2]
    share, total = np.zeros((5, 3)), 0.0
    for path, w in every_path(y, target):
        total += w
        u = -1
        for t, k in enumerate(path):
            if k and (t == 0 or k != path[t - 1]):
                u += 1
            if k:
                share[t, u] += w
    np.testing.assert_allclose(ctc_occupancy(y, target), share / total, atol=1e-12)


@pytest.mark.parametrize("target", [[1], [1, 1], [2, 1, 2], [1, 2, 2]])
def test_forced_alignment_is_the_likeliest_path(target):
    for _ in range(10):
        y = log_softmax(2 * random.normal(size=(5, 3)))
        best, p = max(every_path(y, target), key=lambda pair: pair[1])
        place, log_p = forced_alignment(y, target)
        assert log_p == pytest.approx(np.log(p), abs=1e-12)
        assert [target[u] if u >= 0 else 0 for u in place] == list(best)
        assert (np.diff(place[place >= 0]) >= 0).all()


def test_prefix_search_is_exact_when_wide_and_beats_the_best_path():
    better = 0
    for _ in range(30):
        y = log_softmax(random.normal(size=(5, 3)))
        exact = {}
        for path in itertools.product(range(3), repeat=5):
            labels = tuple(collapsed(path))
            exact[labels] = exact.get(labels, 0) + np.exp(y[np.arange(5), list(path)].sum())
        found = ctc_prefix_beam(y, width=1000)
        assert {tuple(labels): pytest.approx(exact[tuple(labels)]) for labels, _ in found} == {
            tuple(labels): np.exp(p) for labels, p in found
        }
        assert len(found) == len(exact) and tuple(found[0][0]) == max(exact, key=exact.get)
        greedy = tuple(ctc_greedy(y))
        assert exact[greedy] <= exact[tuple(found[0][0])]
        better += greedy != tuple(found[0][0])
    assert better > 0


def test_a_narrow_beam_never_claims_too_much():
    y = log_softmax(random.normal(size=(8, 4)))
    for width in (1, 2, 5):
        found = ctc_prefix_beam(y, width)
        assert len(found) <= width
        for labels, p in found:
            assert p <= -loss_of(y, labels, reduction="sum") + 1e-12


def test_gradient_is_the_derivative():
    targets, frames, lengths = np.array([[1, 1, 2], [2, 0, 0]]), np.array([6, 4]), np.array([3, 1])
    for reduction in ("mean", "sum", "none"):
        assert gradcheck(
            lambda x, r=reduction: ctc_loss(
                ops.log_softmax(x, axis=2), targets, frames, lengths, reduction=r
            ),
            random.normal(size=(6, 2, 3)),
        )


@pytest.mark.parametrize("name", ["none", "sum", "mean", "none-zero", "sum-zero", "mean-zero"])
def test_equals_pytorch(name):
    with np.load(GOLDENS, allow_pickle=False) as g:
        x = Tensor(g["logits"], requires_grad=True)
        reduction, _, zero = name.partition("-")
        loss = ctc_loss(ops.log_softmax(x, axis=2), g["targets"], g["frames"], g["lengths"],
                        reduction=reduction, zero_infinity=bool(zero))  # fmt: skip
        np.testing.assert_allclose(loss.data, g[f"{name}/loss"], atol=1e-12)
        if zero:
            total = ops.sum(loss * np.arange(1.0, 7.0)) if reduction == "none" else loss
            total.backward()
            np.testing.assert_allclose(x.grad, g[f"{name}/grad"], atol=1e-12)


def test_long_sequences_do_not_underflow():
    y = log_softmax(random.normal(size=(800, 6)).astype(np.float64))
    target = random.integers(1, 6, 100)
    loss = loss_of(y, list(target), reduction="sum")
    assert np.isfinite(loss) and loss > 500
    share = ctc_occupancy(y, target)
    assert np.isfinite(share).all() and share.sum(1).max() <= 1 + 1e-9


@pytest.mark.parametrize(
    "y, target, frames, length, words",
    [
        (np.zeros((3, 2)), [[1]], [3], [1], r"\(3, 2\)"),
        (np.zeros((3, 1, 2)), [[1]], [4], [1], "input_lengths.*1 to 3"),
        (np.zeros((3, 1, 2)), [[1]], [3], [2], "target_lengths.*0 to 1"),
        (np.zeros((3, 1, 2)), [[2]], [3], [1], "labels 0 to 1"),
        (np.zeros((3, 1, 2)), [[0]], [3], [1], "other than the blank 0"),
    ],
)
def test_what_is_refused(y, target, frames, length, words):
    with pytest.raises(ValueError, match=words):
        ctc_loss(y, np.array(target), np.array(frames), np.array(length))


def test_too_few_frames():
    y = log_softmax(np.zeros((2, 3)))
    assert loss_of(y, [1, 1], reduction="sum") == np.inf
    for f in (forced_alignment, ctc_occupancy):
        with pytest.raises(ValueError, match="2 frames is read as the 2 labels"):
            f(y, [1, 1])
