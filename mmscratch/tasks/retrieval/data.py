"""Pairs to learn from and to be judged on: a gallery, what asks for it, and who belongs to whom."""

import dataclasses
import functools

import numpy as np

from ...models.momentum import NOTHING
from ..captioning.data import CaptionSplit, load_split

__all__ = ["Gallery", "PairBatches", "gallery", "load"]


@dataclasses.dataclass
class Gallery:
    """N items of the first sense and C of the second, each of them belonging to one of the first.

    first, second    entries, see ``senses.py``
    owner            (C,) the first item that each second one belongs to
    words            (C,) equal numbers where captions are equal word by word; −1 of what is no caption
    """

    split: CaptionSplit
    first: object
    second: object
    owner: np.ndarray
    words: np.ndarray

    def __len__(self):
        return len(self.first)


def gallery(split, senses, *, progress=False):
    """A split as two senses see it: senses is the pair of ``senses.py``, text second if at all."""
    first, second = (sense.of_split(split, progress=progress) for sense in senses)
    if len(second) == len(first) and not hasattr(senses[1], "vocabulary"):
        return Gallery(split, first, second, np.arange(len(first)), np.full(len(first), NOTHING))
    owner = np.repeat(np.arange(len(split)), [len(many) for many in split.captions])
    numbers = {}
    words = [numbers.setdefault(tuple(sentence), len(numbers)) for sentence in split.sentences()]
    return Gallery(split, first, second, owner, np.array(words))


def load(spec, name, *, progress=False):
    """One split of captioned pictures; of the scenes, which follow from their specification, kept."""
    return _scenes(spec, name, progress) if spec.startswith("scenes") else load_split(spec, name)


@functools.lru_cache(maxsize=8)
def _scenes(spec, name, progress):
    return load_split(spec, name, progress=progress)


@dataclasses.dataclass
class PairBatch:
    """B pairs: numbers of the first items, of the second ones, and of the captions' words."""

    first: np.ndarray
    second: np.ndarray
    words: np.ndarray


class PairBatches:
    """Every second item once an epoch beside its owner, in an order that is a function of (seed, epoch)."""

    def __init__(self, pairs, batch_size, seed):
        self.pairs, self.batch_size, self.seed = pairs, batch_size, seed
        self.epoch = self.position = 0

    def __len__(self):
        return max(len(self.pairs.owner) // self.batch_size, 1)  # a last batch that is not full is left out

    @property
    def steps(self):
        """Batches handed out so far."""
        return self.epoch * len(self) + self.position

    def __iter__(self):
        order = np.random.Generator(np.random.Philox([self.seed, self.epoch])).permutation(
            len(self.pairs.owner)
        )
        while self.position < len(self):
            second = order[self.position * self.batch_size :][: self.batch_size]
            self.position += 1
            yield PairBatch(self.pairs.owner[second], second, self.pairs.words[second])
        self.epoch, self.position = self.epoch + 1, 0

    def state_dict(self):
        """Where we are."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state):
        """Go on from there."""
        self.epoch, self.position = int(state["epoch"]), int(state["position"])
