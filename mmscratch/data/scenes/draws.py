"""Random draws that are the same bits on every machine and every NumPy.

One integer seed and a stream number key a Philox4x64-10 counter generator (Salmon et al., 2011), whose raw
64-bit words NumPy guarantees. Distributions of `numpy.random.Generator` carry no such promise (NEP 19), so
the few we need are made here from the raw words with integers, and nothing else in this package draws
numbers.

Streams keep the parts of a scene independent: changing how captions are drawn leaves every image as it was.
"""

from collections.abc import Sequence

import numpy as np

GRAPH, PIXELS, CAPTIONS, QUESTION, ANNOTATORS = range(5)
_MASK = (1 << 64) - 1
_BLOCK = 64


class Draws:
    """A stream of draws: `integers(n)`, `random()`, `choice`, `shuffled`, `words16`."""

    def __init__(self, seed: int, stream: int = GRAPH):
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed <= _MASK:
            raise ValueError(f"seed must be an integer in [0, 2**64), got {seed!r}")
        self._philox = np.random.Philox(key=np.array([int(seed), stream], dtype=np.uint64))
        self._words: list[int] = []

    def word(self) -> int:
        """The next raw 64-bit word."""
        if not self._words:
            self._words = self._philox.random_raw(_BLOCK).tolist()
            self._words.reverse()
        return self._words.pop()

    def integers(self, n: int) -> int:
        """An integer in [0, n): the high half of word·n, uniform up to n / 2**64."""
        return (self.word() * n) >> 64

    def random(self) -> float:
        """A float in [0, 1) with 53 bits."""
        return (self.word() >> 11) * 2.0**-53

    def choice(self, items: Sequence):
        return items[self.integers(len(items))]

    def shuffled(self, items: Sequence) -> list:
        """A uniformly permuted copy (Fisher and Yates)."""
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = self.integers(i + 1)
            out[i], out[j] = out[j], out[i]
        return out

    def words16(self, n: int) -> np.ndarray:
        """n raw 16-bit words, low bits of each 64-bit word first on every byte order."""
        raw = self._philox.random_raw((n + 3) // 4).astype("<u8", copy=False)
        return raw.view("<u2")[:n]
