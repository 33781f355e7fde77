"""What can happen in a clip: six pairs of events, each the other one shown backwards.

    moves right    moves left            one object travels across, at least 16 pixels
    rises          falls                 the same up and down
    grows          shrinks               the radius doubles, or halves; the place stays
    enters         leaves                one object comes from beyond the edge, or goes there
    approach       part                  two objects move towards each other, or away from each other
    clockwise      counterclockwise      one object turns round another, as a person sees it

`PATHS[event](draws, sizes, frames)` gives the first event of a pair as numbers:

Shapes     → float64 (T, A, 3): x, y and radius of each of the A objects that take part, frame by frame;
           None where this draw has no room, so that the caller draws again

Only +, −, ×, ÷ are used and places are rounded to 1/16 pixel, so a clip is the same on every machine.
"""

from collections.abc import Callable

import numpy as np

from .draws import Draws
from .graph import RADIUS, SIDE

PAIRS = (
    ("moves right", "moves left"),
    ("rises", "falls"),
    ("grows", "shrinks"),
    ("enters", "leaves"),
    ("approach", "part"),
    ("clockwise", "counterclockwise"),
)
EVENTS = tuple(event for pair in PAIRS for event in pair)
ANTONYM = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])}
ACTORS = {event: 2 if event in (*PAIRS[4], *PAIRS[5]) else 1 for event in EVENTS}

_TRAVEL = 16.0  # pixels that an object moves at least
_STEEP = 3  # a way across is at least three times as long as its way up or down
_TURNS = ((12 / 13, 5 / 13), (15 / 17, 8 / 17))  # cosine and sine of one step: 22.6° and 28.1°


def check_event(event: str) -> str:
    """The event itself, or a ValueError that lists them all."""
    if event not in ANTONYM:
        raise ValueError(f"event must be one of {', '.join(EVENTS)}, got {event!r}")
    return event


def sixteenths(values: np.ndarray) -> np.ndarray:
    """Rounded to the grid of 1/16 pixel on which all centres lie."""
    return np.floor(values * 16 + 0.5) / 16


def _between(draws: Draws, low: float, high: float) -> float:
    """Evenly from low to high, in steps of 1/16; low where there is no room between them."""
    return low + draws.integers(max(int((high - low) * 16), 0) + 1) / 16


def _place(draws: Draws, margin: float) -> np.ndarray:
    """A point at least `margin` from every edge."""
    return np.array([_between(draws, margin, SIDE - margin) for _ in range(2)])


def _line(start, end, frames: int) -> np.ndarray:
    """From start to end in even steps: (T, len(start))."""
    steps = np.arange(frames)[:, None] / (frames - 1)
    return sixteenths(np.asarray(start) + (np.asarray(end) - np.asarray(start)) * steps)


def _across(axis: int, sign: int) -> Callable:
    def path(draws, sizes, frames):
        radius = RADIUS[sizes[0]]
        start, end = _place(draws, radius + 1), _place(draws, radius + 1)
        way = sign * (end - start)[axis]
        if way < _TRAVEL or abs((end - start)[1 - axis]) * _STEEP > way:
            return None
        return _line([*start, radius], [*end, radius], frames)[:, None]

    return path


def _grow(draws, sizes, frames):
    small, big = _between(draws, 4, 6), _between(draws, 9, 12)
    centre = _place(draws, big + 1)
    return _line([*centre, small], [*centre, big], frames)[:, None]


def _enter(draws, sizes, frames):
    radius = RADIUS[sizes[0]]
    end = _place(draws, radius + 1)
    axis, far = draws.integers(2), draws.integers(2)
    start = end.copy()
    start[axis] = SIDE + radius + 1 if far else -(radius + 1)
    if abs(start - end)[axis] < _TRAVEL + radius:
        return None
    return _line([*start, radius], [*end, radius], frames)[:, None]


def _direction(draws: Draws) -> np.ndarray:
    """A unit vector: (1, 0) turned by a whole number of steps that never closes."""
    x, y = 1.0, 0.0
    c, s = _TURNS[0]
    for _ in range(draws.integers(64)):
        x, y = c * x - s * y, s * x + c * y
    return np.array([x, y])


def _approach(draws, sizes, frames):
    radii = [RADIUS[size] for size in sizes]
    near = (sum(radii) + _between(draws, 2, 5)) / 2  # half the distance of the centres at the end
    far = near + _between(draws, 8, 14)
    middle, unit = _place(draws, radii[0]), _direction(draws)
    ways = []
    for side, radius in zip((-1, 1), radii, strict=True):
        start, end = middle + side * far * unit, middle + side * near * unit
        if min(start.min(), SIDE - start.max()) < radius + 1:
            return None
        ways.append(_line([*start, radius], [*end, radius], frames))
    return np.stack(ways, axis=1)


def _clockwise(draws, sizes, frames):
    still, radius = RADIUS["small"], RADIUS[sizes[1]]
    distance = still + radius + _between(draws, 2, 5)
    centre = _place(draws, distance + radius + 1)
    arm = _direction(draws) * distance
    c, s = draws.choice(_TURNS)
    out = np.empty((frames, 2, 3))
    for frame in out:  # y points down, so this turn is clockwise to the eye
        frame[0], frame[1] = [*centre, still], [*sixteenths(centre + arm), radius]
        arm = np.array([c * arm[0] - s * arm[1], s * arm[0] + c * arm[1]])
    return out


PATHS: dict[str, Callable] = {
    "moves right": _across(0, 1),
    "rises": _across(1, -1),
    "grows": _grow,
    "enters": _enter,
    "approach": _approach,
    "clockwise": _clockwise,
}
