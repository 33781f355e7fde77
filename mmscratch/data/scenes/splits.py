"""Splits: which scenes belong to training and which to which test.

The signature of a scene (attributes and coarse places) decides by its first hexadecimal digit which split may
hold it. So no scene of one split can occur in another, whatever the seeds and options, without comparing any
two of them; inside a split a signature occurs once.

train 0-7, val 8, and one digit for each test:
test-iid        drawn as in training
test-cogent     every scene shows a (colour, shape) pair that training never shows (Johnson et al., 2017)
test-count      six objects
test-position   every object in the quadrant that its colour never visits in training
test-language   the held-out template of each level (and of each question family)
test-length     five objects; at level 3 training stops at four, so its captions are longer than any seen
test-noise      four times the pixel noise

Questions have no test-position and test-length: their scenes are built for the question, with three to six
objects anywhere, in training too. Each family has its own most; in the questions of test-count every scene
holds one object more than that, five to seven.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from .graph import Scene, SceneOptions
from .options import LoadOptions
from .sample import sample_scene

DIGITS = {
    "train": "01234567",
    "val": "8",
    "test-iid": "9",
    "test-cogent": "a",
    "test-count": "b",
    "test-position": "c",
    "test-language": "d",
    "test-length": "e",
    "test-noise": "f",
}
SPLITS = tuple(DIGITS)
TESTS = tuple(name for name in SPLITS if name.startswith("test-"))
QUESTION_SPLITS = ("train", "val", "test-iid", "test-cogent", "test-count", "test-language", "test-noise")
_TEST_DIGITS = "".join(DIGITS[name] for name in TESTS)
_INDEX_BITS, _ATTEMPT_BITS = 20, 12


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """How one split is drawn: its size, its scenes, the templates of its captions and questions."""

    name: str
    size: int
    questions: int
    scenes: SceneOptions
    templates: str


def plan(name: str, options: LoadOptions) -> SplitPlan:
    """The plan of a split; ValueError for an unknown name, or test-cogent with nothing held out."""
    check_split(name)
    low, high = options.counts
    longest = min(high, 4) if options.level == 3 else high
    change = {
        "test-cogent": {"heldout": frozenset(), "required": options.pairs},
        "test-count": {"count": 6},
        "test-position": {"quadrants": "unseen"},
        "test-length": {"count": 5},
        "test-noise": {"noise": 4 * options.noise},
    }.get(name, {})
    if name == "test-cogent" and not options.pairs:
        raise ValueError("test-cogent needs heldout_pairs of at least 1, got 0")
    scenes = options.scene_options(**{"count": (min(low, longest), longest), **change})
    if name == "train":
        size, questions = options.train, options.questions
    else:
        size, questions = options.val if name == "val" else options.test, options.questions // 6
    return SplitPlan(name, size, questions, scenes, "heldout" if name == "test-language" else "train")


def check_split(name: str) -> str:
    """The name itself, or a ValueError that lists the splits."""
    if name not in DIGITS:
        raise ValueError(f"split must be one of {', '.join(SPLITS)}, got {name!r}")
    return name


def split_of(scene: Scene) -> str:
    """The one split that may hold a scene."""
    digit = scene.signature()[0]
    return next(name for name, digits in DIGITS.items() if digit in digits)


def on_same_side(name: str) -> Callable[[Scene], bool]:
    """Accepts a counterfactual of a split: one of its own scenes or, for a test, of any test."""
    digits = _TEST_DIGITS if name in TESTS else DIGITS[name]
    return lambda scene: scene.signature()[0] in digits


def split_seed(seed: int, name: str, index: int, attempt: int = 0, questions: bool = False) -> int:
    """The scene seed at a place of a split: 2²⁸ data set seeds × 16 splits (twice) × 2²⁰ places × 2¹¹
    attempts."""
    place = (attempt << _INDEX_BITS) | index
    code = SPLITS.index(name)
    return ((seed * 16 + code) << (_INDEX_BITS + _ATTEMPT_BITS)) | (questions << 31) | place


def draw_split(options: LoadOptions, split: SplitPlan, indices: Iterable[int] | None = None) -> list[Scene]:
    """The scenes of a split, each by its seed; what belongs elsewhere or came before is drawn again."""
    digits = DIGITS[split.name]
    seen: set[str] = set()
    out = []
    for index in range(split.size) if indices is None else indices:
        for attempt in range(1 << (_ATTEMPT_BITS - 1)):
            scene = sample_scene(split_seed(options.seed, split.name, index, attempt), split.scenes)
            signature = scene.signature()
            if signature[0] in digits and signature not in seen:
                seen.add(signature)
                out.append(scene)
                break
        else:
            raise ValueError(f"{split.name}: no new scene at place {index}; the options leave too few scenes")
    return out
