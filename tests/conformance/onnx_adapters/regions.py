"""Regions of images, and the choice among overlapping boxes."""

import itertools
import math

import numpy as np

from mmscratch import ops

from .image import look_up, tent
from .registry import adapter


@adapter("RoiAlign")
def roi_align(c):
    x, rois, batch = c.x
    shift = (
        0.5
        if c.get("coordinate_transformation_mode", "half_pixel" if c.opset >= 16 else "") == "half_pixel"
        else 0.0
    )
    rows, columns, scale = c.get("output_height", 1), c.get("output_width", 1), c.get("spatial_scale", 1.0)
    results = []
    for region, b in zip(rois, batch, strict=True):
        x1, y1, x2, y2 = (float(v) * scale - shift for v in region)
        height, width = y2 - y1, x2 - x1
        if not shift:
            height, width = max(height, 1.0), max(width, 1.0)
        tables = []
        for start, extent, count in ((y1, height, rows), (x1, width, columns)):
            samples = c.get("sampling_ratio", 0) or math.ceil(extent / count)
            step = extent / count
            at = start + np.arange(count)[:, None] * step + (np.arange(samples) + 0.5) * step / samples
            tables.append(at)
        image = ops.index(x, key=slice(int(b), int(b) + 1))
        results.append(_pooled(image, *tables, c.get("mode", "avg")))
    return ops.concatenate(results, axis=0) if results else np.zeros((0, x.shape[1], rows, columns), x.dtype)


def _pooled(image, ys, xs, mode):
    """One region: bilinear samples at ys (rows, samples) and xs (columns, samples): mean, or largest."""
    if ys.size == 0 or xs.size == 0:  # a region without an extent has no samples
        return np.zeros((1, image.shape[1], ys.shape[0], xs.shape[0]), image.dtype)
    shape = (ys.shape[0], xs.shape[0], ys.shape[1], xs.shape[1])
    y = np.broadcast_to(ys[:, None, :, None], shape).reshape(1, -1)
    x = np.broadcast_to(xs[None, :, None, :], shape).reshape(1, -1)
    h, w = image.shape[2:]
    inside = (y >= -1) & (y <= h) & (x >= -1) & (x <= w)
    y, x = np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)
    parts = []
    for dy, dx in itertools.product((0, 1), repeat=2):
        at = [np.floor(y).astype(np.int64) + dy, np.floor(x).astype(np.int64) + dx]
        weight = ops.mul(
            tent(ops.sub(y, at[0].astype(np.float64))), tent(ops.sub(x, at[1].astype(np.float64)))
        )
        parts.append(
            ops.mul(look_up(image, at, inside), np.ascontiguousarray(weight[:, None].astype(image.dtype)))
        )
    table = ops.stack(parts, axis=-1)  # the specification's "max" looks at the weighted corners one by one
    values = ops.sum(table, axis=-1) if mode == "avg" else ops.max(table, axis=-1)
    values = ops.reshape(values, shape=(1, image.shape[1], shape[0], shape[1], shape[2] * shape[3]))
    return ops.mean(values, axis=-1) if mode == "avg" else ops.max(values, axis=-1)


@adapter("NonMaxSuppression", out="int64")
def non_max_suppression(c):
    """For each class: the best box, then the next best that does not overlap a chosen one too much, …"""
    boxes, scores = c.x[:2]
    most = c.ints(2)[0] if c.has(2) else 0
    threshold = float(np.asarray(c.x[3]).reshape(-1)[0]) if c.has(3) else 0.0
    least = float(np.asarray(c.x[4]).reshape(-1)[0]) if c.has(4) else -math.inf
    chosen = []
    for b, k in itertools.product(range(scores.shape[0]), range(scores.shape[1])):
        score = ops.index(scores, key=(b, k))
        overlap = _overlaps(ops.index(boxes, key=b), c.get("center_point_box", 0))
        _, order = ops.topk(score, k=score.shape[0])
        kept = []
        for i in order:
            if len(kept) < most and score[i] > least and not any(overlap[i, j] > threshold for j in kept):
                kept.append(int(i))
        chosen += [(b, k, i) for i in kept]
    return np.array(chosen, np.int64).reshape(-1, 3)


def _overlaps(boxes, centred):
    """Intersection over union of every box (N, 4) with every other."""
    a, b, c, d = (ops.index(boxes, key=(slice(None), i)) for i in range(4))
    if centred:  # x, y of the middle, width, height
        low = [ops.sub(b, ops.div(d, 2.0)), ops.sub(a, ops.div(c, 2.0))]
        high = [ops.add(b, ops.div(d, 2.0)), ops.add(a, ops.div(c, 2.0))]
    else:  # any two opposite corners
        low, high = [ops.minimum(a, c), ops.minimum(b, d)], [ops.maximum(a, c), ops.maximum(b, d)]
    sides = []
    for lo, hi in zip(low, high, strict=True):
        end = ops.minimum(ops.unsqueeze(hi, axis=1), hi)
        start = ops.maximum(ops.unsqueeze(lo, axis=1), lo)
        sides.append(ops.maximum(ops.sub(end, start), 0.0))
    shared = ops.mul(*sides)
    area = ops.mul(ops.sub(high[0], low[0]), ops.sub(high[1], low[1]))
    union = ops.sub(ops.add(ops.unsqueeze(area, axis=1), area), shared)
    empty = ops.less_equal(union, 0.0)
    return ops.where(
        empty, ops.mul(union, 0.0), ops.div(shared, ops.where(empty, np.ones((), union.dtype), union))
    )
