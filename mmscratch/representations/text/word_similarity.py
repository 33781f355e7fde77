"""Do near vectors stand for words that people call similar? WordSim-353, MEN and lists of their form."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from ...data.errors import DataError
from ...data.files import read_text
from ...metrics.correlation import spearman

__all__ = ["Agreement", "agreement", "read_pairs"]


@dataclasses.dataclass(frozen=True)
class Agreement:
    """rho: Spearman's ρ of cosine and human score over the ``known`` of all ``pairs``, NaN for none."""

    rho: float
    known: int
    pairs: int

    def __str__(self):
        return f"ρ = {self.rho:.3f} on {self.known} of {self.pairs} pairs ({self.known / self.pairs:.0%})"


def read_pairs(path: str | os.PathLike) -> list[tuple[str, str, float]]:
    """Two words and a score a line, between tabs or spaces.

    Errors     DataError naming the line that is something else
    """
    pairs = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        parts = line.split()
        if not parts or line.startswith("#"):
            continue
        try:
            first, second, score = parts[0], parts[1], float(parts[2])
        except (IndexError, ValueError):
            raise DataError(
                path, f"line {number}: expected two words and a score, got {line[:40]!r}"
            ) from None
        if len(parts) != 3 or not np.isfinite(score):
            raise DataError(path, f"line {number}: expected two words and a score, got {line[:40]!r}")
        pairs.append((first, second, score))
    if not pairs:
        raise DataError(path, "holds no pairs of words")
    return pairs


def agreement(vectors, pairs) -> Agreement:
    """Spearman's ρ over the pairs of which both words have a vector (as written, or in lower case)."""
    found = []
    for first, second, score in pairs:
        a, b = (word if word in vectors else word.lower() for word in (first, second))
        if a in vectors and b in vectors:
            found.append((vectors.similarity(a, b), score))
    rho = spearman(*zip(*found, strict=True)) if len(found) > 1 else float("nan")
    return Agreement(rho, len(found), len(pairs))
