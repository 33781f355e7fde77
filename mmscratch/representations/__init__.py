"""From raw signals to ``Features`` (B, N, D) with a mask: what a model takes, wherever it comes from.

image/   VGG, ResNet, a small CNN, and what weights of others expect of a picture
text/    bag of words, TF-IDF, Word2Vec, GloVe
"""

from .features import Features

__all__ = ["Features"]
