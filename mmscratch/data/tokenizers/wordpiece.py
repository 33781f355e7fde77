"""WordPiece as BERT counts words (Devlin et al., 2019; the algorithm: Schuster & Nakajima, 2012).

Basic      1. control characters go, every kind of white space is a space
           2. a Chinese character is a word of its own
           3. uncased: lower case; then canonical decomposition (NFD) without the marks (category Mn)
           4. a punctuation mark is a word of its own
WordPiece  a word is cut from the left into the longest pieces that the vocabulary has; pieces after the first
           begin with ##. A word that cannot be cut up, or of more than 100 characters, is [UNK].

A piece of text between two spaces is looked at once; the numbers found for it are remembered.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np

from ..errors import DataError
from ..files import read_text
from .base import Pieces, Tokenizer, check_text, no_surrogates
from .characters import Table, is_cjk, is_control, is_punctuation

__all__ = ["WordPiece"]

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
MAX_VOCABULARY_BYTES = 64 << 20

# Control characters that str.split() would take for spaces: they must go first.
_FALSE_SPACE = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
_ASCII_WORDS = re.compile(r"[0-9A-Za-z]+|[!-/:-@\[-`{-~]")
_CLEAN = Table(lambda c: None if is_control(c) else f" {c} " if is_cjk(c) else c)
_NO_MARKS = Table(lambda c: None if unicodedata.category(c) == "Mn" else c)
_MARKS_APART = Table(lambda c: f" {c} " if is_punctuation(c) else c)


class WordPiece(Tokenizer):
    """A BERT vocabulary and how BERT cuts text by it.

    tokens            the vocabulary in order; [UNK] must be among them
    lowercase         True for uncased models
    strip_accents     None: as ``lowercase``
    max_characters    a longer word is [UNK]: 100, as in Hugging Face's BertTokenizer (Google's own has 200)

    Text that says "[SEP]" is three ordinary words: marks are put in by ``special_tokens`` alone.
    Errors            ValueError for a vocabulary without [UNK], or with a token twice
    """

    def __init__(
        self,
        tokens: Sequence[str],
        lowercase: bool = True,
        strip_accents: bool | None = None,
        max_characters: int = 100,
    ):
        self.tokens = tuple(tokens)
        self.vocabulary = {token: i for i, token in enumerate(self.tokens)}
        if len(self.vocabulary) != len(self.tokens):
            token = next(t for i, t in enumerate(self.tokens) if self.vocabulary[t] != i)
            raise ValueError(f"WordPiece: tokens: {token!r} is there more than once")
        if "[UNK]" not in self.vocabulary:
            raise ValueError("WordPiece: tokens: [UNK] is not among them")
        self.lowercase = lowercase
        self.strip_accents = lowercase if strip_accents is None else strip_accents
        self.max_characters = max_characters
        self.unknown = self.vocabulary["[UNK]"]
        self.pad = self.vocabulary.get("[PAD]", 0)
        self._first = {t: i for t, i in self.vocabulary.items() if not t.startswith("##")}
        self._later = {t[2:]: i for t, i in self.vocabulary.items() if t.startswith("##")}
        self._first_longest = max(map(len, self._first))
        self._later_longest = max(map(len, self._later), default=0)
        self._word_pieces = Pieces(self._cut)
        self._chunk_pieces = Pieces(self._read_chunk)

    @classmethod
    def from_vocab(cls, path: str | os.PathLike, **options) -> WordPiece:
        """From a ``vocab.txt``: one token a line, its number is the line's.

        Errors     DataError for a file that is none: unreadable, a token twice, without [UNK]
        """
        lines = read_text(path, MAX_VOCABULARY_BYTES).split("\n")  # not splitlines: U+2028 is a token
        tokens = [line.removesuffix("\r") for line in lines]
        while tokens and not tokens[-1]:
            tokens.pop()
        try:
            return cls(tokens, **options)
        except ValueError as error:
            raise DataError(path, f"is no vocabulary: {error}") from None

    # ── text → words ─────────────────────────────────────────────────────────────────────────────
    def words(self, text: str) -> list[str]:
        """Steps 1 to 4: words and marks, not yet cut into pieces."""
        return [word for chunk in self._chunks(text) for word in self._words_of(chunk)]

    def _chunks(self, text: str) -> list[str]:
        if _FALSE_SPACE.search(check_text(text, "WordPiece")):
            text = _FALSE_SPACE.sub("", text)
        return text.split()

    def _words_of(self, chunk: str) -> list[str]:
        """The words of a piece of text without spaces."""
        if chunk.isascii() and chunk.isprintable():
            if chunk.isalnum():
                return [chunk.lower() if self.lowercase else chunk]
            return _ASCII_WORDS.findall(chunk.lower() if self.lowercase else chunk)
        no_surrogates(chunk, "WordPiece")
        words = []
        for word in chunk.translate(_CLEAN).split():
            if self.lowercase:
                word = word.lower()
            if self.strip_accents:
                word = unicodedata.normalize("NFD", word).translate(_NO_MARKS)
            words += word.translate(_MARKS_APART).split()
        return words

    # ── words → pieces ───────────────────────────────────────────────────────────────────────────
    def _cut(self, word: str) -> list[int]:
        """Greedy: the longest piece from the left, and again from where it ends."""
        size = len(word)
        if size > self.max_characters:
            return [self.unknown]
        ids, start = [], 0
        number_of, longest = self._first.get, self._first_longest
        while start < size:
            stop = min(size, start + longest)
            while (number := number_of(word[start:stop])) is None:
                stop -= 1
                if stop <= start:
                    return [self.unknown]
            ids.append(number)
            start, number_of, longest = stop, self._later.get, self._later_longest
        return ids

    def _read_chunk(self, chunk: str) -> Iterable[int]:
        return chain.from_iterable(map(self._word_pieces.__getitem__, self._words_of(chunk)))

    def forget(self) -> None:
        """Empty the memory of words (their numbers do not depend on it)."""
        self._word_pieces.clear()
        self._chunk_pieces.clear()

    def encode(self, text: str, special_tokens: bool = False) -> list[int]:
        """The numbers of a text; with ``special_tokens`` between [CLS] and [SEP].

        Errors     ValueError for half of a surrogate pair
        """
        ids = list(chain.from_iterable(map(self._chunk_pieces.__getitem__, self._chunks(text))))
        return [self._mark("[CLS]"), *ids, self._mark("[SEP]")] if special_tokens else ids

    def encode_pair(self, first: str, second: str, length: int | None = None) -> tuple[list[int], list[int]]:
        """[CLS] first [SEP] second [SEP], and to which of the two each number belongs (0, 1).

        length     at most so many numbers: the longer text loses its last piece until all fits (BERT's rule)
        """
        a, b = self.encode(first), self.encode(second)
        if length is not None:
            if length < 3:
                raise ValueError(f"WordPiece.encode_pair: length: expected at least 3, got {length}")
            while len(a) + len(b) + 3 > length:
                (a if len(a) > len(b) else b).pop()
        start, end = self._mark("[CLS]"), self._mark("[SEP]")
        return [start, *a, end, *b, end], [0] * (len(a) + 2) + [1] * (len(b) + 1)

    def tokenize(self, text: str) -> list[str]:
        """The pieces of a text as the vocabulary writes them."""
        return [self.tokens[i] for i in self.encode(text)]

    def decode(self, ids: Iterable[int] | np.ndarray, special_tokens: bool = False) -> str:
        """Pieces joined to words, words by spaces; case, accents and spacing of the text are not known."""
        tokens = self._tokens_of(ids)
        if not special_tokens:
            tokens = [t for t in tokens if t not in SPECIAL or t == "[UNK]"]
        return " ".join(tokens).replace(" ##", "")

    def _mark(self, token: str) -> int:
        if token not in self.vocabulary:
            raise ValueError(f"WordPiece: the vocabulary has no {token}")
        return self.vocabulary[token]
