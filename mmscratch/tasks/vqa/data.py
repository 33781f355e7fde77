"""Questions to learn from and to be judged on: splits, answers that are known, batches by picture."""

import dataclasses
import json
from collections import Counter

import numpy as np

from ...data.easy_vqa import easy_vqa_splits, load_answers
from ...data.image import to_float
from ...data.scene_questions import load_scene_questions
from ...data.spec import load_spec, parse_spec
from ...data.text import language_of, tokenize
from ...metrics.vqa import soft_scores
from ...models.vqa_questions import QuestionBatch
from ..run import RunError

__all__ = ["Asked", "Prior", "VQABatches", "known_answers", "load", "shifted"]

KINDS = "easy-vqa", "scenes", "vqa"
SCENE_SPLITS = {"test": "test-iid", "iid": "test-iid", "cogent": "test-cogent", "count": "test-count"}
"""Short names of the scenes' splits."""
HELD_OUT = 0.1
"""The share of the training pictures, with their questions, that validation has where the data has no val."""


def load(data, split, *, progress=False):
    """One split of "easy-vqa:DIR", "vqa:DIR" or "scenes:…" as a ``QuestionSet``.

    Where easy-VQA has no val, it is a tenth of the pictures of train, the same whatever the seed, and "train"
    is the rest; "train+val" is all of train, whatever else there is.

    Errors     RunError for another kind of data, a split that is not there, or one without answers
    """
    try:
        spec = parse_spec(data)
    except ValueError as e:
        raise RunError("--data", str(e)) from None
    if spec.name not in KINDS:
        raise RunError("--data", f"questions are known as easy-vqa:DIR, vqa:DIR or scenes:…, got {data!r}")
    if spec.name == "scenes":
        return _kept_scenes(data, SCENE_SPLITS.get(split, split), progress)
    carved = spec.name == "easy-vqa" and "val" not in easy_vqa_splits(spec.folder)
    whole = spec.name == "easy-vqa" and split == "train+val"
    part = "train" if whole or (carved and split == "val") else split
    found = _named(load_spec, spec, split=part)
    if found.answers is None:
        raise RunError("--split", f"{split!r} of {data} has no answers")
    if not carved or split not in ("train", "val"):
        return found
    order = np.random.Generator(np.random.Philox(0)).permutation(len(found.images))
    n = round(len(order) * HELD_OUT)
    if not 0 < n < len(order):
        raise RunError("--data", f"{data}: {len(order)} pictures are too few to hold some of them out")
    return found.about(np.sort(order[:n] if split == "val" else order[n:]))


_SCENES: dict = {}  # (data, split) → QuestionSet: drawing scenes takes longer than learning from them once


def _kept_scenes(data, split, progress):
    if (data, split) not in _SCENES:
        _SCENES[data, split] = _named(load_scene_questions, data, split, progress)
    return _SCENES[data, split]


def _named(function, *arguments, **options):
    try:
        return function(*arguments, **options)
    except ValueError as e:
        if "split:" not in str(e):
            raise
        raise RunError("--split", str(e).partition("split: ")[2]) from None


def known_answers(data, trained, most):
    """The answers that a model may give: those of answers.txt if the data has one, else the most frequent."""
    spec = parse_spec(data)
    listed = load_answers(spec.folder) if spec.name == "easy-vqa" else ()
    counts = Counter(trained.answers)
    return list(listed or sorted(counts, key=lambda a: (-counts[a], a))[:most])


def words_of(question):
    """A question's words; at least one."""
    return tokenize(question, language_of(question), punctuation=False) or ["?"]


class Asked:
    """A ``QuestionSet`` in numbers: wordings, and which of them each question is.

    grids    None, or what a network made of the pictures, (N, C, h, w): a model is shown them instead
    """

    def __init__(self, questions, vocabulary, answers, grids=None):
        self.questions, self.images, self.image_of = questions, questions.images, questions.image_of
        self.grids = grids
        wordings: dict = {}
        self.which = np.array([wordings.setdefault(q, len(wordings)) for q in questions.questions])
        self.sentences = [vocabulary.encode(words_of(q), add_ends=False) for q in wordings]
        self.answers = list(answers)
        place = {a: k for k, a in enumerate(answers)}
        self.target = np.array([place.get(a, -1) for a in questions.answers])
        order = np.argsort(self.image_of, kind="stable")
        ends = np.cumsum(np.bincount(self.image_of, minlength=len(self.images)))
        self._of_image = np.split(order, ends[:-1])

    def __len__(self):
        return len(self.target)

    def about(self, images):
        """(numbers of the questions about these pictures, the place of each one's picture among them)."""
        found = [self._of_image[i] for i in images]
        return np.concatenate(found), np.repeat(np.arange(len(images)), [len(f) for f in found])

    def batch(self, chosen):
        """Some questions as a ``QuestionBatch``."""
        used, which = np.unique(self.which[chosen], return_inverse=True)
        return QuestionBatch.of([self.sentences[k] for k in used], which.reshape(-1))

    def pixels(self, images):
        """What a model is shown: pictures as floats (B, 3, H, W) in [0, 1], or their grids."""
        if self.grids is not None:
            return self.grids[images].astype(np.float32)
        return to_float(self.images[images])

    def scores(self, chosen):
        """Soft scores of every known answer: float32 (M, K)."""
        found = np.zeros((len(chosen), len(self.answers)), np.float32)
        place = {a: k for k, a in enumerate(self.answers)}
        for row, i in zip(found, chosen, strict=True):
            said = self.questions.all_answers[i]
            soft = soft_scores(said) if len(said) > 1 else {said[0]: 1.0}
            for answer, score in soft.items():
                if answer in place:
                    row[place[answer]] = score
        return found


def shifted(images, most, random):
    """Each picture moved by up to ``most`` pixels both ways; what comes in at an edge repeats the edge.

    Shapes     (B, C, H, W) → the same
    Note       a network that strides by eight sees eight times eight differently cut pictures of one thing
    """
    h, w = images.shape[2:]
    y, x = (np.arange(n) + random.integers(-most, most + 1, (len(images), 1)) for n in (h, w))
    rows, columns = np.clip(y, 0, h - 1), np.clip(x, 0, w - 1)
    place = np.arange(len(images))[:, None, None]
    return np.ascontiguousarray(
        images.transpose(0, 2, 3, 1)[place, rows[:, :, None], columns[:, None, :]].transpose(0, 3, 1, 2)
    )


class VQABatches:
    """Every picture once an epoch with all its questions; a function of (seed, epoch, position).

    shift    pictures are moved by up to so many pixels, anew every epoch; grids stay as they are
    extra    None, or an array with a row a question, whose rows come with every batch
    """

    def __init__(self, asked, batch_size, seed, soft=False, shift=0, extra=None):
        self.asked, self.batch_size, self.seed, self.soft = asked, batch_size, seed, soft
        self.shift, self.extra = shift, extra
        self.epoch = self.position = 0

    def __len__(self):
        return max(len(self.asked.images) // self.batch_size, 1)  # a last batch that is not full is left out

    def __iter__(self):
        random = np.random.Generator(np.random.Philox([self.seed, self.epoch]))
        order = random.permutation(len(self.asked.images))
        while self.position < len(self):
            images = order[self.position * self.batch_size :][: self.batch_size]
            self.position += 1
            chosen, image_of = self.asked.about(images)
            target = self.asked.scores(chosen) if self.soft else self.asked.target[chosen]
            pixels = self.asked.pixels(images)
            if self.shift and self.asked.grids is None:
                draws = np.random.Generator(np.random.Philox([self.seed, self.epoch, self.position]))
                pixels = shifted(pixels, self.shift, draws)
            more = () if self.extra is None else (self.extra[chosen],)
            yield pixels, self.asked.batch(chosen), image_of, target, *more
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self):
        """Where we are."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        """Go on from there."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])


@dataclasses.dataclass
class Prior:
    """What the questions alone tell: the commonest answer, and that of each wording.

    Counted on all of train, what is held out for validation with it: a control may know as much as it can.

    questions    {wording: [its commonest answer, how often it was asked]}
    types        {kind of question: its commonest answer}
    """

    majority: str
    questions: dict
    types: dict = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, trained):
        """Counted on a split; of equally common answers the one that was met first."""
        by, types = _counts(trained.questions, trained.answers), _counts(trained.types, trained.answers)
        return cls(
            _commonest(Counter(trained.answers)),
            {q: [_commonest(c), c.total()] for q, c in by.items()},
            {kind: _commonest(c) for kind, c in types.items()},
        )

    def blind(self, questions, types=None):
        """What each question is answered without a picture: a new wording as its kind of question, and one
        of no kind that is known as the majority."""
        types = [""] * len(questions) if types is None else types
        return [
            self.questions[q][0] if q in self.questions else self.types.get(kind, self.majority)
            for q, kind in zip(questions, types, strict=True)
        ]

    def some_questions(self, most):
        """(wordings, their weights) that stand for all of training's: all of them, or where there are more
        than ``most`` so many, drawn by how often they were asked."""
        asked = sorted(self.questions)
        counts = np.array([self.questions[q][1] for q in asked], np.float64)
        if len(asked) <= most:
            return asked, counts
        drawn = np.random.Generator(np.random.Philox(0)).choice(
            len(asked), most, replace=False, p=counts / counts.sum()
        )
        return [asked[k] for k in np.sort(drawn)], np.ones(most)

    def to_json(self):
        """For the run's folder."""
        return dataclasses.asdict(self)

    @classmethod
    def read(cls, path):
        """From the run's folder; RunError where it cannot be read."""
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            return cls(str(record["majority"]), dict(record["questions"]), dict(record.get("types", {})))
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise RunError(path, f"cannot be read ({type(e).__name__}: {e})") from None


def _counts(keys, answers):
    found: dict = {}
    for key, answer in zip(keys, answers, strict=True):
        found.setdefault(key, Counter())[answer] += 1
    return found


def _commonest(counts):
    return max(counts, key=counts.get)  # a Counter remembers who came first
