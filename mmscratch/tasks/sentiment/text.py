"""Is a text's mood above 0? Rated texts in the files of VADER.

    mmscratch train sentiment --data vader:DIR --out RUN
    mmscratch evaluate RUN --data vader:OTHER --split test

Two classifiers are kept: one that learnt from all texts, and one that learnt from four fifths of them and
judges the fifth that is left (``--split val``). Beside them stand the plain beginning, TF-IDF of words and
pairs with logistic regression, and the majority; where the folder has a lexicon, also the lexicon's own
rules,
which learn nothing.
"""

import dataclasses
import hashlib
import pathlib

import numpy as np

from ...data.errors import DataError
from ...data.vader import load_lexicon, load_rated, rated_files, split_rated
from ...metrics.classification import accuracy, majority_baseline, per_class, wilson_interval
from ...models.sentiment.text import TextClassifier
from ...representations.text.valence import Valence
from ...train.checkpoint import read, write
from ..run import Run, RunError, plan

__all__ = ["TextSettings", "evaluate", "figures", "learn", "text_table", "train"]

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
    try:
        rated = load_rated(path, "all" if rest else split)
    except DataError:
        raise
    except ValueError as e:
        raise RunError("--split", str(e)) from None
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
    """{name: figure} of {name: classifier} and controls; positive: the share in training."""
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
        [
            int.from_bytes(hashlib.blake2b(t.encode(), digest_size=8).digest(), "big", signed=True)
            for t in texts
        ]
    )


def _path(data):
    kind, _, path = data.partition(":")
    if kind != "vader" or not path:
        raise RunError("--data", f"rated texts are known as vader:DIR, got {data!r}")
    return path


FOLDS = 5
ROWS = {
    "TF-IDF, logistic": ("tfidf", 10.0, False),
    "letters, NB weights": ("letters", 16.0, False),
    "words and letters": ("both", 16.0, False),
    "letters + lexicon": ("letters", 1.0, True),
}
"""Row of the table → (views, c, whether the lexicon is used)."""


def text_table(args):
    """Five-fold cross-validation of rated texts, folds drawn anew by each seed; prints, → the record."""
    if len(args.data) != 1 or args.set:
        raise RunError("--data", f"expected vader:DIR and no --set, got {' '.join(args.data + args.set)!r}")
    unknown = [name for name in args.methods or () if name not in ROWS]
    if unknown:
        raise RunError("--methods", f"expected some of {', '.join(ROWS)}, got {unknown[0]!r}")
    path = _path(args.data[0])
    rated, lexicon = load_rated(path), load_lexicon(path) if pathlib.Path(path).is_dir() else {}
    record = {name: [] for name in ("majority", "the lexicon's rules", *(args.methods or ROWS))}
    print(
        f"{len(rated):,} texts, {FOLDS} folds, {args.seeds} seeds: per cent right, the seeds' range",
        flush=True,
    )
    for name, found in record.items():
        if name in ROWS and ROWS[name][2] or name == "the lexicon's rules":
            if not lexicon:
                continue
        for seed in range(args.seeds):
            found.append(_cross_validated(name, rated, lexicon, seed))
        low, mean, high = (100 * f(found) for f in (min, np.mean, max))
        print(f"{name:24}{mean:7.2f}  ({low:.2f}–{high:.2f})", flush=True)
    return {"texts": len(rated), "table": record}


def _cross_validated(name, rated, lexicon, seed):
    right = 0
    for part in range(FOLDS):
        learnt, held = split_rated(rated, FOLDS, part, seed)
        if name == "majority":
            said = np.full(len(held), learnt.positive.mean() > 0.5)
        elif name in ROWS:
            views, c, known = ROWS[name]
            model = TextClassifier(views, c, lexicon if known else None).fit(learnt.texts, learnt.positive)
            said = model.scores(held.texts) > 0
        else:
            rules = Valence(lexicon)
            said = np.array([rules(text)["compound"] > 0 for text in held.texts])
        right += int((said == held.positive).sum())
    return right / len(rated)
