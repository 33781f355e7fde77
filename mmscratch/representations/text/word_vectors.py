"""Words as points: nearest ones, analogies, sentences as features; and files of published vectors."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable

import numpy as np

from ...data.errors import DataError
from ...data.files import MAX_TEXT_BYTES, read_arrays, read_text, write_whole
from ...data.text import tokenize
from ..features import Features

__all__ = ["WordVectors"]


class WordVectors:
    """Words and their vectors.

    words     list of str
    vectors   (V, D) floats
    Errors    ValueError where they do not fit each other, or a word is there twice
    """

    def __init__(self, words: Iterable[str], vectors):
        self.words, self.vectors = tuple(words), np.asarray(vectors)
        if self.vectors.ndim != 2 or self.vectors.dtype.kind != "f" or len(self.vectors) != len(self.words):
            raise ValueError(
                f"WordVectors: vectors: expected floats ({len(self.words)}, D) for as many words, "
                f"got {self.vectors.dtype} {self.vectors.shape}"
            )
        self._index = {word: i for i, word in enumerate(self.words)}
        if len(self._index) != len(self.words):
            word = next(w for i, w in enumerate(self.words) if self._index[w] != i)
            raise ValueError(f"WordVectors: words: {word!r} is there more than once")
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True)
        self._unit = self.vectors / np.maximum(lengths, 1e-30)

    def __len__(self):
        return len(self.words)

    def __contains__(self, word):
        return word in self._index

    def __getitem__(self, word):
        """The vector of a word: (D,).

        Errors     KeyError for a word that is not there
        """
        return self.vectors[self._at(word)]

    def __repr__(self):
        return f"WordVectors({len(self)} words, {self.vectors.shape[1]} dimensions)"

    def _at(self, word):
        if word not in self._index:
            raise KeyError(f"WordVectors: {word!r} is not among the {len(self)} words")
        return self._index[word]

    def similarity(self, a: str, b: str) -> float:
        """cos of the angle between two words."""
        return float(self._unit[self._at(a)] @ self._unit[self._at(b)])

    def nearest(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """The k other words of largest cosine, and the cosines."""
        return self._best(self._unit[self._at(word)], k, {word})

    def analogy(self, a: str, b: str, c: str, k: int = 1) -> list[tuple[str, float]]:
        """a is to b as c is to …: words nearest to b − a + c, all of length 1 (Mikolov et al., 2013c)."""
        x, y, z = (self._unit[self._at(word)] for word in (a, b, c))
        return self._best(y - x + z, k, {a, b, c})

    def _best(self, direction, k, without):
        cosine = self._unit @ (direction / max(float(np.linalg.norm(direction)), 1e-30))
        order = np.argsort(-cosine, kind="stable")
        found = [(self.words[i], float(cosine[i])) for i in order[: k + len(without)]]
        return [pair for pair in found if pair[0] not in without][:k]

    def encode(self, texts: Iterable[str], split=tokenize) -> Features:
        """One vector a word: B texts → Features (B, N, D); a word that is not known is not there."""
        if isinstance(texts, str):
            raise TypeError("WordVectors.encode: texts: expected many texts, got one str; put it in a list")
        rows = [split(text) for text in texts]
        n = max(map(len, rows), default=0)
        values = np.zeros((len(rows), n, self.vectors.shape[1]), np.result_type(self.vectors, np.float32))
        mask = np.zeros((len(rows), n), bool)
        for b, row in enumerate(rows):
            for t, word in enumerate(row):
                if word in self._index:
                    values[b, t], mask[b, t] = self.vectors[self._index[word]], True
        return Features(values, mask)

    # ── files ────────────────────────────────────────────────────────────────────────────────────
    def save(self, path: str | os.PathLike) -> None:
        """An npz file with ``words`` (UTF-8, a line each) and ``vectors``, whole or not at all."""
        buffer = io.BytesIO()
        words = np.frombuffer("\n".join(self.words).encode(), np.uint8)
        np.savez_compressed(buffer, words=words, vectors=self.vectors)
        write_whole(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike) -> WordVectors:
        """What ``save`` wrote.

        Errors     DataError naming the file and what is wrong with it
        """
        arrays = read_arrays(path)
        if set(arrays) != {"words", "vectors"}:
            raise DataError(path, f"holds the arrays {sorted(arrays)}, expected vectors and words")
        try:
            return cls(arrays["words"].astype(np.uint8).tobytes().decode().split("\n"), arrays["vectors"])
        except ValueError as error:
            raise DataError(path, f"holds no word vectors: {error}") from None

    @classmethod
    def from_text(
        cls, path: str | os.PathLike, limit: int | None = None, max_bytes: int = MAX_TEXT_BYTES
    ) -> WordVectors:
        """Published vectors as text: a word and D numbers a line (GloVe), after a line V D (word2vec).

        limit      only the first so many words
        Errors     DataError naming the line that is something else
        """
        words, rows, width = [], [], None
        lines = read_text(path, max_bytes).split("\n")
        header = lines[0].split()
        first = 1 if len(header) == 2 and all(part.isdecimal() for part in header) else 0
        for number, line in enumerate(lines[first:], first + 1):
            if not line.strip() or (limit is not None and len(words) >= limit):
                continue
            parts = line.rstrip().split(" ")
            width = width or len(parts) - 1
            try:
                row = np.array(parts[-width:], np.float32)
            except ValueError:
                raise DataError(path, f"line {number}: expected a word and {width} numbers") from None
            # some words of GloVe's largest files hold spaces
            if len(parts) <= width or not width or not np.isfinite(row).all():
                raise DataError(path, f"line {number}: expected a word and {width} finite numbers")
            words.append(" ".join(parts[:-width]))
            rows.append(row)
        if not rows:
            raise DataError(path, "holds no word vectors")
        try:
            return cls(words, np.stack(rows))
        except ValueError as error:
            raise DataError(path, f"holds no word vectors: {error}") from None
