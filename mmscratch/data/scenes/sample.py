"""One integer seed → one scene graph."""

from collections.abc import Sequence

from .draws import GRAPH, Draws
from .graph import (
    COLOURS,
    DEFAULT_OPTIONS,
    HELDOUT_QUADRANT,
    RADIUS,
    SHAPES,
    SIDE,
    SIZES,
    TEXTURES,
    Object,
    Scene,
    SceneOptions,
)

_GRID = 16  # centres lie on a grid of 1/16 pixel
_TRIES, _RESTARTS = 40, 12


def sample_scene(seed: int, options: SceneOptions = DEFAULT_OPTIONS) -> Scene:
    """The scene of `seed` under `options`: attributes uniform and independent, centres uniform given the
    gaps.

    Only when no room is found (or a required pair is missing) are the attributes drawn again.
    """
    draws = Draws(seed, GRAPH)
    low, high = options.counts
    n = low + draws.integers(high - low + 1)
    for _ in range(10_000):
        looks = [sample_look(draws, options) for _ in range(n)]
        if options.required and not any((look[1], look[0]) in options.required for look in looks):
            looks[draws.integers(n)] = _required_look(draws, options)
        centres = place(draws, [RADIUS[look[2]] for look in looks], [look[1] for look in looks], options)
        if centres is not None:
            return assemble(seed, draws, looks, centres, options)
    raise ValueError(f"no scene found for {options}: the objects do not fit")


def sample_look(draws: Draws, options: SceneOptions) -> tuple[str, str, str, str]:
    """(shape, colour, size, texture), uniform over what the options allow."""
    while True:
        shape, colour, size = draws.choice(SHAPES), draws.choice(COLOURS), draws.choice(SIZES)
        if (colour, shape) not in options.heldout:
            return shape, colour, size, draws.choice(TEXTURES) if options.striped else "solid"


def _required_look(draws: Draws, options: SceneOptions) -> tuple[str, str, str, str]:
    colour, shape = draws.choice(sorted(options.required))
    return shape, colour, draws.choice(SIZES), draws.choice(TEXTURES) if options.striped else "solid"


def place(
    draws: Draws, radii: Sequence[float], colours: Sequence[str], options: SceneOptions
) -> list[tuple[float, float]] | None:
    """Centres for discs of the given radii, in the given order, or None where no room was found.

    Biggest first, because a big disc is the hardest to fit. With occlusion two centres stay far enough apart
    (0.6 of the summed radii, and 8.5 pixels, so that one axis always clears the six-pixel dead zone).
    """
    order = sorted(range(len(radii)), key=lambda i: -radii[i])
    for _ in range(_RESTARTS):
        centres: list = [None] * len(radii)
        for i in order:
            centres[i] = _free_centre(draws, i, centres, radii, colours, options)
            if centres[i] is None:
                break
        else:
            return centres
    return None


def _free_centre(draws, i, centres, radii, colours, options):
    margin = radii[i] + 1
    steps = int((SIDE - 2 * margin) * _GRID) + 1
    held = HELDOUT_QUADRANT[colours[i]]
    for _ in range(_TRIES):
        x = margin + draws.integers(steps) / _GRID
        y = margin + draws.integers(steps) / _GRID
        if options.quadrants != "all":
            here = (x >= SIDE / 2) + 2 * (y >= SIDE / 2)
            if (here == held) != (options.quadrants == "unseen"):
                continue
        if fits(x, y, i, centres, radii, options):
            return x, y
    return None


def fits(
    x: float, y: float, i: int, centres: Sequence, radii: Sequence[float], options: SceneOptions
) -> bool:
    """Whether object i may stand at (x, y) among the other centres (None: not placed yet)."""
    for j, other in enumerate(centres):
        if other is None or j == i:
            continue
        if options.occlusion:
            reach = max(0.6 * (radii[i] + radii[j]), 8.5)
        else:
            reach = radii[i] + radii[j] + options.gap
        if (x - other[0]) ** 2 + (y - other[1]) ** 2 < reach * reach:
            return False
    return True


def assemble(seed: int, draws: Draws, looks, centres, options: SceneOptions) -> Scene:
    """A scene from looks and centres: colour jitter within ±10 % a channel, background grey 0.85 to 1."""
    objects = []
    for (shape, colour, size, texture), (x, y) in zip(looks, centres, strict=True):
        jitter = tuple((1024 - 102 + draws.integers(205)) / 1024 for _ in range(3))
        objects.append(Object(shape, colour, size, texture, x, y, RADIUS[size], jitter))
    background = (871 + draws.integers(154)) / 1024
    return Scene(seed, tuple(objects), background, options.noise)
