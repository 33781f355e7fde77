"""Scene graph → image, exact masks, boxes.

Forward    coverage = clip(½ − d, 0, 1),  image = background·(1 − coverage) + colour·coverage + noise
           with d the signed distance in pixels from the pixel's centre to the outline (negative inside).
           mask = (d < 0) and no later object's d < 0: what is seen of the object, pixel by pixel.
Shapes     image (64, 64, 3) uint8; masks (objects, 64, 64) bool; boxes (objects, 4) int, x0 y0 x1 y1
           half-open

Polygons are intersections (max) and unions (min) of half planes: exact inside and along the edges, sharp
outside the corners. Only +, −, ×, ÷ and √ are used, which IEEE 754 rounds alike everywhere, and the noise is
a table of integers, so the image of a scene is the same to the bit on every machine.
"""

from functools import cache
from math import floor, sqrt
from statistics import NormalDist

import numpy as np

from .draws import PIXELS, Draws
from .graph import SIDE, Object, Scene, colour_rgb

_HALF_SQUARE = sqrt(0.5)  # half side of the square inscribed in the unit disc
_ARM, _ARM_WIDTH = (
    15 / 16,
    5 / 16,
)  # cross: half length and half width of an arm; its corners lie inside the disc
_SIN60 = sqrt(0.75)
_FIXED = 128  # fixed-point units in one grey level
_TABLE = 12  # bits of the noise table


def signed_distance(shape: str, dx: np.ndarray, dy: np.ndarray, radius: float) -> np.ndarray:
    """Signed distance to the outline of `shape` at offsets (dx, dy) from its centre, broadcast together."""
    if shape == "circle":
        return np.sqrt(dx * dx + dy * dy) - radius
    ax, ay = np.abs(dx), np.abs(dy)
    if shape == "square":
        return np.maximum(ax, ay) - _HALF_SQUARE * radius
    if shape == "triangle":  # equilateral, apex up: three half planes at the inradius
        return np.maximum(dy, _SIN60 * ax - 0.5 * dy) - 0.5 * radius
    if shape == "cross":
        upright = np.maximum(ax - _ARM_WIDTH * radius, ay - _ARM * radius)
        level = np.maximum(ax - _ARM * radius, ay - _ARM_WIDTH * radius)
        return np.minimum(upright, level)
    raise ValueError(f"shape must be circle, square, triangle or cross, got {shape!r}")


def _window(o: Object):
    """Rows, columns and signed distances of the small square that holds the object."""
    x0, x1 = max(0, floor(o.x - o.radius) - 1), min(SIDE, floor(o.x + o.radius) + 2)
    y0, y1 = max(0, floor(o.y - o.radius) - 1), min(SIDE, floor(o.y + o.radius) + 2)
    dx = np.arange(x0, x1) + (0.5 - o.x)
    dy = (np.arange(y0, y1) + (0.5 - o.y))[:, None]
    return slice(y0, y1), slice(x0, x1), dy, signed_distance(o.shape, dx, dy, o.radius)


def object_rgb(o: Object) -> np.ndarray:
    """The colour that the object is painted with: its name's RGB with the object's jitter, in [0, 1]."""
    return np.minimum(np.array(colour_rgb[o.colour]) * np.array(o.jitter), 1.0)


def paint(scene: Scene) -> np.ndarray:
    """The image before noise, (64, 64, 3) float64 in [0, 1]."""
    canvas = np.full((SIDE, SIDE, 3), scene.background)
    for o in scene.objects:
        rows, columns, dy, distance = _window(o)
        coverage = np.clip(0.5 - distance, 0.0, 1.0)[:, :, None]
        colour = object_rgb(o)
        if o.texture == "striped":  # level stripes two pixels high, every other one nearly white
            pale = 0.25 * colour + 0.75
            colour = np.where((np.floor(dy / 2) % 2 == 0)[:, :, None], colour, pale)
        patch = canvas[rows, columns]
        patch += coverage * (colour - patch)
    return canvas


@cache
def _noise_table(sigma: float) -> np.ndarray:
    """2¹² equiprobable quantiles of N(0, sigma), in fixed point: integers, so the same everywhere."""
    normal = NormalDist()
    size = 1 << _TABLE
    quantiles = [normal.inv_cdf((i + 0.5) / size) for i in range(size)]
    return np.rint(np.array(quantiles) * (sigma * 255 * _FIXED)).astype(np.int32)


def render(scene: Scene) -> np.ndarray:
    """The image of a scene, (64, 64, 3) uint8."""
    fixed = np.rint(paint(scene) * (255 * _FIXED)).astype(np.int32)
    if scene.noise > 0:
        words = Draws(scene.seed, PIXELS).words16(fixed.size) >> (16 - _TABLE)
        fixed += _noise_table(scene.noise).take(words).reshape(fixed.shape)
    fixed += _FIXED // 2
    fixed >>= 7
    return np.clip(fixed, 0, 255, out=fixed).astype(np.uint8)


def masks(scene: Scene, visible: bool = True) -> np.ndarray:
    """One boolean mask per object; with `visible`, less what later objects hide."""
    out = np.zeros((len(scene), SIDE, SIDE), dtype=bool)
    for i, o in enumerate(scene.objects):
        rows, columns, _, distance = _window(o)
        inside = distance < 0
        if visible:
            out[:i, rows, columns] &= ~inside
        out[i, rows, columns] = inside
    return out


def boxes(scene: Scene, visible: bool = True) -> np.ndarray:
    """Tight box of each mask as x0, y0, x1, y1 (half-open); all zero where nothing of the object is seen."""
    out = np.zeros((len(scene), 4), dtype=np.int64)
    for i, mask in enumerate(masks(scene, visible)):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if rows.size:
            out[i] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    return out
