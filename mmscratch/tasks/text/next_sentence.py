"""How well can it be told at all whether two sentences are of one scene?

    python -m mmscratch.tasks.text.next_sentence --data scenes:train=12000,val=300,test=500,count=2-4

What pretraining asks (``mmscratch.tasks.text.pretraining``), without a network: everything that two sentences
say is counted. A pair becomes its *pattern*: words of form are dropped, colours and shapes named by the order
in which the second sentence, then the first, mentions them (the world draws them all alike), and the objects
of a list sorted. A table of patterns, counted on training documents at each place of
the document, answers what was more frequent. Of the pairs whose pattern it knows this is the best answer
there is, up to the noise of the counts; of others it knows a coarser pattern: which mentions are shared.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter

import numpy as np

from ...data.scenes import COLOURS, SHAPES, SIZES
from ...representations.text.masking import draw_pairs
from ..run import RunError
from .pretraining import documents

__all__ = ["Patterns", "coarse", "main", "pattern", "right"]

RELATIONS = ("left", "right", "above", "below", "bigger", "smaller", "same", "colour", "shape")
WORDS = frozenset((*COLOURS, *SHAPES, *SIZES, *RELATIONS, "object", ",", "and"))
KINDS = {**dict.fromkeys(COLOURS, "colour"), **dict.fromkeys(SHAPES, "shape")}
LISTED = (",", "and")


def pattern(first: str, second: str) -> tuple:
    """What two sentences say, whatever the colours and shapes are called.

    "a red circle above a blue square", "a big red circle" →
    ("big", "colour 1", "shape 1"), (("colour 1", "shape 1", "above", "colour 2", "shape 2"),)
    """
    names = {}
    own = _renamed(second, names)
    return own, tuple(sorted(_objects(first, names)))


def _renamed(text, names):
    found = []
    for word in text.split():
        if word not in WORDS:
            continue
        if word in KINDS and word not in names:
            kind = KINDS[word]
            names[word] = f"{kind} {sum(n.startswith(kind) for n in names.values()) + 1}"
        found.append(names.get(word, word))
    return tuple(w for w in found if w not in LISTED)


def _objects(first, names):
    """The objects of a list, those the second sentence knows by name before the others."""
    parts = first.replace(" and ", " , ").split(" , ")
    known = sorted(parts, key=lambda part: -sum(word in names for word in part.split()))
    return [_renamed(part, names) for part in known]


def coarse(first: str, second: str) -> tuple:
    """How many of the second's colours, shapes and pairs of both the first has, and how many there are."""
    (own, pairs), (a, both) = _mentions(second), _mentions(first)
    return tuple(sum(w in a for w in own if KINDS[w] == k) for k in ("colour", "shape")) + (
        sum(p in both for p in pairs), len(own), len(pairs),
    )  # fmt: skip


def _mentions(text):
    words = text.split()
    pairs = [(c, s) for c, s in zip(words, words[1:], strict=False) if c in COLOURS and s in SHAPES]
    return [w for w in words if w in KINDS], pairs


class Patterns:
    """A table: place in the document and pattern → how often the second followed, how often it did not."""

    def __init__(self, texts, epochs=20, seed=0):
        self.fine, self.rough = (Counter(), Counter()), (Counter(), Counter())
        random = np.random.default_rng(seed)
        for place, first, second, other in _pairs(texts, random, epochs):
            self.fine[other][place, pattern(first, second)] += 1
            self.rough[other][place, coarse(first, second)] += 1

    def __call__(self, place: int, first: str, second: str) -> tuple[int, bool]:
        """0 where the second follows, 1 where it does not; and whether the pattern is a known one."""
        key = place, pattern(first, second)
        same, strange = (counts[key] for counts in self.fine)
        known = same + strange > 0
        if same == strange:
            key = place, coarse(first, second)
            same, strange = (counts[key] for counts in self.rough)
        return int(strange > same), known


def _pairs(texts, random, epochs):
    """(place, first, second, other) as pretraining draws them, each sentence with its place."""
    numbered = [list(enumerate(text)) for text in texts]
    for _ in range(epochs):
        for (place, first), (_, second), other in zip(*draw_pairs(numbered, random), strict=True):
            yield place, first, second, int(other)


def right(table: Patterns, texts, epochs=20, seed=1) -> dict[str, float]:
    """Share of right answers on other documents, as a whole and place by place; and of known patterns."""
    found, knows = {}, []
    for place, first, second, other in _pairs(texts, np.random.default_rng(seed), epochs):
        answer, known = table(place, first, second)
        found.setdefault(place, []).append(answer == other)
        knows.append(known)
    figures = {"next sentence right": float(np.mean([r for rows in found.values() for r in rows]))}
    for place in sorted(found):
        figures[f"sentences {place + 1} and {place + 2}"] = float(np.mean(found[place]))
    return figures | {"pattern known": float(np.mean(knows))}


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.text.next_sentence",
        description="What a table of patterns knows about sentences that follow one another.",
    )
    parser.add_argument("--data", default="scenes:train=12000,val=300,test=500,count=2-4", metavar="SPEC")
    parser.add_argument("--split", default="test-iid", metavar="SPLIT")
    parser.add_argument("--epochs", type=int, default=20, metavar="N", help="draws of pairs a document")
    args = parser.parse_args(arguments)
    try:
        if args.epochs < 1:
            raise RunError("--epochs", f"expected at least 1, got {args.epochs}")
        table = Patterns(documents(args.data, "train"), args.epochs)
        for name, value in right(table, documents(args.data, args.split), args.epochs).items():
            print(f"{name:24}{value:8.1%}")
    except (RunError, ValueError) as error:
        print(f"next_sentence: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
