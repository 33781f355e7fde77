"""Questions about scenes: one integer seed → form, answer, scene, words; its minimal pair; ten simulated
annotators."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from .draws import ANNOTATORS, QUESTION, Draws
from .grammar import check_language
from .graph import COLOURS, DEFAULT_OPTIONS, RADIUS, SHAPES, SIDE, SIZES, Object, Scene, SceneOptions
from .programs import Program, ProgramError, execute, is_degenerate
from .question_forms import ANSWERS, FAMILIES, TEMPLATES_PER_FAMILY, Form, ask, draw_form
from .question_scenes import build_scene
from .sample import fits

_ATTEMPTS = 4000


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a scene. `supports` are the ids of the objects that decide the answer."""

    seed: int
    form: Form
    text: str
    tokens: tuple[str, ...]
    lang: str
    template: int
    answer: str
    scene: Scene
    program: Program
    supports: tuple[int, ...]

    @property
    def family(self) -> str:
        return self.form.family

    def to_dict(self) -> dict:
        """JSON form, without the scene."""
        return {
            "seed": self.seed,
            "family": self.family,
            "question": self.text,
            "tokens": list(self.tokens),
            "lang": self.lang,
            "answer": self.answer,
            "program": self.program,
            "supports": list(self.supports),
            "scene": self.scene.hash(),
        }


def make_question(
    seed: int,
    family: str | None = None,
    options: SceneOptions = DEFAULT_OPTIONS,
    lang: str = "en",
    which: str = "train",
    accept: Callable[[Scene], bool] | None = None,
) -> Question:
    """The question of a seed, answer first: family, form and answer are drawn uniformly, then a scene is
    built.

    The family fixes the number of objects (3 to 6, and one beyond its most with `options.more`), so
    `options.count` is not used. A scene that fails (no
    room, a held-out pair, a word without work, refused by `accept`) is drawn again with form and answer
    kept: nothing but the draw of form and answer decides how often an answer occurs.
    """
    return _make(seed, family, options, lang, which, accept, None)[0]


def make_pair(
    seed: int,
    family: str | None = None,
    options: SceneOptions = DEFAULT_OPTIONS,
    lang: str = "en",
    which: str = "train",
    accept: Callable[[Scene], bool] | None = None,
    accept_other: Callable[[Scene], bool] | None = None,
) -> tuple[Question, Question, "Edit"]:
    """A minimal pair: a question, the same words about a scene with one edit and another answer, and the
    edit.

    Drawn as `make_question` draws, scenes without a counterfactual (that `accept_other` lets pass) left out.
    """
    return _make(seed, family, options, lang, which, accept, accept_other or (lambda scene: True))


def _make(seed, family, options, lang, which, accept, accept_other):
    check_language(lang)
    n = TEMPLATES_PER_FAMILY
    rows = {"train": range(n - 1), "heldout": range(n - 1, n), "all": range(n)}
    if which not in rows:
        raise ValueError(f"which must be train, heldout or all, got {which!r}")
    draws = Draws(seed, QUESTION)
    family = draws.choice(FAMILIES) if family is None else family
    template = draws.choice(rows[which])
    form = draw_form(family, draws, lambda colour, shape: (colour, shape) not in options.heldout)
    while options.more and family == "count" and form.nouns[0].shape:
        form = draw_form(family, draws)  # a seventh object would break the permutation of four shapes
    answer = draws.choice(_possible(form, options))
    for _ in range(_ATTEMPTS):
        scene = build_scene(form, answer, seed, draws, options)
        if scene is None or (accept and not accept(scene)) or is_degenerate(form.program(), scene):
            continue  # the cheaper test first: a split accepts one scene in sixteen
        question = phrase(seed, form, answer, scene, lang, template)
        if accept_other is None:
            return question, None, None
        other = counterfactual(question, options, accept_other)
        if other is not None:
            return question, *other
    raise ValueError(f"no scene found for a {family} question under {options}")


def _possible(form: Form, options: SceneOptions) -> tuple[str, ...]:
    """The answers that the options leave open: a circle that is never red is not asked to be red."""
    answers = ANSWERS[form.family]
    noun = form.nouns[0]
    if form.family == "query_colour":
        return tuple(a for a in answers if (a, noun.shape) not in options.heldout)
    if form.family == "query_shape":
        return tuple(a for a in answers if (noun.colour, a) not in options.heldout)
    return answers


def phrase(seed: int, form: Form, answer: str, scene: Scene, lang: str, template: int) -> Question:
    """Put a form into words about a scene in which it has `answer` (checked by execution)."""
    run = execute(form.program(), scene)
    if run.answer != answer:
        raise ValueError(f"the scene answers {run.answer!r}, expected {answer!r}: {form}")
    text, tokens = ask(form, lang, template)
    return Question(seed, form, text, tokens, lang, template, answer, scene, form.program(), run.supports)


@dataclass(frozen=True, slots=True)
class Edit:
    """One object, one property (shape, colour, size, or place = the centre), before and after."""

    object: int
    field: str
    before: str | tuple[float, float]
    after: str | tuple[float, float]


def counterfactual(
    question: Question,
    options: SceneOptions = DEFAULT_OPTIONS,
    accept: Callable[[Scene], bool] | None = None,
) -> tuple[Question, Edit] | None:
    """The other half of a minimal pair: the same words about a scene with one edit and another answer.

    Seed, noise and everything else stay, so the two images differ only where the edit is seen. An edit that
    leaves every word its work is preferred, then one of a supporting object. None where no single edit (that
    the options and `accept` allow) changes the answer.
    """
    draws = Draws(question.seed, QUESTION + 16)
    near = set(question.supports)
    spare = None
    edits = draws.shuffled(list(_edits(question.scene, question, options)))
    for edit in sorted(edits, key=lambda e: e.object not in near):
        scene = apply(edit, question.scene)
        try:
            answer = execute(question.program, scene).answer
        except ProgramError:
            continue
        if answer == question.answer or answer not in ANSWERS[question.family] or _tied(question, scene):
            continue
        if accept is not None and not accept(scene):
            continue
        other = phrase(question.seed, question.form, answer, scene, question.lang, question.template)
        if not is_degenerate(question.program, scene):
            return other, edit
        spare = spare or (other, edit)
    return spare


def _tied(question: Question, scene: Scene) -> bool:
    """Whether a comparison of counts compares equals, which no question may."""
    if question.family != "compare_count":
        return False
    values = execute(question.program, scene).values
    counts = [v for v, step in zip(values, question.program, strict=True) if step["op"] == "count"]
    return counts[0] == counts[1]


def apply(edit: Edit, scene: Scene) -> Scene:
    """The scene after an edit."""
    o = scene.objects[edit.object]
    if edit.field == "place":
        changed = replace(o, x=edit.after[0], y=edit.after[1])
    elif edit.field == "size":
        changed = replace(o, size=edit.after, radius=RADIUS[edit.after])
    else:
        changed = replace(o, **{edit.field: edit.after})
    objects = list(scene.objects)
    objects[edit.object] = changed
    return replace(scene, objects=tuple(objects))


def _edits(scene: Scene, question: Question, options: SceneOptions):
    """Every single change of an attribute or, for questions of place, every move of an asked object on a
    grid of two pixels, that leaves a legal scene."""
    centres = [(o.x, o.y) for o in scene.objects]
    radii = [o.radius for o in scene.objects]
    if question.family in ("relate", "query_relation"):
        for i in question.supports:
            margin = int(radii[i]) + 1
            for x in range(margin, SIDE - margin + 1, 2):
                for y in range(margin, SIDE - margin + 1, 2):
                    if fits(x, y, i, centres, radii, options):
                        yield Edit(i, "place", centres[i], (float(x), float(y)))
        return
    for i, o in enumerate(scene.objects):
        for name, values in (("shape", SHAPES), ("colour", COLOURS), ("size", SIZES)):
            for value in values:
                if value != getattr(o, name) and _legal(o, i, name, value, centres, radii, options):
                    yield Edit(i, name, getattr(o, name), value)


def _legal(o: Object, i: int, name: str, value: str, centres, radii, options: SceneOptions) -> bool:
    pair = {"colour": o.colour, "shape": o.shape} | {name: value}
    if (pair["colour"], pair["shape"]) in options.heldout:
        return False
    if name != "size" or value == "small":
        return True
    grown = [RADIUS["big"] if k == i else r for k, r in enumerate(radii)]
    inside = all(grown[i] + 1 <= c <= SIDE - grown[i] - 1 for c in (o.x, o.y))
    return inside and fits(o.x, o.y, i, centres, grown, options)


ERROR_RATE = 0.1  # a simulated annotator errs on one question in ten


def annotators(question: Question, n: int = 10, error_rate: float = ERROR_RATE) -> list[str]:
    """Answers of n simulated annotators.

    Noise model: each errs independently with probability `error_rate`; whoever errs counts one too few or
    one too many (within 0 to 3, either as likely) in the count family, and elsewhere gives one of the
    family's other answers, all as likely. The draws follow from the question's seed.
    """
    if not 0 <= error_rate <= 1:
        raise ValueError(f"error_rate must lie in [0, 1], got {error_rate!r}")
    answers = ANSWERS[question.family]
    # The two halves of a minimal pair share their seed, not the errors of annotators: a stream each.
    draws = Draws(question.seed, ANNOTATORS + 32 * answers.index(question.answer))
    others = [a for a in answers if a != question.answer]
    if question.family == "count":
        others = [a for a in others if abs(int(a) - int(question.answer)) == 1]
    return [draws.choice(others) if draws.random() < error_rate else question.answer for _ in range(n)]


def soft_scores(answers: list[str]) -> dict[str, float]:
    """VQA accuracy of each given answer (Antol et al., 2015): the mean over annotators left out of
    min(1, how many of the others agree / 3)."""
    n = len(answers)
    return {
        a: sum(min(1.0, (answers.count(a) - (answers[k] == a)) / 3) for k in range(n)) / n
        for a in dict.fromkeys(answers)
    }


def pair_consistency(first: list[bool], second: list[bool]) -> float:
    """Share of minimal pairs of which both halves are answered correctly."""
    if len(first) != len(second) or not first:
        raise ValueError(
            f"two lists of the same length, at least 1, are expected, got {len(first)} and {len(second)}"
        )
    return sum(a and b for a, b in zip(first, second, strict=True)) / len(first)
