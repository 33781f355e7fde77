"""From raw signals to ``Features`` (B, N, D) with a mask: what a model takes, wherever it comes from.

text/    bag of words, TF-IDF, Word2Vec, GloVe, BERT
image/   VGG, ResNet, CLIP's two towers, regions, a detector, scene graphs; what weights expect of a picture
audio/   spectra, mel bands, MFCC as librosa, HTK, Kaldi and Whisper make them
video/   frames one by one, C3D, R(2+1)D
"""

from .features import Features

__all__ = ["Features"]
