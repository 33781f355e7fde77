"""GPT-2's tokenizer: byte pairs within words, a word with the space before it (Radford et al., 2019)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from itertools import chain

import numpy as np

from ..errors import DataError
from ..files import read_json, read_text
from .base import Pieces, check_text, no_surrogates
from .byte_pairs import CHARACTER_OF, BytePairs, merge, word_pattern

__all__ = ["GPT2BPE"]

END = "<|endoftext|>"
MAX_BYTES = 64 << 20

# English endings; a word, number or run of marks with one space before it; white space (its last one belongs
# to what follows).
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?[{L}]+| ?[{N}]+| ?[^{S}{L}{N}]+|[{S}]+(?![^{S}])|[{S}]+"


class GPT2BPE(BytePairs):
    """Any text ↔ numbers, without loss: decode(encode(text)) == text.

    Text that says "<|endoftext|>" is ordinary text; the mark itself is ``end``.
    """

    def __init__(self, tokens: Iterable[str], merges: Iterable[tuple[str, str]]):
        super().__init__(tuple(tokens), merges, (END,))
        self.end = self.pad = self.vocabulary[END]
        self._pattern = word_pattern(_WORDS)
        self._pieces = Pieces(self._cut)

    @classmethod
    def from_files(cls, vocab: str | os.PathLike, merges: str | os.PathLike) -> GPT2BPE:
        """From ``vocab.json`` (token → number) and ``merges.txt`` (a comment, then a pair a line).

        Errors     DataError naming the file that cannot be used
        """
        table = read_json(vocab, MAX_BYTES, dict)
        if sorted(table.values(), key=str) != sorted(range(len(table)), key=str):
            raise DataError(vocab, f"does not number its {len(table)} tokens from 0")
        pairs = []
        for number, line in enumerate(read_text(merges, MAX_BYTES).split("\n"), 1):
            line = line.removesuffix("\r")
            if not line or (number == 1 and line.startswith("#version")):
                continue
            pair = tuple(line.split(" "))
            if len(pair) != 2 or not all(pair):
                raise DataError(merges, f"line {number}: expected two tokens, got {line[:40]!r}")
            pairs.append(pair)
        try:
            return cls(sorted(table, key=table.get), pairs)
        except ValueError as error:
            raise DataError(merges, f"does not fit {os.fspath(vocab)}: {error}") from None

    def _cut(self, word: str) -> list[int]:
        parts = [CHARACTER_OF[byte] for byte in word.encode()]
        return [self.vocabulary[part] for part in merge(parts, self.ranks)]

    def encode(self, text: str, special_tokens: bool = False) -> list[int]:
        """The numbers of a text; with ``special_tokens`` after <|endoftext|>, where its documents began.

        Errors     ValueError for half of a surrogate pair
        """
        no_surrogates(check_text(text, "GPT2BPE"), "GPT2BPE")
        ids = chain.from_iterable(map(self._pieces.__getitem__, self._pattern.findall(text)))
        return [self.end, *ids] if special_tokens else list(ids)

    def decode(self, ids: Iterable[int] | np.ndarray, special_tokens: bool = False) -> str:
        """The text again; U+FFFD where the numbers end within a character."""
        return self._text_of(ids, special_tokens)

    def _shorten(self, ids: list[int], length: int, special_tokens: bool) -> list[int]:
        return ids[:length]  # its mark stands at the beginning
