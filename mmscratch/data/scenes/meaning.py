"""What a caption says, apart from any language: four logical forms, their truth and their relevance.

Level 1  Exists(noun)                   some object fits the noun
Level 2  Related(a, relation, b)        two different objects fit a and b and stand in the relation
Level 3  AllOf(nouns)                   the scene's objects are these, one noun each, and no others
Level 4  Quantified(kind, number, noun, predicate)
         with s objects that fit the noun, c of which fit the predicate too (c = s without a predicate):
         exactly c = number · at_least c ≥ number · at_most c ≤ number · none c = 0 · all c = s ≥ 1 ·
         not_all c < s
"""

from dataclasses import asdict, dataclass

from .graph import ATTRIBUTES, Object, Scene
from .relations import DEAD_ZONE, RELATIONS, holds

QUANTIFIERS = ("exactly", "at_least", "at_most", "all", "none", "not_all")
COUNTING = QUANTIFIERS[:3]


@dataclass(frozen=True, slots=True)
class Noun:
    """A description: what is None is left open."""

    shape: str | None = None
    colour: str | None = None
    size: str | None = None
    texture: str | None = None

    def __post_init__(self):
        for name, values in ATTRIBUTES.items():
            value = getattr(self, name)
            if value is not None and value not in values:
                raise ValueError(f"{name} must be one of {', '.join(values)} or None, got {value!r}")

    @classmethod
    def of(cls, o: Object, *names: str) -> "Noun":
        """The noun that names these attributes of an object."""
        return cls(**{name: getattr(o, name) for name in names})

    def items(self) -> list[tuple[str, str]]:
        return [(name, getattr(self, name)) for name in ATTRIBUTES if getattr(self, name) is not None]

    def fits(self, o: Object) -> bool:
        return all(getattr(o, name) == value for name, value in self.items())


@dataclass(frozen=True, slots=True)
class Exists:
    """Level 1: some object fits the noun."""

    noun: Noun
    level = 1


@dataclass(frozen=True, slots=True)
class Related:
    """Level 2: an object that fits `a` stands in the relation to another that fits `b`."""

    a: Noun
    relation: str
    b: Noun
    level = 2

    def __post_init__(self):
        if self.relation not in RELATIONS:
            raise ValueError(f"relation must be one of {', '.join(RELATIONS)}, got {self.relation!r}")


@dataclass(frozen=True, slots=True)
class AllOf:
    """Level 3: the scene holds these, one object a noun, and nothing else."""

    nouns: tuple[Noun, ...]
    level = 3


@dataclass(frozen=True, slots=True)
class Quantified:
    """Level 4: how many of the objects that fit the noun fit the predicate."""

    kind: str
    number: int | None
    noun: Noun
    predicate: Noun | None = None
    level = 4

    def __post_init__(self):
        if self.kind not in QUANTIFIERS:
            raise ValueError(f"kind must be one of {', '.join(QUANTIFIERS)}, got {self.kind!r}")
        if (self.kind in COUNTING) != (self.number is not None):
            raise ValueError(
                f"{self.kind} with number={self.number!r}: the three counting kinds, and only they, count"
            )
        if self.kind in ("all", "not_all") and self.predicate is None:
            raise ValueError(f"{self.kind} needs a predicate")
        if self.predicate is not None and len(self.predicate.items()) != 1:
            raise ValueError(f"a predicate names exactly one attribute, got {self.predicate}")


Meaning = Exists | Related | AllOf | Quantified


def to_dict(meaning: Meaning) -> dict:
    """JSON form: the fields, and under "form" the class."""
    return {"form": type(meaning).__name__, **asdict(meaning)}


def fitting(noun: Noun, scene: Scene) -> list[int]:
    """Ids of the objects that a noun fits."""
    return [i for i, o in enumerate(scene.objects) if noun.fits(o)]


def matching(nouns: tuple[Noun, ...], scene: Scene) -> list[int | None]:
    """A largest assignment of different objects to nouns (Kuhn's augmenting paths); None where a noun gets
    none."""
    options = [fitting(noun, scene) for noun in nouns]
    owner: dict[int, int] = {}

    def assign(k: int, seen: set[int]) -> bool:
        for i in options[k]:
            if i not in seen:
                seen.add(i)
                if i not in owner or assign(owner[i], seen):
                    owner[i] = k
                    return True
        return False

    for k in range(len(nouns)):
        assign(k, set())
    out: list[int | None] = [None] * len(nouns)
    for i, k in owner.items():
        out[k] = i
    return out


def witnesses(meaning: Related, scene: Scene, dead_zone: float = DEAD_ZONE) -> list[tuple[int, int]]:
    """All pairs of object ids that make a relational statement true."""
    return [
        (i, j)
        for i in fitting(meaning.a, scene)
        for j in fitting(meaning.b, scene)
        if holds(scene, meaning.relation, i, j, dead_zone)
    ]


@dataclass(frozen=True, slots=True)
class Parts:
    """The two halves of a truth value: are its objects there, and does the rest hold (None: nothing
    rests)."""

    objects: bool
    relation: bool | None

    @property
    def true(self) -> bool:
        return self.objects and self.relation is not False


def parts(meaning: Meaning, scene: Scene, dead_zone: float = DEAD_ZONE) -> Parts:
    """Truth by halves.

    objects   every noun finds an object of its own (level 4: the noun is in the scene, where the kind asks
              for it)
    relation  level 2: some such pair stands in the relation; 3: nothing else is there; 4: the numbers hold
    """
    if isinstance(meaning, Exists):
        return Parts(bool(fitting(meaning.noun, scene)), None)
    if isinstance(meaning, Related):
        objects = None not in matching((meaning.a, meaning.b), scene)
        return Parts(objects, bool(witnesses(meaning, scene, dead_zone)))
    if isinstance(meaning, AllOf):
        return Parts(None not in matching(meaning.nouns, scene), len(meaning.nouns) == len(scene))
    if isinstance(meaning, Quantified):
        return _quantified_parts(meaning, scene)
    raise TypeError(f"meaning must be Exists, Related, AllOf or Quantified, got {type(meaning).__name__}")


def _quantified_parts(meaning: Quantified, scene: Scene) -> Parts:
    subjects = fitting(meaning.noun, scene)
    count, number = len(predicated(meaning, scene)), meaning.number
    holds_ = {
        "exactly": lambda: count == number,
        "at_least": lambda: count >= number,
        "at_most": lambda: count <= number,
        "none": lambda: count == 0,
        "all": lambda: count == len(subjects),
        "not_all": lambda: count < len(subjects),
    }[meaning.kind]()
    needs_subject = meaning.kind in ("all", "not_all") or (
        meaning.kind in ("exactly", "at_least") and number > 0
    )
    return Parts(bool(subjects) or not needs_subject, holds_)


def predicated(meaning: Quantified, scene: Scene) -> list[int]:
    """Ids of the objects that fit the noun and the predicate."""
    subjects = fitting(meaning.noun, scene)
    if meaning.predicate is None:
        return subjects
    return [i for i in subjects if meaning.predicate.fits(scene.objects[i])]


def is_true(meaning: Meaning, scene: Scene, dead_zone: float = DEAD_ZONE) -> bool:
    """Whether the statement holds in the scene.

    Which truth: spatial relations hold from `dead_zone` pixels of difference on (6 unless told otherwise), so
    an ambiguous pair makes both "left" and "right" false; `dead_zone=0` asks for the bare sign.
    """
    return parts(meaning, scene, dead_zone).true


def relevance(meaning: Meaning, scene: Scene, dead_zone: float = DEAD_ZONE) -> int:
    """Graded relevance 0 to 3: the share of satisfied conjuncts in thirds, rounded down; 3 exactly when true.

    Conjuncts: level 1 the named attributes (best object); level 2 a is there, b is there, the relation holds;
    level 3 the nouns, one object each, over the larger of nouns and objects; level 4 the noun is there, the
    predicate is there, the quantifier holds.
    """
    if is_true(meaning, scene, dead_zone):
        return 3
    if isinstance(meaning, Exists):
        named = meaning.noun.items()
        best = max((sum(getattr(o, k) == v for k, v in named) for o in scene.objects), default=0)
        share = best / max(len(named), 1)
    elif isinstance(meaning, Related):
        share = sum(i is not None for i in matching((meaning.a, meaning.b), scene)) / 3
    elif isinstance(meaning, AllOf):
        found = sum(i is not None for i in matching(meaning.nouns, scene))
        share = found / max(len(meaning.nouns), len(scene))
    else:
        here = [bool(fitting(n, scene)) for n in (meaning.noun, meaning.predicate) if n is not None]
        share = sum(here) / 3
    return min(2, int(share * 3 + 1e-9))
