"""Text as vectors: bag of words, TF-IDF, Word2Vec, GloVe, BERT.

BagOfWords().fit(texts).encode(texts)        Features (B, 1, D)
TFIDF("smooth").fit(texts).encode(texts)     the same, rare words weighing more
Word2Vec(100).fit(sentences).vectors         WordVectors: nearest, analogy, encode → Features (B, N, D)
GloVe(100).fit(sentences).vectors            the same from counts of neighbours
"""

import importlib

_HOME = {
    "BagOfWords": "bags",
    "Corpus": "corpus",
    "GloVe": "glove",
    "TFIDF": "bags",
    "Word2Vec": "word2vec",
    "WordVectors": "word_vectors",
    "agreement": "word_similarity",
    "cooccurrences": "glove",
    "read_pairs": "word_similarity",
}
__all__ = sorted(_HOME)


def __getattr__(name):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
