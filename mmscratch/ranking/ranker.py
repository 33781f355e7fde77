"""What all rankers share: settings as arguments, ``fit`` and ``predict``, and a file without pickle."""

from __future__ import annotations

import importlib
import inspect
import io
import json

import numpy as np

from ..data.errors import DataError
from ..data.files import read_arrays, write_whole
from .gain import ndcg
from .queries import check_features, check_judged, check_queries

__all__ = ["Ranker", "check_fraction", "check_number", "check_whole", "load_ranker"]

FORMAT = 1
KINDS = {
    "RankSVM": "ranksvm",
    "RankNet": "networks",
    "ListNet": "networks",
    "LambdaRank": "networks",
    "LambdaMART": "lambdamart",
}


class Ranker:
    """Settings are the keyword arguments of ``__init__`` and attributes of the same names.

    A subclass writes ``_check`` (its settings), ``_fit(x, y, bounds, judge)`` (x (N, D) float64, y (N,)
    int64, bounds (Q + 1,); judge: None, or (x, y, groups) of other queries), ``_score(x)``, and
    ``_arrays`` and ``_restore`` for its file.
    """

    n_features_in_ = None

    def fit(self, X, y, groups, *, eval_set=None):
        """Learn from judged documents; → self.

        X (N, D), y (N,) whole numbers ≥ 0, groups (Q,) documents of each query, in the order of the rows
        eval_set   (X, y, groups) of other queries, for rankers that watch them to know when to stop

        Errors     ValueError naming the argument; also where no query has two labels
        """
        name = type(self).__name__
        self._check()
        x = check_features(name, X)
        y = check_judged(name, y, len(x))
        bounds = check_queries(name, groups, len(x))
        if not any(np.ptp(y[a:b]) for a, b in zip(bounds[:-1], bounds[1:], strict=True)):
            raise ValueError(
                f"{name}: y: no query has documents of two labels, so there is no order to learn"
            )
        judge = None
        if eval_set is not None:
            other = check_features(f"{name}: eval_set", eval_set[0], x.shape[1])
            judge = other, check_judged(f"{name}: eval_set", eval_set[1], len(other)), np.asarray(eval_set[2])
            check_queries(f"{name}: eval_set", judge[2], len(other))
        self.n_features_in_ = x.shape[1]
        self._fit(x, y, bounds, judge)
        return self

    def predict(self, X):
        """Scores (N,) float64: only their order inside a query means something."""
        self._check_fitted()
        return self._score(check_features(type(self).__name__, X, self.n_features_in_))

    def score(self, X, y, groups, k=5):
        """NDCG@k of ``predict(X)``."""
        return ndcg(y, self.predict(X), groups, k)

    def _check_fitted(self):
        if self.n_features_in_ is None:
            raise ValueError(f"{type(self).__name__}: nothing is learnt yet; call fit(X, y, groups)")

    # ── settings ─────────────────────────────────────────────────────────────────────────────────
    @classmethod
    def _names(cls):
        return [n for n in inspect.signature(cls).parameters]

    def get_params(self, deep=True):
        """{setting: value}, as scikit-learn has it."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **params):
        """Change settings; → self. ValueError for one that there is not."""
        for name, value in params.items():
            if name not in self._names():
                known = ", ".join(self._names())
                raise ValueError(f"{type(self).__name__}: unknown setting {name!r}; known: {known}")
            setattr(self, name, value)
        return self

    def __repr__(self):
        given = ", ".join(f"{k}={v!r}" for k, v in self.get_params().items())
        return f"{type(self).__name__}({given})"

    # ── files ────────────────────────────────────────────────────────────────────────────────────
    def save(self, path):
        """Write settings and what was learnt as an npz file, whole or not at all."""
        self._check_fitted()
        head = {
            "format": FORMAT,
            "kind": type(self).__name__,
            "settings": self.get_params(),
            "features": self.n_features_in_,
        }
        text = np.frombuffer(json.dumps(head).encode(), np.uint8)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, head=text, **self._arrays())
        write_whole(path, buffer.getvalue())

    @classmethod
    def load(cls, path):
        """What ``save`` wrote, by this class; DataError for any other file."""
        found = load_ranker(path)
        if not isinstance(found, cls):
            raise DataError(path, f"holds a {type(found).__name__}, expected a {cls.__name__}")
        return found


def load_ranker(path):
    """The ranker that ``save`` wrote, of whichever class.

    Errors     DataError naming the file and what is wrong with it; nothing in it is run
    """
    arrays = read_arrays(path)
    try:
        head = json.loads(arrays.pop("head").astype(np.uint8).tobytes())
        if head["format"] != FORMAT or head["kind"] not in KINDS:
            raise ValueError(f"format {head['format']!r}, kind {head['kind']!r}")
        home = importlib.import_module(f"{__package__}.{KINDS[head['kind']]}")
        ranker = getattr(home, head["kind"])(**_settings(head["settings"]))
        ranker._check()
        ranker.n_features_in_ = check_whole("load", "features", head["features"])
        ranker._restore(arrays)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(path, f"holds no ranker ({type(error).__name__}: {error})") from None
    return ranker


def _settings(of):
    return {k: tuple(v) if isinstance(v, list) else v for k, v in of.items()}


def check_whole(where, name, value, least=1):
    """value as an int ≥ least, or ValueError naming it."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{where}: {name}: expected a whole number ≥ {least}, got {value!r}")
    return int(value)


def check_number(where, name, value, above=0.0, inclusive=False):
    """value as a finite float > above (or ≥), or ValueError naming it."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not np.isfinite(value) or not (value > above or (inclusive and value == above)):
        sign = "≥" if inclusive else ">"
        raise ValueError(f"{where}: {name}: expected a number {sign} {above:g}, got {value!r}")
    return float(value)


def check_fraction(where, name, value):
    """value as a float in (0, 1], or ValueError naming it."""
    if check_number(where, name, value) > 1:
        raise ValueError(f"{where}: {name}: expected a fraction in (0, 1], got {value!r}")
    return float(value)
