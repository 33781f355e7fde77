"""Clips: scenes in which something happens, and everything about it is known.

A clip is a list of scene graphs, one a frame, so whatever is known of a scene (image, masks, boxes, places)
is known of each frame. Of every clip there is also its time reversal:

    reversed(frame 1, …, frame T; event) = (frame T, …, frame 1; the antonym of the event)

with the same pixels to the last bit of noise. So the two clips of a pair are one multiset of frames under two
labels, and whatever does not see the order of frames gives both the same answer: of the two labels it is
right once, which is chance. Both clips of a pair are in the same split.
"""

import hashlib
from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from ..image import resize_images
from ..progress import progress_bar
from .draws import Draws
from .events import ACTORS, ANTONYM, EVENTS, PAIRS, PATHS, check_event
from .graph import NOISE, RADIUS, SIDE, Scene, SceneOptions
from .render import boxes, masks, render
from .sample import assemble, sample_look

__all__ = [
    "ANTONYM", "CLIP_SPLITS", "Clip", "ClipOptions", "ClipSplit", "Clips", "EVENTS", "PAIRS", "clip_boxes",
    "clip_masks", "clip_split_of", "load_clips", "make_clip", "parse_clip_options", "render_clip",
]  # fmt: skip

STREAM = 16  # of `Draws`: how things move
_DIGITS = {"train": "0123456789", "val": "abc", "test": "def"}
CLIP_SPLITS = tuple(_DIGITS)
_TRIES = 2000


@dataclass(frozen=True, slots=True)
class Clip:
    """What happens, to which objects (their indices), and the scene of each frame."""

    event: str
    actors: tuple[int, ...]
    scenes: tuple[Scene, ...]

    def __len__(self) -> int:
        return len(self.scenes)

    def reversed(self) -> "Clip":
        """The same frames from the last to the first: the antonym happens."""
        return Clip(ANTONYM[self.event], self.actors, self.scenes[::-1])

    @property
    def label(self) -> int:
        """The event's place in EVENTS; 2·pair + (0 or 1)."""
        return EVENTS.index(self.event)

    @property
    def positions(self) -> np.ndarray:
        """Centres of all objects, frame by frame: (T, N, 2) in pixels, x before y."""
        return np.array([[(o.x, o.y) for o in scene.objects] for scene in self.scenes])

    @property
    def radii(self) -> np.ndarray:
        """Radii of all objects, frame by frame: (T, N)."""
        return np.array([[o.radius for o in scene.objects] for scene in self.scenes])

    def signature(self) -> str:
        """sha256 that a clip and its reversal share: the pair of events, how both ends look, unordered."""
        ends = sorted((self.scenes[0].signature(), self.scenes[-1].signature()))
        return hashlib.sha256(repr((self.label // 2, *ends)).encode()).hexdigest()


def make_clip(
    seed: int, event: str, frames: int = 8, stills: tuple[int, int] = (0, 2), noise: float = NOISE
) -> Clip:
    """The clip of a seed: `event` happens, beside `stills` (lowest, highest) objects that do not move.

    Objects never touch, in no frame. The second event of a pair is the first one's clip, reversed.
    Errors     ValueError for an unknown event, or fewer than two frames
    """
    if isinstance(frames, bool) or not isinstance(frames, int) or not 2 <= frames <= 64:
        raise ValueError(f"frames must be an integer from 2 to 64, got {frames!r}")
    low, high = stills
    if not 0 <= low <= high <= 3:
        raise ValueError(f"stills must be two numbers within 0 to 3 with low <= high, got {stills!r}")
    if check_event(event) not in PATHS:
        return make_clip(seed, ANTONYM[event], frames, stills, noise).reversed()
    draws, options = Draws(seed, STREAM), SceneOptions(noise=noise)
    count = low + draws.integers(high - low + 1)
    actors = ACTORS[event]
    for _ in range(_TRIES):
        looks = [sample_look(draws, options) for _ in range(actors + count)]
        moving = PATHS[event](draws, [look[2] for look in looks[:actors]], frames)
        if moving is None:
            continue
        ways = _with_stills(draws, moving, [RADIUS[look[2]] for look in looks[actors:]], options.gap)
        if ways is not None:
            return _assemble(seed, event, draws, looks, ways, actors, options)
    raise ValueError(f"no clip found for seed {seed} and {event!r}: the objects do not fit")


def _with_stills(draws: Draws, moving: np.ndarray, radii, gap: float):
    """Ways of all objects (T, N, 3): still ones at free places, clear of every way; None without room."""
    ways = moving
    for radius in radii:
        margin = radius + 1
        steps = int((SIDE - 2 * margin) * 16) + 1
        for _ in range(20):
            x, y = (margin + draws.integers(steps) / 16 for _ in range(2))
            away = (ways[..., 0] - x) ** 2 + (ways[..., 1] - y) ** 2
            if (away >= (ways[..., 2] + radius + gap) ** 2).all():
                break
        else:
            return None
        ways = np.concatenate([ways, np.broadcast_to([x, y, radius], (len(ways), 1, 3))], axis=1)
    return ways


def _assemble(seed, event, draws, looks, ways, actors, options) -> Clip:
    first = assemble(seed, draws, looks, ways[0, :, :2].tolist(), options)
    scenes = []
    for frame in ways.tolist():
        objects = tuple(
            replace(o, x=x, y=y, radius=radius, size="big" if radius >= 8 else "small")
            for o, (x, y, radius) in zip(first.objects, frame, strict=True)
        )
        scenes.append(replace(first, seed=draws.word(), objects=objects))  # each frame has its own noise
    return Clip(event, tuple(range(actors)), tuple(scenes))


def render_clip(clip: Clip) -> np.ndarray:
    """The frames of a clip: uint8 (T, 64, 64, 3)."""
    return np.stack([render(scene) for scene in clip.scenes])


def clip_masks(clip: Clip) -> np.ndarray:
    """The mask of each object in each frame: bool (T, N, 64, 64)."""
    return np.stack([masks(scene) for scene in clip.scenes])


def clip_boxes(clip: Clip) -> np.ndarray:
    """The box of each object in each frame: int64 (T, N, 4), x0 y0 x1 y1 half-open; 0 where out of sight."""
    return np.stack([boxes(scene) for scene in clip.scenes])


@dataclass(frozen=True)
class ClipOptions:
    """What `load_clips` makes; as text `clips:key=value,…`.

    train, val, test   pairs in each split: a clip and its reversal, the six kinds of event in turn
    frames, size       of a clip: T, and the side to which the 64 pixels are brought
    stills             at most so many objects that do not move
    noise, seed        of the pixels; of the whole data set, below 2**28
    """

    train: int = 600
    val: int = 120
    test: int = 240
    frames: int = 8
    size: int = 32
    stills: int = 2
    noise: float = NOISE
    seed: int = 0

    def __post_init__(self):
        limits = {"train": (0, 1 << 20), "val": (0, 1 << 20), "test": (0, 1 << 20), "frames": (2, 64),
                  "size": (8, 256), "stills": (0, 3), "seed": (0, (1 << 28) - 1)}  # fmt: skip
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise ValueError(f"{name} must be an integer from {low} to {high}, got {value!r}")
        if not 0 <= self.noise <= 0.5:
            raise ValueError(f"noise must lie in [0, 0.5], got {self.noise!r}")

    def __str__(self) -> str:
        said = [f"{f.name}={getattr(self, f.name)}" for f in fields(self)
                if getattr(self, f.name) != f.default]  # fmt: skip
        return "clips" + (":" + ",".join(said) if said else "")


def parse_clip_options(text: str) -> ClipOptions:
    """`clips`, or `clips:key=value,…` → ClipOptions.

    Errors     ValueError that names an unknown key, a key said twice, or a value that does not fit its key
    """
    name, _, rest = text.strip().partition(":")
    if name != "clips":
        raise ValueError(f"expected clips or clips:key=value,…, got {text!r}")
    known, values = {f.name: f.type for f in fields(ClipOptions)}, {}
    for item in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or key not in known or key in values:
            what = "is not key=value" if not equals else f"has an unknown key; known: {', '.join(known)}"
            raise ValueError(f"{item!r} in {text!r} {'is said twice' if key in values else what}")
        try:
            values[key] = known[key](value)
        except ValueError:
            kind = "an integer" if known[key] is int else "a number"
            raise ValueError(f"{key} must be {kind}, got {value!r}") from None
    return ClipOptions(**values)


def clip_split_of(clip: Clip) -> str:
    """The one split that may hold a clip and its reversal."""
    digit = clip.signature()[0]
    return next(name for name, digits in _DIGITS.items() if digit in digits)


@dataclass
class ClipSplit:
    """One split: clips 2k and 2k + 1 are a clip and its reversal."""

    name: str
    options: ClipOptions
    clips: list[Clip]

    def __len__(self) -> int:
        return len(self.clips)

    @cached_property
    def labels(self) -> np.ndarray:
        """int64 (N,): the place of each clip's event in EVENTS."""
        return np.array([clip.label for clip in self.clips], np.int64)

    @cached_property
    def frames(self) -> np.ndarray:
        """uint8 (N, T, S, S, 3), rendered when first asked for; a reversal has its clip's pixels."""
        size = self.options.size
        out = np.empty((len(self), self.options.frames, size, size, 3), np.uint8)
        for i in range(0, len(self), 2):
            out[i] = resize_images(render_clip(self.clips[i]), size)
            out[i + 1] = out[i, ::-1]
        return out


class Clips:
    """The clips of some options. Splits are drawn when first asked for and kept."""

    def __init__(self, options: ClipOptions, progress: bool = False):
        self.options, self.progress, self._splits = options, progress, {}

    def split(self, name: str) -> ClipSplit:
        """A split by name: train, val or test."""
        if name not in _DIGITS:
            raise ValueError(f"split must be one of {', '.join(CLIP_SPLITS)}, got {name!r}")
        if name not in self._splits:
            self._splits[name] = ClipSplit(name, self.options, self._draw(name))
        return self._splits[name]

    def _draw(self, name):
        o, out, seen = self.options, [], set()
        count = getattr(o, name)
        for index in progress_bar(range(count), f"clips of {name}", unit="pair", show=self.progress):
            for attempt in range(1 << 11):
                place = ((o.seed * 4 + CLIP_SPLITS.index(name)) << 32) | (attempt << 20) | index
                clip = make_clip(place, PAIRS[index % len(PAIRS)][0], o.frames, (0, o.stills), o.noise)
                signature = clip.signature()
                if signature[0] in _DIGITS[name] and signature not in seen:
                    break
            else:
                raise ValueError(f"{name}: no new clip at place {index}; the options leave too few")
            seen.add(signature)
            out += [clip, clip.reversed()]
        return out


def load_clips(options: ClipOptions | str = "clips", progress: bool = False) -> Clips:
    """The clips of some options, or of a text such as "clips:train=600,frames=8"."""
    options = parse_clip_options(options) if isinstance(options, str) else options
    if not isinstance(options, ClipOptions):
        raise TypeError(f"options must be ClipOptions or a text, got {type(options).__name__}")
    return Clips(options, progress)
