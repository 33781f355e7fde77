"""The scenes data set: splits of graphs with images and captions, and questions."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from ..progress import progress_bar
from .captions import Caption, captions
from .draws import CAPTIONS, Draws
from .graph import ATTRIBUTES, SIDE, Scene, SceneOptions
from .options import LoadOptions, parse_options
from .question_forms import FAMILIES
from .questions import Edit, Question, make_pair, make_question
from .render import render
from .splits import DIGITS, QUESTION_SPLITS, SPLITS, SplitPlan, draw_split, on_same_side, plan, split_seed


@dataclass
class Split:
    """One split: graphs and captions by index, images as one array."""

    name: str
    options: LoadOptions
    plan: SplitPlan
    graphs: list[Scene]
    captions: list[list[Caption]]
    progress: bool = field(default=False, repr=False)

    def __len__(self) -> int:
        return len(self.graphs)

    @cached_property
    def images(self) -> np.ndarray:
        """(N, 64, 64, 3) uint8, rendered when first asked for."""
        return render_all(self.graphs, self.progress, f"images of {self.name}")


def render_all(graphs: list[Scene], progress: bool = False, label: str = "images") -> np.ndarray:
    """Images of many scenes, (N, 64, 64, 3) uint8."""
    out = np.empty((len(graphs), SIDE, SIDE, 3), dtype=np.uint8)
    for image, scene in zip(out, progress_bar(graphs, label, unit="scene", show=progress), strict=True):
        image[...] = render(scene)
    return out


@dataclass(frozen=True, slots=True)
class Pair:
    """A minimal pair: two questions with the same words, and the edit between their scenes."""

    first: Question
    second: Question
    edit: Edit


class Scenes:
    """The data set of some options. Splits are drawn when first asked for and kept."""

    def __init__(self, options: LoadOptions, progress: bool = False):
        self.options = options
        self.progress = progress
        self._splits: dict[str, Split] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """The splits that exist under these options."""
        return tuple(n for n in SPLITS if n != "test-cogent" or self.options.heldout_pairs)

    def split(self, name: str) -> Split:
        """A split by name: train, val, test-iid, test-cogent, test-count, …"""
        if name not in self._splits:
            self._splits[name] = self._draw(plan(name, self.options))
        return self._splits[name]

    def _draw(self, split: SplitPlan) -> Split:
        o = self.options
        bar = progress_bar(
            range(split.size),
            f"scenes of {split.name}",
            unit="scene",
            show=self.progress,
        )
        graphs = draw_split(o, split, bar)
        said = [
            captions(
                scene,
                o.level,
                o.lang,
                Draws(scene.seed, CAPTIONS),
                o.references,
                split.templates,
                o.relations,
                o.order,
                describe=o.describe,
            )
            for scene in progress_bar(graphs, f"captions of {split.name}", unit="scene", show=self.progress)
        ]
        return Split(split.name, o, split, graphs, said, self.progress)

    def questions(
        self, name: str, n: int | None = None, families: tuple[str, ...] = FAMILIES
    ) -> list[Question]:
        """n questions of a split, the families in turn, each about a scene of its own."""
        return [q for q, _, _ in self._ask(name, n, families, pairs=False)]

    def pairs(self, name: str, n: int | None = None, families: tuple[str, ...] = FAMILIES) -> list[Pair]:
        """n minimal pairs of a split; both scenes stay on the split's side of the train / val / test
        divide."""
        return [Pair(*made) for made in self._ask(name, n, families, pairs=True)]

    def _ask(self, name: str, n: int | None, families: tuple[str, ...], pairs: bool):
        split = plan(name, self.options)
        if name not in QUESTION_SPLITS:
            raise ValueError(f"questions exist for the splits {', '.join(QUESTION_SPLITS)}, not for {name}")
        unknown = set(families) - set(FAMILIES)
        if unknown or not families:
            raise ValueError(f"families must be among {', '.join(FAMILIES)}, got {families!r}")
        scenes = question_options(split)
        seen: set[str] = set()

        def new(scene: Scene) -> bool:
            signature = scene.signature()
            return signature[0] in DIGITS[name] and signature not in seen

        out = []
        count = split.questions if n is None else n
        for k in progress_bar(range(count), f"questions of {name}", unit="question", show=self.progress):
            make = (split_seed(self.options.seed, name, k, 0, True), families[k % len(families)], scenes)
            words = (self.options.lang, split.templates, new)
            if pairs:
                made = make_pair(*make, *words, on_same_side(name))
            else:
                made = make_question(*make, *words), None, None
            seen.add(made[0].scene.signature())
            out.append(made)
        return out


def question_options(split: SplitPlan) -> SceneOptions:
    """Scene options of a split's questions.

    Each family fixes its own number of objects, and places stay free: a colour that shuns a quadrant would
    make "is the red object left of …" answerable unseen. Objects never overlap.
    """
    o = split.scenes
    more = int(split.name == "test-count")
    return SceneOptions(
        striped=o.striped, heldout=o.heldout, required=o.required, noise=o.noise, more=more
    )


def load(options: LoadOptions | str = "scenes", progress: bool = False) -> Scenes:
    """The data set of some options, or of a text such as "scenes:train=6000,level=1,lang=en"."""
    if isinstance(options, str):
        options = parse_options(options)
    if not isinstance(options, LoadOptions):
        raise TypeError(f"options must be LoadOptions or a text, got {type(options).__name__}")
    return Scenes(options, progress)


def priors(graphs: list[Scene]) -> dict[str, dict[str, float]]:
    """Shares of every attribute value, of every (colour, shape) pair and of every number of objects."""
    objects = [o for scene in graphs for o in scene.objects]
    out = {name: _shares(Counter(getattr(o, name) for o in objects)) for name in ATTRIBUTES}
    out["pair"] = _shares(Counter(f"{o.colour} {o.shape}" for o in objects))
    out["objects"] = _shares(Counter(str(len(scene)) for scene in graphs))
    return out


def answer_priors(questions: list[Question]) -> dict[str, dict[str, float]]:
    """Shares of the answers in every family."""
    by_family: dict[str, Counter] = {}
    for q in questions:
        by_family.setdefault(q.family, Counter())[q.answer] += 1
    return {family: _shares(counter) for family, counter in sorted(by_family.items())}


def _shares(counter: Counter) -> dict[str, float]:
    total = sum(counter.values())
    return {key: n / total for key, n in sorted(counter.items())}


def format_priors(table: dict[str, dict[str, float]]) -> str:
    """One line a row: "colour      blue 16.4 %  cyan 16.9 % …"."""
    return "\n".join(
        f"{name:18}" + "  ".join(f"{key} {100 * share:.1f} %" for key, share in row.items())
        for name, row in table.items()
    )
