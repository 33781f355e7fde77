"""From raw signals to ``Features`` (B, N, D) with a mask: what a model takes, wherever it comes from.

text/    bag of words, TF-IDF, Word2Vec, GloVe
image/   regions of a grid, a detector, scene graphs
"""

from .features import Features

__all__ = ["Features"]
