"""Scans with one lesion, and reports: what the picture shows, what the words say, and what only both tell.

A scan is 32 × 32 grey: tissue with grain, a bright and a dark vessel anywhere, and one lesion, a disc that is
either solid (bright) or cystic (dark). A report says in one of several sentences whether the lesion has
grown, half of the time by denying the opposite, and mentions the side of the body, which means nothing.

    grade = [solid] + [grown]      0, 1, 1, 2: of 0, 1, 2 as ¼, ½, ¼

By counting: who sees the scan alone is left with two grades, equally likely, and is right in half of the
cases at best; so is who reads the report alone; so is who always says 1. Both together tell the grade.
"""

from __future__ import annotations

import dataclasses

import numpy as np

__all__ = ["GRADES", "SIDE", "Scans", "make_scans"]

SIDE, GRADES = 32, 3
TISSUE, SOLID, CYSTIC = 0.4, 0.8, 0.0
_GROWN = ("the lesion has grown since the last scan", "marked growth in the interval",
          "it is no longer stable", "the lesion is not unchanged")  # fmt: skip
_STABLE = ("the lesion is unchanged since the last scan", "stable in the interval",
           "it has not grown", "no growth in the interval")  # fmt: skip
_SIDES = ("left side .", "right side .", "", "compared with last year .")


@dataclasses.dataclass
class Scans:
    """images (N, 1, 32, 32) float32, reports, target (N,), masks (N, 32, 32) bool; solid, grown (N,)."""

    images: np.ndarray
    reports: list
    target: np.ndarray
    masks: np.ndarray
    solid: np.ndarray
    grown: np.ndarray

    def __len__(self):
        return len(self.target)


def _draw(solid, noise, random):
    """A scan and where its lesion is."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    picture = np.full((SIDE, SIDE), TISSUE)
    for grey in (SOLID, CYSTIC):  # vessels of both greys, so that a bright or a dark pixel is not a finding
        angle, away = random.uniform(0, np.pi), random.uniform(-9, 9)
        far = np.abs((x - 16) * np.cos(angle) + (y - 16) * np.sin(angle) - away)
        picture += (grey - TISSUE) * 0.7 * np.clip(1.4 - far, 0, 1)
    cx, cy, radius = random.uniform(7, 25), random.uniform(7, 25), random.uniform(3.2, 4.6)
    inside = np.hypot(x - cx, y - cy) < radius
    picture = np.where(inside, SOLID if solid else CYSTIC, picture)
    return picture + random.normal(scale=noise, size=picture.shape), inside


def make_scans(count=400, noise=0.08, seed=0):
    """Scans and reports; each of the four combinations as often as the others, in random order.

    Errors     ValueError for a count that is not a positive multiple of 4, or noise below 0
    """
    if count < 4 or count % 4 or not noise >= 0:
        raise ValueError(
            f"make_scans: count, noise: expected a multiple of 4 and at least 0, got {count}, {noise}"
        )
    random = np.random.default_rng([seed, 0x5CA4])
    cells = random.permutation(np.arange(count) % 4)
    solid, grown = cells % 2 == 1, cells >= 2
    drawn = [_draw(one, noise, random) for one in solid]
    reports = []
    for one in grown:
        said = (_GROWN if one else _STABLE)[random.integers(4)]
        reports.append(f"{_SIDES[random.integers(4)]} {said}".strip())
    images = np.array([picture for picture, _ in drawn], np.float32)[:, None]
    masks = np.array([inside for _, inside in drawn])
    return Scans(images, reports, solid.astype(np.int64) + grown, masks, solid, grown)
