"""CLIP's tokenizer: byte pairs of lower-case words, each of which ends in </w> (Radford et al., 2021)."""

from __future__ import annotations

import html
import os
import re
import unicodedata
from collections.abc import Iterable
from itertools import chain

import numpy as np

from ..errors import DataError
from ..files import decode_text, read_gzipped
from .base import Pieces, check_text, no_surrogates
from .byte_pairs import CHARACTER_OF, BytePairs, merge, word_pattern
from .characters import WHITE

__all__ = ["CLIPBPE"]

START, END, WORD_END = "<|startoftext|>", "<|endoftext|>", "</w>"
SIZE = 49_408
MAX_BYTES = 64 << 20

# English endings; letters; a digit; a run of marks. (U+0345, an iota below, is neither letter nor mark where
# CLIP's own expression ignores case, and so is passed over.)
_ENDINGS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORDS = rf"<\|startoftext\|>|<\|endoftext\|>|{_ENDINGS}|[{{L}}]+|[{{N}}]|[^{{S}}{{L}}{{N}}\u0345]+"
_SPACES = re.compile(f"[{WHITE}]+")
_ESCAPE = re.compile("\x1b\\[[0-9;]*[A-Za-z]")  # what colours a terminal


def _replacements() -> dict[int, str | None]:
    """Character by character, what ftfy.fix_text replaces or removes."""
    table: dict[int, str | None] = {}
    controls = (*range(0x09), 0x0B, *range(0x0E, 0x20), 0x7F, *range(0x206A, 0x2070), 0xFEFF)
    table |= dict.fromkeys((*controls, *range(0xFFF9, 0xFFFD)))
    for byte in range(0x80, 0xA0):  # of Windows-1252, read as Latin-1
        table[byte] = bytes([byte]).decode("cp1252", errors="ignore") or chr(byte)
    for code in (*range(0xFF01, 0xFFF0), 0x3000):  # full and half width, as East Asian characters
        table[code] = unicodedata.normalize("NFKC", chr(code))
    for ligature in "ĲĳŉǱǲǳǄǅǆﬀﬁﬂﬃﬄﬅﬆ":
        table[ord(ligature)] = unicodedata.normalize("NFKC", ligature)
    table |= dict.fromkeys(map(ord, "ʼ‘’‚‛"), "'") | dict.fromkeys(map(ord, "“”„‟"), '"')
    return table


_IN_ORDER = _replacements()


class CLIPBPE(BytePairs):
    """Text → at most 77 numbers: <|startoftext|>, its byte pairs, <|endoftext|>, filled up with 0.

    Before anything else a text is put in order (``clean``); so ``decode`` knows nothing of case and spacing.
    A text that says "<|endoftext|>" means the mark, as in CLIP's own code.
    """

    context_length = 77

    def __init__(self, merges: Iterable[tuple[str, str]]):
        merges = list(merges)
        letters = sorted(CHARACTER_OF)  # those that Latin-1 prints come first
        tokens = [*letters, *(c + WORD_END for c in letters), *map("".join, merges), START, END]
        super().__init__(tokens, merges, (START, END))
        self.start, self.end = self.vocabulary[START], self.vocabulary[END]
        self.pad = 0
        self._pattern = word_pattern(_WORDS)
        self._pieces = Pieces(self._cut)

    @classmethod
    def from_file(cls, path: str | os.PathLike) -> CLIPBPE:
        """From ``bpe_simple_vocab_16e6.txt.gz``: a comment, then a merge a line; the first 48,894 count.

        Errors     DataError for a file that is none
        """
        data = read_gzipped(path, MAX_BYTES)
        wanted = SIZE - 2 * len(CHARACTER_OF) - 2
        pairs = [tuple(line.split()) for line in decode_text(data, path).split("\n")[1 : wanted + 1]]
        if len(pairs) < wanted:
            raise DataError(path, f"has {len(pairs):,} merges, expected at least {wanted:,}")
        for number, pair in enumerate(pairs, 2):
            if len(pair) != 2:
                raise DataError(path, f"line {number}: expected two tokens, got {' '.join(pair)[:40]!r}")
        try:
            return cls(pairs)
        except ValueError as error:
            raise DataError(path, f"is no list of merges: {error}") from None

    @staticmethod
    def clean(text: str) -> str:
        """&amp; and the like read twice, straight quotation marks, no ligatures or control characters,
        letters of usual width, NFC, single spaces, lower case.

        CLIP's own code leaves this to the package ftfy, which also repairs text that was decoded wrongly
        ("schÃ¶n"): who has such text calls ftfy.fix_text first.
        """
        text = html.unescape(html.unescape(text))
        if not text.isascii() or not text.isprintable():
            text = _ESCAPE.sub("", text).translate(_IN_ORDER).translate(_IN_ORDER)  # ŉ gives an ʼ
            text = unicodedata.normalize("NFC", text)
        return _SPACES.sub(" ", text).strip(" ").lower()

    def _as_bytes(self, token: str) -> bytes:
        return super()._as_bytes(token.removesuffix(WORD_END)) + b" " * token.endswith(WORD_END)

    def _cut(self, word: str) -> list[int]:
        if word in self.marks:
            return [self.vocabulary[word]]
        parts = [CHARACTER_OF[byte] for byte in word.encode()]
        parts[-1] += WORD_END
        return [self.vocabulary[part] for part in merge(parts, self.ranks)]

    def encode(self, text: str, special_tokens: bool = False) -> list[int]:
        """The numbers of a text; with ``special_tokens`` between <|startoftext|> and <|endoftext|>.

        Errors     ValueError for half of a surrogate pair
        """
        no_surrogates(check_text(text, "CLIPBPE"), "CLIPBPE")
        words = self._pattern.findall(self.clean(text))
        ids = list(chain.from_iterable(map(self._pieces.__getitem__, words)))
        return [self.start, *ids, self.end] if special_tokens else ids

    def encode_batch(
        self,
        texts: Iterable[str],
        special_tokens: bool = True,
        length: int | None = context_length,
        truncate: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """As CLIP takes them: with both marks, 77 numbers a text.

        Shapes     B texts → ids (B, 77) int64, mask (B, 77) bool
        """
        return super().encode_batch(texts, special_tokens, length, truncate)

    def decode(self, ids: Iterable[int] | np.ndarray, special_tokens: bool = False) -> str:
        """Words with a space between them; case and spacing of the text are not known."""
        return self._text_of(ids, special_tokens).strip(" ")
