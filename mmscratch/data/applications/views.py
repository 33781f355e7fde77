"""Sessions of views: what is looked at next, with a reason that only a history tells.

The items are all of 6 colours × 4 shapes × 6 topics, each twice. The picture shows colour and shape, the
title's words tell the topic. A session has one interest z, drawn once and never shown: which of the three the
visitor varies while the other two are kept. With probability 1 − ε the next item is one, evenly drawn, that
differs from the last in z alone (or in nothing: the twin); with probability ε it is any item at all.

    p(next | history) = Σ_z p(z | history) p(next | last, z),   p(z | history) ∝ Π_t p(item_t | item_{t−1}, z)

so what is best is known exactly (``next_probability``), and also what is best of the last item alone, where z
keeps its prior.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from ..scenes.graph import COLOURS, SHAPES, SIZES
from .shop import scene_of

__all__ = ["INTERESTS", "TOPICS", "Views", "make_views", "next_probability", "transitions"]

TOPICS = ("garden", "kitchen", "travel", "music", "sport", "winter")
INTERESTS = ("colour", "shape", "topic")
_FILLERS = ("new", "nice", "for", "your", "the", "a", "our", "best", "thing", "something")
_TITLES = (
    "{a} {b} thing for the {t}",
    "something for your {t}",
    "our {a} {t} {b} thing",
    "{t} : a {a} thing",
)


@dataclasses.dataclass
class Views:
    """kinds (I, 3): colour, shape, topic; scenes and titles of the items; sessions (N, T); interest (N,)."""

    kinds: np.ndarray
    scenes: list
    titles: list
    sessions: np.ndarray
    interest: np.ndarray
    error: float


def transitions(kinds, error):
    """p(next | last, z) of each interest: (3, I, I), rows sum to 1. An item does not follow itself.

    Errors     ValueError where ``error`` is not in [0, 1]
    """
    if not 0 <= error <= 1:
        raise ValueError(f"transitions: error: expected a share in [0, 1], got {error!r}")
    n = len(kinds)
    same = kinds[:, None] == kinds[None]
    other = 1 - np.eye(n)
    found = []
    for z in range(3):
        kept = np.delete(same, z, axis=2).all(axis=2) * other
        found.append((1 - error) * kept / kept.sum(1, keepdims=True) + error * other / (n - 1))
    return np.array(found)


def next_probability(kinds, history, error, last_only=False):
    """p(next | history) by Bayes' rule: history (N, t) item numbers → (N, I).

    last_only    z keeps its prior ⅓: the best that can be said of the last item alone
    """
    p = transitions(kinds, error)
    belief = np.full((len(history), 3), 1 / 3)
    for t in range(1, 1 if last_only else history.shape[1]):
        belief *= p[:, history[:, t - 1], history[:, t]].T
        belief /= belief.sum(1, keepdims=True)
    return np.einsum("nz,zni->ni", belief, p[:, history[:, -1]])


def make_views(sessions=1000, length=8, error=0.1, seed=0, world=0):
    """Sessions of one world: items, pictures and titles are those of ``world``, the sessions of ``seed``.

    Errors     ValueError for fewer than one session or fewer than three views
    """
    if sessions < 1 or length < 3:
        raise ValueError(
            f"make_views: sessions, length: expected at least 1 and 3, got {sessions} and {length}"
        )
    drawn = np.random.default_rng([world, 0x17E3])
    numbers = itertools.product(range(len(COLOURS)), range(len(SHAPES)), range(len(TOPICS)))
    kinds = np.repeat(np.array(list(numbers)), 2, axis=0)
    scenes, titles = [], []
    for i, (colour, shape, topic) in enumerate(kinds):
        size = SIZES[i % 2]
        scenes.append(scene_of(SHAPES[shape], COLOURS[colour], size, "solid", i, drawn))
        a, b = (_FILLERS[k] for k in drawn.integers(0, 2, 2))
        titles.append(_TITLES[drawn.integers(len(_TITLES))].format(a=a, b=b, t=TOPICS[topic]))
    random = np.random.default_rng([seed, world, 0x17E4])
    p = transitions(kinds, error)
    interest = random.integers(0, 3, sessions)
    found = np.empty((sessions, length), np.int64)
    found[:, 0] = random.integers(0, len(kinds), sessions)
    for t in range(1, length):
        rows = np.cumsum(p[interest, found[:, t - 1]], axis=1)
        found[:, t] = (random.uniform(size=(sessions, 1)) * rows[:, -1:] < rows).argmax(axis=1)
    return Views(kinds, scenes, titles, found, interest, error)
