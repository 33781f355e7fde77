"""Boxes as a network speaks of them: in units of its cells, compared smoothly, thinned out.

A box is x0, y0, x1, y1 in pixels, half-open, as everywhere.
"""

import numpy as np

from ... import ops
from ...metrics.detection import box_iou

__all__ = ["decode_boxes", "encode_boxes", "focal_loss", "generalized_iou", "nms"]


def encode_boxes(boxes, cells, stride):
    """Boxes beside the cell that answers for each (Redmon & Farhadi, 2017, with one prior: the cell itself).

    Forward    t = (c_x/s − j, c_y/s − i, ln(w/s), ln(h/s)), c the box's centre, s the stride;
               the first two lie in [0, 1) where (i, j) is the cell that holds the centre
    Shapes     boxes (N, 4), cells (N, 2): row i and column j → t (N, 4) float32
    Errors     ValueError for a box without area, which has no logarithm
    """
    boxes, cells = np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(cells).reshape(-1, 2)
    if len(boxes) != len(cells):
        raise ValueError(f"encode_boxes: {len(boxes)} boxes and {len(cells)} cells: one of each is expected")
    size = boxes[:, 2:] - boxes[:, :2]
    if not (size > 0).all():
        raise ValueError("encode_boxes: boxes: expected x0 < x1 and y0 < y1 (x0, y0, x1, y1)")
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    return np.concatenate([centre / stride - cells[:, ::-1], np.log(size / stride)], 1).astype(np.float32)


def decode_boxes(codes, cells, stride):
    """The inverse of ``encode_boxes``; composed, so that a loss of boxes has a gradient.

    Forward    c = s · (j + t_x, i + t_y),  (w, h) = s · (exp t_w, exp t_h);  c ∓ (w, h)/2
    Shapes     codes t (N, 4) tensor or array, cells (N, 2) array → boxes (N, 4)
    """
    corner = np.asarray(cells)[:, ::-1].astype(codes.dtype)
    if hasattr(codes, "device") and codes.device == "cuda":
        from ...tensor import tensor

        corner = tensor(corner, device="cuda")
    offset, size = ops.split(codes, sizes=[2, 2], axis=1)
    centre = ops.mul(ops.add(offset, corner), float(stride))
    half = ops.mul(ops.exp(size), stride / 2)
    return ops.concatenate([ops.sub(centre, half), ops.add(centre, half)], axis=1)


def generalized_iou(a, b):
    """Overlap of boxes pair by pair that has a gradient where they do not touch (Rezatofighi et al., 2019).

    Forward    GIoU = IoU − |C \\ (A ∪ B)| / |C|, C the smallest box that holds both; −1 < GIoU ≤ 1
    Shapes     a (N, 4), b (N, 4) tensors → (N,)
    """
    (a0, a1), (b0, b1) = (ops.split(x, sizes=[2, 2], axis=1) for x in (a, b))
    common = _area(ops.maximum(a0, b0), ops.minimum(a1, b1))
    hull = _area(ops.minimum(a0, b0), ops.maximum(a1, b1))
    union = ops.sub(ops.add(_area(a0, a1), _area(b0, b1)), common)
    iou = ops.div(common, ops.maximum(union, 1e-6))
    return ops.sub(iou, ops.div(ops.sub(hull, union), ops.maximum(hull, 1e-6)))


def _area(low, high):
    """Shapes     low (N, 2), high (N, 2) → (N,); 0 where high is below low"""
    return ops.prod(ops.relu(ops.sub(high, low)), axis=1)


def focal_loss(logits, target, *, alpha=0.25, gamma=2.0):
    """Cross-entropy of yes or no in which what is easy weighs little (Lin et al., 2017, eq. 5); a sum.

    Forward    L = −Σ α_t (1 − p_t)^γ ln p_t;  p_t = p, α_t = α where the target is 1; 1 − p, 1 − α where 0
    Shapes     logits (…), target (…) of 0 and 1 → ()
    """
    loss = ops.binary_cross_entropy_with_logits(logits, target, reduction="none")
    p = ops.sigmoid(logits)
    wrong = ops.add(ops.mul(ops.sub(1.0, target), p), ops.mul(target, ops.sub(1.0, p)))
    weight = ops.add(ops.mul(target, 2 * alpha - 1), 1 - alpha)
    return ops.sum(ops.mul(ops.mul(weight, ops.pow(wrong, gamma)), loss))


def nms(boxes, scores, iou=0.5):
    """Non-maximum suppression: of boxes that overlap, the best one stays (greedy, exact).

    Forward    in falling order of score (of equals the first), a box stays unless its IoU with one that
               stays is *larger* than the threshold
    Shapes     boxes (N, 4), scores (N,) → numbers of those that stay, best first: int64 (K,)
    """
    if not 0 <= iou <= 1:
        raise ValueError(f"nms: iou must lie in [0, 1], got {iou!r}")
    scores = np.asarray(scores)
    overlap = box_iou(boxes, boxes)
    if scores.shape != (len(overlap),):
        raise ValueError(f"nms: {len(overlap)} boxes and scores of shape {scores.shape}")
    order = np.argsort(-scores, kind="stable")
    close = overlap[np.ix_(order, order)] > iou
    alive = np.ones(len(order), bool)
    for k in range(len(order)):
        if alive[k]:
            alive[k + 1 :] &= ~close[k, k + 1 :]
    return order[alive].astype(np.int64)
