"""Rewards for what a captioner says, and self-critical training joined to the splits of the captioning task.

The method is in ``models.self_critical``; here it meets vocabulary, references and scene graphs.
"""

import numpy as np

from ...data import scenes
from ...data.vocabulary import END, Vocabulary
from ...metrics.cider import DocumentFrequency, cider_d_per_image
from ...models.self_critical import Rewarded, self_critical
from ...tensor import Tensor

__all__ = ["REWARDS", "CiderReward", "TruthReward", "make_reward", "self_critical_loss"]


class _Remembered:
    """reward(sentences, pictures, ended) → (N,): what was rewarded once is not computed again."""

    def __init__(self, split):
        self.split, self.known = split, {}

    def __call__(self, sentences, pictures, ended=None):
        """N token lists; pictures: the row of the split each is of; ended: did it end by itself?"""
        ended = np.ones(len(sentences), bool) if ended is None else ended
        keys = [(int(i), bool(e), *s) for s, i, e in zip(sentences, pictures, ended, strict=True)]
        new = list(dict.fromkeys(k for k in keys if k not in self.known))
        if new:
            found = self.compute([list(s) for _, _, *s in new], [k[0] for k in new], [k[1] for k in new])
            self.known.update(zip(new, found, strict=True))
        return np.array([self.known[k] for k in keys], np.float64)


class CiderReward(_Remembered):
    """CIDEr-D of a sentence beside the references of its picture, in 0 … 10.

    The document frequencies are those of ``trained``, as in Rennie et al., 2017: the frequencies of a batch
    would make the reward depend on the other pictures in it. The end counts as a word, as there: otherwise
    sentences that break off ("a red circle is to the left of a") lose next to nothing.
    """

    def __init__(self, split, trained, ends=True):
        super().__init__(split)
        self.tail = [END] if ends else []
        self.frequency = DocumentFrequency.of(self._closed(trained.captions))

    def _closed(self, captions):
        return [[[*s, *self.tail] for s in many] for many in captions]

    def compute(self, sentences, pictures, ended):
        said = [[*s, *self.tail] if e else list(s) for s, e in zip(sentences, ended, strict=True)]
        said = [s or [""] for s in said]
        references = self._closed([self.split.captions[i] for i in pictures])
        return cider_d_per_image(said, references, self.frequency)


class TruthReward(_Remembered):
    """1 for a sentence that is true of its picture, parsed and executed on the scene graph; else 0.

    What is false and what is no sentence of the grammar get the same nothing. How much a true sentence tells
    is not asked.
    """

    def __init__(self, split, trained=None):
        if split.scenes is None:
            raise ValueError(f"TruthReward: split {split.name!r} has no scene graphs; truth needs scenes")
        super().__init__(split)

    def compute(self, sentences, pictures, ended):
        return [
            float(scenes.truth(s, self.split.scenes[i], self.split.lang).true)
            for s, i in zip(sentences, pictures, strict=True)
        ]


REWARDS = {"cider": CiderReward, "truth": TruthReward}


def make_reward(name, split, trained):
    """The reward of that name for the pictures of a split; trained: whose references it may learn from."""
    if name not in REWARDS:
        raise ValueError(f"reward: expected {' or '.join(REWARDS)}, got {name!r}")
    return REWARDS[name](split, trained)


def self_critical_loss(decoder, vocabulary, regions, pictures, reward, generator, baseline="greedy",
                       samples=1, max_length=30) -> Rewarded:  # fmt: skip
    """One self-critical step's loss on some pictures of a split; see ``models.self_critical``.

    decoder    a ``CaptionDecoder``
    regions    (P, R, D): a Tensor, through which gradients go, or an array
    pictures   (P,): which rows of the reward's split these are
    reward     ``CiderReward`` or ``TruthReward``, or function(token lists, pictures, ended) → numbers
    """
    pictures = np.asarray(pictures)
    regions = regions if isinstance(regions, Tensor) else Tensor(np.ascontiguousarray(regions))

    def judge(captions, rows):
        words = [[vocabulary.words[t] for t in row] for row in captions]
        return reward(words, pictures[rows], np.array([len(row) < max_length for row in captions]))

    return self_critical(
        decoder, regions, judge, generator, start=Vocabulary.start, end=Vocabulary.end,
        max_length=max_length, baseline=baseline, samples=samples,
    )  # fmt: skip
