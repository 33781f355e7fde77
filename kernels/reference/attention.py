"""Softmax attention (Vaswani et al., 2017, eq. 1)."""

import numpy as np

__all__ = ["attention", "attention_backward"]


def attention(query, key, value, mask, causal, scale):
    """P = softmax(scale · Q Kᵀ + mask), O = P V."""
    score = scale * (query @ key.swapaxes(-1, -2))
    if mask is not None:
        score = np.where(mask, score, -np.inf) if mask.dtype == bool else score + mask
    if causal:
        score = np.where(np.tri(*score.shape[-2:], dtype=bool), score, -np.inf)
    top = score.max(axis=-1, keepdims=True, initial=-np.inf)
    top = np.where(top == -np.inf, 0, top)  # sees no key: exp(−∞ − 0) = 0, where −∞ − −∞ would be NaN
    weight = np.exp(score - top)
    total = weight.sum(axis=-1, keepdims=True)
    probability = (weight / np.where(total == 0, 1, total)).astype(query.dtype, copy=False)
    return probability @ value, probability


def attention_backward(dout, query, key, value, probability, scale):
    """dV = Pᵀ dO;  dP = dO Vᵀ;  dS = P ⊙ (dP − Σ P ⊙ dP);  dQ = scale · dS K;  dK = scale · dSᵀ Q."""
    dvalue = probability.swapaxes(-1, -2) @ dout
    dprobability = dout @ value.swapaxes(-1, -2)
    row = (probability * dprobability).sum(axis=-1, keepdims=True)
    dscore = probability * (dprobability - row)
    dquery = scale * (dscore @ key)
    dkey = scale * (dscore.swapaxes(-1, -2) @ query)
    return dquery, dkey, dvalue
