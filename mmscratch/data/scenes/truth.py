"""The truth of a sentence about a scene: parse it, then execute it. The ground of the truth rate.

Which truth: spatial relations hold from `dead_zone` pixels of difference on. With the dead zone enforced (6
pixels, the default) "left of" is false of a pair that is 3 pixels apart; with `dead_zone=0` the bare sign
decides. A rate is told with both, since they differ by some points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from .graph import Scene
from .meaning import (
    AllOf,
    Exists,
    Meaning,
    Quantified,
    Related,
    fitting,
    matching,
    parts,
    predicated,
    witnesses,
)
from .parse import ParseError, parse
from .relations import DEAD_ZONE


@dataclass(frozen=True, slots=True)
class Truth:
    """What can be said of a sentence about a scene.

    grammatical  it parses
    objects      and every thing that it mentions is there
    relation     and what it says about them holds (None: it says no more than that they are there)
    true         all of these
    meaning      what it says, where it parses
    reason       why it does not, where it does not
    mentioned    ids of the scene's objects that it speaks of (`mentioned`)
    """

    grammatical: bool
    objects: bool
    relation: bool | None
    true: bool
    meaning: Meaning | None = None
    reason: str = ""
    mentioned: tuple[int, ...] = ()


def mentioned(meaning: Meaning, scene: Scene, dead_zone: float = DEAD_ZONE) -> tuple[int, ...]:
    """Ids of the objects that a meaning speaks of, one an existing noun.

    Level 1 the first that fits; level 2 the first pair that is so related, or else two that fit; level 3 a
    largest assignment of objects to nouns; level 4 those that it says something of: all subjects of "all" and
    "not all", of the other kinds those that fit noun and predicate.
    """
    if isinstance(meaning, Exists):
        return tuple(fitting(meaning.noun, scene)[:1])
    if isinstance(meaning, Related):
        pairs = witnesses(meaning, scene, dead_zone)
        found = pairs[0] if pairs else matching((meaning.a, meaning.b), scene)
    elif isinstance(meaning, AllOf):
        found = matching(meaning.nouns, scene)
    elif isinstance(meaning, Quantified):
        everyone = meaning.kind in ("all", "not_all")
        found = fitting(meaning.noun, scene) if everyone else predicated(meaning, scene)
    return tuple(sorted(i for i in found if i is not None))


def truth(
    sentence: str | Sequence[str], scene: Scene, lang: str = "en", dead_zone: float = DEAD_ZONE
) -> Truth:
    """Truth of a sentence (text or tokens). Spatial relations need `dead_zone` pixels; 0 asks for the bare
    sign."""
    try:
        meaning = parse(sentence, lang)
    except ParseError as error:
        return Truth(False, False, False, False, None, str(error))
    halves = parts(meaning, scene, dead_zone)
    spoken_of = mentioned(meaning, scene, dead_zone)
    return Truth(True, halves.objects, halves.relation, halves.true, meaning, "", spoken_of)


def truth_rate(
    sentences: Sequence[str | Sequence[str]],
    scenes: Sequence[Scene],
    lang: str = "en",
    dead_zone: float = DEAD_ZONE,
) -> dict[str, float]:
    """Shares of the sentences, one a scene.

    true            they parse, what they name is there, and what they say of it holds
    true, no dead zone    the same with `dead_zone=0`: of a spatial relation the bare sign is enough
    objects         object truth: every thing they name is there
    relation        relation truth: among those that state one, it holds; NaN where none does
    grammatical     they parse
    coverage        how much of a scene they speak of: objects mentioned over objects there, averaged; 0 where
                    a sentence does not parse
    """
    if len(sentences) != len(scenes):
        raise ValueError(f"{len(sentences)} sentences for {len(scenes)} scenes: one of each is expected")
    if not sentences:
        raise ValueError("no sentences: a rate needs at least one")
    found = [truth(s, g, lang, dead_zone) for s, g in zip(sentences, scenes, strict=True)]
    related = [t.relation for t in found if t.grammatical and t.relation is not None]
    bare = [
        t.true or (t.grammatical and parts(t.meaning, g, 0).true) for t, g in zip(found, scenes, strict=True)
    ]
    n = len(found)
    return {
        "true": sum(t.true for t in found) / n,
        "true, no dead zone": sum(bare) / n,
        "objects": sum(t.objects for t in found) / n,
        "relation": sum(related) / len(related) if related else float("nan"),
        "grammatical": sum(t.grammatical for t in found) / n,
        "coverage": sum(len(t.mentioned) / max(len(g), 1) for t, g in zip(found, scenes, strict=True)) / n,
    }
