"""Keep pictures that look alike on one side of a split.

A test picture that also stands in the training set, or nearly so, measures memory and not understanding.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

THUMBNAIL = 16
MAX_DISTANCE = 4.0  # grey levels of 255
_CHUNK = 1024


def fingerprint(image: np.ndarray) -> str:
    """sha256 of the shape and every pixel: equal exactly for identical pictures."""
    image = np.ascontiguousarray(image)
    return hashlib.sha256(repr((image.shape, image.dtype.str)).encode() + image.tobytes()).hexdigest()


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Block means of a picture: (H, W, 3) uint8 → (768,) float32, 16 x 16 x 3."""
    small = Image.fromarray(image).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).reshape(-1)


def groups_of_duplicates(images: Sequence[np.ndarray], max_distance: float = MAX_DISTANCE) -> np.ndarray:
    """Number the pictures so that near-duplicates, and their near-duplicates in turn, share a number.

    Forward    i ~ j  when  √(1/768 Σ_k (t_ik − t_jk)²) ≤ max_distance,  t the thumbnails;
               groups are the connected parts of ~, numbered by their first picture
    Shapes     N pictures → int64 (N,)
    """
    n = len(images)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    t = np.stack([thumbnail(image) for image in images])
    squares = (t.astype(np.float64) ** 2).sum(axis=1)
    parent = np.arange(n)
    for first in range(0, n, _CHUNK):
        rows = slice(first, first + _CHUNK)
        squared = squares[rows, None] + squares[None] - 2.0 * (t[rows] @ t.T)
        near_i, near_j = np.nonzero(squared <= max_distance**2 * t.shape[1])
        for i, j in zip(near_i + first, near_j, strict=True):
            if j < i:
                a, b = _root(parent, i), _root(parent, j)
                parent[max(a, b)] = min(a, b)
    return np.array([_root(parent, i) for i in range(n)], dtype=np.int64)


def _root(parent: np.ndarray, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return int(i)


def split_by_group(
    groups: np.ndarray,
    fingerprints: Sequence[str],
    strata: Sequence[str],
    fractions: Sequence[float] = (0.70, 0.15, 0.15),
    seed: int = 0,
) -> np.ndarray:
    """Deal pictures out to parts, whole groups together, in the same proportions within every stratum.

    Forward    A group's key is sha256("seed:smallest fingerprint in it"). Strata come in alphabetical order;
               in each, the groups not yet dealt go, by rising key, to the first part that has fewer pictures
               of this stratum than its share (shares are rounded at their running sums).
    Shapes     (N,) each → int64 (N,) part numbers
    Note       the outcome depends on the pictures and the seed, not on the order in which they were read
    """
    groups, strata = np.asarray(groups), np.asarray(strata)
    if not len(groups) == len(fingerprints) == len(strata):
        raise ValueError(
            f"split_by_group: {len(groups)} groups, {len(fingerprints)} fingerprints, {len(strata)} strata"
        )
    if any(f < 0 for f in fractions) or abs(sum(fractions) - 1) > 1e-9:
        raise ValueError(f"split_by_group: fractions: expected shares that sum to 1, got {tuple(fractions)}")
    members: dict[int, list[int]] = {}
    for i, group in enumerate(groups.tolist()):
        members.setdefault(group, []).append(i)
    key = {g: _key(seed, min(fingerprints[i] for i in m)) for g, m in members.items()}
    part = np.full(len(groups), -1, dtype=np.int64)
    for stratum in sorted(set(strata.tolist())):
        here = np.flatnonzero(strata == stratum)
        ends = np.rint(np.cumsum(fractions) * len(here)).astype(np.int64)
        shares = np.diff(ends, prepend=0)
        counts = np.bincount(part[here][part[here] >= 0], minlength=len(shares))
        for group in sorted(set(groups[here].tolist()), key=key.__getitem__):
            if part[members[group][0]] >= 0:
                continue
            open_parts = np.flatnonzero(counts < shares)
            chosen = int(open_parts[0]) if len(open_parts) else len(shares) - 1
            part[members[group]] = chosen
            counts[chosen] += int((groups[here] == group).sum())
    return part


def _key(seed: int, mark: str) -> str:
    return hashlib.sha256(f"{seed}:{mark}".encode()).hexdigest()
