"""From raw signals to ``Features`` (B, N, D) with a mask: what a model takes, wherever it comes from.

text/    bag of words, TF-IDF, Word2Vec, GloVe
video/   frames, C3D, R(2+1)D
"""

from .features import Features

__all__ = ["Features"]
