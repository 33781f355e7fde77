"""Options of the scenes data set, as a dataclass and as the text `scenes:key=value,key=value`."""

from dataclasses import dataclass, fields

from .grammar import check_language, check_level
from .graph import HELDOUT_PAIRS, NOISE, SceneOptions

_SIZES = ("train", "val", "test", "questions")


@dataclass(frozen=True)
class LoadOptions:
    """What `load` makes.

    train, val, test   scenes in the splits; `test` is the size of each test split
    questions          questions in the train split; val and each test get a sixth as many, at most 1,000
    level, lang        of the captions; references: how many different true captions a scene has
    relations, order   of the captions of level 2: all | spatial, any | reading (see `captions`)
    describe           the objects in captions of level 1 to 3: any | full (size, colour and shape; then there
                       may be fewer captions than references)
    heldout_pairs      how many (colour, shape) pairs training never shows: 0 to 8, the diversity knob
    positions          held: each colour stays out of one quadrant outside test-position; all: it does not
    count              objects in a scene: "2-5", or one number
    striped, occlusion, noise   as in SceneOptions
    seed               of the whole data set, below 2**28
    """

    train: int = 6000
    val: int = 1000
    test: int = 1000
    questions: int = 6000
    level: int = 1
    lang: str = "en"
    references: int = 5
    relations: str = "all"
    order: str = "any"
    describe: str = "any"
    heldout_pairs: int = 4
    positions: str = "held"
    count: str = "2-5"
    striped: bool = False
    occlusion: bool = False
    noise: float = NOISE
    seed: int = 0

    def __post_init__(self):
        for name in (*_SIZES, "references"):
            low, high = (1, 20) if name == "references" else (0, 1 << 20)
            _within(name, getattr(self, name), low, high)
        _within("heldout_pairs", self.heldout_pairs, 0, len(HELDOUT_PAIRS))
        _within("seed", self.seed, 0, (1 << 28) - 1)
        check_level(self.level)
        check_language(self.lang)
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be {' or '.join(allowed)}, got {getattr(self, name)!r}")
        low, _ = self.counts
        if self.level == 2 and low < 2:
            raise ValueError(f"count is {self.count!r}, but captions of level 2 need two objects or more")
        self.scene_options()

    @property
    def counts(self) -> tuple[int, int]:
        """(lowest, highest) number of objects."""
        parts = str(self.count).split("-")
        if len(parts) > 2 or not all(p.isdigit() for p in parts):
            raise ValueError(f"count must be a number such as 3 or a range such as 2-5, got {self.count!r}")
        return int(parts[0]), int(parts[-1])

    @property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """The held-out (colour, shape) pairs."""
        return frozenset(HELDOUT_PAIRS[: self.heldout_pairs])

    def scene_options(self, **changes) -> SceneOptions:
        """How the scenes of the training distribution are drawn, with changes."""
        base = {
            "count": self.counts,
            "striped": self.striped,
            "occlusion": self.occlusion,
            "heldout": self.pairs,
            "quadrants": "seen" if self.positions == "held" else "all",
            "noise": self.noise,
        }
        return SceneOptions(**{**base, **changes})

    def __str__(self) -> str:
        """The text form, with what differs from the defaults."""
        said = [
            f"{f.name}={str(getattr(self, f.name)).lower() if f.type is bool else getattr(self, f.name)}"
            for f in fields(self)
            if getattr(self, f.name) != f.default
        ]
        return "scenes" + (":" + ",".join(said) if said else "")


_CHOICES = {
    "relations": ("all", "spatial"),
    "order": ("any", "reading"),
    "describe": ("any", "full"),
    "positions": ("held", "all"),
}
_BOOL = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _within(name: str, value, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be an integer from {low} to {high}, got {value!r}")


def parse_options(text: str) -> LoadOptions:
    """`scenes`, `scenes:key=value,…`, or the part behind the colon → LoadOptions.

    Errors     ValueError that names an unknown key (with the known ones), a key said twice, or a value
               that does not fit its key
    """
    name, colon, rest = text.strip().partition(":")
    if not colon:
        name, rest = ("", name) if "=" in name else (name, "")
    if name not in ("", "scenes"):
        raise ValueError(f"expected scenes or scenes:key=value,…, got {text!r}")
    known = {f.name: f.type for f in fields(LoadOptions)}
    values: dict = {}
    for item in filter(None, (part.strip() for part in rest.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals:
            raise ValueError(f"{item!r} in {text!r} is not key=value")
        if key not in known:
            raise ValueError(f"unknown key {key!r} in {text!r}; known keys: {', '.join(known)}")
        if key in values:
            raise ValueError(f"key {key!r} is said twice in {text!r}")
        values[key] = _value(key, value, known[key])
    return LoadOptions(**values)


def _value(key: str, value: str, kind: type):
    try:
        if kind is bool:
            return _BOOL[value.lower()]
        return kind(value)
    except (KeyError, ValueError):
        wanted = {bool: "true or false", int: "an integer", float: "a number"}[kind]
        raise ValueError(f"{key} must be {wanted}, got {value!r}") from None
