"""SPICE: F1 over the tuples of two scene graphs (Anderson, Fernando, Johnson and Gould, 2016).

A graph is a set of tuples of strings: ("circle",) an object, ("circle", "red") an attribute of it,
("circle", "left", "square") a relation. Where the graphs come from is not this file's matter: SPICE parses
sentences with a dependency parser; the scenes world parses its own sentences exactly (`data.scenes.tuples`).
Tuples match when they are equal: there are no synonyms here, where SPICE asks WordNet.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

Tuple = tuple[str, ...]
Graph = Collection[Tuple]
KINDS = {1: "object", 2: "attribute", 3: "relation"}


@dataclass(frozen=True)
class SpiceCounts:
    """How many tuples match, of how many in the candidate and in the reference."""

    matches: int
    candidate: int
    reference: int

    @property
    def precision(self) -> float:
        return self.matches / self.candidate if self.candidate else 0.0

    @property
    def recall(self) -> float:
        return self.matches / self.reference if self.reference else 0.0

    @property
    def f1(self) -> float:
        """0 where nothing matches, an empty graph among it."""
        return 2 * self.matches / (self.candidate + self.reference) if self.matches else 0.0


def spice_counts(candidate: Graph, reference: Graph) -> SpiceCounts:
    """Counts of one image.

    Forward    T(G) = O(G) ∪ E(G) ∪ K(G): objects, attributes, relations                      (2016, eq. 2)
               P = |T(c) ∩ T(r)| / |T(c)|,  R = |T(c) ∩ T(r)| / |T(r)|                        (eq. 3, 4)
               SPICE = F1 = 2 P R / (P + R)                                                   (eq. 5)
    Note       sets: two red circles say ("circle", "red") once
    """
    here, there = _checked(candidate, "candidate"), _checked(reference, "reference")
    return SpiceCounts(len(here & there), len(here), len(there))


def union(graphs: Iterable[Graph]) -> frozenset[Tuple]:
    """The reference graph of several captions: all that any of them says (2016, §3.1)."""
    return frozenset().union(*map(frozenset, graphs))


def spice_per_image(candidates: Sequence[Graph], references: Sequence[Graph]) -> list[float]:
    """SPICE of every candidate graph against the reference graph of its image, each in 0…1."""
    return [counts.f1 for counts in _pairs(candidates, references)]


def corpus_spice(
    candidates: Sequence[Graph],
    references: Sequence[Graph],
    attributes: Mapping[str, Collection[str]] | None = None,
) -> dict[str, float]:
    """SPICE and its parts, each the mean over images.

    attributes   names for groups of attribute values, {"colour": {"red", …}}: each gets a score of its own
    Returns      {"SPICE", "SPICE_precision", "SPICE_recall", "SPICE_object", "SPICE_attribute",
                 "SPICE_relation", and "SPICE_NAME" of each group}
    Note         a part is judged on the images where candidate or reference has such tuples, and is NaN where
                 none has
    """
    counts = _pairs(candidates, references)
    scores = {"SPICE": _mean([c.f1 for c in counts])}
    for name in ("precision", "recall"):
        scores[f"SPICE_{name}"] = _mean([getattr(c, name) for c in counts])
    parts = {kind: (lambda t, n=n: len(t) == n) for n, kind in KINDS.items()}
    for name, values in (attributes or {}).items():
        parts[name] = lambda t, values=frozenset(values): len(t) == 2 and t[1] in values
    for name, belongs in parts.items():
        some = [
            spice_counts(list(filter(belongs, c)), list(filter(belongs, r)))
            for c, r in zip(candidates, references, strict=True)
        ]
        scores[f"SPICE_{name}"] = _mean([c.f1 for c in some if c.candidate or c.reference])
    return scores


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else math.nan


def _pairs(candidates: Sequence[Graph], references: Sequence[Graph]) -> list[SpiceCounts]:
    if len(candidates) != len(references):
        raise ValueError(f"spice: {len(candidates)} candidates but {len(references)} references")
    if not len(candidates):
        raise ValueError("spice: candidates: expected at least one, got none")
    return [spice_counts(c, r) for c, r in zip(candidates, references, strict=True)]


def _checked(graph: Graph, name: str) -> frozenset[Tuple]:
    if isinstance(graph, str):
        raise TypeError(f"spice: {name}: expected a set of tuples of strings, got the str {graph[:30]!r}")
    for t in graph:
        if not isinstance(t, tuple) or len(t) not in KINDS or not all(isinstance(s, str) for s in t):
            raise ValueError(f"spice: {name}: expected tuples of one, two or three strings, got {t!r}")
    return frozenset(graph)
