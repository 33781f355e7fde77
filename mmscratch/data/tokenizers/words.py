"""Whole words of a vocabulary: what the scenes' own grammar and word vectors count."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from ..text import LANGUAGES, tokenize
from ..vocabulary import SPECIAL, Vocabulary
from .base import Tokenizer, check_text

__all__ = ["WordTokenizer"]


class WordTokenizer(Tokenizer):
    """Words ↔ numbers by a ``Vocabulary``; an unknown word is <unk>.

    vocabulary   its numbers are used as they are
    split        text → words; None: ``data.tokenize`` in the language
    lang         "en": words are joined by spaces; "zh": without
    """

    def __init__(
        self, vocabulary: Vocabulary, lang: str = "en", split: Callable[[str], list[str]] | None = None
    ):
        if lang not in LANGUAGES:
            raise ValueError(f"WordTokenizer: lang: expected one of {', '.join(LANGUAGES)}, got {lang!r}")
        self.vocabulary, self.lang = vocabulary, lang
        self.tokens, self.pad = vocabulary.words, vocabulary.pad
        self._split = split or (lambda text: tokenize(text, lang))

    @classmethod
    def from_texts(
        cls, texts: Iterable[str], lang: str = "en", min_count: int = 1, max_size: int | None = None
    ) -> WordTokenizer:
        """The words of these texts, most frequent first."""
        rows = (tokenize(text, lang) for text in texts)
        return cls(Vocabulary.from_tokens(rows, min_count, max_size), lang)

    @classmethod
    def of_scenes(cls, lang: str = "en") -> WordTokenizer:
        """Every word of the scenes' grammar in one language; Chinese is cut into the grammar's own words."""
        from ..scenes import tokenise, vocabulary

        return cls(Vocabulary(vocabulary(lang)), lang, lambda text: tokenise(text, lang))

    def tokenize(self, text: str) -> list[str]:
        """The words of a text, unknown ones too."""
        return self._split(check_text(text, "WordTokenizer"))

    def encode(self, text: str, special_tokens: bool = False) -> list[int]:
        """The numbers of a text; with ``special_tokens`` between <start> and <end>."""
        return self.vocabulary.encode(self.tokenize(text), add_ends=special_tokens)

    def decode(self, ids: Iterable[int] | np.ndarray, special_tokens: bool = False) -> str:
        """Words joined to a text."""
        words = self._tokens_of(ids)
        if not special_tokens:
            words = [w for w in words if w not in SPECIAL or w == SPECIAL[self.vocabulary.unk]]
        return (" " if self.lang == "en" else "").join(words)
