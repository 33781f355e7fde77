"""True captions of a scene at four levels, with word → object links."""

from dataclasses import dataclass
from itertools import product
from typing import Protocol

from .draws import CAPTIONS, Draws
from .grammar import check_language, check_level, templates
from .graph import SHAPES, Scene
from .meaning import (
    AllOf,
    Exists,
    Meaning,
    Noun,
    Quantified,
    Related,
    fitting,
    matching,
    predicated,
    to_dict,
    witnesses,
)
from .realise import join, realise
from .relations import DEAD_ZONE, RELATIONS, SPATIAL, holds, reading_order


class Source(Protocol):
    """Anything with `integers(n)`: our `Draws`, or a NumPy Generator."""

    def integers(self, n: int) -> int: ...


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption: text, its tokens, and for each token the id of the object that it mentions, or -1."""

    text: str
    tokens: tuple[str, ...]
    links: tuple[int, ...]
    meaning: Meaning
    level: int
    lang: str
    template: int

    def to_dict(self) -> dict:
        return {
            "text": self.text,
            "tokens": list(self.tokens),
            "links": list(self.links),
            "meaning": to_dict(self.meaning),
            "level": self.level,
            "lang": self.lang,
            "template": self.template,
        }


def captions(
    scene: Scene,
    level: int = 1,
    lang: str = "en",
    rng: Source | None = None,
    n: int = 5,
    which: str = "train",
    relations: str = "all",
    order: str = "any",
    dead_zone: float = DEAD_ZONE,
    describe: str = "any",
) -> list[Caption]:
    """n different true captions of a scene.

    level      1 an object · 2 two objects and their relation · 3 all objects in reading order · 4
               quantified, negated
    rng        anything with `integers(n)`; by default the scene's own stream, so the captions follow from
               its seed
    which      "train", "heldout" or "all" templates
    relations  "all", or "spatial": only left, right, above, below
    order      of mention at level 2: "any", or "reading": the first-read object first
    describe   "any", or "full": every object by size, colour and shape (levels 1 to 3), so that few scenes
               share a caption; then there may be fewer than n
    Errors     ValueError where the scene has no n such captions (level 2 of a single object, say)

    The plainest ways to say things come first (size, colour and shape at level 1, colour and shape at 2
    and 3); shorter and longer descriptions are used only where n asks for more than the plain ones can give.
    """
    check_level(level)
    check_language(lang)
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n!r}")
    if relations not in ("all", "spatial"):
        raise ValueError(f"relations must be all or spatial, got {relations!r}")
    if order not in ("any", "reading"):
        raise ValueError(f"order must be any or reading, got {order!r}")
    if describe not in ("any", "full"):
        raise ValueError(f"describe must be any or full, got {describe!r}")
    rng = Draws(scene.seed, CAPTIONS) if rng is None else rng
    rows = templates(level, lang, which)
    if level == 4:
        return _quantified_captions(scene, lang, rng, n, rows)
    out: list[Caption] = []
    texts: set[str] = set()
    ways = _descriptions(scene) if describe == "any" else [_full(scene)]
    for tier in _tiers(scene, level, relations, order, dead_zone, ways):
        pairs = list(product(tier, rows))
        while pairs and len(out) < n:
            k = int(rng.integers(len(pairs)))
            pairs[k], pairs[-1] = pairs[-1], pairs[k]
            meaning, row = pairs.pop()
            _add(out, texts, make_caption(meaning, scene, lang, row, dead_zone, rng))
        if len(out) == n:
            return out
    if out and describe == "full":
        return out
    raise ValueError(f"a scene of {len(scene)} objects has {len(out)} level-{level} captions, asked for {n}")


def _add(out: list[Caption], texts: set[str], caption: Caption) -> None:
    if caption.text not in texts:
        texts.add(caption.text)
        out.append(caption)


def make_caption(
    meaning: Meaning,
    scene: Scene,
    lang: str = "en",
    template: int = 0,
    dead_zone: float = DEAD_ZONE,
    rng: Source | None = None,
) -> Caption:
    """Say one meaning in one template, linked to the scene (of several possible objects, `rng` or the
    first)."""
    words = realise(meaning, lang, template)
    objects = referents(meaning, scene, dead_zone, rng)
    tokens = tuple(word for word, _ in words)
    links = tuple(objects[role] if role >= 0 else -1 for _, role in words)
    return Caption(join(tokens, lang), tokens, links, meaning, meaning.level, lang, template)


def referents(
    meaning: Meaning, scene: Scene, dead_zone: float = DEAD_ZONE, rng: Source | None = None
) -> list[int]:
    """The object id behind each noun of a meaning, -1 where there is none (or, at level 4, not exactly
    one)."""
    if isinstance(meaning, Exists):
        return [_pick(fitting(meaning.noun, scene), rng, -1)]
    if isinstance(meaning, Related):
        return list(_pick(witnesses(meaning, scene, dead_zone), rng, (-1, -1)))
    if isinstance(meaning, AllOf):
        return [-1 if i is None else i for i in matching(meaning.nouns, scene)]
    found = predicated(meaning, scene)
    return [found[0] if len(found) == 1 and meaning.kind in ("exactly", "at_least", "at_most") else -1]


def _pick(items: list, rng: Source | None, default):
    if not items:
        return default
    return items[int(rng.integers(len(items)))] if rng is not None and len(items) > 1 else items[0]


def _described(names: tuple[str, ...], scene: Scene, ids) -> list[Noun]:
    return [Noun.of(scene.objects[i], *names) for i in ids]


def _descriptions(scene: Scene) -> list[tuple[str, ...]]:
    """Ways to describe an object, by what is named; the texture where the scene has striped ones."""
    base = [
        ("size", "colour", "shape"),
        ("colour", "shape"),
        ("size", "shape"),
        ("size", "colour"),
        ("shape",),
    ]
    base.append(("colour",))
    if any(o.texture == "striped" for o in scene.objects):
        return [("texture", *names) for names in base] + base
    return base


def _full(scene: Scene) -> tuple[str, ...]:
    """All that a noun can say of an object; the texture where the scene has striped ones."""
    return max(_descriptions(scene), key=len)


def _tiers(scene: Scene, level: int, relations: str, order: str, dead_zone: float, ways: list):
    """Lists of true meanings, the plainest first; each list holds a meaning once."""
    everyone = range(len(scene))
    if level == 1:
        for names in ways:
            yield [Exists(noun) for noun in dict.fromkeys(_described(names, scene, everyone))]
    elif level == 2:
        pairs = _true_pairs(scene, relations, order, dead_zone)
        for names in sorted(ways, key=lambda names: names[-2:] != ("colour", "shape") or "size" in names):
            yield list(dict.fromkeys(_related(scene, i, r, j, names) for i, r, j in pairs))
    else:
        ids = reading_order(scene)
        ways = [w for w in ways if "shape" in w and len(w) > 1]
        ways.sort(key=lambda names: "size" in names)
        for names in ways:
            yield [AllOf(tuple(_described(names, scene, ids)))]
        each = [[Noun.of(scene.objects[i], *names) for names in ways] for i in ids]
        yield [AllOf(nouns) for nouns in product(*each)]


def _related(scene: Scene, i: int, relation: str, j: int, names: tuple[str, ...]) -> Related:
    """What is compared is not given away: "a big circle is of the same colour as a small cross" names no
    colour."""
    compared = {"same_colour": "colour", "same_shape": "shape"}.get(relation)
    if compared in names:
        names = tuple(name for name in names if name != compared)
        names = names if "size" in names else ("size", *names)
    return Related(Noun.of(scene.objects[i], *names), relation, Noun.of(scene.objects[j], *names))


def _true_pairs(scene: Scene, relations: str, order: str, dead_zone: float) -> list[tuple[int, str, int]]:
    """All (i, relation, j) that hold; nothing is "nearest" where there is no third object."""
    names = SPATIAL if relations == "spatial" else RELATIONS
    if len(scene) < 3:
        names = tuple(r for r in names if r != "nearest")
    ids = reading_order(scene)
    return [
        (i, r, j)
        for a, i in enumerate(ids)
        for b, j in enumerate(ids)
        if (a < b if order == "reading" else a != b)
        for r in names
        if holds(scene, r, i, j, dead_zone)
    ]


def _quantified_captions(scene, lang, rng, n, rows) -> list[Caption]:
    """Draw quantified statements until n are different; the scene has hundreds."""
    out: list[Caption] = []
    texts: set[str] = set()
    for _ in range(200 * n):
        meaning = draw_quantified(scene, rng)
        if meaning is not None:
            _add(out, texts, make_caption(meaning, scene, lang, _pick(list(rows), rng, 0)))
            if len(out) == n:
                return out
    raise ValueError(f"a scene of {len(scene)} objects has {len(out)} level-4 captions, asked for {n}")


_KINDS = ("exactly", "at_least", "at_most", "all", "none", "not_all")


def draw_quantified(scene: Scene, rng: Source) -> Quantified | None:
    """One true quantified statement, or None where the draw found none.

    Kind first, then noun and predicate from attributes of the scene's own objects, so that what is denied
    ("no square is blue") is near to what is there; then the number that makes it true: c exactly, at least
    1..c, at most c or c + 1. "All" and "not all" are said of two objects or more.
    """
    kind = _pick(list(_KINDS), rng, None)
    subject = scene.objects[int(rng.integers(len(scene)))]
    other = scene.objects[int(rng.integers(len(scene)))]
    names = ["shape", "colour", "size"]
    if any(o.texture == "striped" for o in scene.objects):
        names.append("texture")
    first = names[int(rng.integers(len(names)))]
    second = names[int(rng.integers(len(names)))]
    noun, predicate = Noun.of(subject, first), Noun.of(other, second)
    if first == second:
        predicate = None
    if (
        predicate is None and kind == "none"
    ):  # "there is no red circle": two attributes, or a shape that is missing
        second = "colour" if first == "shape" else "shape"
        value = getattr(other, second) if second == "colour" else SHAPES[int(rng.integers(len(SHAPES)))]
        noun = Noun(**{first: getattr(subject, first), second: value})
    return _number(kind, noun, predicate, scene, rng)


def _number(kind: str, noun: Noun, predicate: Noun | None, scene: Scene, rng: Source) -> Quantified | None:
    subjects = fitting(noun, scene)
    count = len(subjects if predicate is None else [i for i in subjects if predicate.fits(scene.objects[i])])
    if kind in ("exactly", "at_least"):
        if not count:
            return None
        return Quantified(kind, count if kind == "exactly" else 1 + int(rng.integers(count)), noun, predicate)
    if kind == "at_most":
        number = count + int(rng.integers(2))
        return Quantified(kind, number, noun, predicate) if 1 <= number <= 5 else None
    if kind == "none":
        return None if count else Quantified(kind, None, noun, predicate)
    if predicate is None or len(subjects) < 2 or (count == len(subjects)) != (kind == "all"):
        return None
    return Quantified(kind, None, noun, predicate)
