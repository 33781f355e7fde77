"""Does attention look at the thing? Maps scored against masks, each score beside what chance would get.

Maps are non-negative weights over a grid; masks say which pixels belong to the object that is spoken of. A
mask may be finer than the map (64 × 64 pixels, 8 × 8 cells): each cell's weight is then spread evenly over
its pixels, so that nothing is decided by which pixel of a cell one calls its place.

Chance is exact, with no sampling: what a map that knows nothing (uniform) gets. A map with ties gets the mean
over all ways to break them; so a uniform map scores chance to the last digit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class AttentionScore:
    """One score of N maps.

    values    (N,) of each map
    chance    (N,) what a uniform map would get with the same mask
    """

    values: np.ndarray
    chance: np.ndarray

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def mean_chance(self) -> float:
        return float(self.chance.mean())


def pointing_game(maps, masks, tolerance: float = 0.0) -> AttentionScore:
    """Does the largest weight lie on the object? (Zhang et al., 2018, "Top-down neural attention".)

    Forward    1 if the pixel of the largest weight lies in the mask, else 0; of several equally large, the
               share that does
    Chance     area of the mask / area of the picture
    Shapes     maps (N, h, w), masks (N, H, W) with H a multiple of h, W of w → (N,)
    Note       tolerance: pixels by which a mask is grown first (the paper's 15 on photographs)
    """
    if not tolerance >= 0:
        raise ValueError(f"pointing_game: tolerance: expected at least 0, got {tolerance!r}")
    maps, masks = _aligned("pointing_game", maps, masks, tolerance)
    top = maps == maps.max(axis=1, keepdims=True)
    return AttentionScore((top & masks).sum(1) / top.sum(1), masks.mean(1))


def mass_inside(maps, masks) -> AttentionScore:
    """How much of the weight lies on the object.

    Forward    Σ_{i ∈ mask} a_i / Σ_i a_i
    Chance     area of the mask / area of the picture
    Shapes     maps (N, h, w), masks (N, H, W) → (N,)
    """
    maps, masks = _aligned("mass_inside", maps, masks)
    return AttentionScore((maps * masks).sum(1) / maps.sum(1), masks.mean(1))


def attention_iou(maps, masks, threshold: float | str = 0.5) -> AttentionScore:
    """Overlap of what the map holds for the object with the object.

    Forward    |S ∩ M| / |S ∪ M|,  S = {i: a_i ≥ threshold · max a}, or with threshold "area" the |M| pixels
               of greatest weight (so that S and M are of one size, and no threshold needs a choice)
    Chance     a number: S of a uniform map is the whole picture, so area of the mask / area of the picture;
               "area": S is a random set of |M| = k of n pixels, E = Σ_x P(x) x / (2k − x), x hypergeometric
    Shapes     maps (N, h, w), masks (N, H, W) → (N,)
    Note       0.5 of the maximum unless told otherwise: a reported IoU is worth its threshold
    """
    maps, masks = _aligned("attention_iou", maps, masks)
    if threshold == "area":
        pairs = [_equal_area(a, m) for a, m in zip(maps, masks, strict=True)]
        return AttentionScore(*(np.array(values) for values in zip(*pairs, strict=True)))
    if isinstance(threshold, str) or not 0 < threshold <= 1:
        raise ValueError(
            f"attention_iou: threshold: expected a number in (0, 1] or 'area', got {threshold!r}"
        )
    chosen = maps >= threshold * maps.max(axis=1, keepdims=True)
    return AttentionScore((chosen & masks).sum(1) / (chosen | masks).sum(1), masks.mean(1))


def attention_scores(maps, masks, threshold: float | str = 0.5, tolerance: float = 0.0) -> dict[str, float]:
    """Means of the three scores, each beside its chance: {"pointing", "pointing, chance", "IoU", …}."""
    scores = {
        "pointing": pointing_game(maps, masks, tolerance),
        "IoU": attention_iou(maps, masks, threshold),
        "mass inside": mass_inside(maps, masks),
    }
    found = {"maps": float(len(scores["IoU"].values))}
    for name, score in scores.items():
        found |= {name: score.mean, f"{name}, chance": score.mean_chance}
    return found


def _equal_area(a: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """IoU of the k largest weights with the mask of k pixels, over all ways to break ties; and its chance."""
    k, n = int(mask.sum()), len(mask)
    least = np.partition(a, n - k)[n - k]  # the k-th largest
    above, tied = a > least, a == least
    inside, room = int((above & mask).sum()), k - int(above.sum())
    value = _expected_iou(inside, int((tied & mask).sum()), int(tied.sum()), room, k)
    return value, _expected_iou(0, k, n, k, k)


def _expected_iou(inside: int, hits: int, tied: int, room: int, k: int) -> float:
    """E of (inside + x) / (2k − inside − x), x of `room` draws from `tied` pixels being among its `hits`.

    P(x) = C(hits, x) C(tied − hits, room − x) / C(tied, room), by logarithms: the binomials have hundreds of
    digits
    """
    x = np.arange(max(0, room - (tied - hits)), min(hits, room) + 1)
    log_p = _log_ways(hits, x) + _log_ways(tied - hits, room - x)
    p = np.exp(log_p - log_p.max())
    return float((p / p.sum()) @ ((inside + x) / (2 * k - inside - x)))


def _log_ways(n: int, k: np.ndarray) -> np.ndarray:
    """ln of the binomials C(n, k)."""
    f = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])  # ln of 0!, 1!, …
    return f[n] - f[k] - f[n - k]


def _grown(masks: np.ndarray, tolerance: float) -> np.ndarray:
    """Every pixel within `tolerance` of the mask (its centre from a centre)."""
    reach = int(tolerance)
    _, height, width = masks.shape
    padded = np.pad(masks, ((0, 0), (reach, reach), (reach, reach)))
    out = np.zeros_like(masks)
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            if y * y + x * x <= tolerance**2:
                out |= padded[:, reach + y : reach + y + height, reach + x : reach + x + width]
    return out


def _aligned(metric: str, maps, masks, grow: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """float64 (N, pixels), bool (N, pixels)."""
    maps, masks = np.asarray(maps), np.asarray(masks)
    if maps.ndim != 3 or masks.ndim != 3 or len(maps) != len(masks) or len(maps) == 0:
        raise ValueError(
            f"{metric}: maps and masks: expected (N, h, w) and (N, H, W) with N ≥ 1, got {maps.shape} and "
            f"{masks.shape}"
        )
    (n, h, w), (_, height, width) = maps.shape, masks.shape
    if h == 0 or w == 0 or height % h or width % w:
        raise ValueError(
            f"{metric}: masks: expected sides that are multiples of the map's {h} × {w}, got {height} × "
            f"{width}"
        )
    if masks.dtype != bool:
        if not np.isin(masks, (0, 1)).all():
            raise ValueError(f"{metric}: masks: expected True and False (or 1 and 0), got other values")
        masks = masks.astype(bool)
    if not np.issubdtype(maps.dtype, np.number) or np.iscomplexobj(maps):
        raise TypeError(f"{metric}: maps: expected real numbers, got {maps.dtype}")
    maps = maps.astype(np.float64)
    for problem, wrong in (
        ("has weights that are negative or not finite", ~(np.isfinite(maps) & (maps >= 0)).all((1, 2))),
        ("is 0 everywhere", ~(maps > 0).any((1, 2))),
    ):
        if wrong.any():
            raise ValueError(f"{metric}: maps[{int(wrong.argmax())}] {problem}")
    if not masks.any((1, 2)).all():
        raise ValueError(f"{metric}: masks[{int((~masks.any((1, 2))).argmax())}] is empty")
    masks = _grown(masks, grow) if grow else masks
    maps = maps.repeat(height // h, axis=1).repeat(width // w, axis=2)
    return maps.reshape(n, -1), masks.reshape(n, -1)
