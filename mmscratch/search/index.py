"""What all indices share: vectors in, unit length, ids in the order of coming, search, and a file."""

from __future__ import annotations

import importlib
import inspect

import numpy as np

from .index_file import read_index, write_index
from .rows import Rows, unit_rows

__all__ = ["METHODS", "Index", "check_whole", "load_index", "make_index"]

METHODS = {"exact": "Exact", "lsh": "LSH", "ivfpq": "IVFPQ", "hnsw": "HNSW"}
MAX_ROWS = 2**31 - 1
MAX_DIMENSION = 1 << 16


class Index:
    """The nearest of N vectors by cosine.

    Settings are the keyword arguments of ``__init__`` and attributes of the same names. A subclass writes
    ``_check`` (its settings), ``_insert(x)`` (new rows of unit length, also kept in ``self.rows``),
    ``_search(q, k)``, ``_arrays`` and ``_restore`` for its file; and ``_train(x)`` where it learns from a
    sample before it can take rows in.
    """

    method = "?"
    needs_training = False

    def __init__(self, dimension):
        self.dimension = check_whole(type(self).__name__, "dimension", dimension, most=MAX_DIMENSION)
        self.rows = Rows(self.dimension)
        self.trained = not self.needs_training
        self.count = 0

    def __len__(self):
        return self.count

    def __repr__(self):
        given = ", ".join(f"{k}={v!r}" for k, v in self.settings().items())
        return f"{type(self).__name__}({given})  # {len(self):,} rows"

    # ── what a user calls ────────────────────────────────────────────────────────────────────────
    def train(self, vectors):
        """Learn what the method must know of the data before rows can come (IVF-PQ its cells); → self.

        Shapes     vectors (S, D), a sample of what will be added
        Errors     ValueError naming the argument; also where rows have been added already
        """
        x = self._vectors("train", "vectors", vectors)
        if self.needs_training and self.count:
            raise ValueError(f"{self._name('train')}: rows were added already; train a new index")
        self._train(x)
        self.trained = True
        return self

    def add(self, vectors):
        """Take rows in; → their ids, the next whole numbers. The result does not depend on how rows are
        split over calls.

        Shapes     vectors (N, D) → ids (N,) int64
        Errors     ValueError for another D, for NaN or ∞, and where ``train`` must come first
        """
        x = self._vectors("add", "vectors", vectors)
        if not self.trained:
            raise ValueError(f"{self._name('add')}: call train(sample) first, or build(vectors)")
        if self.count + len(x) > MAX_ROWS:
            raise ValueError(f"{self._name('add')}: at most {MAX_ROWS:,} rows, {self.count:,} are here")
        first = self.count
        if len(x):
            self._insert(x)
            self.count += len(x)
        return np.arange(first, self.count)

    def build(self, vectors):
        """``train`` and ``add``; → self."""
        if not self.trained:
            self.train(vectors)
        self.add(vectors)
        return self

    def search(self, queries, k=10):
        """The k rows with the largest cosine, falling, lower id first on ties.

        Shapes     queries (Q, D) or (D,) → score (Q, k) float32, id (Q, k) int64
        Errors     ValueError for another D, NaN or ∞, or k not in 1 … N
        Note       where a quick method finds fewer than k, the rest has id −1 and score −∞
        """
        q = self._vectors("search", "queries", np.atleast_2d(np.asarray(queries)))
        name = self._name("search")
        if not self.count:
            raise ValueError(f"{name}: the index is empty; add vectors first")
        k = check_whole(name, "k", k, most=self.count)
        if not len(q):
            return np.empty((0, k), np.float32), np.empty((0, k), np.int64)
        return self._search(q, k)

    def save(self, path):
        """Write the index as a safetensors file, whole or not at all; ``load_index`` reads it."""
        head = {"method": self.method, "settings": self.settings(), "rows": self.count}
        write_index(path, head | {"trained": self.trained}, self._arrays())

    def settings(self):
        """{setting: value} of ``__init__``."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    # ── for subclasses ───────────────────────────────────────────────────────────────────────────
    def _name(self, call):
        return f"{type(self).__name__}.{call}"

    def _vectors(self, call, argument, vectors):
        name = self._name(call)
        return unit_rows(name, argument, vectors, self.dimension)

    def _train(self, x):
        """Nothing to learn."""

    def _insert(self, x):
        raise NotImplementedError

    def _search(self, q, k):
        raise NotImplementedError

    def _arrays(self):
        return {"vectors": self.rows.all()[:, : self.dimension]}

    def _restore(self, arrays):
        """From ``index_file.Arrays``, which checks dtype, shape and range."""
        self.rows.extend(arrays.unit("vectors", self.count, self.dimension))


def make_index(method, dimension, **settings):
    """An empty index by the method's name: exact, lsh, ivfpq or hnsw."""
    if method not in METHODS:
        raise ValueError(f"make_index: method: expected one of {', '.join(METHODS)}, got {method!r}")
    cls = getattr(importlib.import_module(f"{__package__}.{method}"), METHODS[method])
    known = list(inspect.signature(cls).parameters)
    for name in settings:
        if name not in known:
            raise ValueError(f"{cls.__name__}: unknown setting {name!r}; known: {', '.join(known)}")
    return cls(dimension, **settings)


def load_index(path):
    """The index that ``save`` wrote; DataError for any other file, or one that is damaged."""
    head, arrays = read_index(path, METHODS)
    try:
        settings = dict(head["settings"])
        index = make_index(head["method"], settings.pop("dimension"), **settings)
        index.count = check_whole("load_index", "rows", head["rows"], least=0, most=MAX_ROWS)
        index.trained = bool(head["trained"])
        index._restore(arrays)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise arrays.refused(error) from None
    arrays.check_all_used()
    return index


def check_whole(name, argument, value, least=1, most=None):
    """value as an int in least … most, or a ValueError that names it."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        limits = f"≥ {least}" if most is None else f"in {least} … {most}"
        raise ValueError(f"{name}: {argument}: expected a whole number {limits}, got {value!r}")
    return int(value)
