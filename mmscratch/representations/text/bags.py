"""A text as its words without their order: counts, and counts weighted by rarity.

"red left of blue" and "blue left of red" are the same bag: what no bag can tell, a sequence must.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ...data.text import tokenize
from ..features import Features

__all__ = ["TFIDF", "BagOfWords"]

CONVENTIONS = ("smooth", "plain")


class BagOfWords:
    """x_w = how often word w stands in the text (Harris, 1954).

    split       text → words; default: ``data.tokenize`` without punctuation marks
    words       which words count, and their columns; None: all that ``fit`` meets, in alphabetical order
    hashing     instead of words: so many columns, word w counting in column h(w) mod ``hashing`` with a sign
                by another bit of h, so that words that share a column cancel on average (Weinberger et
                al., 2009). h is CRC-32 of the word's UTF-8; there is nothing to fit.
    Shapes      B texts → counts (B, D) float32; ``encode``: Features (B, 1, D)
    """

    def __init__(
        self,
        split: Callable[[str], Sequence[str]] | None = None,
        words: Iterable[str] | None = None,
        hashing: int | None = None,
    ):
        if words is not None and hashing is not None:
            raise ValueError("BagOfWords: words, hashing: expected one of them, got both")
        if hashing is not None and hashing < 1:
            raise ValueError(f"BagOfWords: hashing: expected at least 1 column, got {hashing}")
        self.split = split or (lambda text: tokenize(text, punctuation=False))
        self.hashing, self.words = hashing, None
        self._column = _Hashed(hashing) if hashing else None
        if words is not None:
            self._take(words)

    def _take(self, words):
        self.words = tuple(words)
        self._column = {word: (i, 1.0) for i, word in enumerate(self.words)}
        if len(self._column) != len(self.words):
            raise ValueError(f"{type(self).__name__}: words: some are there more than once")
        if not self.words:
            raise ValueError(f"{type(self).__name__}: words: expected at least one, got none")

    def __len__(self):
        """D."""
        self._check_fitted()
        return self.hashing or len(self.words)

    def fit(self, texts: Iterable[str]):
        """Take the words of these texts, unless they were given; → self."""
        if self._column is None:
            self._take(sorted({word for text in _many(self, texts) for word in self.split(text)}))
        return self

    def counts(self, texts: Iterable[str]) -> np.ndarray:
        """x of each text: (B, D) float32. Words that were not met by ``fit`` do not count."""
        self._check_fitted()
        texts = list(_many(self, texts))
        x, known = np.zeros((len(texts), len(self)), np.float32), self._column
        for row, text in zip(x, texts, strict=True):
            for word in self.split(text):
                if word in known:
                    column, sign = known[word]
                    row[column] += sign
        return x

    def encode(self, texts: Iterable[str]) -> Features:
        """Each text as one vector: Features (B, 1, D)."""
        x = self.counts(texts)
        return Features(x[:, None], np.ones((len(x), 1), bool))

    def _check_fitted(self):
        if self._column is None:
            raise ValueError(f"{type(self).__name__}: no words are known yet; call fit, or give words")


class TFIDF(BagOfWords):
    """Counts times the rarity of the word (Spärck Jones, 1972; Salton & Buckley, 1988). Two conventions:

    "smooth"    x_w · (ln((1 + N) / (1 + df_w)) + 1), then each text divided by its length ‖·‖₂
                (scikit-learn's: as if one more text held every word; a word of all texts keeps weight 1)
    "plain"     x_w · ln(N / df_w), as in the papers: a word of all texts weighs nothing. No normalisation;
                df_w is at least 1, so a given word that ``fit`` never met weighs ln N

    N texts were seen by ``fit``, df_w of them with word w. With ``hashing``, df counts columns. Else as
    ``BagOfWords``.
    """

    def __init__(self, convention: str = "smooth", split=None, words=None, hashing=None):
        if convention not in CONVENTIONS:
            raise ValueError(
                f"TFIDF: convention: expected one of {', '.join(CONVENTIONS)}, got {convention!r}"
            )
        super().__init__(split, words, hashing)
        self.convention, self.idf = convention, None

    def fit(self, texts: Iterable[str]):
        """Words and their rarity; → self."""
        texts = list(_many(self, texts))
        if not texts:
            raise ValueError("TFIDF.fit: texts: expected at least one, got none")
        super().fit(texts)
        df = np.zeros(len(self))
        for text in texts:
            df[list({self._column[w][0] for w in self.split(text) if w in self._column})] += 1
        if self.convention == "smooth":
            self.idf = np.log((1 + len(texts)) / (1 + df)) + 1
        else:
            self.idf = np.log(len(texts) / np.maximum(df, 1))
        return self

    def weights(self, texts: Iterable[str]) -> np.ndarray:
        """(B, D) float32; a text without a known word is 0."""
        if self.idf is None:
            raise ValueError("TFIDF: no rarity is known yet; call fit")
        x = self.counts(texts) * self.idf
        if self.convention == "smooth":
            length = np.linalg.norm(x, axis=1, keepdims=True)
            x /= np.where(length > 0, length, 1)
        return x.astype(np.float32)

    def encode(self, texts: Iterable[str]) -> Features:
        """Each text as one vector: Features (B, 1, D)."""
        x = self.weights(texts)
        return Features(x[:, None], np.ones((len(x), 1), bool))


class _Hashed:
    """word → column and sign; every word is in it."""

    def __init__(self, columns):
        self.columns = columns

    def __contains__(self, word):
        return True

    def __getitem__(self, word):
        code = zlib.crc32(word.encode())
        return (code >> 1) % self.columns, 1.0 if code & 1 else -1.0


def _many(who, texts):
    if isinstance(texts, str):
        raise TypeError(f"{type(who).__name__}: texts: expected many texts, got one str; put it in a list")
    return texts
