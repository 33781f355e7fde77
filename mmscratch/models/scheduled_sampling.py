"""Scheduled sampling: from the teacher's words to its own (Bengio, Vinyals, Jaitly & Shazeer, 2015).

Teacher forcing never shows a model its own mistakes. Here each word that is fed back is the reference's with
probability ε_i and the model's own otherwise; ε_i falls with the training step i (§2.4 of the paper):

    linear            ε_i = max(ε, k − c i)
    exponential       ε_i = k^i                    0 ≤ k < 1
    inverse sigmoid   ε_i = k / (k + e^{i/k})      k ≥ 1

It is no consistent estimator (Huszár, 2015): the target at t remains the reference's word, though the words
before are no longer the reference's. For ε = 0 the best model of that loss says at each place what stands
there most often, whatever was said before. The choice of a word has no gradient either; both are part of
the method.
"""

import math

import numpy as np

from .. import ops
from ..decoding.choice import Draw
from ..tensor import Tensor
from .caption_decoder import check_words

__all__ = ["exponential", "inverse_sigmoid", "linear", "scheduled_forward"]


def linear(i, c, k=1.0, least=0.0):
    """ε_i = max(least, k − c i): 0 ≤ least ≤ k ≤ 1, c ≥ 0."""
    if not (0 <= least <= k <= 1 and c >= 0):
        raise ValueError(f"linear: expected 0 ≤ least ≤ k ≤ 1 and c ≥ 0, got least={least}, k={k}, c={c}")
    return max(least, k - c * _step("linear", i))


def exponential(i, k):
    """ε_i = k^i: 0 ≤ k < 1."""
    if not 0 <= k < 1:
        raise ValueError(f"exponential: expected 0 ≤ k < 1, got k={k}")
    return float(k) ** _step("exponential", i)


def inverse_sigmoid(i, k):
    """ε_i = k / (k + e^{i/k}): k ≥ 1; half is reached at i = k ln k."""
    if not k >= 1:
        raise ValueError(f"inverse_sigmoid: expected k ≥ 1, got k={k}")
    x = _step("inverse_sigmoid", i) / k - math.log(k)
    return 1 / (1 + math.exp(x)) if x < 700 else 0.0


def _step(name, i):
    if i < 0:
        raise ValueError(f"{name}: expected a step i ≥ 0, got {i}")
    return i


def scheduled_forward(model, regions, tokens, epsilon, generator, choose="sample"):
    """A caption decoder's fold over words of which some are its own.

    Forward    x_1 = y_0; x_{t+1} = y_t with probability ε, else ŷ_t, for each sentence and word anew;
               ŷ_t ~ p(· | x_1 … x_t, picture), or its argmax with choose="argmax"
    Backward   through the logits; none through the choice of ŷ_t
    Shapes     regions (B, R, D), tokens (B, T + 1): y_0 … y_T → logits (B, T, V), α (B, T, R) or None, as
               ``CaptionDecoder.forward`` gives them; with ε = 1 they are what it gives
    Errors     ValueError for ε outside [0, 1], another choice, and as the model's forward
    Note       the generator moves on by 2 B (T − 1) numbers, whatever ε is
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"scheduled_forward: epsilon must be in [0, 1], got {epsilon}")
    if choose not in ("sample", "argmax"):
        raise ValueError(f"scheduled_forward: choose must be 'sample' or 'argmax', got {choose!r}")
    check_words(model, regions, tokens)
    batch, steps = tokens.shape[0], tokens.shape[1] - 1
    coins, numbers = (generator.uniform((batch, steps - 1), dtype="float64") for _ in range(2))
    if epsilon == 1:  # nothing to choose: a model that takes all steps at once may do so
        return model(regions, tokens)
    given = tokens.detach().numpy()
    state, word, draw, logits, looks = model.start(regions), given[:, 0], Draw(), [], []
    for t in range(steps):
        state, scores, alpha = model.step(state, Tensor(word).to(tokens.device))
        logits.append(scores)
        looks.append(alpha)
        if t + 1 < steps:
            log_p = scores.detach().log_softmax().numpy()
            own = log_p.argmax(axis=1) if choose == "argmax" else draw(log_p, numbers[:, t])
            word = np.where(coins[:, t] < epsilon, given[:, t + 1], own)
    return ops.stack(logits, axis=1), None if looks[0] is None else ops.stack(looks, axis=1)
