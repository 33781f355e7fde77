"""The scene graph: the one truth from which image, masks, captions and questions are derived.

Coordinates are pixels with the origin at the top left corner of the image, x to the right and y down; the
pixel in column i covers [i, i+1), so its centre is i + 0.5. Every number of a graph is a dyadic fraction
(centres in 1/16 pixel, colours in 1/1024), so JSON, comparisons and differences are exact.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field

SIDE = 64
SHAPES = ("circle", "square", "triangle", "cross")
COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan")
SIZES = ("small", "big")
TEXTURES = ("solid", "striped")
ATTRIBUTES = {"shape": SHAPES, "colour": COLOURS, "size": SIZES, "texture": TEXTURES}
RADIUS = {"small": 6.0, "big": 10.0}
NOISE = 20 / 1024  # the nominal 0.02, as a dyadic fraction

colour_rgb = {
    "red": (0.85, 0.13, 0.13),
    "green": (0.13, 0.62, 0.20),
    "blue": (0.15, 0.28, 0.85),
    "yellow": (0.90, 0.80, 0.10),
    "purple": (0.55, 0.18, 0.65),
    "cyan": (0.12, 0.75, 0.80),
}

# Pairs kept out of training for the compositional test, in the order in which `heldout_pairs=k` takes them.
HELDOUT_PAIRS = (
    ("red", "circle"),
    ("blue", "square"),
    ("green", "triangle"),
    ("yellow", "cross"),
    ("purple", "circle"),
    ("cyan", "square"),
    ("red", "triangle"),
    ("blue", "cross"),
)

# The quadrant (0 top left, 1 top right, 2 bottom left, 3 bottom right) that a colour never visits in
# training.
HELDOUT_QUADRANT = {"red": 0, "green": 1, "blue": 2, "yellow": 3, "purple": 0, "cyan": 1}


@dataclass(frozen=True, slots=True)
class Object:
    """One object; every shape lies inside the disc of `radius` pixels around (x, y)."""

    shape: str
    colour: str
    size: str
    texture: str
    x: float
    y: float
    radius: float
    jitter: tuple[float, float, float] = (1.0, 1.0, 1.0)

    @property
    def quadrant(self) -> int:
        return int(self.x >= SIDE / 2) + 2 * int(self.y >= SIDE / 2)


@dataclass(frozen=True, slots=True)
class Scene:
    """A scene: its objects (later ones are drawn in front), the grey of the background, the pixel noise."""

    seed: int
    objects: tuple[Object, ...]
    background: float = 0.9375
    noise: float = NOISE

    def __len__(self) -> int:
        return len(self.objects)

    def to_dict(self) -> dict:
        return {
            "seed": self.seed,
            "background": self.background,
            "noise": self.noise,
            "objects": [
                {name: getattr(o, name) for name in _PLAIN} | {"jitter": list(o.jitter)} for o in self.objects
            ],
        }

    @classmethod
    def from_dict(cls, data: dict) -> "Scene":
        """The inverse of `to_dict`; refuses unknown attributes with a ValueError that names them."""
        try:
            objects = tuple(_object_from(o, i) for i, o in enumerate(data["objects"]))
            return cls(int(data["seed"]), objects, float(data["background"]), float(data["noise"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a scene graph: {type(error).__name__} {error}") from None

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    def hash(self) -> str:
        """sha256 of the whole graph, to the bit."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def signature(self) -> str:
        """sha256 of what a person would call the same scene: attributes, and centres in 4-pixel cells.

        Two scenes that differ only by jitter, noise, draw order or a shift inside the cells share it; splits
        are kept apart by this hash, which is stricter than `hash`.
        """
        rows = sorted(
            (o.shape, o.colour, o.size, o.texture, int(o.x // 4), int(o.y // 4)) for o in self.objects
        )
        return hashlib.sha256(repr(rows).encode()).hexdigest()


_PLAIN = ("shape", "colour", "size", "texture", "x", "y", "radius")


def _object_from(data: dict, index: int) -> Object:
    for name, values in ATTRIBUTES.items():
        if data[name] not in values:
            raise ValueError(
                f"objects[{index}].{name} is {data[name]!r}, expected one of {', '.join(values)}"
            )
    numbers = (float(data["x"]), float(data["y"]), float(data["radius"]))
    jitter = tuple(float(v) for v in data["jitter"])
    return Object(*(data[name] for name in ATTRIBUTES), *numbers, jitter)


@dataclass(frozen=True)
class SceneOptions:
    """How scenes are drawn.

    count       number of objects: an integer or an inclusive pair (low, high), within 1 to 6
    striped     draw the texture too (otherwise every object is solid)
    occlusion   allow objects to overlap; later objects are in front and every centre stays visible
    gap         pixels between the discs of two objects without occlusion
    heldout     pairs (colour, shape) that never occur
    required    pairs of which at least one occurs in every scene
    quadrants   "all"; "seen": no colour in its held-out quadrant; "unseen": every object in it
    noise       standard deviation of the pixel noise, as a fraction of full scale
    more        objects in a question's scene beyond the most that its family otherwise has: 0 or 1
    """

    count: int | tuple[int, int] = (2, 5)
    striped: bool = False
    occlusion: bool = False
    gap: float = 2.0
    heldout: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    required: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    quadrants: str = "all"
    noise: float = NOISE
    more: int = 0

    def __post_init__(self):
        low, high = self.counts
        if self.more not in (0, 1):
            raise ValueError(f"more must be 0 or 1, got {self.more!r}")
        if not (1 <= low <= high <= 6):
            raise ValueError(f"count must lie within 1 to 6 with low <= high, got {self.count!r}")
        if self.quadrants not in ("all", "seen", "unseen"):
            raise ValueError(f"quadrants must be all, seen or unseen, got {self.quadrants!r}")
        if not 0 <= self.noise <= 0.5:
            raise ValueError(f"noise must lie in [0, 0.5], got {self.noise!r}")
        if not 0 <= self.gap <= 8:
            raise ValueError(f"gap must lie in [0, 8] pixels, got {self.gap!r}")
        object.__setattr__(self, "heldout", _pairs(self.heldout, "heldout"))
        object.__setattr__(self, "required", _pairs(self.required, "required"))
        if self.required & self.heldout:
            raise ValueError(f"pairs both held out and required: {sorted(self.required & self.heldout)}")

    @property
    def counts(self) -> tuple[int, int]:
        return (self.count, self.count) if isinstance(self.count, int) else tuple(self.count)


def _pairs(pairs: Iterable[tuple[str, str]], name: str) -> frozenset[tuple[str, str]]:
    out = frozenset(tuple(pair) for pair in pairs)
    for pair in out:
        if len(pair) != 2 or pair[0] not in COLOURS or pair[1] not in SHAPES:
            raise ValueError(
                f"{name} holds {pair!r}, expected (colour, shape) pairs such as ('red', 'circle')"
            )
    return out


DEFAULT_OPTIONS = SceneOptions()
