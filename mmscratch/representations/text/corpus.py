"""Sentences as numbers, and what is drawn from them: windows, frequent words left out, noise."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from ...data.vocabulary import Vocabulary

__all__ = ["Corpus", "Noise", "ahead", "chunks", "keep_probability", "take_rows", "windows"]

CHUNK = 20_000
"""Words whose neighbours are looked up at once."""


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Many sentences in one row of word numbers.

    ids (N,)        int32, the numbers of all sentences one after the other
    starts (S + 1,) int64, where each sentence begins, and the end
    """

    vocabulary: Vocabulary
    ids: np.ndarray
    starts: np.ndarray

    @classmethod
    def from_sentences(
        cls,
        sentences: Iterable[Sequence[str]],
        min_count: int = 1,
        max_size: int | None = None,
        vocabulary: Vocabulary | None = None,
    ) -> Corpus:
        """Words that are not in the vocabulary are left out; their neighbours move together.

        vocabulary   None: the words that occur at least ``min_count`` times
        Errors       TypeError for a sentence that is one str; ValueError where no word is left
        """
        sentences = list(sentences)
        if vocabulary is None:
            vocabulary = Vocabulary.from_tokens(sentences, min_count, max_size)
        known = {word: i for i, word in enumerate(vocabulary.words[4:], 4)}
        rows = [[known[w] for w in s if w in known] for s in sentences]
        starts = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row) for row in rows], out=starts[1:])
        if not starts[-1]:
            raise ValueError(f"Corpus: none of {len(rows)} sentences has a word of the vocabulary")
        ids = np.fromiter((i for row in rows for i in row), np.int32, int(starts[-1]))
        return cls(vocabulary, ids, starts)

    def __len__(self):
        """Words in all."""
        return len(self.ids)

    @property
    def counts(self):
        """How often each word of the vocabulary occurs: int64 (V,)."""
        return np.bincount(self.ids, minlength=len(self.vocabulary))

    def sentences(self, order):
        """Some sentences in another order → ids (n,), and the place of each word's sentence in ``order``."""
        ids, at = take_rows(self.starts, self.ids, order)
        return ids, np.repeat(np.arange(len(order)), np.diff(at))


def chunks(starts, order):
    """An order of sentences in parts of about CHUNK words."""
    ends = np.cumsum(np.diff(starts)[order])
    cuts = np.searchsorted(ends, np.arange(CHUNK, ends[-1] if len(ends) else 0, CHUNK), side="right")
    return [part for part in np.split(order, cuts) if len(part)]


def take_rows(starts, values, rows):
    """Rows of different lengths that lie one after the other: values, and where each row starts."""
    lengths = np.diff(starts)[rows]
    at = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(lengths, out=at[1:])
    place = np.arange(at[-1]) + np.repeat(starts[rows] - at[:-1], lengths)
    return values[place], at


def keep_probability(counts, threshold):
    """Of each word, √(t/f) + t/f, at most 1, with f its share of all words (the program of Mikolov et al.).

    (Their paper, 2013b, eq. 5, has √(t/f) alone.) ``threshold`` t = 0 keeps everything.
    """
    if threshold < 0:
        raise ValueError(f"keep_probability: threshold: expected at least 0, got {threshold}")
    f = counts / max(1, counts.sum())
    if threshold == 0:
        return np.ones(len(counts))
    ratio = threshold / np.maximum(f, 1e-300)
    return np.minimum(1.0, np.sqrt(ratio) + ratio)


def windows(sentence, reach):
    """Pairs of neighbours in one sentence: places of the centre and of the context word.

    sentence (n,)   to which sentence a word belongs
    reach (n,)      how far each centre looks to either side
    → centre, context int64 (P,), by centre and from left to right
    """
    n, widest = len(sentence), int(reach.max(initial=0))
    offsets = np.concatenate([np.arange(-widest, 0), np.arange(1, widest + 1)])
    context = np.arange(n)[:, None] + offsets
    inside = (context >= 0) & (context < n) & (np.abs(offsets) <= reach[:, None])
    inside &= sentence[np.clip(context, 0, max(0, n - 1))] == sentence[:, None]
    centre, column = np.nonzero(inside)
    return centre, centre + offsets[column]


def ahead(items):
    """The same items in the same order, each made in another thread while the one before is in use."""
    items = iter(items)
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        try:
            coming = thread.submit(next, items, None)
        except RuntimeError:  # a system without threads
            yield from items
            return
        while (item := coming.result()) is not None:
            coming = thread.submit(next, items, None)
            yield item


class Noise:
    """Words drawn with probability ∝ count^power, each for one 32-bit random number (Walker, 1977).

    The alias method: V columns of equal height hold the probabilities, each column at most two words; a
    number chooses the column (its upper part) and a height in it (its lower part).
    """

    def __init__(self, counts, power=0.75):
        weight = np.where(counts > 0, np.maximum(counts, 1).astype(np.float64) ** power, 0.0)
        if not weight.sum():
            raise ValueError("Noise: counts: expected at least one word that occurs, got none")
        self.probability = weight / weight.sum()
        height = self.probability * len(weight)
        self.alias = np.arange(len(weight), dtype=np.int32)
        low, high = list(np.flatnonzero(height < 1)), list(np.flatnonzero(height >= 1))
        while low and high:
            short, long = low.pop(), high[-1]
            self.alias[short] = long
            height[long] -= 1 - height[short]
            if height[long] < 1:
                low.append(high.pop())
        # a column left over on either side is full but for rounding
        height[[*low, *high]] = 1
        self.limit = np.minimum(height * 2.0**32, 2.0**32 - 1).astype(np.uint32)

    def draw(self, n, generator):
        """n words: int32 (n,)."""
        product = generator.bits(n).astype(np.uint64) * np.uint64(len(self.alias))
        column, height = product >> np.uint64(32), product.astype(np.uint32)
        return np.where(height <= self.limit[column], column.astype(np.int32), self.alias[column])
