"""Pictures of sound as training needs them: of one size, normalised, and never twice the same.

All work on batches of log-mel pictures (B, T, F), with a NumPy Generator for what is random.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..features import Features

__all__ = ["Augment", "Colours", "normalise", "resampled", "stretch", "views"]


def stretch(features: Features, length: int) -> np.ndarray:
    """Every clip's frames interpolated to `length` of them, first to last: (B, T, F) → (B, length, F).

    Forward    y_j = x at the place j·(n − 1)/(length − 1) of the clip's n frames, linearly
    Errors     ValueError where a clip has no frames
    """
    n = features.lengths
    if not n.all():
        raise ValueError(f"stretch: clip {int(np.argmin(n))} has no frames")
    places = np.linspace(0, 1, length)[None] * (n[:, None] - 1)
    return resampled(features.values, places, axis=1)


def resampled(x: np.ndarray, places: np.ndarray, axis: int) -> np.ndarray:
    """x (B, T, F) at fractional places (B, n) along an axis, linearly; beyond the ends: the ends.

    As a product with matrices of two entries a row, 1 − u and u, which is faster than to pick entries.
    """
    size = x.shape[axis]
    places = np.clip(places, 0, size - 1)
    low = np.minimum(places.astype(np.int64), max(size - 2, 0))
    share = (places - low).astype(x.dtype)
    matrix = np.zeros((*places.shape, size), x.dtype)
    clip, row = np.ogrid[: places.shape[0], : places.shape[1]]
    matrix[clip, row, np.minimum(low + 1, size - 1)] = share
    matrix[clip, row, low] += 1 - share
    return matrix @ x if axis == 1 else x @ matrix.transpose(0, 2, 1)


def normalise(x: np.ndarray, groups=None) -> np.ndarray:
    """Mean 0 and standard deviation 1: of each picture as a whole, or of each band over a group's pictures.

    groups     None: x − mean over (T, F), / std, picture by picture: needs nothing but the clip itself.
               (B,) labels: over all pictures of a label, band by band: takes the speaker's and the
               microphone's colour away, and needs a speaker's other clips (though not what they say)
    """
    if groups is None:
        return _standard(x, (1, 2))
    out = np.empty_like(x)
    for label in np.unique(groups):
        out[groups == label] = _standard(x[groups == label], (0, 1))
    return out


def _standard(x, axes):
    return (x - x.mean(axes, keepdims=True)) / np.maximum(x.std(axes, keepdims=True), 1e-3)


@dataclasses.dataclass(frozen=True)
class Augment:
    """What other voices, rooms and microphones would have made of a normalised picture.

    time       the clip begins and ends earlier or later by up to this share, and bends in between
    warp       frequencies scaled by up to this share (the length of a speaker's vocal tract: Jaitly &
               Hinton, 2013) and shifted by up to `shift` bands
    equaliser  standard deviation of each of four slow cosines over the bands, added to all frames
    noise      how loud hiss may become that hides what is quieter, in deviations above the picture's mean:
               x ← ln(e³ˣ + e³ᵛ)/3, v = hiss around a level from U(noise − 3, noise); and grain, N(0, grain²)
               on every entry
    masks      bands and frames set to 0, up to so many in a row (SpecAugment: Park et al., 2019)
    """

    time: float = 0.1
    warp: float = 0.15
    shift: float = 1.0
    equaliser: float = 0.3
    noise: float = -0.5
    grain: float = 0.15
    masks: tuple[int, int] = (5, 8)

    def __call__(self, x: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Another batch of pictures (B, T, F) like x."""
        x = resampled(x, self._moments(x.shape, random), axis=1)
        x = resampled(x, self._pitches(x.shape, random), axis=2)
        x = x + self._colour(x.shape, random).astype(x.dtype)
        level = self.noise - random.uniform(0, 3, (len(x), 1, 1))
        hiss = 0.3 * random.standard_normal(x.shape, np.float32) + level.astype(np.float32)
        x = np.maximum(x, hiss) + np.log1p(np.exp(-3 * abs(x - hiss))) / 3  # ln(e³ˣ + e³ᵛ)/3
        x += self.grain * random.standard_normal(x.shape, np.float32)
        for axis, widest in zip((2, 1), self.masks, strict=True):
            x = np.where(self._mask(x.shape, axis, widest, random), x.dtype.type(0), x)
        return x.astype(np.float32, copy=False)

    def _moments(self, shape, random):
        b, t, _ = shape
        u = np.linspace(0, 1, t)
        begin, end, bend = random.uniform(-self.time, self.time, (3, b, 1))
        return (begin + (1 + end - begin) * u + bend * np.sin(np.pi * u)) * (t - 1)

    def _pitches(self, shape, random):
        b, _, f = shape
        scale = 1 + random.uniform(-self.warp, self.warp, (b, 1))
        return np.arange(f) * scale + random.uniform(-self.shift, self.shift, (b, 1))

    def _colour(self, shape, random):
        b, _, f = shape
        waves = np.cos(np.pi * np.arange(4)[:, None] * (np.arange(f) + 0.5) / f)
        return (self.equaliser * random.standard_normal((b, 4)) @ waves)[:, None, :]

    @staticmethod
    def _mask(shape, axis, widest, random):
        n = shape[axis]
        width = random.integers(0, widest + 1, (shape[0], 1))
        begin = random.integers(0, np.maximum(n - width, 0) + 1)
        at = np.arange(n)[None]
        hidden = (at >= begin) & (at < begin + width)
        return hidden[:, :, None] if axis == 1 else hidden[:, None, :]


class Colours:
    """Every training speaker's colour (voice, room and microphone), and clips moved from one to another.

    Forward    speaker s has the means μ_s and the deviations σ_s of each band over all of s's pictures;
               x of speaker s becomes (x − μ_s) σ*/σ_s + μ*,  (μ*, ln σ*) = Σ_k w_k (μ_k, ln σ_k),
               w = a·d + (1 − a)·e_s,  a ~ U(0, 1),  d = 3/2·Dirichlet(1, …, 1) − 1/(2n):  Σ w = 1, a little
               beyond the speakers as well as between them
    Source     mixed statistics: Zhou et al., 2021 (MixStyle), there of single examples inside a network
    """

    def __init__(self, x: np.ndarray, speakers: np.ndarray):
        self.names, self.own = np.unique(speakers, return_inverse=True)
        groups = [x[self.own == k] for k in range(len(self.names))]
        self.mean = np.stack([g.mean((0, 1)) for g in groups])
        self.log_std = np.log(np.maximum([g.std((0, 1)) for g in groups], 1e-3)).astype(x.dtype)

    def __call__(self, x: np.ndarray, chosen: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Pictures x (B, T, F), those numbered ``chosen`` of the pictures given first, in other colours."""
        n, own = len(self.names), self.own[chosen]
        other = 1.5 * random.dirichlet(np.ones(n), len(x)) - 0.5 / n
        w = np.eye(n)[own]
        w = (w + random.uniform(0, 1, (len(x), 1)) * (other - w)).astype(x.dtype)
        mean, scale = w @ self.mean, np.exp(w @ self.log_std - self.log_std[own])
        return (x - self.mean[own][:, None]) * scale[:, None] + mean[:, None]


def views(x: np.ndarray, warp: float = 0.06, time: float = 0.05) -> list[np.ndarray]:
    """Nine readings of each picture: frequencies scaled by 1 − warp, 1, 1 + warp; begun and ended by the
    share ``time`` later and earlier, as they are, and earlier and later."""
    b, t, f = x.shape
    found = []
    for scale in (1 - warp, 1.0, 1 + warp):
        warped = resampled(x, np.tile(np.arange(f) * scale, (b, 1)), axis=2)
        for cut in (-time, 0.0, time):
            places = np.linspace(cut, 1 - cut, t) * (t - 1)
            found.append(resampled(warped, np.tile(places, (b, 1)), axis=1))
    return found
