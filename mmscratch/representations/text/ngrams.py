"""A text as its short runs of words and of letters: sparse, and weighted by rarity or by what they tell."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property

import numpy as np

__all__ = ["NGrams", "SparseRows"]

WEIGHTS = ("tfidf", "naive-bayes")
_WORD = re.compile(r"[\w'@#]+|[^\w\s]+")
_SPACE = re.compile(r"\s+")


class SparseRows:
    """A matrix (N, D) of which most is 0: of row i the entries start[i] … start[i + 1].

    columns (K,) int64, values (K,) float64, start (N + 1,) int64. SciPy multiplies: gathering and counting in
    NumPy takes eight times as long, and nearly all of a training is this.
    """

    def __init__(self, columns, values, start, width):
        self.columns, self.values, self.start, self.width = columns, values, start, width
        self.rows = np.repeat(np.arange(len(start) - 1), np.diff(start))

    def __len__(self):
        return len(self.start) - 1

    def times(self, w):
        """X w: (D,) → (N,)."""
        return self._matrix @ w

    def transposed_times(self, v):
        """Xᵀ v: (N,) → (D,)."""
        return self._turned @ v

    @cached_property
    def _matrix(self):
        from scipy.sparse import csr_array

        return csr_array((self.values, self.columns, self.start), (len(self), self.width))

    @cached_property
    def _turned(self):
        return self._matrix.T.tocsr()

    def beside(self, dense):
        """[X, dense]: dense (N, E) → (N, D + E)."""
        dense = np.asarray(dense, np.float64)
        if dense.ndim != 2 or len(dense) != len(self):
            raise ValueError(f"SparseRows.beside: dense: expected ({len(self)}, E), got {np.shape(dense)}")
        n, e = dense.shape
        order = np.argsort(np.r_[self.rows, np.repeat(np.arange(n), e)], kind="stable")
        columns = np.r_[self.columns, np.tile(self.width + np.arange(e), n)][order]
        values = np.r_[self.values, dense.ravel()][order]
        return SparseRows(columns, values, self.start + e * np.arange(n + 1), self.width + e)

    def dense(self):
        """The whole matrix, zeros and all: (N, D) float64."""
        out = np.zeros((len(self), self.width))
        out[self.rows, self.columns] = self.values
        return out


class NGrams:
    """Runs of m … n words, or letters, of each text, weighted, each text divided by its length ‖·‖₂.

    unit        "words" (marks count as words), "letters" (of each word, with the spaces around it)
    lengths     (m, n)
    weight      "tfidf": (1 + ln count) · (ln((1 + N) / (1 + df)) + 1), as ``TFIDF`` has it but for the
                logarithm of the count;
                "naive-bayes": 1 where it occurs, times r = ln((p / ‖p‖₁) / (q / ‖q‖₁)), p = 1 + in how many
                texts of class 1 it occurs, q of class 0 (Wang & Manning, 2012, eq. 2)
    least       runs that fewer texts hold do not count
    Shapes      N texts → SparseRows (N, D)
    Errors      ValueError for another unit or weight, lengths that are not 1 ≤ m ≤ n, no text, no label where
                the weight asks for labels
    """

    def __init__(self, unit="words", lengths=(1, 2), weight="tfidf", least=1):
        if unit not in ("words", "letters"):
            raise ValueError(f"NGrams: unit: expected words or letters, got {unit!r}")
        if weight not in WEIGHTS:
            raise ValueError(f"NGrams: weight: expected one of {', '.join(WEIGHTS)}, got {weight!r}")
        low, high = lengths
        if not 1 <= low <= high:
            raise ValueError(f"NGrams: lengths: expected 1 ≤ m ≤ n, got {lengths}")
        if least < 1:
            raise ValueError(f"NGrams: least: expected at least 1, got {least}")
        self.unit, self.lengths, self.weight, self.least = unit, (low, high), weight, least
        self.column, self.scale = None, None

    def runs(self, text):
        """What stands in a text, as often as it stands there."""
        if not isinstance(text, str):
            raise TypeError(f"NGrams: text: expected str, got {type(text).__name__}")
        low, high = self.lengths
        text = text.lower()
        if self.unit == "words":
            words = _WORD.findall(text)
            return [
                " ".join(words[i : i + n]) for n in range(low, high + 1) for i in range(len(words) - n + 1)
            ]
        return [
            f" {word} "[i : i + n]
            for word in _SPACE.split(text.strip())
            for n in range(low, high + 1)
            for i in range(len(word) + 3 - n)
        ]

    def fit(self, texts, labels=None):
        """Take the runs of these texts, and their weights; → self."""
        bags = [Counter(self.runs(text)) for text in texts]
        if not bags:
            raise ValueError("NGrams.fit: texts: expected at least one, got none")
        df = Counter(run for bag in bags for run in bag)
        kept = sorted(run for run, n in df.items() if n >= self.least)
        if not kept:
            raise ValueError(f"NGrams.fit: no run stands in {self.least} texts")
        self.column = {run: i for i, run in enumerate(kept)}
        if self.weight == "tfidf":
            held = np.array([df[run] for run in kept], np.float64)
            self.scale = np.log((1 + len(bags)) / (1 + held)) + 1
            return self
        labels = None if labels is None else np.asarray(labels, bool)
        if labels is None or labels.shape != (len(bags),):
            raise ValueError(f"NGrams.fit: labels: naive-bayes asks for ({len(bags)},) of them")
        x = self._counts(bags)
        p, q = (1 + np.bincount(x.columns, chosen[x.rows], x.width) for chosen in (labels, ~labels))
        self.scale = np.log(p / p.sum()) - np.log(q / q.sum())
        return self

    def _counts(self, bags):
        rows = [[(self.column[run], n) for run, n in bag.items() if run in self.column] for bag in bags]
        start = np.r_[0, np.cumsum([len(row) for row in rows])].astype(np.int64)
        flat = np.array([pair for row in rows for pair in row], np.float64).reshape(-1, 2)
        return SparseRows(flat[:, 0].astype(np.int64), flat[:, 1], start, len(self.column))

    def encode(self, texts):
        """The weighted runs of each text: SparseRows (N, D); a text without a known run is 0."""
        if self.scale is None:
            raise ValueError("NGrams: no runs are known yet; call fit")
        x = self._counts([Counter(self.runs(text)) for text in texts])
        values = 1 + np.log(x.values) if self.weight == "tfidf" else np.ones(len(x.values))
        values = values * self.scale[x.columns]
        length = np.sqrt(np.bincount(x.rows, values**2, len(x)))
        x.values = values / np.where(length > 0, length, 1)[x.rows]
        return x

    def state_dict(self):
        """All that ``encode`` needs."""
        return {"unit": self.unit, "lengths": list(self.lengths), "weight": self.weight, "least": self.least,
                "runs": list(self.column), "scale": self.scale}  # fmt: skip

    @classmethod
    def from_state(cls, state):
        """The inverse of ``state_dict``."""
        found = cls(state["unit"], tuple(state["lengths"]), state["weight"], state["least"])
        found.column = {run: i for i, run in enumerate(state["runs"])}
        found.scale = np.asarray(state["scale"], np.float64)
        return found
