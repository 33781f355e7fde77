"""The truth of a sentence about a scene: parse it, then execute it. The ground of the truth rate."""

from collections.abc import Sequence
from dataclasses import dataclass

from .graph import Scene
from .meaning import Meaning, parts
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
    """

    grammatical: bool
    objects: bool
    relation: bool | None
    true: bool
    meaning: Meaning | None = None
    reason: str = ""


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
    return Truth(True, halves.objects, halves.relation, halves.true, meaning)


def truth_rate(
    sentences: Sequence[str | Sequence[str]],
    scenes: Sequence[Scene],
    lang: str = "en",
    dead_zone: float = DEAD_ZONE,
) -> dict[str, float]:
    """Shares of sentences that are true, name only what is there, say a true relation, and parse.

    `relation` is the share among the sentences that state one, NaN where none does.
    """
    if len(sentences) != len(scenes):
        raise ValueError(f"{len(sentences)} sentences for {len(scenes)} scenes: one of each is expected")
    if not sentences:
        raise ValueError("no sentences: a rate needs at least one")
    found = [truth(s, g, lang, dead_zone) for s, g in zip(sentences, scenes, strict=True)]
    related = [t.relation for t in found if t.grammatical and t.relation is not None]
    n = len(found)
    return {
        "true": sum(t.true for t in found) / n,
        "objects": sum(t.objects for t in found) / n,
        "relation": sum(related) / len(related) if related else float("nan"),
        "grammatical": sum(t.grammatical for t in found) / n,
    }
