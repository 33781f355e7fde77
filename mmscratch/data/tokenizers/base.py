"""What every tokenizer offers, whatever it takes for a token."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

import numpy as np

__all__ = ["Pieces", "Tokenizer", "check_text", "no_surrogates"]

MEMORY = 1 << 18
"""So many different words a tokenizer remembers the pieces of; then it starts anew."""


class Tokenizer(ABC):
    """text → numbers → text.

    tokenize(text)                        the tokens as published models name them: list of str
    encode(text, special_tokens=False)    their numbers: list of int; with the model's own marks if asked
    decode(ids, special_tokens=False)     the text of numbers; the model's marks are left out unless asked for
    encode_batch(texts, …)                many texts as one array and its mask

    A tokenizer defines the first three, ``tokens`` (number → token) and ``pad`` (the number that fills up).
    """

    tokens: Sequence[str]
    pad: int = 0

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} tokens)"

    @abstractmethod
    def tokenize(self, text: str) -> list[str]:
        """The tokens, named as published models name them."""

    @abstractmethod
    def encode(self, text: str, special_tokens: bool = False) -> list[int]:
        """Their numbers."""

    @abstractmethod
    def decode(self, ids: Iterable[int] | np.ndarray, special_tokens: bool = False) -> str:
        """The text of numbers."""

    def encode_batch(
        self,
        texts: Iterable[str],
        special_tokens: bool = False,
        length: int | None = None,
        truncate: bool = False,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of many texts, filled up with ``pad``, and where there is a token.

        length     of every row; None: as long as the longest text needs
        truncate   cut what is longer than ``length`` (an end mark stays at the end)
        Shapes     B texts → ids (B, T) int64, mask (B, T) bool
        Errors     TypeError for one str instead of many; ValueError for a text longer than ``length``
        """
        if isinstance(texts, str):
            raise TypeError("encode_batch: texts: expected many texts, got one str; put it in a list")
        if length is not None and length < 1:
            raise ValueError(f"encode_batch: length: expected at least 1, got {length}")
        rows = [self.encode(text, special_tokens) for text in texts]
        longest = max(map(len, rows), default=0)
        if length is not None and longest > length:
            if not truncate:
                number = next(i for i, row in enumerate(rows) if len(row) > length)
                raise ValueError(
                    f"encode_batch: texts[{number}] has {len(rows[number])} tokens, more than "
                    f"length={length}; truncate=True cuts it"
                )
            rows = [self._shorten(row, length, special_tokens) for row in rows]
        width = longest if length is None else length
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        mask = np.arange(width) < lengths[:, None]
        ids = np.full((len(rows), width), self.pad, np.int64)
        ids[mask] = np.fromiter((i for row in rows for i in row), np.int64, int(lengths.sum()))
        return ids, mask

    def _shorten(self, ids: list[int], length: int, special_tokens: bool) -> list[int]:
        """The first numbers; where there are marks, the last number stays last."""
        if special_tokens and len(ids) > length:
            return [*ids[: length - 1], ids[-1]]
        return ids[:length]

    def _tokens_of(self, ids: Iterable[int]) -> list[str]:
        """Number → token, with an error for numbers that are none."""
        found = []
        for number in ids:
            i = int(number)
            if not 0 <= i < len(self.tokens):
                raise IndexError(
                    f"{type(self).__name__}.decode: ids: {i} is outside 0…{len(self.tokens) - 1}"
                )
            found.append(self.tokens[i])
        return found


class Pieces(dict):
    """word → its numbers (a tuple), found by ``find`` when first asked for; forgets all when it is full.

    Looking up a known word is a dictionary's own work, so ``map(pieces.__getitem__, words)`` runs without
    Python code between the words.
    """

    def __init__(self, find, memory: int = MEMORY):
        super().__init__()
        self._find, self._memory = find, memory

    def __missing__(self, word):
        if len(self) >= self._memory:
            self.clear()
        found = self[word] = tuple(self._find(word))
        return found


def check_text(text: object, who: str) -> str:
    """The text itself, or a TypeError for what is none."""
    if not isinstance(text, str):
        raise TypeError(f"{who}: text: expected str, got {type(text).__name__}")
    return text


def no_surrogates(text: str, who: str) -> bytes:
    """The text's UTF-8; ValueError where it holds half of a surrogate pair, which is no character."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{who}: text: character {error.start} is U+{ord(text[error.start]):04X}, half of a surrogate "
            "pair; was the text decoded with errors='surrogateescape'?"
        ) from None
