"""Boxes: coded and decoded, thinned out, compared; and the focal loss. Beside plain programs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmscratch import kernels, ops
from mmscratch.gradcheck import gradcheck
from mmscratch.metrics import box_iou
from mmscratch.representations.image.boxes import (
    decode_boxes,
    encode_boxes,
    focal_loss,
    generalized_iou,
    nms,
)
from mmscratch.tensor import Tensor


def random_boxes(rng, count, low=1.0, high=30.0):
    corner, size = rng.uniform(0, 40, (count, 2)), rng.uniform(low, high, (count, 2))
    return np.concatenate([corner, corner + size], 1)


def test_codes_by_hand():
    """Box 10 … 30 × 16 … 24: centre (20, 20), in column 2 and row 2 of cells of 8 pixels."""
    code = encode_boxes([[10, 16, 30, 24]], [[2, 2]], 8)
    assert code[0] == pytest.approx([0.5, 0.5, np.log(20 / 8), 0], abs=1e-7)
    left = encode_boxes([[0, 16, 2, 24]], [[2, 0]], 8)  # row 2, column 0: x and y must not change places
    assert left[0, :2] == pytest.approx([1 / 8, 0.5])


def test_decoding_undoes_coding():
    rng = np.random.default_rng(0)
    boxes = random_boxes(rng, 50)
    cells = np.floor((boxes[:, :2] + boxes[:, 2:]) / 2 / 4).astype(int)[:, ::-1]
    codes = encode_boxes(boxes, cells, 4)
    assert (codes[:, :2] >= 0).all() and (codes[:, :2] < 1).all()
    np.testing.assert_allclose(decode_boxes(codes, cells, 4), boxes, rtol=1e-5, atol=1e-5)


def test_bad_boxes_are_named():
    with pytest.raises(ValueError, match="x0 < x1"):
        encode_boxes([[3, 0, 3, 5]], [[0, 0]], 8)
    with pytest.raises(ValueError, match="1 boxes and 2 cells"):
        encode_boxes([[0, 0, 1, 1]], [[0, 0], [0, 1]], 8)


# ── non-maximum suppression ─────────────────────────────────────────────────────────────────────
def slow_nms(boxes, scores, iou):
    left = sorted(range(len(boxes)), key=lambda i: (-scores[i], i))
    kept = []
    while left:
        best = left.pop(0)
        kept.append(best)
        left = [i for i in left if box_iou(boxes[best : best + 1], boxes[i : i + 1])[0, 0] <= iou]
    return kept


def test_nms_by_hand():
    boxes = [[0, 0, 10, 10], [1, 0, 11, 10], [20, 0, 30, 10]]
    assert nms(boxes, np.array([0.8, 0.9, 0.1]), 0.5).tolist() == [1, 2]
    assert nms(boxes, np.array([0.8, 0.9, 0.1]), 0.9).tolist() == [1, 0, 2]
    assert nms(np.zeros((0, 4)), np.zeros(0)).tolist() == []


def test_nms_keeps_what_is_exactly_at_the_threshold():
    boxes = [[0, 0, 10, 10], [0, 0, 10, 5]]  # IoU ½
    assert nms(boxes, np.array([1.0, 0.5]), 0.5).tolist() == [0, 1]


def test_a_suppressed_box_suppresses_nothing():
    """a over b over c, a and c apart: b goes, so c stays."""
    boxes = [[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]]
    assert nms(boxes, np.array([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_nms_is_that_of_the_slow_program(seed, iou):
    rng = np.random.default_rng(seed)
    boxes = random_boxes(rng, int(rng.integers(1, 25)))
    scores = rng.integers(0, 8, len(boxes)) / 8  # with ties
    assert nms(boxes, scores, iou).tolist() == slow_nms(boxes, scores, iou)


# ── losses ──────────────────────────────────────────────────────────────────────────────────────
def test_generalized_iou_by_hand():
    a = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 2, 2.0]])
    b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [4, 4, 6, 6.0]])
    # same: 1; half over: 1/3 with a hull without waste; apart: 0 − (36 − 8)/36
    assert generalized_iou(Tensor(a), Tensor(b)).numpy() == pytest.approx([1, 1 / 3, -28 / 36])


def test_generalized_iou_is_iou_where_the_hull_is_the_union():
    rng = np.random.default_rng(1)
    a = random_boxes(rng, 30)
    b = a + np.array([0, 0, 3, 0])
    found = generalized_iou(Tensor(a), Tensor(b)).numpy()
    assert found == pytest.approx(np.diag(box_iou(a, b)))


@pytest.mark.parametrize("floor", ["reference", "cpu"])
def test_gradients_are_the_derivatives(floor):
    if floor == "cpu" and not kernels.has_numba():
        pytest.skip("Numba is not installed")
    rng = np.random.default_rng(2)
    a, b = random_boxes(rng, 5), random_boxes(rng, 5)
    with kernels.use(floor):
        assert gradcheck(generalized_iou, a, b)
        cells = np.array([[1, 2], [0, 3]])
        assert gradcheck(lambda t: decode_boxes(t, cells, 8), rng.uniform(0, 1, (2, 4)))
        target = np.array([1.0, 0, 0, 1, 0])
        assert gradcheck(lambda x: focal_loss(x, Tensor(target)), rng.normal(size=5))


def test_focal_loss_is_the_papers_formula():
    rng = np.random.default_rng(3)
    x, t = rng.normal(size=40) * 3, (rng.uniform(size=40) < 0.3).astype(float)
    p = 1 / (1 + np.exp(-x))
    for alpha, gamma in ((0.25, 2.0), (0.6, 0.5)):
        expected = -sum(
            alpha * (1 - q) ** gamma * np.log(q) if y else (1 - alpha) * q**gamma * np.log(1 - q)
            for q, y in zip(p, t, strict=True)
        )
        found = focal_loss(Tensor(x), Tensor(t), alpha=alpha, gamma=gamma).item()
        assert found == pytest.approx(expected)
    half = focal_loss(Tensor(x), Tensor(t), alpha=0.5, gamma=0.0).item()
    bce = ops.binary_cross_entropy_with_logits(Tensor(x), Tensor(t), reduction="sum").item()
    assert half == pytest.approx(bce / 2)
