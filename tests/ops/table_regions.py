"""Rows of RoIAlign. The twin is torchvision's definition, point by point, weight by weight."""

import math

import numpy as np
from table import Row, real

from mmscratch import ops


def roi_align(np_, x, boxes, index, output_size, scale=1.0, ratio=0, aligned=True):
    """Every bin's points one after the other, each the weighted mean of its four neighbours."""
    rows, columns = output_size if isinstance(output_size, tuple) else (output_size,) * 2
    _, channels, high, wide = x.shape
    out = []
    for (x0, y0, x1, y1), picture in zip(boxes, index, strict=True):
        shift = 0.5 if aligned else 0.0
        left, top = x0 * scale - shift, y0 * scale - shift
        width, height = x1 * scale - shift - left, y1 * scale - shift - top
        if not aligned:
            width, height = max(width, 1.0), max(height, 1.0)
        n = ratio or math.ceil(height / rows)
        m = ratio or math.ceil(width / columns)
        for p in range(rows):
            for q in range(columns):
                total = x[picture, :, 0, 0] * 0.0
                for i in range(n):
                    for j in range(m):
                        v = top + (p + (i + 0.5) / n) * height / rows
                        u = left + (q + (j + 0.5) / m) * width / columns
                        if v < -1 or v > high or u < -1 or u > wide:
                            continue
                        v, u = max(v, 0.0), max(u, 0.0)
                        a, b = int(v), int(u)
                        if a >= high - 1:
                            v = a = high - 1
                        if b >= wide - 1:
                            u = b = wide - 1
                        c, d = min(a + 1, high - 1), min(b + 1, wide - 1)
                        fv, fu = v - a, u - b
                        total = total + (1 - fv) * (1 - fu) * x[picture, :, a, b]
                        total = total + (1 - fv) * fu * x[picture, :, a, d]
                        total = total + fv * (1 - fu) * x[picture, :, c, b]
                        total = total + fv * fu * x[picture, :, c, d]
                out.append(total / max(n * m, 1))
    if not out:
        return np_.zeros((0, channels, rows, columns))
    y = np_.reshape(np_.stack(out), (len(boxes), rows, columns, channels))
    return np_.transpose(y, (0, 3, 1, 2))


INSIDE = np.array([[0.3, 0.8, 3.4, 2.9], [1.0, 0.0, 2.0, 4.0], [0.2, 0.1, 0.9, 0.6]])
OUTSIDE = np.array([[-3.0, -2.0, 2.5, 3.0], [2.0, 1.0, 8.0, 9.5], [20.0, 20.0, 30.0, 30.0], [1.0, 1, 1, 3]])
PIXELS = np.array([[3.0, 5.0, 21.0, 30.0], [16.0, 0.0, 40.0, 17.0]])

CASES = [
    ("one bin", INSIDE, [0, 1, 1], {"output_size": 1}, (2, 2, 4, 5)),
    ("adaptive", INSIDE, [1, 0, 1], {"output_size": (2, 3)}, (2, 2, 4, 5)),
    ("points given", INSIDE, [0, 0, 1], {"output_size": 2, "sampling_ratio": 3}, (2, 2, 4, 5)),
    ("not aligned", INSIDE, [0, 0, 1], {"output_size": 2, "aligned": False}, (2, 2, 4, 5)),
    ("outside", OUTSIDE, [0, 1, 0, 1], {"output_size": 2}, (2, 1, 4, 5)),
    ("outside, not aligned", OUTSIDE, [0, 1, 0, 1], {"output_size": (3, 1), "aligned": False}, (2, 1, 4, 5)),
    ("scaled", PIXELS, [0, 0], {"output_size": (3, 2), "spatial_scale": 0.125}, (1, 3, 4, 5)),
    ("no box", np.zeros((0, 4)), [], {"output_size": 2}, (2, 1, 3, 3)),
    ("large", PIXELS * 2, [2, 0], {"output_size": 7, "spatial_scale": 0.25}, (3, 16, 20, 24)),
]


def row(name, boxes, index, options, shape):
    renamed = {"spatial_scale": "scale", "sampling_ratio": "ratio"}
    twin = {renamed.get(k, k): v for k, v in options.items()}
    index = np.array(index, np.int64)
    return Row(
        "roi_align",
        lambda x: ops.roi_align(x, boxes, index, **options),
        lambda np_, x: roi_align(np_, x, boxes, index, **twin),
        [(name, real(*shape))],
    )


ROWS = [row(*case) for case in CASES]
