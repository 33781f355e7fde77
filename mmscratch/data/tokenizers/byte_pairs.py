"""Byte-pair encoding (Sennrich, Haddow & Birch, 2016) over bytes (Radford et al., 2019): GPT-2's and CLIP's.

A text's UTF-8 bytes are written as 256 printable characters, so that no text is unknown and a vocabulary file
can be read by people: byte 32, a space, is Ġ. A word begins as its bytes; then, of all neighbouring pairs,
the one that was merged earliest when the vocabulary was made is merged wherever it stands, and so on until no
pair is in the list.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from .base import Tokenizer
from .characters import LETTER, NUMBER, WHITE, class_of

__all__ = ["BYTE_OF", "CHARACTER_OF", "BytePairs", "merge", "word_pattern"]


def _characters() -> tuple[str, ...]:
    """byte → character: itself where Latin-1 prints it, else the next from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = [b for b in range(256) if b not in printable]
    return tuple(chr(b) if b in printable else chr(256 + others.index(b)) for b in range(256))


CHARACTER_OF = _characters()
BYTE_OF = {character: byte for byte, character in enumerate(CHARACTER_OF)}


@cache
def word_pattern(pattern: str) -> re.Pattern:
    """A pattern in which {L}, {N} and {S} stand for the classes of letters, numbers and white space."""
    inside = {"L": class_of(LETTER), "N": class_of(NUMBER), "S": WHITE}
    return re.compile(re.sub(r"\{([LNS])\}", lambda m: inside[m[1]], pattern))


def merge(parts: list[str], ranks: dict[tuple[str, str], int]) -> list[str]:
    """Merge the pair of lowest rank wherever it stands, from the left, until no pair has a rank."""
    never = len(ranks)
    while len(parts) > 1:
        best = min(zip(parts, parts[1:], strict=False), key=lambda pair: ranks.get(pair, never))
        if best not in ranks:
            break
        merged, i, last = [], 0, len(parts) - 1
        while i <= last:
            if i < last and parts[i] == best[0] and parts[i + 1] == best[1]:
                merged.append(best[0] + best[1])
                i += 2
            else:
                merged.append(parts[i])
                i += 1
        parts = merged
    return parts


class BytePairs(Tokenizer):
    """Tokens by number, merges by rank, and the way back to bytes.

    tokens    by number; those that are not marks are written in the characters of ``CHARACTER_OF``
    merges    pairs of tokens, the earliest first
    marks     tokens that stand for themselves: not bytes, never in a word
    Errors    ValueError for a token or merge that is there twice, one whose parts or result is no token, or
              a token that is not written in those characters
    """

    def __init__(self, tokens: Sequence[str], merges: Iterable[tuple[str, str]], marks: Iterable[str] = ()):
        self.tokens = tuple(tokens)
        self.marks = frozenset(marks)
        self.vocabulary = {token: i for i, token in enumerate(self.tokens)}
        self.ranks = {pair: i for i, pair in enumerate(merges)}
        self._check()
        self._bytes_of = [None if t in self.marks else self._as_bytes(t) for t in self.tokens]

    def _check(self) -> None:
        who, known = type(self).__name__, self.vocabulary
        if len(known) != len(self.tokens):
            token = next(t for i, t in enumerate(self.tokens) if known[t] != i)
            raise ValueError(f"{who}: tokens: {token!r} is there more than once")
        for token in (*self.marks, *CHARACTER_OF):
            if token not in known:
                raise ValueError(f"{who}: tokens: {token!r} is not among them")
        for i, (pair, rank) in enumerate(self.ranks.items()):
            if i != rank:
                raise ValueError(f"{who}: merges: {pair!r} is there more than once")
            if "".join(pair) not in known or pair[0] not in known or pair[1] not in known:
                raise ValueError(f"{who}: merges[{i}]: {pair!r} or what it gives is no token")

    def _as_bytes(self, token: str) -> bytes:
        try:
            return bytes([BYTE_OF[c] for c in token])
        except KeyError as error:
            raise ValueError(
                f"{type(self).__name__}: tokens: {token!r} has {error.args[0]!r}, which stands for no byte"
            ) from None

    def tokenize(self, text: str) -> list[str]:
        """The tokens of a text as the vocabulary writes them."""
        return [self.tokens[i] for i in self.encode(text)]

    def _text_of(self, ids: Iterable[int], special_tokens: bool) -> str:
        """Bytes joined and read as UTF-8; what is cut in the middle of a character gives U+FFFD."""
        parts, run = [], bytearray()
        for token in self._tokens_of(ids):
            if token not in self.marks:
                run += self._bytes_of[self.vocabulary[token]]
            elif special_tokens:
                parts += [run.decode(errors="replace"), token]
                run = bytearray()
        return "".join([*parts, run.decode(errors="replace")])
