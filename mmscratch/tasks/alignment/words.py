"""Words of captions and objects of scenes: every method's weights, and the world's truth.

The caption lists all objects by some of their attributes ("a red circle, a blue square and …"). A word that
names an attribute belongs to its phrase's object: surely where the phrase fits no other, possibly to each
that it fits. "a" may go with its phrase or with nothing; "there", "is", "and" belong to nothing.

What each method is given beside the caption:

    lexicon          pixels, the objects' masks, and the knowledge base; nothing is learnt
    the others       the objects' attributes as tokens (IBM-1) or numbers (SCAN, fragments), no link
    diagonal, DTW    the order in which one reads the objects, which is that of the caption
"""

from dataclasses import dataclass

import numpy as np

from ...alignment import (
    IBM1,
    Lexicon,
    dtw,
    grouped,
    measured,
    normalised,
    path_links,
    sinkhorn,
    soft_alignment,
    with_null,
)
from ...data import scenes
from ...data.scenes.graph import COLOURS, SHAPES, SIDE, SIZES
from .learners import train_fragments, train_scan

__all__ = ["WORD_METHODS", "WordPair", "load_words", "word_links"]

ARTICLES = ("a", "an", "一个")
NAMED = ("shape", "colour", "size")
FLOOR = 1e-6


@dataclass(frozen=True)
class WordPair:
    """A caption and its objects, in reading order.

    tokens (J,), attributes [N × ("circle", "red", "big")], features (N, 14), scene; order: the objects' ids;
    sure, possible bool (J, N)
    """

    tokens: tuple
    attributes: list
    features: np.ndarray
    scene: scenes.Scene
    order: list
    sure: np.ndarray
    possible: np.ndarray


def word_links(caption, scene):
    """The truth of one caption of level 3: sure and possible, bool (J, objects by id)."""
    sure = np.zeros((len(caption.tokens), len(scene)), bool)
    possible = sure.copy()
    number, before = -1, -1
    for t, (word, k) in enumerate(zip(caption.tokens, caption.links, strict=True)):
        number += k >= 0 and before < 0  # the next phrase: phrases never touch
        before = k
        if k < 0:
            continue
        fits = [caption.meaning.nouns[number].fits(o) for o in scene.objects]
        possible[t] = fits
        sure[t] = possible[t] & (sum(fits) == 1 and word not in ARTICLES)
    return sure, possible


def load_words(seed, train=1000, val=100, test=200, lang="en"):
    """Three lists of ``WordPair``: train, val, test."""
    options = f"train={train},val={val},test={test},level=3,count=3-5,references=1,lang={lang},seed={seed}"
    data = scenes.load(f"scenes:{options}")
    found = []
    for name in ("train", "val", "test-iid"):
        split = data.split(name)
        found.append([_pair(c[0], s) for s, c in zip(split.graphs, split.captions, strict=True)])
    return found


def _pair(caption, scene):
    order = scenes.reading_order(scene)
    sure, possible = word_links(caption, scene)
    objects = [scene.objects[i] for i in order]
    attributes = [tuple(getattr(o, name) for name in NAMED) for o in objects]
    features = [
        [float(v == value) for v, values in zip(a, (SHAPES, COLOURS, SIZES), strict=True) for value in values]
        + [2 * o.x / SIDE - 1, 2 * o.y / SIDE - 1]
        for a, o in zip(attributes, objects, strict=True)
    ]
    features = np.array(features, np.float32)
    return WordPair(caption.tokens, attributes, features, scene, order, sure[:, order], possible[:, order])


def uniform(train, seed, lang):
    """Chance: every word on every object alike."""
    return lambda pair: np.full(pair.sure.shape, 1 / pair.sure.shape[1])


def diagonal(train, seed, lang):
    """Word j of J on object ⌊j N / J⌋ of N, in reading order."""

    def weights(pair):
        j, n = pair.sure.shape
        return np.eye(n)[np.arange(j) * n // j]

    return weights


def lexicon(phrases):
    """Rules on pixels, word by word or phrase by phrase."""

    def method(train, seed, lang):
        rules = Lexicon(lang)

        def weights(pair):
            measures = measured(scenes.render(pair.scene), scenes.masks(pair.scene)[pair.order])
            return rules.weights(pair.tokens, measures, phrases)

        return weights

    return method


class Translation:
    """IBM Model 1 of captions given attributes, and of one pair p(word | object), p(word | NULL)."""

    def __init__(self, train):
        self.model = IBM1().fit([_flat(p) for p in train], [p.tokens for p in train], iterations=20)
        nowhere = [self.model.posterior(_flat(p), p.tokens)[:, 0] for p in train[:200]]
        self.share = float(np.clip(np.concatenate(nowhere).mean(), 0.01, 0.99))

    def posterior(self, pair):
        """P(word j comes from object n): (J, N), and from NULL (J,)."""
        p = self.model.posterior(_flat(pair), pair.tokens)
        owner = np.repeat(np.arange(len(pair.attributes)), len(NAMED))
        return grouped(p, np.append(-1, owner), len(pair.attributes)), p[:, 0]

    def costs(self, pair):
        """−ln p(word | object) (J, N), −ln p(word | NULL) (J,), in nats."""
        p = self.model.probability(_flat(pair), pair.tokens)
        each = p[:, 1:].reshape(len(p), -1, len(NAMED)).mean(2)
        return -np.log(np.maximum(each, FLOOR)), -np.log(np.maximum(p[:, 0], FLOOR))


def _flat(pair):
    return [value for object_ in pair.attributes for value in object_]


def ibm1(train, seed, lang):
    """Posterior of Model 1, word by word."""
    model = Translation(train)
    return lambda pair: model.posterior(pair)[0]


def ibm1_dtw(train, seed, lang):
    """Model 1's costs and the order: the cheapest path; words of NULL are let go."""
    model = Translation(train)

    def weights(pair):
        path = path_links(dtw(model.costs(pair)[0]).path, pair.sure.shape)
        return path * (1 - model.posterior(pair)[1])[:, None]

    return weights


def ibm1_soft_dtw(train, seed, lang):
    """The same with all paths, γ = 1 nat."""
    model = Translation(train)

    def weights(pair):
        soft = normalised(soft_alignment(model.costs(pair)[0], 1.0))
        return soft * (1 - model.posterior(pair)[1])[:, None]

    return weights


def ibm1_sinkhorn(train, seed, lang):
    """Model 1's costs, and every object used as much as the others; ε = 1 nat."""
    model = Translation(train)

    def weights(pair):
        cost, b = with_null(*model.costs(pair), model.share)
        return sinkhorn(cost, 1.0, b=b, tolerance=1e-8).plan[:, :-1] * len(cost)

    return weights


def scan_attention(train, seed, lang):
    """α of stacked cross attention, trained to rank captions and pictures."""
    look = train_scan(train, seed)
    return lambda pair: look(pair)[0]


def scan_sinkhorn(train, seed, lang):
    """Transport on the cosines of the same model, ε = 0.05."""
    look = train_scan(train, seed)
    return lambda pair: sinkhorn(1 - look(pair)[1], 0.05, tolerance=1e-6).plan * len(pair.tokens)


def fragments(train, seed, lang):
    """Products of fragments and regions, trained to rank, with hidden labels."""
    return train_fragments(train, seed)


WORD_METHODS = {
    "uniform (chance)": uniform,
    "diagonal": diagonal,
    "lexicon, words": lexicon(False),
    "lexicon, phrases": lexicon(True),
    "IBM-1": ibm1,
    "IBM-1 + Sinkhorn": ibm1_sinkhorn,
    "IBM-1 + DTW": ibm1_dtw,
    "IBM-1 + soft-DTW": ibm1_soft_dtw,
    "attention (SCAN)": scan_attention,
    "SCAN + Sinkhorn": scan_sinkhorn,
    "fragments": fragments,
}
"""Name → method(train, seed, lang) → weights(pair) (J, N)."""
