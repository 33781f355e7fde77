"""Pictures read into tables of objects by the detector: the scene that a program is executed on."""

from __future__ import annotations

import numpy as np

from ..data.scenes.graph import SHAPES, SIDE
from .program_executor import NAMED, ObjectTables

__all__ = ["ROW", "object_rows", "read_tables"]

ROW = 15  # numbers that describe an object
LOWEST = 0.02  # what scores less is not looked at
EVEN = 0.2  # the score at which an object is as likely there as not; the focal loss keeps scores low
SHARPNESS = 4.0  # how many times steeper than the score's own logit
BLUR = 1.0  # pixels


def read_tables(detector, images):
    """What a ``Detector`` finds in pictures.

    Forward    P(there) = σ(4 (logit score − logit .2));  shares: the detector's own;
               place: the middle of the box, and for a triangle h/6 lower, h the height of its box: the centre
               of its circle lies at two thirds of it
    Shapes     images (N, 3, H, W), an array → ``ObjectTables`` of N pictures
    Note       .2 and 4 were chosen on validation scenes: nearly every object scores more, all else less
    """
    found = detector.detect(images, threshold=LOWEST)
    n, r = len(found), max((len(d) for d in found), default=0) or 1
    present, place = np.zeros((n, r)), np.zeros((n, r, 2))
    shares = {name: np.full((n, r, k), 1 / k) for name, k in detector.attributes.items() if name in NAMED}
    for k, d in enumerate(found):
        score = np.clip(d.scores.astype(np.float64), 1e-6, 1 - 1e-6)
        logit = np.log(score / (1 - score)) - np.log(EVEN / (1 - EVEN))
        present[k, : len(d)] = 1 / (1 + np.exp(-SHARPNESS * logit))
        middle = (d.boxes[:, :2] + d.boxes[:, 2:]) / 2
        triangle = d.shares["shape"][:, SHAPES.index("triangle")]
        middle[:, 1] += triangle * (d.boxes[:, 3] - d.boxes[:, 1]) / 6
        place[k, : len(d)] = middle
        for name in shares:
            shares[name][k, : len(d)] = d.shares[name]
    return ObjectTables(present, place, shares, BLUR)


def object_rows(tables, most=8):
    """Tables as what a network reads: the ``most`` objects that are likeliest there, zeros for the others.

    Shapes     ``ObjectTables`` of N pictures → (N, most, 15) float32: P(there), x and y from −1 to 1, and
               P of each shape, colour and size
    """
    n, r = tables.present.shape
    rows = np.concatenate([
        tables.present[:, :, None], tables.place / (SIDE / 2) - 1, *(tables.shares[name] for name in NAMED)
    ], axis=2)  # fmt: skip
    order = np.argsort(-tables.present, axis=1, kind="stable")[:, :most]
    out = np.zeros((n, most, rows.shape[2]), np.float32)
    found = np.take_along_axis(rows, order[:, :, None], axis=1)
    out[:, : order.shape[1]] = found * (found[:, :, :1] > 0)
    return out
