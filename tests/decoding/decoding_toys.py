"""Language models small enough to write out every sentence they can say."""

import itertools

import numpy as np

from mmscratch.tensor import Tensor

START, END = 0, 1
"""Ids of the toys: word 0 only begins, word 1 only ends."""


class Tree:
    """A table of log p(word | picture, all words before), drawn at random.

    The state is (picture (N, 1), words so far (N, t)): it grows with time, as a cache does.
    """

    def __init__(self, pictures, vocabulary, length, seed=0, sharpness=1.5, look=0):
        rng = np.random.default_rng(seed)
        self.vocabulary, self.length, self.look = vocabulary, length, look
        self.tables = []
        for t in range(length):
            logits = sharpness * rng.normal(size=(pictures, vocabulary**t, vocabulary))
            logits[:, :, START] = -np.inf
            self.tables.append(logits - np.log(np.exp(logits).sum(-1, keepdims=True)))
        self.calls = []

    def begin(self, pictures):
        pictures = np.asarray(pictures).reshape(-1, 1)
        return Tensor(pictures), Tensor(np.zeros((len(pictures), 0), np.int64))

    def step(self, state, token):
        picture, words = (x.numpy() for x in state)
        self.calls.append(len(picture))
        token = token.numpy()
        assert picture.shape == (len(token), 1) and len(words) == len(token)
        words = np.concatenate([words, token[:, None]], axis=1)
        t = words.shape[1] - 1
        code = words[:, 1:] @ self.vocabulary ** np.arange(t)[::-1]
        logits = self.tables[t][picture[:, 0], code]
        seen = None
        if self.look:  # which words were read before, so that a test can tell whose row it is
            seen = np.full((len(token), self.look), -1.0)
            seen[:, : t + 1] = words
            seen = Tensor(seen)
        return (Tensor(picture), Tensor(words)), Tensor(logits), seen

    def log_p(self, picture, words):
        """log p of the words given, an end among them or not."""
        total, code = 0.0, 0
        for t, word in enumerate(words):
            total += self.tables[t][picture, code, word]
            code = code * self.vocabulary + word
        return total

    def sentences(self, length):
        """Every sentence that ends within ``length`` steps (its end not told)."""
        inner = range(2, self.vocabulary)
        for n in range(length):
            yield from itertools.product(inner, repeat=n)


def constant(log_p):
    """A step whose words do not depend on anything: log_p (V,)."""

    def step(state, token):
        return state, Tensor(np.tile(log_p, (token.shape[0], 1))), None

    return step
