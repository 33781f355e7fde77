"""Word2Vec (Mikolov, Chen, Corrado & Dean, 2013a; Mikolov, Sutskever, Chen, Corrado & Dean, 2013b).

Skip-gram  a word predicts each word around it                 h = v_c
CBOW       the words around it predict a word                  h = mean of their v

Negative sampling        ℓ = −ln σ(u_o · h) − Σ_k ln σ(−u_k · h),  k drawn with P(w) ∝ count^0.75   (b, eq. 4)
Hierarchical softmax     ℓ = −ln Π σ(±u_node · h) over o's path in a Huffman tree                   (b, eq. 3)

Gradients and updates stand in ``word_steps.logistic_pass``. Drawn anew in every epoch: the order of
sentences, which frequent words are left out (``corpus.keep_probability``), for each centre how far it looks
(1 … window, evenly: near words count more), and the noise. The rate falls in a straight line.

Levy & Goldberg (2014): where D is large enough, the optimum of skip-gram with k samples from the plain
distribution of words (``noise_power=1``) is u_o · v_c = PMI(c, o) − ln k. A test holds it to that.
"""

from __future__ import annotations

import numpy as np

from ...random import Generator
from .corpus import Corpus, Noise, ahead, chunks, keep_probability, take_rows, windows
from .huffman import huffman_paths
from .word_steps import logistic_pass, padded
from .word_vectors import WordVectors

__all__ = ["Word2Vec"]


class Word2Vec:
    """Settings, and after ``fit`` what was learned.

    size            D
    model           "skip-gram" | "cbow"
    softmax         "negative" | "hierarchical"
    negatives       k, noise words an example
    window          the furthest a word looks; shrink=False: always so far
    subsample       t: frequent words are left out with this threshold; 0 keeps all
    noise_power     P(noise) ∝ count^noise_power
    lr, min_lr      the rate at the beginning and at the end; None: 0.025 (skip-gram), 0.05 (CBOW)
    epochs, seed    passes over the corpus; a seed gives the same vectors on any number of threads

    inputs (V, D)   v, the vectors that are used      outputs (V, D), or one an inner node     u
    losses          mean ℓ an example, of each epoch

    A word drawn as noise may be the word itself, as in the formula. (The authors' program skips it, which in
    a small vocabulary moves the optimum.)
    """

    def __init__(
        self,
        size=100,
        *,
        model="skip-gram",
        softmax="negative",
        negatives=5,
        window=5,
        shrink=True,
        subsample=1e-3,
        noise_power=0.75,
        lr=None,
        min_lr=1e-4,
        epochs=5,
        seed=0,
        dtype="float32",
    ):
        if model not in ("skip-gram", "cbow"):
            raise ValueError(f"Word2Vec: model: expected 'skip-gram' or 'cbow', got {model!r}")
        if softmax not in ("negative", "hierarchical"):
            raise ValueError(f"Word2Vec: softmax: expected 'negative' or 'hierarchical', got {softmax!r}")
        whole = {"size": size, "negatives": negatives, "window": window, "epochs": epochs}
        for name, value in whole.items():
            if value < 1:
                raise ValueError(f"Word2Vec: {name}: expected at least 1, got {value}")
        self.size, self.model, self.softmax, self.negatives = size, model, softmax, negatives
        self.window, self.shrink, self.subsample, self.noise_power = window, shrink, subsample, noise_power
        self.lr = (0.025 if model == "skip-gram" else 0.05) if lr is None else lr
        self.min_lr, self.epochs, self.seed, self.dtype = min_lr, epochs, seed, np.dtype(dtype)
        self.vocabulary = self.inputs = self.outputs = None
        self.losses = []

    def fit(self, corpus, progress=None):
        """Learn from a ``Corpus`` or from sentences (lists of words); → self.

        progress   called with (words seen, words in all) now and then
        """
        if not isinstance(corpus, Corpus):
            corpus = Corpus.from_sentences(corpus)
        self.vocabulary, counts = corpus.vocabulary, corpus.counts
        generator = Generator(self.seed)
        targets = _Negative(counts, self) if self.softmax == "negative" else _Hierarchical(counts)
        inputs, outputs = (
            np.zeros((rows, padded(self.size)), self.dtype) for rows in (len(counts), targets.rows)
        )
        half = 0.5 / self.size
        inputs[:, : self.size] = generator.uniform((len(counts), self.size), -half, half, self.dtype.name)
        sums = np.zeros((self.epochs, 2))  # Σ ℓ, examples
        for epoch, done, rates, example, goal in ahead(self._batches(corpus, targets, generator)):
            sums[epoch] += logistic_pass(inputs, outputs, *example, *goal, rates), len(example[1]) - 1
            if progress is not None:
                progress(done, self.epochs * len(corpus))
        self.losses = (sums[:, 0] / np.maximum(sums[:, 1], 1)).tolist()
        self.inputs, self.outputs = inputs[:, : self.size].copy(), outputs[:, : self.size].copy()
        return self

    @property
    def vectors(self):
        """What was learned, as ``WordVectors``: the input vectors of the words that occur."""
        if self.inputs is None:
            raise ValueError("Word2Vec: nothing was learned yet; call fit")
        return WordVectors(self.vocabulary.words[4:], self.inputs[4:])

    def _batches(self, corpus, targets, generator):
        """epoch, words seen after it, first and last rate, contexts, targets: of each chunk of sentences."""
        keep = keep_probability(corpus.counts, self.subsample)
        seen, words = 0, self.epochs * len(corpus)
        for epoch in range(self.epochs):
            for order in chunks(corpus.starts, generator.permutation(len(corpus.starts) - 1)):
                ids, sentence = corpus.sentences(order)
                shares = seen / words, (seen + len(ids)) / words
                seen += len(ids)
                kept = generator.uniform(len(ids)) < keep[ids]
                *example, predicted = self._examples(ids[kept], sentence[kept], generator)
                rates = [self.lr + (self.min_lr - self.lr) * share for share in shares]
                yield epoch, seen, rates, example, targets(predicted, generator)

    def _examples(self, ids, sentence, generator):
        """→ context words, where each example's begin, and the word that each example predicts."""
        n, window = len(ids), self.window
        reach = generator.integers(1, window + 1, n) if self.shrink else np.full(n, window)
        centre, around = windows(sentence, reach)
        if self.model == "skip-gram":
            return ids[centre], np.arange(len(centre) + 1), ids[around]
        at = np.flatnonzero(np.diff(centre, prepend=-1))  # a word without neighbours is no example
        return ids[around], np.append(at, len(centre)), ids[centre[at]]


class _Negative:
    """Words → targets: each word with label 1, and k noise words with label 0."""

    def __init__(self, counts, settings):
        self.noise, self.k = Noise(counts, settings.noise_power), settings.negatives
        self.rows = len(counts)

    def __call__(self, words, generator):
        n, one = len(words), 1 + self.k
        target = np.empty((n, one), np.int32)
        target[:, 0] = words
        target[:, 1:] = self.noise.draw(n * self.k, generator).reshape(n, self.k)
        label = np.zeros((n, one), np.float32)
        label[:, 0] = 1
        return target.reshape(-1), label.reshape(-1), np.arange(n + 1) * one


class _Hierarchical:
    """Words → targets: the inner nodes of each word's path, labelled by the way it takes."""

    def __init__(self, counts):
        self.starts, self.node, self.label = huffman_paths(counts)
        self.rows = int(self.node.max()) + 1

    def __call__(self, words, generator):
        target, at = take_rows(self.starts, self.node, words)
        return target, take_rows(self.starts, self.label, words)[0], at
