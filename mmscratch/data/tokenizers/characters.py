"""Classes of characters by their Unicode category, which ``re`` has no words for.

The categories are those of ``unicodedata``: a Python with a newer Unicode knows more letters.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable
from functools import cache
from itertools import groupby

__all__ = ["LETTER", "NUMBER", "WHITE", "Table", "class_of", "is_cjk", "is_control", "is_punctuation"]

LETTER, NUMBER = "L", "N"
"""Categories, by their first letter: what other regular expressions call \\p{L} and \\p{N}."""

WHITE = "\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000"
"""Unicode's White_Space, as a regular expression's class. (``re``'s own \\s also has U+001C … U+001F.)"""

# Blocks of Chinese characters; not of kana or hangul (BERT's list).
_CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


@cache
def class_of(category: str) -> str:
    """All characters whose category begins so, as the inside of a regular expression's [ ]."""
    runs, start = [], 0
    for letter, group in groupby(_majors()):
        stop = start + sum(1 for _ in group)
        if letter == category:
            runs.append(f"\\U{start:08x}-\\U{stop - 1:08x}")
        start = stop
    if not runs:
        raise ValueError(f"class_of: no character has a category that begins with {category!r}")
    return "".join(runs)


@cache
def _majors() -> str:
    """The first letter of every character's category."""
    return "".join([unicodedata.category(chr(i))[0] for i in range(sys.maxunicode + 1)])


def is_cjk(character: str) -> bool:
    """A Chinese character, that BERT makes a word of its own."""
    code = ord(character)
    return any(low <= code <= high for low, high in _CJK)


def is_control(character: str) -> bool:
    """What BERT removes: control, format and private characters, and U+FFFD.

    Unassigned ones stay, so that an emoji newer than this Python's Unicode is [UNK] and not nothing.
    """
    if character in "\t\n\r":
        return False
    return character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co")


def is_punctuation(character: str) -> bool:
    """Category P…, and every mark of ASCII: $, +, ^ and ` are no punctuation to Unicode, but to BERT."""
    code = ord(character)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(character)[0] == "P"


class Table(dict):
    """What ``str.translate`` takes: each character's replacement, worked out when it is first met."""

    def __init__(self, replace: Callable[[str], str | None]):
        super().__init__()
        self._replace = replace

    def __missing__(self, code: int):
        found = self[code] = self._replace(chr(code))
        return found
