"""Is a text's mood above 0? Rated texts in the files of VADER.

    mmscratch train sentiment --data vader:DIR --out RUN
    mmscratch evaluate RUN --data vader:OTHER --split test

Two classifiers are kept: one that learnt from all texts, and one that learnt from four fifths of them and
judges the fifth that is left (``--split val``). Beside them stand the plain beginning, TF-IDF of words and
pairs with logistic regression, and the majority; where the folder has a lexicon, also the lexicon's own rules,
which learn nothing.
"""

import dataclasses
import hashlib
import pathlib

import numpy as np

from ...data.vader import load_lexicon, load_rated, rated_files
from ...metrics.classification import accuracy, majority_baseline, per_class, wilson_interval
from ...models.sentiment.text import TextClassifier
from ...representations.text.valence import Valence
from ...train.checkpoint import read, write
from ..run import Run, RunError, plan

__all__ = ["TextSettings", "evaluate", "figures", "learn", "train"]

MODEL = "model.safetensors"


@dataclasses.dataclass
class TextSettings:
    """What ``--set`` may change, with its defaults; found by five-fold cross-validation.

    views      see ``TextClassifier``
    lexicon    use the folder's rated lexicon, if it has one
    c          of the regression; 0: 16, and 1 with a lexicon
    """

    views: str = "letters"
    lexicon: bool = True
    c: float = 0.0

    def __post_init__(self):
        if self.views not in ("tfidf", "letters", "both"):
            raise ValueError(f"views: expected tfidf, letters or both, got {self.views!r}")
        if not self.c >= 0:
            raise ValueError(f"c: expected at least 0, got {self.c}")


def learn(rated, settings, lexicon=None):
    """{"ours", "TF-IDF"}: classifiers of rated texts."""
    lexicon = lexicon if settings.lexicon else None
    c = settings.c or (1.0 if lexicon else 16.0)
    return {
        "ours": TextClassifier(settings.views, c, lexicon).fit(rated.texts, rated.positive),
        "TF-IDF": TextClassifier("tfidf", 10.0).fit(rated.texts, rated.positive),
    }


def train(data, out, seed=None, assignments=(), *, resume=False, progress=True):
    """Train as ``mmscratch train sentiment`` does; returns the Run. Nothing is drawn: no seed changes it."""
    run, data, seed, settings = plan("sentiment", TextSettings, data, out, seed, assignments, resume)
    path = _path(data)
    rated, lexicon = load_rated(path), load_lexicon(path) if pathlib.Path(path).is_dir() else {}
    if len(rated) < 10 or len(set(rated.positive.tolist())) < 2:
        raise RunError("--data", f"expected ten texts or more, some rated above 0 and some not, in {path}")
    if run is None:
        run = Run.create(out, "sentiment", data, seed, dataclasses.asdict(settings))
    parts = {"all": rated, "train": load_rated(path, "train")}
    state = {"known": _marks(rated.texts), "models": {}}
    for name, part in parts.items():
        found = learn(part, settings, lexicon)
        state["models"][name] = {
            "classifiers": {which: model.state_dict() for which, model in found.items()},
            "positive": float(part.positive.mean()),
        }
    write(run.folder / MODEL, state)
    return run


def evaluate(run, data=None, split="val"):
    """Figures of one part: "val" of the run's own texts, or texts that it did not learn from.

    split      "val": the fifth, by the classifier that did not learn from it; a file's name, or what it has
               in it; "all"; "test": such a file, else all texts of ``data`` that were not learnt from
    """
    path = _path(data or run.data)
    state = read(run.folder / MODEL)
    named = any(split in p.stem for p in rated_files(path))
    rest = split == "test" and not named
    rated = load_rated(path, "all" if rest else split)
    known = np.isin(_marks(rated.texts), state["known"])
    if rest:
        rated, known = rated.where(~known), known[~known]
        if not len(rated):
            raise RunError("--split", f"all texts of {path} were learnt from; give val, or other --data")
    part = "train" if split == "val" and path == _path(run.data) else "all"
    kept = state["models"][part]
    models = {n: TextClassifier.from_state(s) for n, s in kept["classifiers"].items()}
    found = figures(models, rated, kept["positive"])
    if part == "all":
        found["texts that were learnt from"] = int(known.sum())
    return found


def figures(models, rated, positive):
    """{name: figure} of {name: classifier} and their controls; positive: the share of what they learnt from."""
    wanted = rated.positive
    said = {name: model.scores(rated.texts) > 0 for name, model in models.items()}
    right = accuracy(said["ours"], wanted)
    low, high = wilson_interval(round(right * len(wanted)), len(wanted))
    found = {
        "texts": len(wanted),
        "right": right,
        "right, 95 % interval from": low,
        "right, 95 % interval to": high,
        "F1 of positive": _f1(said["ours"], wanted),
        "right, TF-IDF and logistic regression": accuracy(said["TF-IDF"], wanted),
        "right, majority": majority_baseline(np.array([positive > 0.5]), wanted),
    }
    if models["ours"].lexicon:
        rules = Valence(models["ours"].lexicon)
        told = np.array([rules(text)["compound"] > 0 for text in rated.texts])
        found["right, the lexicon's rules alone"] = accuracy(told, wanted)
    return found


def _f1(said, wanted):
    table = per_class(said, wanted)
    return float(table.f1[table.classes.index(True)]) if True in table.classes else 0.0


def _marks(texts):
    """A number of 64 bits for each text."""
    return np.array(
        [int.from_bytes(hashlib.blake2b(t.encode(), digest_size=8).digest(), "big", signed=True) for t in texts]
    )


def _path(data):
    kind, _, path = data.partition(":")
    if kind != "vader" or not path:
        raise RunError("--data", f"rated texts are known as vader:DIR, got {data!r}")
    return path
