"""What caption models learn from: the words, and where a word looks."""

import numpy as np

from .. import ops

__all__ = ["attention_loss", "caption_loss", "doubly_stochastic_penalty", "log_frequencies"]


def caption_loss(logits, target, pad, label_smoothing=0.0):
    """−mean log p(y_t | y_<t, picture) over the words that are not padding; (B, T, V), (B, T) → ().

    label_smoothing ε: of the target's probability 1, ε is spread over all V words, so that no word's log-odds
    need grow without end: −(1 − ε) log p(y_t) − ε/V Σ_v log p(v) a word (Szegedy et al., 2016, §7).
    """
    b, t, v = logits.shape
    return ops.cross_entropy(
        logits.reshape(b * t, v), target.reshape(b * t), ignore_index=pad, label_smoothing=label_smoothing
    )


def attention_loss(alpha, region, eps=1e-8):
    """−mean log α_t,region(t) over the words that mention an object (Liu et al., 2017, "correctness").

    alpha (B, T, R); region (B, T) integer: which region the word at t speaks of, −1 for none.
    """
    b, t, r = alpha.shape
    return ops.nll_loss((alpha + eps).log().reshape(b * t, r), region.reshape(b * t), ignore_index=-1)


def doubly_stochastic_penalty(alpha, mask):
    """mean_{b,i} (τ − Σ_t α_ti)², τ = T/R: look at every region as often (Xu et al., 2015, eq. 14).

    The paper's target 1 can only be met where a caption is as long as there are regions, for the
    weights of each word sum to one; τ is what all of them can meet. alpha (B, T, R), mask (B, T).
    """
    weights = (alpha * mask.unsqueeze(2)).sum(1)
    target = mask.sum(1, keepdims=True) / alpha.shape[2]
    return ((target - weights) ** 2).mean()


def log_frequencies(counts, size, smoothing=1.0):
    """log((n_v + s) / Σ_w (n_w + s)) of each of ``size`` words: an array (V,) in float64.

    counts (V,); smoothing s > 0 where a word has never been seen.
    """
    counts = np.asarray(counts, np.float64)
    if counts.shape != (size,) or not (counts >= 0).all() or not np.isfinite(counts).all():
        raise ValueError(f"counts must be {size} numbers ≥ 0, one a word, got {counts.shape}: {counts}")
    smoothed = counts + smoothing
    if not (smoothed > 0).all():
        raise ValueError(f"smoothing must be above 0 where a word has never been seen, got {smoothing}")
    return np.log(smoothed / smoothed.sum())
