"""How well boxes were found: overlap, matching, precision and recall, average precision.

A box is x0, y0, x1, y1, half-open: its width is x1 − x0 (VOC's own program counts pixels, x1 − x0 + 1).
Two conventions differ in how detections are matched and in how the curve is summed; both are named:

voc    Pascal VOC 2010 and later (Everingham et al., 2010; 2015): a detection asks for the truth that it
       overlaps most; if a better-scored one had it, it is wrong. AP is the whole area under the curve.
coco   Lin et al., 2014: a detection asks for the truth that it overlaps most *of those still free*, and at
       most 100 a picture take part. AP is the mean of the curve at the recalls 0, 0.01 … 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CONVENTIONS = ("voc", "coco")
COCO_THRESHOLDS = tuple(np.arange(50, 100, 5) / 100)
MOST_DETECTIONS = 100


def _boxes(where: str, name: str, values) -> np.ndarray:
    array = np.asarray(values, dtype=np.float64)
    array = array.reshape(0, 4) if array.size == 0 else array
    if array.ndim != 2 or array.shape[1] != 4:
        raise ValueError(f"{where}: {name}: expected shape (N, 4), got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{where}: {name}: expected finite numbers")
    if (array[:, 2:] < array[:, :2]).any():
        raise ValueError(f"{where}: {name}: expected x0 ≤ x1 and y0 ≤ y1 (x0, y0, x1, y1)")
    return array


def box_iou(a, b) -> np.ndarray:
    """Intersection over union of every box of a with every box of b (Jaccard, 1901).

    Forward    IoU = |A ∩ B| / |A ∪ B|, |A ∪ B| = |A| + |B| − |A ∩ B|; 0 for two empty boxes
    Shapes     a (N, 4), b (M, 4) → (N, M) float64
    """
    a, b = _boxes("box_iou", "a", a), _boxes("box_iou", "b", b)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    union = (a[:, 2:] - a[:, :2]).prod(axis=1)[:, None] + (b[:, 2:] - b[:, :2]).prod(axis=1) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def match_boxes(boxes, scores, truths, iou: float = 0.5, convention: str = "voc") -> np.ndarray:
    """For each detection of one picture the number of the truth that it finds, −1 for none.

    Forward    in falling order of score (of equals the first): the truth of largest IoU (of equals the
               first), of all ("voc") or of those still free ("coco"); found if IoU ≥ iou and it is free
    Shapes     boxes (N, 4), scores (N,), truths (M, 4) → int64 (N,)
    """
    boxes, truths = _boxes("match_boxes", "boxes", boxes), _boxes("match_boxes", "truths", truths)
    scores = _scores("match_boxes", scores, len(boxes))
    _check("match_boxes", iou, convention)
    found = np.full(len(boxes), -1, dtype=np.int64)
    if not len(truths):
        return found
    overlap = box_iou(boxes, truths)
    free = np.ones(len(truths), bool)
    for i in np.argsort(-scores, kind="stable"):
        asked = overlap[i] if convention == "voc" else np.where(free, overlap[i], -1.0)
        best = int(asked.argmax())
        if asked[best] >= iou and free[best]:
            found[i], free[best] = best, False
    return found


def _scores(where, scores, count):
    scores = np.asarray(scores, dtype=np.float64).reshape(-1)
    if len(scores) != count:
        raise ValueError(f"{where}: {count} boxes and {len(scores)} scores: one of each is expected")
    if np.isnan(scores).any():
        raise ValueError(f"{where}: scores: expected numbers, got NaN")
    return scores


def _check(where, iou, convention):
    if convention not in CONVENTIONS:
        raise ValueError(f"{where}: convention must be 'voc' or 'coco', got {convention!r}")
    if not 0 < iou <= 1:
        raise ValueError(f"{where}: iou must lie in (0, 1], got {iou!r}")


@dataclass(frozen=True)
class PrecisionRecall:
    """One point a detection, best score first.

    precision, recall, scores (N,)   of the detections down to this one
    truths                           how many there are to be found
    """

    precision: np.ndarray
    recall: np.ndarray
    scores: np.ndarray
    truths: int

    @property
    def envelope(self) -> np.ndarray:
        """The best precision at this recall or a larger one: what AP sums."""
        return np.maximum.accumulate(self.precision[::-1])[::-1]


def precision_recall(detections, truths, iou: float = 0.5, convention: str = "voc") -> PrecisionRecall:
    """Precision and recall of the detections of many pictures, as the score's threshold falls.

    Forward    precision_k = right among the k best / k,   recall_k = right among the k best / truths
    Shapes     detections: a pair (boxes (N_i, 4), scores (N_i,)) a picture; truths: (M_i, 4) a picture
    """
    _check("precision_recall", iou, convention)
    if len(detections) != len(truths):
        raise ValueError(
            f"precision_recall: detections of {len(detections)} pictures, truths of {len(truths)}"
        )
    all_scores, right, count = [np.zeros(0)], [np.zeros(0, bool)], 0
    for (boxes, scores), true in zip(detections, truths, strict=True):
        true = _boxes("precision_recall", "truths", true)
        count += len(true)
        boxes = _boxes("precision_recall", "boxes", boxes)
        scores = _scores("precision_recall", scores, len(boxes))
        if convention == "coco":
            best = np.argsort(-scores, kind="stable")[:MOST_DETECTIONS]
            boxes, scores = boxes[best], scores[best]
        all_scores.append(scores)
        right.append(match_boxes(boxes, scores, true, iou, convention) >= 0)
    scores, right = np.concatenate(all_scores), np.concatenate(right)
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(right[order])
    return PrecisionRecall(
        precision=hits / np.arange(1, len(hits) + 1),
        recall=hits / count if count else np.zeros(len(hits)),
        scores=scores[order],
        truths=count,
    )


def average_precision(detections, truths, iou: float = 0.5, convention: str = "voc") -> float:
    """Area under the precision-recall curve, made monotone from the right.

    Forward    p̂(r) = max precision at recall ≥ r, 0 where that recall is never reached;
               "voc": ∫ p̂(r) dr exactly, all points;  "coco": 1/101 Σ p̂(r), r = 0, .01 … 1
    Shapes     as in ``precision_recall`` → float in [0, 1]; NaN where there is nothing to be found
    """
    curve = precision_recall(detections, truths, iou, convention)
    if not curve.truths:
        return float("nan")
    if not len(curve.recall):
        return 0.0
    if convention == "voc":
        return float(np.diff(curve.recall, prepend=0.0) @ curve.envelope)
    at = np.searchsorted(curve.recall, np.linspace(0, 1, 101), side="left")
    return float(np.append(curve.envelope, 0.0)[at].mean())


def coco_average_precision(detections, truths) -> float:
    """COCO's "AP": the mean over the thresholds 0.50, 0.55 … 0.95, matched and summed the "coco" way."""
    return float(np.mean([average_precision(detections, truths, t, "coco") for t in COCO_THRESHOLDS]))


def mean_average_precision(detections, truths, classes: int, iou: float = 0.5, convention: str = "voc"):
    """AP of each class for itself, and the mean over the classes that occur.

    Shapes     detections: (boxes (N_i, 4), scores (N_i,), labels (N_i,)) a picture;
               truths: (boxes (M_i, 4), labels (M_i,)) a picture → float, (K,) with NaN for absent classes
    """
    each = np.empty(classes)
    for c in range(classes):
        said = [(np.asarray(b)[np.asarray(k) == c], np.asarray(s)[np.asarray(k) == c])
                for b, s, k in detections]  # fmt: skip
        each[c] = average_precision(
            said, [np.asarray(b)[np.asarray(k) == c] for b, k in truths], iou, convention
        )
    return float(np.nanmean(each)) if np.isfinite(each).any() else float("nan"), each
