"""GloVe: words from the counts of their neighbours (Pennington, Socher & Manning, 2014).

X_ij       how often word j stands within ``window`` words of word i, d words apart counting 1/d
J          Σ f(X_ij) (w_i · w̃_j + b_i + b̃_j − ln X_ij)²,  f(x) = (x / x_max)^α, at most 1        (eq. 8, 9)

The gradient and AdaGrad's step are in ``word_steps.glove_pass``; every pair with X_ij > 0 is seen once an
epoch, in random order. A word's vector is w + w̃: X is symmetric, and the two differ only by where they began.
"""

from __future__ import annotations

import numpy as np

from ...random import Generator
from .corpus import Corpus, chunks, windows
from .word_steps import glove_pass, padded
from .word_vectors import WordVectors

__all__ = ["GloVe", "cooccurrences"]


def cooccurrences(corpus, window=10):
    """X, as its entries that are not 0: i, j int32 and x float64, by i and then j.

    Sums are taken in the order of the corpus; X is symmetric.
    """
    if window < 1:
        raise ValueError(f"cooccurrences: window: expected at least 1, got {window}")
    size = len(corpus.vocabulary)
    keys, sums = np.zeros(0, np.int64), np.zeros(0)
    for order in chunks(corpus.starts, np.arange(len(corpus.starts) - 1)):
        ids, sentence = corpus.sentences(order)
        centre, context = windows(sentence, np.full(len(ids), window))
        pair = ids[centre].astype(np.int64) * size + ids[context]
        keys, place = np.unique(np.concatenate([keys, pair]), return_inverse=True)
        sums = np.bincount(place, np.concatenate([sums, 1 / np.abs(centre - context)]))
    return (keys // size).astype(np.int32), (keys % size).astype(np.int32), sums


class GloVe:
    """Settings, and after ``fit`` what was learned.

    size            D
    window          how far a word looks to either side
    x_max, alpha    of f
    lr, epochs      AdaGrad's rate (all its sums begin at 1, as in the authors' program), passes over X
    w, context_w (V, D), bias, context_bias (V,)      what J is about
    losses          mean ½ f d² a pair, of each epoch
    """

    def __init__(
        self, size=100, *, window=10, x_max=100.0, alpha=0.75, lr=0.05, epochs=25, seed=0, dtype="float32"
    ):
        for name, value in {"size": size, "window": window, "epochs": epochs}.items():
            if value < 1:
                raise ValueError(f"GloVe: {name}: expected at least 1, got {value}")
        if not x_max > 0:
            raise ValueError(f"GloVe: x_max: expected a positive number, got {x_max}")
        self.size, self.window, self.x_max, self.alpha = size, window, x_max, alpha
        self.lr, self.epochs, self.seed, self.dtype = lr, epochs, seed, np.dtype(dtype)
        self.vocabulary = self.w = self.context_w = self.bias = self.context_bias = None
        self.losses = []

    def fit(self, corpus, progress=None):
        """Learn from a ``Corpus`` or from sentences (lists of words); → self.

        progress   called with (epochs done, epochs in all)
        Errors     ValueError where no two words stand together
        """
        if not isinstance(corpus, Corpus):
            corpus = Corpus.from_sentences(corpus)
        i, j, x = cooccurrences(corpus, self.window)
        if not len(x):
            raise ValueError("GloVe.fit: corpus: no sentence has two words")
        self.vocabulary, n, dtype = corpus.vocabulary, len(corpus.vocabulary), self.dtype
        generator, half = Generator(self.seed), 0.5 / self.size
        w, context_w = (np.zeros((n, padded(self.size)), dtype) for _ in range(2))
        for matrix in (w, context_w):
            matrix[:, : self.size] = generator.uniform((n, self.size), -half, half, dtype.name)
        self.bias, self.context_bias = (generator.uniform(n, -half, half, dtype.name) for _ in range(2))
        parameters = w, context_w, self.bias, self.context_bias
        squares = tuple(np.ones_like(p) for p in parameters)
        ln_x, weight = np.log(x).astype(dtype), np.minimum(1, (x / self.x_max) ** self.alpha).astype(dtype)
        self.losses = []
        for epoch in range(self.epochs):
            p = generator.permutation(len(x))
            cost = glove_pass(*parameters, squares, i[p], j[p], ln_x[p], weight[p], self.lr)
            self.losses.append(cost / len(x))
            if progress is not None:
                progress(epoch + 1, self.epochs)
        self.w, self.context_w = w[:, : self.size].copy(), context_w[:, : self.size].copy()
        return self

    @property
    def vectors(self):
        """What was learned, as ``WordVectors``: w + w̃ of the words that occur."""
        if self.w is None:
            raise ValueError("GloVe: nothing was learned yet; call fit")
        return WordVectors(self.vocabulary.words[4:], (self.w + self.context_w)[4:])
