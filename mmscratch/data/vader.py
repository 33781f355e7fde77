"""Rated texts and a rated lexicon, in the files of VADER (Hutto & Gilbert, 2014).

    DIR/…ground_truth….txt     number TAB mean rating (−4 … 4) TAB text, a line each; any such names
    DIR/…lexicon….txt          word TAB mean rating TAB deviation TAB ratings

"Ground truth" may be written in any case, with or without its underscore.
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import DataError
from .files import read_text

__all__ = ["RatedTexts", "load_lexicon", "load_rated", "rated_files", "split_rated"]

MAX_BYTES = 64 << 20
TRUTH = re.compile(r"ground_?truth.*\.txt$", re.IGNORECASE)
LEXICON = re.compile(r"lexicon.*\.txt$", re.IGNORECASE)
PARTS = ("all", "train", "val")


@dataclass(frozen=True)
class RatedTexts:
    """texts (N,) str, ratings (N,) float64, numbers (N,) int64: as the files have them."""

    texts: tuple[str, ...]
    ratings: np.ndarray
    numbers: np.ndarray

    def __len__(self):
        return len(self.texts)

    @property
    def positive(self) -> np.ndarray:
        """Which are rated above 0: bool (N,)."""
        return self.ratings > 0

    def where(self, rows) -> RatedTexts:
        """Those that a mask or a list of numbers chooses."""
        rows = np.arange(len(self))[rows]
        return RatedTexts(tuple(self.texts[i] for i in rows), self.ratings[rows], self.numbers[rows])


def rated_files(path: str | os.PathLike) -> list[Path]:
    """The files of rated texts that a path means: itself, or those of the folder, by name."""
    path = Path(path)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(path, "no such file or folder")
    return sorted(p for p in path.iterdir() if TRUTH.search(p.name) and p.is_file())


def load_rated(path: str | os.PathLike, split: str = "all") -> RatedTexts:
    """The rated texts of a file, or of a folder.

    split      "all": every line; "train", "val": four fifths and a fifth of all, the same for the same texts
               (``split_rated``); any other NAME: the file of the folder whose name has NAME in it, or
               NAME.txt
    Errors     DataError naming the file (and line): missing, no three fields, no rating of −4 … 4, no text,
               a number given twice; ValueError for a split that no file's name, or more than one, has in it
    """
    files = rated_files(path)
    if split not in PARTS:
        plain = Path(path) / f"{split}.txt"
        named = [p for p in files if split and split in p.stem]
        named = [plain] if not named and plain.is_file() else named
        if len(named) != 1:
            raise ValueError(
                f"load_rated: split: expected {', '.join(PARTS)}, or what one file's name has in it "
                f"({', '.join(p.name for p in files)}), got {split!r}"
            )
        files = named
    if not files:
        raise DataError(path, "has no file of rated texts (…ground_truth….txt)")
    rows = {}
    for file in files:
        for number, rating, text in _lines(file):
            if number in rows:
                raise DataError(file, f"number {number} is there twice")
            rows[number] = (rating, text)
    numbers = sorted(rows)
    found = RatedTexts(
        tuple(rows[n][1] for n in numbers), np.array([rows[n][0] for n in numbers]), np.array(numbers)
    )
    return found if split not in ("train", "val") else split_rated(found)[split == "val"]


def split_rated(rated: RatedTexts, parts: int = 5, part: int = 0, seed: int = 0):
    """(the others, one part of ``parts``): shuffled by ``seed``, positives and others dealt out alike."""
    if not 2 <= parts <= len(rated) or not 0 <= part < parts:
        raise ValueError(
            f"split_rated: expected 2 to {len(rated)} parts and 0 ≤ part < parts, got {parts}, {part}"
        )
    random = np.random.Generator(np.random.Philox(seed))
    order = random.permutation(len(rated))
    order = order[np.argsort(rated.positive[order], kind="stable")]
    held = np.zeros(len(rated), bool)
    held[order[part::parts]] = True
    return rated.where(~held), rated.where(held)


def load_lexicon(path: str | os.PathLike) -> dict[str, float]:
    """Word → mean rating, from a file, or the folder's one lexicon; {} where a folder has none.

    Errors     DataError naming file and line for a line without word and number
    """
    path = Path(path)
    if path.is_dir():
        files = sorted(p for p in path.iterdir() if LEXICON.search(p.name) and p.is_file())
        if not files:
            return {}
        path = files[0]
    found = {}
    for k, line in enumerate(read_text(path, MAX_BYTES).splitlines()):
        if not line.strip():
            continue
        word, *fields = line.split("\t")
        found[word] = _number(path, k, fields[0] if fields else "")
    if not found:
        raise DataError(path, "has no word")
    return found


def _lines(path):
    some = False
    for k, line in enumerate(read_text(path, MAX_BYTES).split("\n")):
        if not line.strip():
            continue
        number, *fields = line.rstrip("\r").split("\t", 2)
        if len(fields) != 2 or not number.strip().isdecimal() or not fields[1].strip():
            raise DataError(path, f"line {k + 1}: expected number TAB rating TAB text, got {line[:60]!r}")
        rating = _number(path, k, fields[0])
        if not -4 <= rating <= 4:
            raise DataError(path, f"line {k + 1}: expected a rating from −4 to 4, got {fields[0]}")
        some = True
        yield int(number), rating, fields[1].strip()
    if not some:
        raise DataError(path, "has no rated text")


def _number(path, k, text):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(path, f"line {k + 1}: expected a number, got {text[:40]!r}")
    return value
