"""Scene graphs as SPICE reads them: objects, attributes and relations of a sentence, or of a scene.

The graph of a sentence comes from its one parse, so no parser's mistake enters the score. What a sentence
denies or bounds from above ("no square is blue", "at most two", "not all") has no tuple, since a graph holds
what is there; a sentence outside the grammar has none at all.

The reference is either the scene itself, with all that is so (recall is then small for any short caption),
or the union of the graphs of its reference captions, as in the paper. An "object" without a shape is
a name of its own: it matches an "object" of the references, and nothing in a scene.
"""

from collections.abc import Sequence

from ...metrics.spice import Tuple, corpus_spice, spice_per_image, union
from .graph import COLOURS, SIZES, Scene
from .meaning import AllOf, Exists, Meaning, Noun, Quantified, Related
from .parse import ParseError, parse
from .relations import DEAD_ZONE, RELATIONS, relation_matrix

GROUPS = {"colour": COLOURS, "size": SIZES, "cardinality": tuple("123456")}


def meaning_tuples(meaning: Meaning) -> frozenset[Tuple]:
    """What a meaning says is there.

    a big red circle                 (circle) (circle, big) (circle, red)
    … is left of a square            (square) (circle, left, square)
    exactly two squares are blue     (square) (square, blue) (square, 2)
    an object of no shape            (object), which is no shape's
    """
    if isinstance(meaning, Exists):
        return _noun(meaning.noun)
    if isinstance(meaning, Related):
        related = (_name(meaning.a), meaning.relation, _name(meaning.b))
        return _noun(meaning.a) | _noun(meaning.b) | {related}
    if isinstance(meaning, AllOf):
        return union(map(_noun, meaning.nouns))
    if isinstance(meaning, Quantified):
        return _quantified(meaning)
    raise TypeError(f"meaning must be Exists, Related, AllOf or Quantified, got {type(meaning).__name__}")


def _name(noun: Noun) -> str:
    return noun.shape or "object"


def _noun(noun: Noun) -> frozenset[Tuple]:
    name = _name(noun)
    return frozenset({(name,), *((name, value) for key, value in noun.items() if key != "shape")})


def _quantified(meaning: Quantified) -> frozenset[Tuple]:
    if meaning.kind not in ("exactly", "at_least", "all"):
        return frozenset()
    noun, predicate = meaning.noun, meaning.predicate or Noun()
    name = noun.shape or _name(predicate)
    found = {(name,)}
    for key, value in (*noun.items(), *predicate.items()):
        if value != name or key != "shape":
            found.add((name, value))
    if meaning.kind == "exactly":
        found.add((name, str(meaning.number)))
    return frozenset(found)


def caption_tuples(sentence: str | Sequence[str], lang: str = "en") -> frozenset[Tuple]:
    """The graph of a sentence (text or tokens); empty where it does not parse."""
    try:
        return meaning_tuples(parse(sentence, lang))
    except ParseError:
        return frozenset()


def scene_tuples(scene: Scene, dead_zone: float = DEAD_ZONE) -> frozenset[Tuple]:
    """Everything that is so: every object with its attributes (the texture where some object is striped), how
    many there are of each shape, and every relation that holds (spatial ones from `dead_zone` pixels on)."""
    shapes = [o.shape for o in scene.objects]
    striped = any(o.texture == "striped" for o in scene.objects)
    found: set[Tuple] = set()
    for o in scene.objects:
        found |= {(o.shape,), (o.shape, o.colour), (o.shape, o.size), (o.shape, str(shapes.count(o.shape)))}
        if striped:
            found.add((o.shape, o.texture))
    matrix = relation_matrix(scene, dead_zone)
    for i, a in enumerate(shapes):
        for j, b in enumerate(shapes):
            found |= {(a, r, b) for r in RELATIONS if matrix[r][i][j]}
    return frozenset(found)


def spice(
    sentences: Sequence[str | Sequence[str]],
    scenes: Sequence[Scene] | None = None,
    references: Sequence[Sequence[str | Sequence[str]]] | None = None,
    lang: str = "en",
    dead_zone: float = DEAD_ZONE,
) -> dict[str, float]:
    """SPICE of one sentence a picture, and its parts: `metrics.spice.corpus_spice` with `GROUPS`.

    scenes       the reference is the scene's own graph
    references   or the union of these captions' graphs; exactly one of the two is given
    """
    said, meant = _graphs(sentences, scenes, references, lang, dead_zone)
    return corpus_spice(said, meant, GROUPS)


def spice_per_sentence(
    sentences: Sequence[str | Sequence[str]],
    scenes: Sequence[Scene] | None = None,
    references: Sequence[Sequence[str | Sequence[str]]] | None = None,
    lang: str = "en",
    dead_zone: float = DEAD_ZONE,
) -> list[float]:
    """SPICE of each sentence by itself; arguments as of `spice`."""
    return spice_per_image(*_graphs(sentences, scenes, references, lang, dead_zone))


def _graphs(sentences, scenes, references, lang, dead_zone) -> tuple[list, list]:
    if (scenes is None) == (references is None):
        raise ValueError("spice: give either scenes or references, the one that the graphs are judged by")
    said = [caption_tuples(s, lang) for s in sentences]
    if scenes is not None:
        return said, [scene_tuples(scene, dead_zone) for scene in scenes]
    for i, several in enumerate(references):
        if isinstance(several, str):
            raise TypeError(f"spice: references[{i}]: expected a list of captions, got a str")
    return said, [union(caption_tuples(r, lang) for r in several) for several in references]
