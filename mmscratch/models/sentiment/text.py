"""Classifiers of rated texts: runs of words and letters, perhaps a rated lexicon, one linear model."""

from __future__ import annotations

import numpy as np

from ...representations.text.ngrams import NGrams, SparseRows
from ...representations.text.valence import Valence
from .logistic import LogisticRegression

__all__ = ["TextClassifier", "lexicon_features"]

VIEWS = {
    "tfidf": (("words", (1, 2), "tfidf", 2),),
    "letters": (("letters", (2, 5), "naive-bayes", 1),),
    "both": (("words", (1, 2), "naive-bayes", 1), ("letters", (2, 5), "naive-bayes", 1)),
}
"""Name → the runs that it counts: unit, lengths, weight, least."""


class TextClassifier:
    """Is a text's mood above 0? Views joined column by column, then ``LogisticRegression``.

    views      "tfidf", the plain beginning; "letters", NB-SVM's weights (Wang & Manning, 2012) on runs of
               letters; "both"
    c          of the regression
    lexicon    word → rating, or None: what raters said about words, and so knowledge that is not in the texts
    Shapes     N texts → scores (N,); above 0: positive
    """

    def __init__(self, views="letters", c=16.0, lexicon=None):
        if views not in VIEWS:
            raise ValueError(f"TextClassifier: views: expected one of {', '.join(VIEWS)}, got {views!r}")
        self.views, self.lexicon = views, lexicon or None
        self.grams = [NGrams(*view) for view in VIEWS[views]]
        self.valence = Valence(lexicon) if lexicon else None
        self.centre = self.spread = None
        self.linear = LogisticRegression(c)

    def fit(self, texts, positive):
        """Learn from texts and which are positive; → self."""
        for grams in self.grams:
            grams.fit(texts, positive)
        if self.valence is not None:
            x = lexicon_features(self.valence, texts)
            self.centre, spread = x.mean(0), x.std(0)
            self.spread = np.where(spread > 0, spread, 1.0)
        self.linear.fit(self._encode(texts), positive)
        return self

    def _encode(self, texts):
        first, *more = (grams.encode(texts) for grams in self.grams)
        x = first
        for other in more:
            x = _joined(x, other)
        if self.valence is None:
            return x
        return x.beside((lexicon_features(self.valence, texts) - self.centre) / self.spread)

    def scores(self, texts):
        """z of each text: (N,)."""
        return self.linear.scores(self._encode(texts))

    def state_dict(self):
        """All that ``scores`` needs, the lexicon too."""
        words = self.lexicon or {}
        return {
            "views": self.views,
            "grams": [grams.state_dict() for grams in self.grams],
            "linear": self.linear.state_dict(),
            "words": list(words),
            "ratings": np.array(list(words.values()), np.float64),
            "centre": self.centre,
            "spread": self.spread,
        }

    @classmethod
    def from_state(cls, state):
        """The inverse of ``state_dict``."""
        lexicon = dict(zip(state["words"], np.asarray(state["ratings"]).tolist(), strict=True))
        found = cls(state["views"], lexicon=lexicon)
        found.grams = [NGrams.from_state(s) for s in state["grams"]]
        found.linear = LogisticRegression.from_state(state["linear"])
        found.centre, found.spread = state["centre"], state["spread"]
        return found


def _joined(x, other):
    order = np.argsort(np.r_[x.rows, other.rows], kind="stable")
    columns = np.r_[x.columns, other.columns + x.width][order]
    return SparseRows(
        columns, np.r_[x.values, other.values][order], x.start + other.start, x.width + other.width
    )


def lexicon_features(valence, texts):
    """What a rated lexicon says of each text: (N, 9).

    Forward    compound, pos, neg of ``Valence``; Σ v⁺, Σ v⁻, how many of each, the largest |v| with its sign,
               and the last rated word's v;  v as the rules of the surroundings leave it
    """
    out = np.zeros((len(texts), 9))
    for row, text in zip(out, texts, strict=True):
        told, v = valence(text), np.array(valence.of_words(text))
        v = v[v != 0]
        row[:3] = told["compound"], told["pos"], told["neg"]
        if len(v):
            row[3:] = (v[v > 0].sum(), v[v < 0].sum(), (v > 0).sum(), (v < 0).sum(),
                       v[np.abs(v).argmax()], v[-1])  # fmt: skip
    return out
