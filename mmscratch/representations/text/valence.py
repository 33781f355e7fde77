"""How pleasant a text is, by a lexicon of rated words and rules: VADER (Hutto & Gilbert, 2014).

Nothing is learnt: people rated words, and five rules tell what stands around a word. The constants are the
means that the authors measured with raters (their §3.2): a word of degree adds .293, CAPITALS among small
letters add .733, a negation turns round and keeps .74.
"""

from __future__ import annotations

import math
import string
import unicodedata
from collections.abc import Mapping

__all__ = ["Valence"]

DEGREE, CAPITALS, NEGATION = 0.293, 0.733, -0.74
EXCLAMATION, QUESTION, MANY_QUESTIONS = 0.292, 0.18, 0.96
MORE = set(
    "absolutely amazingly awfully completely considerable considerably decidedly deeply effing enormous "
    "enormously entirely especially exceptional exceptionally extreme extremely fabulously flipping flippin "
    "frackin fracking fricking frickin frigging friggin fully fuckin fucking fuggin fugging greatly hella "
    "highly hugely incredible incredibly intensely major majorly more most particularly purely quite really "
    "remarkably so substantially thoroughly total totally tremendous tremendously uber unbelievably "
    "unusually utter utterly very".split()
)
LESS = set(
    "almost barely hardly kinda kindof kind-of less little marginal marginally occasional occasionally "
    "partly scarce scarcely slight slightly somewhat sorta sortof sort-of".split()
) | {"just enough", "kind of", "sort of"}
NOT = set(
    "aint arent cannot cant couldnt darent didnt doesnt dont hadnt hasnt havent isnt mightnt mustnt neither "
    "neednt never none nope nor not nothing nowhere oughtnt shant shouldnt uhuh uh-uh wasnt werent without "
    "wont wouldnt rarely seldom despite".split()
)
IDIOMS = {
    "the shit": 3.0, "the bomb": 3.0, "bad ass": 1.5, "badass": 1.5, "bus stop": 0.0, "yeah right": -2.0,
    "kiss of death": -1.5, "to die for": 3.0, "beating heart": 3.1, "broken heart": -2.9,
}  # fmt: skip


class Valence:
    """Text → {"pos", "neu", "neg", "compound"}, from word → mean rating.

    Forward    v_i of each word i in the lexicon, then: a word of degree up to three before adds ± .293
               (× .95, × .9 at distances two and three), CAPITALS ± .733, a negation up to three before
               × −.74, what stands before "but" × ½, after it × 1.5;
               s = Σ v_i ± marks;  compound = s / √(s² + 15);
               pos, neu, neg: shares of Σ_{v>0} (v + 1), the number of other words, Σ_{v<0} |v − 1|
    Errors     TypeError for a text that is not str; ValueError for an empty lexicon
    Note       a picture character stands for its Unicode name, where the authors' program has a list of
               descriptions of its own
    """

    def __init__(self, lexicon: Mapping[str, float]):
        if not lexicon:
            raise ValueError("Valence: lexicon: expected at least one word, got none")
        self.lexicon = dict(lexicon)

    def __call__(self, text: str) -> dict[str, float]:
        values, marks = self._all(text)
        if not values:
            return dict.fromkeys(("pos", "neu", "neg", "compound"), 0.0)
        total = sum(values)
        total += math.copysign(marks, total) if total else 0.0
        pos = sum(v + 1 for v in values if v > 0)
        neg = sum(v - 1 for v in values if v < 0)
        neutral = sum(v == 0 for v in values)
        if pos > -neg:
            pos += marks
        elif pos < -neg:
            neg -= marks
        whole = pos - neg + neutral
        return {
            "pos": pos / whole,
            "neu": neutral / whole,
            "neg": -neg / whole,
            "compound": max(-1.0, min(1.0, total / math.sqrt(total * total + 15))),
        }

    def of_words(self, text: str) -> list[float]:
        """v of each word, after the rules of its surroundings; 0 of those that are not rated."""
        return self._all(text)[0]

    def _all(self, text):
        if not isinstance(text, str):
            raise TypeError(f"Valence: text: expected str, got {type(text).__name__}")
        words = _words(text)
        shouting = 0 < sum(w.isupper() for w in words) < len(words)
        lower = [w.lower() for w in words]
        values = [self._word(words, lower, i, shouting) for i in range(len(words))]
        if "but" in lower:
            turn = lower.index("but")
            values = [v * (0.5 if i < turn else 1.5 if i > turn else 1) for i, v in enumerate(values)]
        questions = text.count("?")
        marks = EXCLAMATION * min(text.count("!"), 4)
        if questions > 1:
            marks += QUESTION * questions if questions <= 3 else MANY_QUESTIONS
        return values, marks

    def _word(self, words, lower, i, shouting):
        word = lower[i]
        if word not in self.lexicon or word in MORE or word in LESS:
            return 0.0
        if lower[i : i + 2] == ["kind", "of"]:
            return 0.0
        v = self.lexicon[word]
        if word == "no" and i + 1 < len(lower) and lower[i + 1] in self.lexicon:
            v = 0.0  # it belongs to what follows
        before = lower[max(0, i - 3) : i]
        if "no" in before[-2:] or (len(before) == 3 and before[0] == "no" and before[2] in ("or", "nor")):
            v = self.lexicon[word] * NEGATION
        if words[i].isupper() and shouting:
            v += math.copysign(CAPITALS, v)
        for back in (1, 2, 3):
            if i < back or lower[i - back] in self.lexicon:
                continue
            v += _degree(words[i - back], v, shouting) * (1, 0.95, 0.9)[back - 1]
            v *= _negated(lower, i, back)
            if back == 3:
                v = _idiom(lower, i, v)
        if i > 0 and lower[i - 1] == "least" and not (i > 1 and lower[i - 2] in ("at", "very")):
            v *= NEGATION
        return v


def _words(text):
    """Split at spaces; marks around a word go, those of an emoticon stay; one letter is no word."""
    named = "".join(
        f" {unicodedata.name(c, '').lower()} " if ord(c) >= 0x2600 and unicodedata.category(c) == "So" else c
        for c in text
    )
    out = []
    for token in named.split():
        bare = token.strip(string.punctuation)
        out.append(bare if len(bare) > 2 else token)
    return [word for word in out if len(word) > 1]


def _degree(word, v, shouting):
    lower = word.lower()
    if lower not in MORE and lower not in LESS:
        return 0.0
    step = DEGREE if lower in MORE else -DEGREE
    if v < 0:
        step = -step
    if word.isupper() and shouting:
        step += CAPITALS if v > 0 else -CAPITALS
    return step


def _negated(lower, i, back):
    """What a negation so many words before multiplies by."""
    first, between = lower[i - back], lower[i - back + 1 : i]
    stressed = ("so", "this")
    if back > 1 and first == "never" and any(w in stressed for w in between):
        return 1.25  # "never so good"
    if back == 3 and between[1] in stressed:
        return 1.25
    if back > 1 and first == "without" and "doubt" in between:
        return 1.0
    return NEGATION if first in NOT or "n't" in first else 1.0


def _idiom(lower, i, v):
    joined = {(a, b): " ".join(lower[i + a : i + b + 1]) for a in (-3, -2, -1, 0) for b in (-2, -1, 0, 1, 2)
              if a <= b and 0 <= i + a and i + b < len(lower)}  # fmt: skip
    for span in ((-1, 0), (-2, 0), (-2, -1), (-3, -1), (-3, -2)):
        if joined[span] in IDIOMS:
            v = IDIOMS[joined[span]]
            break
    for span in ((0, 1), (0, 2)):
        v = IDIOMS.get(joined.get(span), v)
    for span in ((-3, -1), (-3, -2), (-2, -1)):
        v += DEGREE * ((joined[span] in MORE) - (joined[span] in LESS))
    return v
