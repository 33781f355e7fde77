"""Scores of additive attention (Bahdanau, Cho & Bengio, 2015, A.1.2)."""

import numpy as np


def _hidden(query, key):
    """u = tanh(query_i + key_j): (B, Lq, Lk, A)."""
    return np.tanh(query[:, :, None, :] + key[:, None, :, :])


def additive_scores(query, key, weight):
    """e_ij = Σ weight ⊙ tanh(query_i + key_j)."""
    return np.sum(weight * _hidden(query, key), axis=-1)


def additive_scores_backward(de, query, key, weight):
    """dquery_i = weight ⊙ Σ_j de_ij (1 − u²), dweight = Σ de u."""
    u, de = _hidden(query, key), de[..., None]
    return weight * np.sum(de * (1 - u * u), axis=2), np.sum(de * u, axis=(0, 1, 2))
