"""Alignment by rules: a knowledge base says what a word asks of an object, and measurements answer.

    "red"      hue between 340° and 20°          "square"    fills its box to 95 % and more
    "big"      box wider than 13 pixels          "triangle"  fills less than 68 %, its centre below the middle

A word fits an object if the measurement lies in the word's interval; of a phrase (neighbouring words with
rules, up to and with its noun) all words must fit. Nothing is learnt, every decision can be read, and what
the base does not foresee is not understood: no synonym, no shade between two intervals.

    measured    side of the box in pixels; fill = pixels / area of the box; sink = height of the centre of
                mass in the box, 0 top, 1 bottom; hue of the mean colour; pale = share of pixels with little
    weights     w_jo = 1 / (objects that fit as well) for the objects o that satisfy the largest share of the
                rules of j's phrase, if any is satisfied; else 0. Words without rules: 0
"""

import colorsys

import numpy as np

from ..data.scenes import grammar
from ..data.scenes.graph import ATTRIBUTES

__all__ = ["KNOWLEDGE", "MEASURES", "Lexicon", "measured"]

KNOWLEDGE = {
    "circle": {"fill": (0.68, 0.95)},
    "square": {"fill": (0.95, 1.01)},
    "triangle": {"fill": (0.0, 0.68), "sink": (0.58, 1.0)},
    "cross": {"fill": (0.0, 0.68), "sink": (0.0, 0.58)},
    "red": {"hue": (340.0, 20.0)},
    "yellow": {"hue": (35.0, 80.0)},
    "green": {"hue": (95.0, 155.0)},
    "cyan": {"hue": (160.0, 210.0)},
    "blue": {"hue": (210.0, 255.0)},
    "purple": {"hue": (260.0, 325.0)},
    "small": {"side": (0.0, 13.0)},
    "big": {"side": (13.0, 64.0)},
    "solid": {"pale": (0.0, 0.25)},
    "striped": {"pale": (0.25, 1.0)},
}
"""Attribute → measure → [low, high); of the hue, a circle, low may be above high."""

MEASURES = ("side", "fill", "sink", "hue", "pale")


def measured(image, masks):
    """Measures of the objects of a picture.

    Shapes     image (H, W, 3) uint8, masks (N, H, W) bool → {measure: (N,)}; NaN for an empty mask
    """
    image, masks = np.asarray(image), np.asarray(masks)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"measured: image: expected (H, W, 3) of uint8, got {image.shape} of {image.dtype}")
    if masks.ndim != 3 or masks.shape[1:] != image.shape[:2] or masks.dtype != bool:
        raise ValueError(f"measured: masks: expected bool (N, {image.shape[0]}, {image.shape[1]}), got "
                         f"{masks.dtype} {masks.shape}")  # fmt: skip
    rows = [_measures(image, mask) if mask.any() else [np.nan] * len(MEASURES) for mask in masks]
    return dict(zip(MEASURES, np.array(rows, np.float64).reshape(-1, len(MEASURES)).T, strict=True))


def _measures(image, mask):
    y, x = np.nonzero(mask)
    height, width = np.ptp(y) + 1, np.ptp(x) + 1
    pixels = image[mask] / 255
    chroma = np.ptp(pixels, axis=1)
    hue = 360 * colorsys.rgb_to_hsv(*pixels.mean(0))[0]
    pale = (chroma < 0.45 * np.quantile(chroma, 0.9)).mean()
    return max(height, width), len(y) / (height * width), (y.mean() - y.min() + 0.5) / height, hue, pale


class Lexicon:
    """Words of a language and the rules behind them.

    language     en or zh: the words of the scenes' grammar
    knowledge    attribute → measure → interval; ``words`` maps word → attribute, where nouns end a phrase
    """

    def __init__(self, language="en", knowledge=None):
        self.words, self.nouns = _words(grammar.check_language(language))
        self.knowledge = KNOWLEDGE if knowledge is None else knowledge
        wrong = [m for rules in self.knowledge.values() for m in rules if m not in MEASURES]
        if wrong:
            raise ValueError(f"Lexicon: knowledge: measures are {', '.join(MEASURES)}, got {wrong[0]!r}")

    def fits(self, word, measures):
        """Which objects a word fits: bool (N,); None for a word without a rule."""
        rules = self.knowledge.get(self.words.get(word))
        if rules is None:
            return None
        return np.all([_within(measures[m], *interval, m == "hue") for m, interval in rules.items()], axis=0)

    def phrases(self, words):
        """Stretches [begin, end) of neighbouring words with rules; a noun is the last of its phrase."""
        found, begin = [], None
        for t, word in enumerate([*words, None]):
            known = self.words.get(word) in self.knowledge or word in self.nouns
            if known and begin is None:
                begin = t
            if begin is not None and (not known or word in self.nouns):
                found.append((begin, t + known))
                begin = None
        return found

    def weights(self, words, measures, phrases=True):
        """w of the module: (J, N). phrases=False: each word by itself."""
        out = np.zeros((len(words), len(next(iter(measures.values())))))
        spans = self.phrases(words) if phrases else [(t, t + 1) for t in range(len(words))]
        for begin, end in spans:
            fits = [f for f in (self.fits(word, measures) for word in words[begin:end]) if f is not None]
            share = np.mean(fits, axis=0) if fits else np.zeros(out.shape[1])
            if share.max(initial=0) > 0:
                best = share == share.max()
                out[begin:end] = best / best.sum()
        return out


def _within(value, low, high, around):
    inside = (value >= low, value < high)
    return inside[0] | inside[1] if around and low > high else inside[0] & inside[1]


def _words(language):
    """Word → attribute, and the nouns, "object" among them."""
    adjectives, shapes = (
        (grammar.ADJECTIVES_EN, grammar.SHAPE_EN)
        if language == "en"
        else (grammar.ADJECTIVES_ZH, grammar.SHAPE_ZH)
    )
    words = {word: value for table in adjectives.values() for value, word in table.items()}
    nouns = set()
    for value in (*ATTRIBUTES["shape"], None):
        forms = shapes[value] if language == "en" else (shapes[value],)
        nouns.update(forms)
        words |= dict.fromkeys(forms, value) if value else {}
    return words, nouns
