"""Which captions are true of which scenes, all pairs at once: the relevance of retrieval by truth.

`relevance` answers for one caption and one scene; a gallery of 1,000 has a million pairs. Here the scenes are
arrays (S scenes, M places for objects, empty ones fit no noun), and every meaning is one expression over
them. Tests hold both to the same grades.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from .graph import ATTRIBUTES, Scene
from .meaning import AllOf, Exists, Meaning, Noun, Quantified, Related, matching
from .relations import DEAD_ZONE, relation_matrix

_SET_BITS = np.array([bin(i).count("1") for i in range(256)], np.uint8)


def relevance_matrix(
    meanings: Sequence[Meaning], scenes: Sequence[Scene], dead_zone: float = DEAD_ZONE
) -> np.ndarray:
    """Grades 0 … 3 of every scene for every meaning, as `relevance` has them; 3 exactly where it is true.

    Shapes     S scenes, C meanings → uint8 (S, C)
    Note       equal meanings are worked out once
    """
    world = _World(scenes, dead_zone)
    columns: dict[Meaning, np.ndarray] = {}
    out = np.empty((len(scenes), len(meanings)), np.uint8)
    for c, meaning in enumerate(meanings):
        if meaning not in columns:
            columns[meaning] = world.grade(meaning)
        out[:, c] = columns[meaning]
    return out


class _World:
    """Many scenes as arrays: codes (S, M) of each attribute, −1 where there is no object."""

    def __init__(self, scenes: Sequence[Scene], dead_zone: float):
        self.scenes, self.dead_zone = scenes, dead_zone
        self.size = np.array([len(scene) for scene in scenes])
        self.places = int(self.size.max(initial=1))
        self.codes = {name: np.full((len(scenes), self.places), -1, np.int8) for name in ATTRIBUTES}
        for s, scene in enumerate(scenes):
            for name, values in ATTRIBUTES.items():
                self.codes[name][s, : len(scene)] = [values.index(getattr(o, name)) for o in scene.objects]
        self.there = np.arange(self.places) < self.size[:, None]
        self.nouns: dict[Noun, np.ndarray] = {}

    @cached_property
    def related(self) -> dict[str, np.ndarray]:
        """Relation → bool (S, M, M): does it hold from object i to object j?"""
        found: dict[str, np.ndarray] = {}
        for s, scene in enumerate(self.scenes):
            n = len(scene)
            for name, holds in relation_matrix(scene, self.dead_zone).items():
                if name not in found:
                    found[name] = np.zeros((len(self.scenes), self.places, self.places), bool)
                found[name][s, :n, :n] = holds
        return found

    def fits(self, noun: Noun) -> np.ndarray:
        """(S, M) which objects the noun fits."""
        if noun not in self.nouns:
            found = self.there.copy()
            for name, value in noun.items():
                found &= self.codes[name] == ATTRIBUTES[name].index(value)
            self.nouns[noun] = found
        return self.nouns[noun]

    def grade(self, meaning: Meaning) -> np.ndarray:
        """(S,) 3 where it is true, else the satisfied share of the conjuncts in thirds, rounded down."""
        kinds = {
            Exists: self._exists,
            Related: self._related,
            AllOf: self._all_of,
            Quantified: self._quantified,
        }
        if type(meaning) not in kinds:
            raise TypeError(f"meaning must be Exists, Related, AllOf or Quantified, got {meaning!r}")
        true, satisfied, of = kinds[type(meaning)](meaning)
        return np.where(true, 3, np.minimum(2, 3 * satisfied // of))

    def _exists(self, meaning: Exists):
        named = meaning.noun.items()
        right = sum(self.fits(Noun(**{name: value})).astype(int) for name, value in named)
        best = np.max(right, axis=1, initial=0) if named else np.zeros(len(self.size), int)
        return self.fits(meaning.noun).any(1), best, max(len(named), 1)

    def _related(self, meaning: Related):
        a, b = self.fits(meaning.a), self.fits(meaning.b)
        witnesses = a[:, :, None] & b[:, None, :] & self.related[meaning.relation]
        found = self.matched((meaning.a, meaning.b))
        return (found == 2) & witnesses.any((1, 2)), found, 3

    def _all_of(self, meaning: AllOf):
        found, nouns = self.matched(meaning.nouns), len(meaning.nouns)
        return (found == nouns) & (self.size == nouns), found, np.maximum(self.size, nouns)

    def _quantified(self, meaning: Quantified):
        subjects = self.fits(meaning.noun)
        both = subjects if meaning.predicate is None else subjects & self.fits(meaning.predicate)
        s, c, number = subjects.sum(1), both.sum(1), meaning.number
        true = {
            "exactly": lambda: c == number,
            "at_least": lambda: c >= number,
            "at_most": lambda: c <= number,
            "none": lambda: c == 0,
            "all": lambda: (c == s) & (s > 0),
            "not_all": lambda: c < s,
        }[meaning.kind]()
        nouns = [n for n in (meaning.noun, meaning.predicate) if n is not None]
        return true, sum(self.fits(n).any(1).astype(int) for n in nouns), 3

    def matched(self, nouns: Sequence[Noun]) -> np.ndarray:
        """(S,) how many nouns can each have a fitting object of its own.

        By König's theorem: min over sets A of nouns of |nouns| − |A| + |objects that fit one of A|. Objects
        are bits of a byte, so a set's neighbours are an OR.
        """
        if len(nouns) > 8 or self.places > 8:  # no caption of the grammar, but a text may list anything
            owners = [matching(tuple(nouns), scene) for scene in self.scenes]
            return np.array([sum(i is not None for i in row) for row in owners])
        weights = (1 << np.arange(self.places)).astype(np.uint8)
        near = np.zeros((1, len(self.size)), np.uint8)  # of every set of nouns, (2^n, S)
        for noun in nouns:
            near = np.concatenate([near, near | (self.fits(noun) * weights).sum(1, dtype=np.uint8)])
        sets = np.array([bin(i).count("1") for i in range(len(near))])
        return (len(nouns) - sets[:, None] + _SET_BITS[near]).min(0)
