"""From raw signals to features: text, image, audio and video, each as ``Features`` (B, N, D) with a mask.

    text/     bag of words, TF-IDF, Word2Vec, GloVe, BERT
    image/    CNN, VGG and ResNet grids, detected boxes, scene graphs
    audio/    spectrogram, mel, MFCC
    video/    C3D, (2+1)D

A model that takes ``Features`` takes any of the four.
"""

from .features import Features

__all__ = ["Features"]
