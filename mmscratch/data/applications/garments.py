"""Figures and garments, and the true map between them: virtual try-on with an answer.

A garment lies flat in a picture: s across, t down, the trunk being [0, 1]², sleeves beyond it at both sides.
A body takes it through

    x₀ = c(t) + w(t) (s − ½),  y₀ = top + h t,   (x, y) = (x₀, y₀) turned about the hip

with a width w(t) of its own (shoulders, waist, hip, between them a parabola) and a spine c(t) that may bend.
The map has an exact inverse, in closed form, so a warp can be judged at every pixel.
"""

from __future__ import annotations

import dataclasses

import numpy as np

__all__ = [
    "SIDE", "Body", "draw_body", "draw_garment", "flat_grid", "landmarks", "person", "pixel_centres",
    "silhouette",
]  # fmt: skip

SIDE = 64
UNIT, ORIGIN = 28.0, (18.0, 14.0)
"""The flat garment: pixels of a unit of s and t, and where s = t = 0 lies in its picture."""
SKIN, TROUSERS, GROUND = (0.86, 0.68, 0.55), (0.23, 0.27, 0.42), (0.95, 0.95, 0.93)


@dataclasses.dataclass(frozen=True)
class Body:
    """shoulder, waist, hip, bend (of the spine): in pixels; turn: about the hip, in radians."""

    centre: float
    top: float
    height: float
    shoulder: float
    waist: float
    hip: float
    bend: float
    turn: float

    def width(self, t):
        """w(t): through shoulder, waist and hip at t = 0, ½, 1."""
        a, b, c = self.shoulder, self.waist, self.hip
        return a + (4 * b - 3 * a - c) * t + (2 * a - 4 * b + 2 * c) * t * t

    def spine(self, t):
        """c(t): a parabola that is ``bend`` aside at the middle."""
        return self.centre + 4 * self.bend * t * (1 - t)

    def place(self, st):
        """(s, t) → (x, y) in pixels: (…, 2)."""
        st = np.asarray(st, np.float64)
        t = np.clip(st[..., 1], -0.25, 1.25)
        x = self.spine(t) + self.width(t) * (st[..., 0] - 0.5)
        return self._turned(np.stack([x, self.top + self.height * st[..., 1]], -1), self.turn)

    def flatten(self, xy):
        """(x, y) → (s, t): the inverse of ``place``."""
        back = self._turned(np.asarray(xy, np.float64), -self.turn)
        t = (back[..., 1] - self.top) / self.height
        held = np.clip(t, -0.25, 1.25)
        return np.stack([(back[..., 0] - self.spine(held)) / self.width(held) + 0.5, t], -1)

    def _turned(self, xy, angle):
        hip = np.array([self.centre, self.top + self.height])
        c, s = np.cos(angle), np.sin(angle)
        return (xy - hip) @ np.array([[c, s], [-s, c]]) + hip


def draw_body(seed):
    """A body of random build and posture."""
    r = np.random.default_rng([seed, 0xB0D7])
    shoulder = r.uniform(17, 23)
    return Body(
        centre=r.uniform(30, 34), top=r.uniform(17, 19), height=r.uniform(23, 27), shoulder=shoulder,
        waist=shoulder * r.uniform(0.62, 0.9), hip=shoulder * r.uniform(0.8, 1.05), bend=r.uniform(-4, 4),
        turn=r.uniform(-0.18, 0.18),
    )  # fmt: skip


def flat_grid(st):
    """(s, t) → where that is in the flat garment's picture, in pixels."""
    return np.asarray(st, np.float64) * UNIT + np.array(ORIGIN)


def landmarks(across=4, down=5):
    """(s, t) of a grid of landmarks over trunk and sleeves: (across · down, 2).

    Errors     ValueError for fewer than two either way
    """
    if min(across, down) < 2:
        raise ValueError(f"landmarks: across, down: expected at least 2, got {across} and {down}")
    s, t = np.meshgrid(np.linspace(-0.15, 1.15, across), np.linspace(0, 1, down))
    return np.stack([s.ravel(), t.ravel()], -1)


def pixel_centres():
    """(x, y) of every pixel's centre: (64, 64, 2)."""
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    return np.stack([x, y], -1)


def _shirt(st):
    """Is (s, t) in the shirt: trunk, sleeves to t = 0.3, less a round neck?"""
    s, t = st[..., 0], st[..., 1]
    trunk = (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
    sleeve = (np.abs(s - 0.5) <= 0.72) & (t >= 0.02) & (t <= 0.32)
    neck = (s - 0.5) ** 2 + (1.2 * t) ** 2 < 0.19**2
    return (trunk | sleeve) & ~neck


def draw_garment(seed):
    """A flat shirt: picture (64, 64, 3) and where it is (64, 64), in [0, 1]. Stripes, checks, dots."""
    r = np.random.default_rng([seed, 0x5417])
    st = (pixel_centres() - np.array(ORIGIN)) / UNIT
    first, second = r.uniform(0.15, 0.85, 3), r.uniform(0.55, 1.0, 3)
    waves = int(r.integers(4, 7))
    a, b = (np.sin(2 * np.pi * waves * st[..., k]) for k in (0, 1))
    on = ((b > 0), (a * b > 0), (a + b > 0.9))[int(r.integers(3))]
    alpha = _shirt(st).astype(np.float64)
    return np.where(on[..., None], first, second) * alpha[..., None], alpha


def person(body):
    """The figure without a shirt: (64, 64, 3) floats. All but the head in the body's coordinates."""
    xy, out = pixel_centres(), np.empty((SIDE, SIDE, 3))
    out[:] = GROUND
    st = body.flatten(xy)
    s, t = st[..., 0], st[..., 1]
    legs = (t >= 0.95) & ((np.abs(s - 0.26) < 0.22) | (np.abs(s - 0.74) < 0.22))
    arms = (np.abs(np.abs(s - 0.5) - 0.6) < 0.1) & (t > 0.02) & (t < 0.95)
    trunk = (np.abs(s - 0.5) <= 0.5) & (t >= 0) & (t < 1)
    head = (((xy - body.place([0.5, -0.24])) / np.array([5.0, 6.0])) ** 2).sum(-1) < 1
    throat = (np.abs(s - 0.5) < 0.12) & (t > -0.15) & (t < 0.05)
    for where, colour in ((legs, TROUSERS), (arms | trunk | head | throat, SKIN)):
        out[where] = colour
    return out


def silhouette(body, noise=0.0, random=None):
    """Where the figure is, as 16 × 16 shares of 4 × 4 pixels, with noise N(0, noise²): (256,)."""
    there = (np.abs(person(body) - np.array(GROUND)).sum(-1) > 0.05).astype(np.float64)
    small = there.reshape(16, 4, 16, 4).mean((1, 3)).ravel()
    return small if noise == 0 else small + random.normal(scale=noise, size=small.shape)
