"""What the caption metrics share: tokens, n-gram counts, and the check that candidates meet references."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

Caption = str | Sequence[str]
"""A caption is a list of tokens, or a string whose tokens stand between spaces."""


def as_tokens(caption: Caption, what: str) -> tuple[str, ...]:
    """The tokens of a caption; `what` names it in errors."""
    if isinstance(caption, str):
        return tuple(caption.split())
    tokens = tuple(caption)
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"{what}: expected a str or a list of str, got a token of {type(token).__name__}")
    return tokens


def ngram_counts(tokens: Sequence[str], max_n: int) -> Counter[tuple[str, ...]]:
    """How often each n-gram of length 1…max_n occurs."""
    tokens = tuple(tokens)
    counts: Counter[tuple[str, ...]] = Counter()
    for n in range(1, max_n + 1):
        counts.update(zip(*(tokens[i:] for i in range(n)), strict=False))  # n neighbours at a time
    return counts


def paired(
    metric: str, candidates: Sequence[Caption], references: Sequence[Sequence[Caption]]
) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """One (candidate, its references) a picture, as tokens; ValueError when they do not belong together."""
    if isinstance(candidates, str) or isinstance(references, str):
        raise TypeError(f"{metric}: candidates and references: expected one entry per image, got a str")
    if len(candidates) != len(references):
        raise ValueError(
            f"{metric}: {len(candidates)} candidates but references for {len(references)} images"
        )
    if len(candidates) == 0:
        raise ValueError(f"{metric}: candidates: expected at least one, got none")
    pairs = []
    for i, (candidate, several) in enumerate(zip(candidates, references, strict=True)):
        if isinstance(several, str):
            raise TypeError(
                f"{metric}: references[{i}]: expected a list of captions, got the str {several[:30]!r}"
            )
        tokens = [as_tokens(r, f"{metric}: references[{i}]") for r in several]
        if not tokens:
            raise ValueError(f"{metric}: references[{i}]: expected at least one caption, got none")
        pairs.append((as_tokens(candidate, f"{metric}: candidates[{i}]"), tokens))
    return pairs


def positive(metric: str, name: str, value: int) -> None:
    """Refuse anything but an int of at least 1."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{metric}: {name}: expected an int of at least 1, got {value!r}")
