"""Pictures of sound as training needs them: of one size, normalised, and never twice the same.

All work on batches of log-mel pictures (B, T, F), with a NumPy Generator for what is random.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..features import Features

__all__ = ["Augment", "normalise", "resampled", "stretch"]


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
    """x (B, T, F) at fractional places (B, n) along an axis, linearly; beyond the ends: the ends."""
    places = np.clip(places, 0, x.shape[axis] - 1)
    low = np.minimum(places.astype(np.int64), max(x.shape[axis] - 2, 0))
    high = np.minimum(low + 1, x.shape[axis] - 1)
    share = (places - low).astype(x.dtype)
    share = share[:, :, None] if axis == 1 else share[:, None, :]
    low, high = (i[:, :, None] if axis == 1 else i[:, None, :] for i in (low, high))
    a, b = np.take_along_axis(x, low, axis), np.take_along_axis(x, high, axis)
    return a + share * (b - a)


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
        hiss = level + 0.3 * random.standard_normal(x.shape)
        x = np.logaddexp(3 * x, 3 * hiss.astype(x.dtype)) / 3
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
