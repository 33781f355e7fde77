"""Examples for both passes, and the scenes' grammar as a corpus whose every count is known."""

import itertools

import numpy as np

from mmscratch.data.scenes import COLOURS, SHAPES, SIZES, Exists, Noun, Related, templates
from mmscratch.data.scenes.realise import realise


def logistic_example(
    seed, width=16, words=11, rows=9, n=40, context=(1, 4), targets=(1, 21), dtype=np.float64
):
    """inputs, outputs, and n examples with so many context words and targets: arguments of logistic_pass."""
    r = np.random.default_rng(seed)
    context_at = np.concatenate([[0], np.cumsum(r.integers(*context, n, endpoint=True))])
    target_at = np.concatenate([[0], np.cumsum(r.integers(*targets, n, endpoint=True))])
    return [
        r.standard_normal((words, width)).astype(dtype), r.standard_normal((rows, width)).astype(dtype),
        r.integers(0, words, context_at[-1]).astype(np.int32), context_at,
        r.integers(0, rows, target_at[-1]).astype(np.int32),
        r.integers(0, 2, target_at[-1]).astype(np.float32), target_at, (0.2, 0.1),
    ]  # fmt: skip


def glove_example(seed, width=16, words=7, n=60, dtype=np.float64):
    """Arguments of glove_pass."""
    r = np.random.default_rng(seed)
    parameters = [r.standard_normal(shape).astype(dtype) for shape in [(words, width)] * 2 + [(words,)] * 2]
    squares = tuple(np.ones_like(p) for p in parameters)
    i, j = r.integers(0, words, (2, n)).astype(np.int32)
    ln_x, weight = r.standard_normal(n).astype(dtype), r.random(n).astype(dtype)
    return [*parameters, squares, i, j, ln_x, weight, 0.05]


def as_float32(arguments):
    """The same with floats of 32 bits, copied."""

    def one(a):
        if isinstance(a, tuple):
            return tuple(map(one, a))
        is_float = isinstance(a, np.ndarray) and a.dtype == np.float64
        return a.astype(np.float32) if is_float else a.copy() if isinstance(a, np.ndarray) else a

    return [one(a) for a in arguments]


def grammar_sentences(lang="en"):
    """Every sentence of level 1, and those of level 2 about colours, shapes and six relations."""
    choices = itertools.product((*SHAPES, None), (*COLOURS, None), (*SIZES, None))
    for shape, colour, size in choices:
        if shape or colour or size:
            meaning = Exists(Noun(shape=shape, colour=colour, size=size))
            for template in templates(1, lang):
                yield [word for word, _ in realise(meaning, lang, template)]
    nouns = [Noun(shape=shape, colour=colour) for shape in SHAPES for colour in COLOURS]
    relations = ("left", "right", "above", "below", "bigger", "smaller")
    for relation, a, b in itertools.product(relations, nouns, nouns):
        for template in templates(2, lang) if a != b else ():
            yield [word for word, _ in realise(Related(a, relation, b), lang, template)]


def expected_pairs(corpus, window):
    """How often each word is drawn beside each other, a centre looking 1 … window words far: (V, V)."""
    x = np.zeros((len(corpus.vocabulary),) * 2)
    for begin, end in itertools.pairwise(corpus.starts):
        ids = corpus.ids[begin:end]
        for distance in range(1, window + 1):
            share = (window - distance + 1) / window
            np.add.at(x, (ids[:-distance], ids[distance:]), share)
            np.add.at(x, (ids[distance:], ids[:-distance]), share)
    return x
