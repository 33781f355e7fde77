"""Overlap, matching and average precision: by hand, and against a slow program written another way."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmscratch.metrics import (
    average_precision,
    box_iou,
    coco_average_precision,
    match_boxes,
    mean_average_precision,
    precision_recall,
)

SQUARE = [0, 0, 10, 10]


# ── by hand ─────────────────────────────────────────────────────────────────────────────────────
def test_iou_by_hand():
    others = [[0, 0, 10, 10], [5, 0, 15, 10], [5, 5, 15, 15], [10, 0, 20, 10], [2, 2, 4, 4], [3, 3, 3, 9]]
    assert box_iou([SQUARE], others)[0] == pytest.approx([1, 50 / 150, 25 / 175, 0, 4 / 100, 0])
    assert box_iou([[1, 1, 1, 1]], [[1, 1, 1, 1]])[0, 0] == 0  # nothing over nothing
    assert box_iou([], [SQUARE]).shape == (0, 1) and box_iou([SQUARE], []).shape == (1, 0)


def test_iou_counts_pixels_of_the_boxes_painted():
    rng = np.random.default_rng(0)
    corners = rng.integers(0, 12, (2, 40, 4))
    a, b = (np.concatenate([np.minimum(c[:, :2], c[:, 2:]), np.maximum(c[:, :2], c[:, 2:])], 1)
            for c in corners)  # fmt: skip

    def paint(box):
        canvas = np.zeros((12, 12), bool)
        canvas[box[1] : box[3], box[0] : box[2]] = True
        return canvas

    for (i, x), (j, y) in itertools.product(enumerate(map(paint, a)), enumerate(map(paint, b))):
        union = (x | y).sum()
        assert box_iou(a, b)[i, j] == pytest.approx((x & y).sum() / union if union else 0)


def test_a_second_detection_of_one_truth_is_wrong():
    boxes = [[0, 0, 10, 9], SQUARE, [20, 0, 30, 10]]
    assert match_boxes(boxes, [0.9, 0.8, 0.7], [SQUARE, [20, 0, 30, 10]]).tolist() == [0, -1, 1]
    assert match_boxes(boxes, [0.1, 0.8, 0.7], [SQUARE]).tolist() == [-1, 0, -1]


def test_the_conventions_differ_where_the_best_truth_is_taken():
    """Two truths overlap; the second detection overlaps the first truth more, and the second enough."""
    truths = [[0, 0, 10, 10], [3, 0, 13, 10]]
    boxes, scores = [[0, 0, 10, 10], [1, 0, 11, 10]], [0.9, 0.8]
    assert box_iou(boxes[1:], truths)[0] == pytest.approx([9 / 11, 8 / 12])
    assert match_boxes(boxes, scores, truths, 0.5, "voc").tolist() == [0, -1]
    assert match_boxes(boxes, scores, truths, 0.5, "coco").tolist() == [0, 1]


def test_average_precision_by_hand():
    """Three truths; right, wrong, right: precision 1, 1/2, 2/3 at recall 1/3, 1/3, 2/3."""
    truths = [[SQUARE, [20, 0, 30, 10], [40, 0, 50, 10]]]
    said = [([SQUARE, [60, 0, 70, 10], [20, 0, 30, 10]], [0.9, 0.8, 0.7])]
    curve = precision_recall(said, truths)
    assert curve.precision == pytest.approx([1, 1 / 2, 2 / 3])
    assert curve.recall == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert average_precision(said, truths) == pytest.approx(1 / 3 * 1 + 1 / 3 * 2 / 3)
    # 101 points: 0 … .33 have precision 1 (34 of them), .34 … .66 have 2/3 (33), the rest 0
    assert average_precision(said, truths, convention="coco") == pytest.approx((34 + 33 * 2 / 3) / 101)


def test_everything_found_is_1_nothing_is_0():
    truths = [[SQUARE], [[5, 5, 9, 9], [20, 20, 40, 30]]]
    perfect = [(t, np.arange(len(t)) / 10) for t in truths]
    for convention in ("voc", "coco"):
        assert average_precision(perfect, truths, 0.95, convention) == pytest.approx(1)
        assert average_precision([([], []), ([], [])], truths, 0.5, convention) == 0
        assert np.isnan(average_precision([([SQUARE], [1])], [[]], 0.5, convention))
    assert coco_average_precision(perfect, truths) == pytest.approx(1)


def test_coco_averages_ten_thresholds():
    """IoU 8/10 passes the thresholds .5 … .8: seven of ten."""
    assert coco_average_precision([([[0, 0, 10, 8]], [1.0])], [[SQUARE]]) == pytest.approx(0.7)


def test_coco_takes_a_hundred_detections_a_picture():
    boxes = [[100 + i, 0, 101 + i, 1] for i in range(100)] + [SQUARE]
    scores = np.linspace(1, 0.5, 101)
    assert average_precision([(boxes, scores)], [[SQUARE]], convention="coco") == 0
    assert average_precision([(boxes, scores)], [[SQUARE]]) == pytest.approx(1 / 101)


def test_classes_are_judged_apart():
    truths = [([SQUARE, [20, 0, 30, 10]], [0, 2])]
    said = [([SQUARE, [20, 0, 30, 10]], [0.9, 0.8], [0, 1])]  # the second is of the wrong class
    mean, each = mean_average_precision(said, truths, 3)
    assert mean == pytest.approx(0.5) and each[0] == 1 and np.isnan(each[1]) and each[2] == 0


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: box_iou([[0, 0, 1]], [SQUARE]), r"a: expected shape \(N, 4\), got \(1, 3\)"),
        (lambda: box_iou([[5, 0, 1, 1]], [SQUARE]), "x0 ≤ x1"),
        (lambda: box_iou([[0, 0, 1, np.nan]], [SQUARE]), "finite"),
        (lambda: match_boxes([SQUARE], [], [SQUARE]), "1 boxes and 0 scores"),
        (lambda: match_boxes([SQUARE], [np.nan], [SQUARE]), "NaN"),
        (lambda: match_boxes([SQUARE], [1], [SQUARE], convention="pascal"), "'voc' or 'coco', got 'pascal'"),
        (lambda: average_precision([], [[SQUARE]]), "detections of 0 pictures, truths of 1"),
        (lambda: average_precision([], [], iou=0), r"iou must lie in \(0, 1\]"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# ── a second opinion ────────────────────────────────────────────────────────────────────────────
def overlap(a, b):
    w = min(a[2], b[2]) - max(a[0], b[0])
    h = min(a[3], b[3]) - max(a[1], b[1])
    if w <= 0 or h <= 0:
        return 0.0
    return w * h / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h)


def slow_average_precision(detections, truths, iou, convention):
    """Python loops over all pictures at once; the curve integrated by asking for each recall."""
    ranked = sorted(
        ((s, p, i) for p, (_, scores) in enumerate(detections) for i, s in enumerate(scores)),
        key=lambda t: (-t[0], t[1], t[2]),
    )
    taken, hits, points = set(), 0, []
    for k, (_, p, i) in enumerate(ranked, 1):
        box = detections[p][0][i]
        allowed = [t for t in range(len(truths[p])) if convention == "voc" or (p, t) not in taken]
        best = max(allowed, key=lambda t: (overlap(box, truths[p][t]), -t), default=None)
        if best is not None and overlap(box, truths[p][best]) >= iou and (p, best) not in taken:
            taken.add((p, best))
            hits += 1
        points.append((hits, hits / k))
    count = sum(map(len, truths))

    def best_precision(recall):
        return max((p for h, p in points if h / count >= recall), default=0.0)

    if convention == "coco":
        return np.mean([best_precision(r) for r in np.linspace(0, 1, 101)])  # rounded as COCO's
    return sum(best_precision(n / count) / count for n in range(1, count + 1))


@st.composite
def pictures(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    detections, truths = [], []
    for _ in range(draw(st.integers(1, 4))):
        truth = [[x, y, x + w, y + h] for x, y, w, h in rng.integers(1, 9, (rng.integers(0, 4), 4))]
        near = [(np.array(t) + rng.integers(-1, 2, 4)).tolist() for t in truth for _ in range(2)]
        near = [b for b in near if b[0] < b[2] and b[1] < b[3]]
        far = [[x, y, x + w, y + h] for x, y, w, h in rng.integers(1, 9, (rng.integers(0, 3), 4))]
        boxes = near + far
        detections.append((boxes, (rng.permutation(40)[: len(boxes)] / 40).tolist()))
        truths.append(truth)
    return detections, truths


@settings(max_examples=150, deadline=None)
@given(pictures(), st.sampled_from([0.3, 0.5, 0.75]), st.sampled_from(["voc", "coco"]))
def test_average_precision_is_that_of_the_slow_program(case, iou, convention):
    detections, truths = case
    found = average_precision(detections, truths, iou, convention)
    if not any(truths):
        assert np.isnan(found)
    else:
        assert found == pytest.approx(slow_average_precision(detections, truths, iou, convention))


@settings(max_examples=50, deadline=None)
@given(pictures())
def test_only_the_order_of_scores_counts(case):
    detections, truths = case
    bent = [(b, np.exp(3 * np.asarray(s))) for b, s in detections]
    assert average_precision(detections, truths) == pytest.approx(
        average_precision(bent, truths), nan_ok=True
    )
