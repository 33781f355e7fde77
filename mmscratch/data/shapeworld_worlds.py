"""Pictures and captions in the manner of ShapeWorld, drawn from a seed: to learn from, where its own are few.

A world is some coloured shapes on black (Kuhnle & Copestake, 2017); what is said of it is decided by the
world itself, so any number of true and false captions can be had. The forms are those of ShapeWorld's
existential, relational and counting sets, in its words; what its grammar says beyond them is not said here.
A relation is stated only where it clearly holds of some pair, or clearly of none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .captions import CaptionSet

__all__ = ["Thing", "draw_world", "make_worlds", "render_world", "say"]

SIDE, FINE = 64, 3
COLOURS = {
    "red": (1, 0, 0), "green": (0, 1, 0), "blue": (0, 0, 1), "yellow": (1, 1, 0), "magenta": (1, 0, 1),
    "cyan": (0, 1, 1), "gray": (0.5, 0.5, 0.5),
}  # fmt: skip
SHAPES = ("square", "rectangle", "triangle", "pentagon", "cross", "circle", "semicircle", "ellipse")
NUMBERS = ("zero", "one", "two", "three", "four", "five")
CLEAR = 0.04  # of the picture's side: less between two centres decides no relation


@dataclass(frozen=True)
class Thing:
    """Centre x, y, half-extents w, h as parts of the side; turn in radians; shade −1 (black) … 1 (white)."""

    shape: str
    colour: str
    x: float
    y: float
    w: float
    h: float
    turn: float
    shade: float

    @property
    def area(self) -> float:
        return self.w * self.h


def draw_world(r: np.random.Generator, most: int = 9) -> list[Thing]:
    """1 to ``most`` things that overlap a little at most; later ones are drawn in front."""
    things: list[Thing] = []
    for _ in range(int(r.integers(1, most + 1))):
        shape = str(r.choice(SHAPES))
        w = r.uniform(0.05, 0.13)
        h = w * (
            r.uniform(0.35, 0.7) if shape in ("ellipse", "rectangle") else 0.5 if shape == "semicircle" else 1
        )
        for _ in range(20):
            x, y = r.uniform(0.06, 0.94, 2)
            if all(math.hypot(x - o.x, y - o.y) > 0.8 * (w + o.w) for o in things):
                colour, turn, shade = (
                    str(r.choice(list(COLOURS))),
                    r.uniform(0, 2 * math.pi),
                    r.uniform(-0.4, 0.4),
                )
                things.append(Thing(shape, colour, x, y, w, h, turn, shade))
                break
    return things


def render_world(things: list[Thing]) -> np.ndarray:
    """The picture, uint8 (64, 64, 3), each pixel the mean of 3 × 3 points."""
    side = SIDE * FINE
    canvas = np.zeros((side, side, 3), np.float32)
    for o in things:
        reach = 1.5 * max(o.w, o.h)  # no corner lies further from the centre
        rows, columns = (
            slice(max(int((at - reach) * side), 0), max(int((at + reach) * side) + 1, 0)) for at in (o.y, o.x)
        )
        y, x = (np.mgrid[rows, columns] + 0.5) / side
        y, x = y[: side - rows.start, : side - columns.start], x[: side - rows.start, : side - columns.start]
        c, s = math.cos(o.turn), math.sin(o.turn)
        u, v = (c * (x - o.x) + s * (y - o.y)) / o.w, (c * (y - o.y) - s * (x - o.x)) / o.h
        rgb = np.array(COLOURS[o.colour], np.float32)
        shaded = rgb * (1 + o.shade) if o.shade < 0 else rgb + o.shade * (1 - rgb)
        canvas[rows, columns][_inside(o.shape, u, v)] = shaded
    fine = canvas.reshape(SIDE, FINE, SIDE, FINE, 3).mean((1, 3))
    return np.rint(fine * 255).astype(np.uint8)


def _inside(shape, u, v):
    """Which points lie in the shape; u, v in −1 … 1 span its box."""
    if shape in ("circle", "ellipse"):
        return u * u + v * v <= 1
    if shape in ("square", "rectangle"):
        return np.maximum(np.abs(u), np.abs(v)) <= 1
    if shape == "triangle":
        return (np.abs(u) <= (1 + v) / 2) & (v <= 1)
    if shape == "semicircle":
        return (u * u + ((v + 1) / 2) ** 2 <= 1) & (v >= -1)
    if shape == "cross":
        return (np.minimum(np.abs(u), np.abs(v)) <= 1 / 3) & (np.maximum(np.abs(u), np.abs(v)) <= 1)
    sides = [u * math.cos(a) + v * math.sin(a) for a in 2 * math.pi / 5 * np.arange(5)]
    return np.max(sides, axis=0) <= math.cos(math.pi / 5)


Noun = tuple[str | None, str | None]  # colour, shape; None: left open


def fits(noun: Noun, o: Thing) -> bool:
    """Is it such a thing?"""
    return noun[0] in (None, o.colour) and noun[1] in (None, o.shape)


def _phrase(noun: Noun, article=True) -> str:
    words = " ".join(filter(None, (noun[0], noun[1] or "shape")))
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}" if article else words


def _noun(o: Thing, r, plain=True) -> Noun:
    """A noun that fits a thing, of colour, shape or both (or, if not plain, neither)."""
    named = int(r.integers(3 if plain else 4))
    return (o.colour if named in (0, 1) else None, o.shape if named in (0, 2) else None)


def _changed(noun: Noun, r) -> Noun:
    """The noun with one of its attributes drawn anew."""
    colour, shape = noun
    if colour and (not shape or r.integers(2)):
        return str(r.choice(list(COLOURS))), shape
    return colour, str(r.choice(SHAPES)) if shape else None


def say(things: list[Thing], r: np.random.Generator) -> tuple[str, bool] | None:
    """One caption and whether it is true; None where what was drawn is clearly neither."""
    a, b = things[int(r.integers(len(things)))], things[int(r.integers(len(things)))]
    form = int(r.integers(4))
    if form == 0:
        return _existential(things, a, r)
    if form == 1:
        return _counted(things, a, r)
    return _spatial(things, a, b, r) if form == 2 else _compared(things, a, b, r)


def _existential(things, a, r):
    """There is a red circle. A circle is red. A red shape is a circle."""
    whole = (a.colour, a.shape)
    if r.integers(2):
        noun = _noun(a, r)
        noun = _changed(noun, r) if r.integers(2) else noun
        return f"there is {_phrase(noun)} .", any(fits(noun, o) for o in things)
    whole = _changed(whole, r) if r.integers(2) else whole
    true = any(fits(whole, o) for o in things)
    if r.integers(2):
        return f"{_phrase((None, whole[1]))} is {whole[0]} .", true
    return f"{_phrase((whole[0], None))} is {_phrase((None, whole[1]))} .", true


def _counted(things, a, r):
    """Exactly two shapes are red. At most one shape is a red circle."""
    noun = _noun(a, r)
    noun = _changed(noun, r) if r.integers(3) == 0 else noun
    count, k = sum(fits(noun, o) for o in things), int(r.integers(6))
    kinds = {
        "exactly": count == k, "at least": count >= k, "at most": count <= k, "more than": count > k,
        "less than": count < k, "not": count != k,
    }  # fmt: skip
    kind = str(r.choice(list(kinds)))
    be = "shape is" if k == 1 else "shapes are"
    said = (
        noun[0] if noun[1] is None else _phrase(noun) if k == 1 else _phrase(noun, False) + _plural(noun[1])
    )
    return f"{kind} {NUMBERS[k]} {be} {said} .", kinds[kind]


def _plural(shape):
    return "es" if shape == "cross" else "s"


_AXES = {"to the left of": ("x", -1), "to the right of": ("x", 1), "above": ("y", -1), "below": ("y", 1)}


def _spatial(things, a, b, r):
    """A red circle is (not) above a cross."""
    name = str(r.choice(list(_AXES)))
    axis, sign = _AXES[name]

    def lead(i, j):
        other = "y" if axis == "x" else "x"
        along = sign * (getattr(i, axis) - getattr(j, axis))
        return along, along - abs(getattr(i, other) - getattr(j, other))

    def holds(i, j):
        return min(lead(i, j)) > CLEAR

    def may(i, j):
        return lead(i, j)[0] > -CLEAR

    return _related(things, a, b, r, name, holds, may)


def _compared(things, a, b, r):
    """A circle is bigger than a cross. A red shape is the same shape as a circle."""
    tests = {
        "bigger than": lambda i, j: i.area - 1.15 * j.area,
        "smaller than": lambda i, j: j.area - 1.15 * i.area,
        "the same color as": lambda i, j: i.colour == j.colour,
        "a different color from": lambda i, j: i.colour != j.colour,
        "the same shape as": lambda i, j: i.shape == j.shape,
        "a different shape from": lambda i, j: i.shape != j.shape,
    }
    name = str(r.choice(list(tests)))
    test = tests[name]
    if not name.endswith("than"):
        return _related(things, a, b, r, name, test, test)
    return _related(
        things, a, b, r, name, lambda i, j: test(i, j) > 0, lambda i, j: test(i, j) > -0.35 * i.area
    )


def _related(things, a, b, r, name, holds, may):
    """ "is" or "is not": true where it clearly does of some pair, false where it clearly does of none."""
    if a is b:
        return None
    denied, first, second = int(r.integers(3)) == 0, _noun(a, r), _noun(b, r)
    pairs = [(i, j) for i in things for j in things if i is not j and fits(first, i) and fits(second, j)]
    if denied:
        clearly, perhaps = any(not may(*p) for p in pairs), any(not holds(*p) for p in pairs)
    else:
        clearly, perhaps = any(holds(*p) for p in pairs), any(may(*p) for p in pairs)
    if clearly != perhaps:
        return None
    return f"{_phrase(first)} is {'not ' if denied else ''}{name} {_phrase(second)} .", bool(clearly)


def make_worlds(n: int, seed: int = 0, captions: int = 4) -> CaptionSet:
    """n pictures, each with as many true as false captions (half of ``captions`` each), as a `CaptionSet`."""
    if n < 1 or captions < 2 or captions % 2:
        raise ValueError(
            f"make_worlds: expected n ≥ 1 and an even number of captions, got {n} and {captions}"
        )
    images, said = np.zeros((n, SIDE, SIDE, 3), np.uint8), []
    for k in range(n):
        r = np.random.Generator(np.random.Philox([seed, k]))
        found: dict[bool, dict[str, None]] = {True: {}, False: {}}
        while min(map(len, found.values())) < captions // 2:
            things = draw_world(r)
            found = {True: {}, False: {}}
            for _ in range(30 * captions):
                told = say(things, r)
                if told is not None and len(found[told[1]]) < captions // 2:
                    found[told[1]].setdefault(told[0])
        images[k] = render_world(things)
        said.append((*found[True], *found[False]))
    labels = ((1.0,) * (captions // 2) + (0.0,) * (captions // 2),) * n
    return CaptionSet("shapeworld", "en", images, tuple(said), tuple(f"drawn/{k}" for k in range(n)), labels)
