"""Virtual try-on, its geometry: a shirt warped by a thin-plate spline and laid over a figure.

Bodies and garments of ``data.applications.garments``; the map from the figure back to the flat shirt is
fitted to 20 landmarks. Error: root mean square, over the pixels where the shirt truly lies, of the distance
between where the warp looks in the flat shirt and where it should, in pixels. Overlap: IoU of the shirt laid
on with the true one. Colour: mean absolute difference from the picture under the true warp, where either
shirt is.

    no warp        the flat shirt as it lies
    affine         the best affine map between the same landmarks
    spline         exact landmarks, and landmarks off by N(0, 1) pixel, with and without smoothing
    found          landmarks that a ridge regression finds in the figure's outline, learnt from other figures
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ...data.applications import garments
from ...models.applications.thin_plate import AffineMap, ThinPlateSpline, composite, sample

__all__ = ["FIGURES", "SETTINGS", "TITLE", "LandmarkFinder", "dress", "judge", "rows", "warps_of"]

TITLE = "virtual try-on (error in pixels; overlap and colour in per cent)"
FIGURES = ("error", "overlap", "colour")


@dataclasses.dataclass(frozen=True)
class SETTINGS:
    """figures: judged; learnt: other figures for the finder; noise: of landmarks, in pixels; smoothing: λ."""

    figures: int = 40
    learnt: int = 400
    noise: float = 1.0
    smoothing: float = 300.0

    def __post_init__(self):
        for name in ("figures", "learnt"):
            if getattr(self, name) < 10:
                raise ValueError(f"{name}: expected at least 10, got {getattr(self, name)}")
        if self.noise < 0 or self.smoothing < 0:
            raise ValueError(f"noise, smoothing: expected at least 0, got {self.noise} and {self.smoothing}")


class LandmarkFinder:
    """Landmarks from a figure's outline by ridge regression (Hoerl & Kennard, 1970).

    Forward    y = ȳ + Wᵀ (x − x̄),  W = (XᵀX + λI)⁻¹ Xᵀ Y of centred rows; λ by a fifth of the rows kept back
    Shapes     outlines X (N, 256), landmarks Y (N, 2L) → (N, 2L)
    """

    def __init__(self, outlines, places, penalties=(0.1, 0.3, 1.0, 3.0, 10.0)):
        cut = len(outlines) * 4 // 5
        errors = []
        for penalty in penalties:
            self._fit(outlines[:cut], places[:cut], penalty)
            errors.append(((self(outlines[cut:]) - places[cut:]) ** 2).mean())
        self.penalty = penalties[int(np.argmin(errors))]
        self._fit(outlines, places, self.penalty)

    def _fit(self, x, y, penalty):
        self.middle, self.mean = x.mean(axis=0), y.mean(axis=0)
        x = x - self.middle
        self.weight = np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ (y - self.mean))

    def __call__(self, x):
        return self.mean + (x - self.middle) @ self.weight


def warps_of(body, settings, random, finder=None):
    """{name: map from the figure's pixels to the flat shirt's} for one body."""
    marks = garments.landmarks()
    flat, placed = garments.flat_grid(marks), body.place(marks)
    noisy = placed + random.normal(scale=settings.noise, size=placed.shape)
    found = {
        "true warp": lambda xy: garments.flat_grid(body.flatten(xy)),
        "no warp": lambda xy: xy,
        "affine": AffineMap(placed, flat),
        "spline": ThinPlateSpline(placed, flat),
        "affine, noisy": AffineMap(noisy, flat),
        "spline, noisy": ThinPlateSpline(noisy, flat),
        "spline, noisy, smoothed": ThinPlateSpline(noisy, flat, settings.smoothing),
    }
    if finder is not None:
        outline = garments.silhouette(body, noise=0.05, random=random)
        guess = finder(outline[None]).reshape(-1, 2)
        found |= {"affine, found": AffineMap(guess, flat), "spline, found": ThinPlateSpline(guess, flat, 1.0)}
    return found


def dress(body, garment, alpha, warp):
    """The figure in the shirt as a warp lays it on: picture (64, 64, 3), where it is (64, 64), and where the
    warp looks in the flat shirt (64, 64, 2)."""
    pixels = garments.pixel_centres()
    looks = warp(pixels.reshape(-1, 2)).reshape(pixels.shape)
    there = np.clip(sample(alpha[..., None], looks)[..., 0], 0, 1)
    cloth = sample(garment, looks)
    # The flat picture is 0 where no cloth is: what is sampled is weighed by alpha already.
    cloth = cloth / np.maximum(there, 1e-6)[..., None]
    return composite(garments.person(body), np.clip(cloth, 0, 1), there), there, looks


def judge(dressed, true):
    """FIGURES of one figure dressed, beside the same under the true warp; both as ``dress`` gives them."""
    (picture, there, looks), (wanted, wanted_there, wanted_looks) = dressed, true
    inside, laid = wanted_there > 0.5, there > 0.5
    error = np.sqrt((((looks - wanted_looks)[inside]) ** 2).sum(-1).mean())
    either = inside | laid
    return {
        "error": float(error),
        "overlap": float((inside & laid).sum() / either.sum()),
        "colour": float(np.abs(picture - wanted)[either].mean()),
    }


def rows(seed, settings):
    """{row: FIGURES}, means over the figures; the true warp is the oracle."""
    random = np.random.default_rng([seed, 0x7210])
    marks, start = garments.landmarks(), 100_000 * (seed + 1)
    others = [garments.draw_body(start + k) for k in range(settings.learnt)]
    outlines = np.array([garments.silhouette(b, noise=0.05, random=random) for b in others])
    finder = LandmarkFinder(outlines, np.array([b.place(marks).ravel() for b in others]))
    found = {}
    for k in range(settings.figures):
        number = start + settings.learnt + k
        body, (garment, alpha) = garments.draw_body(number), garments.draw_garment(number)
        dressed = {
            n: dress(body, garment, alpha, w) for n, w in warps_of(body, settings, random, finder).items()
        }
        for name, one in dressed.items():
            found.setdefault(name, []).append(judge(one, dressed["true warp"]))
    return {
        name: {f: float(np.mean([one[f] for one in many])) for f in FIGURES} for name, many in found.items()
    }
