"""What BERT is pretrained on: hidden tokens, and pairs of sentences (Devlin et al., 2019, §3.1, A.2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...data.tokenizers import WordPiece

__all__ = ["MARKS", "draw_pairs", "join_pairs", "mask_tokens"]

MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""The tokens that stand first in a vocabulary of ours; no word is replaced by one of them at random."""


def mask_tokens(ids, allowed, tokenizer: WordPiece, random, share: float = 0.15):
    """Choose tokens to be guessed, and hide most of them.

    Forward    of each row max(1, round(share · n)) of its n allowed tokens are chosen; of these 80 % become
               [MASK], 10 % a token drawn at random, 10 % stay: so no vector may rely on seeing the truth
    Shapes     ids (B, T) integers, allowed (B, T) bool → ids (B, T), chosen (B, T) bool
    Errors     ValueError where a row has no allowed token, or share is not in (0, 1]
    """
    if not 0 < share <= 1:
        raise ValueError(f"mask_tokens: share: expected a number in (0, 1], got {share}")
    n = allowed.sum(axis=1)
    if not n.all():
        raise ValueError(f"mask_tokens: allowed: row {int(n.argmin())} has no token that may be hidden")
    count = np.maximum(1, np.rint(share * n)).astype(np.int64)
    rank = np.where(allowed, random.random(ids.shape), 2.0).argsort(axis=1).argsort(axis=1)
    chosen = rank < count[:, None]
    fate, word = random.random(ids.shape), random.integers(len(MARKS), len(tokenizer), ids.shape)
    hidden = np.where(fate < 0.8, tokenizer.vocabulary["[MASK]"], np.where(fate < 0.9, word, ids))
    return np.where(chosen, hidden, ids), chosen


def draw_pairs(documents: Sequence[Sequence], random):
    """For each document two sentences in a row; or, half the time, the second from elsewhere.

    documents  each with the same number of sentences, at least two
    → first, second: lists of sentences; other (B,): 0 where the second follows, 1 where it does not

    The stranger stands at the same place in another document, so that its form betrays nothing.
    Errors     ValueError for fewer than two documents or sentences, or documents of different lengths
    """
    n, size = len(documents), len(documents[0]) if documents else 0
    if n < 2 or size < 2 or any(len(d) != size for d in documents):
        raise ValueError(
            f"draw_pairs: documents: expected at least two of the same length of at least 2, got {n} of "
            f"{sorted({len(d) for d in documents})} sentences"
        )
    place, other = random.integers(0, size - 1, n), random.integers(0, 2, n)
    stranger = (np.arange(n) + random.integers(1, n, n)) % n
    source = np.where(other == 1, stranger, np.arange(n))
    first = [documents[i][p] for i, p in enumerate(place)]
    second = [documents[i][p + 1] for i, p in zip(source, place, strict=True)]
    return first, second, other


def join_pairs(first, second, tokenizer: WordPiece):
    """[CLS] first [SEP] second [SEP], filled up.

    first, second   lists of lists of token numbers
    Shapes          → ids, segments int64 (B, T), mask bool (B, T)
    """
    start, end = tokenizer.vocabulary["[CLS]"], tokenizer.vocabulary["[SEP]"]
    rows = [[start, *a, end, *b, end] for a, b in zip(first, second, strict=True)]
    ids = np.full((len(rows), max(map(len, rows))), tokenizer.pad, np.int64)
    segments, mask = np.zeros_like(ids), np.zeros(ids.shape, bool)
    for i, (row, a) in enumerate(zip(rows, first, strict=True)):
        ids[i, : len(row)], mask[i, : len(row)] = row, True
        segments[i, len(a) + 2 : len(row)] = 1
    return ids, segments, mask
