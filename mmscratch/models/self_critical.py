"""Self-critical training: a captioner learns from rewards for what it says itself.

Rennie, Marcheret, Mroueh, Ross & Goel, 2017. What is to be raised is the expected reward of a sampled
caption, whatever the reward is: it need not have a gradient. The expectation has one,

    J = E_{ŵ ~ p}[ r(ŵ) ],   ∇J = E[ (r(ŵ) − b) ∇log p(ŵ) ],   log p(ŵ) = Σ_t log p(ŵ_t | ŵ_<t, picture)

and b may be anything that does not depend on ŵ (Williams, 1992). The model is its own critic:

    greedy    b = r(ŵ^g), ŵ^g the greedy caption of the picture: what is better than what the model would say
              when asked is made likelier, what is worse less likely (Rennie et al., eq. 8)
    others    b_j = mean_{l ≠ j} r(ŵ_l) over k captions drawn for the picture (Mnih & Rezende, 2016;
              Luo, 2020): no greedy search is needed, and each drawn caption serves twice
    none      b = 0

Caption and gradient are of one distribution: both are taken in evaluation mode, without dropout.
"""

import dataclasses

import numpy as np

from ..autograd import no_grad
from ..decoding import greedy, sample
from ..tensor import Tensor

__all__ = ["BASELINES", "Rewarded", "mean_of_others", "policy_loss", "self_critical", "sentence_log_p"]

BASELINES = ("greedy", "others", "none")


@dataclasses.dataclass
class Rewarded:
    """What one step said and got: ``captions`` P·k lists of word ids, k in a row for each picture; reward
    and baseline (P, k) in the same order; loss a Tensor ()."""

    loss: Tensor
    captions: list
    reward: np.ndarray
    baseline: np.ndarray


def mean_of_others(reward):
    """b_j = (Σ_l r_l − r_j) / (k − 1): (P, k) → (P, k), for k ≥ 2."""
    reward = np.asarray(reward, np.float64)
    if reward.ndim != 2 or reward.shape[1] < 2:
        raise ValueError(f"mean_of_others: expected (P, k) with k ≥ 2 samples, got {reward.shape}")
    return (reward.sum(1, keepdims=True) - reward) / (reward.shape[1] - 1)


def policy_loss(log_p, reward, baseline):
    """−(1/N) Σ_n (r_n − b_n) log p(ŵ_n).

    Backward   r and b are constants; the gradient's expectation is −∇J where b_n does not depend on ŵ_n
    Shapes     log_p (N,) of whole sentences, reward, baseline (N,) arrays → ()
    Source     Williams, 1992; Rennie et al., 2017, eq. 5 and 7
    """
    advantage = np.asarray(reward, log_p.dtype) - np.asarray(baseline, log_p.dtype)
    if advantage.shape != log_p.shape:
        raise ValueError(f"policy_loss: reward − baseline {advantage.shape}, expected {log_p.shape} as log_p")
    return -(log_p * Tensor(advantage).to(log_p.device)).mean()


def sentence_log_p(model, regions, captions, start, end, max_length):
    """log p of whole captions, by the model's own ``forward`` (teacher forcing on them), differentiably.

    Forward    Σ_t log p(w_t | w_<t, picture), the end with it, where the caption is shorter than max_length;
               one that is as long was cut off by ``sample``: its end was never drawn, and is not counted
    Shapes     regions (N, R, D), captions N lists of word ids without start and end → (N,)
    """
    ends = [len(words) < max_length for words in captions]
    targets = [[*words, end] if ended else list(words) for words, ended in zip(captions, ends, strict=True)]
    lengths = np.array([len(row) for row in targets])
    tokens = np.full((len(targets), 1 + lengths.max()), end, np.int64)
    tokens[:, 0] = start
    for row, target in zip(tokens, targets, strict=True):
        row[1 : 1 + len(target)] = target
    logits, _ = model(regions, Tensor(tokens).to(regions.device))
    mask = np.arange(tokens.shape[1] - 1) < lengths[:, None]
    chosen = logits.log_softmax().gather(2, tokens[:, 1:, None]).squeeze(2)
    return (chosen * Tensor(mask.astype(logits.dtype)).to(logits.device)).sum(1)


def self_critical(model, regions, reward, generator, *, start, end, max_length, baseline="greedy", samples=1,
                  temperature=1.0):  # fmt: skip
    """One step's loss: draw captions, reward them, and make the better ones likelier. Returns ``Rewarded``.

    regions    (P, R, D), a Tensor; gradients reach it
    reward     function(captions, pictures) → N numbers: captions N lists of word ids without start and end,
               pictures (N,) the row of ``regions`` that each is of
    samples    k captions a picture
    temperature    of the drawing: with any but 1 another distribution is drawn from than is differentiated,
               and the gradient is biased
    Errors     ValueError for an unknown baseline; "others" with fewer than 2 samples; rewards that are not N
               finite numbers
    """
    if baseline not in BASELINES:
        raise ValueError(f"self_critical: baseline: expected {' or '.join(BASELINES)}, got {baseline!r}")
    if samples < (2 if baseline == "others" else 1):
        least = 2 if baseline == "others" else 1
        raise ValueError(f"self_critical: samples: expected at least {least} with {baseline}, got {samples}")
    pictures, training = regions.shape[0], model.training
    model.eval()
    try:
        of = np.repeat(np.arange(pictures), samples)
        many = regions.take(of) if samples > 1 else regions
        with no_grad():
            captions, _, _ = sample(
                model.step, model.start(many), len(of), start, end, max_length, generator, temperature
            )
        rewards = _rewards(reward, captions, of).reshape(pictures, samples)
        if baseline == "greedy":
            with no_grad():
                own, _, _ = greedy(model.step, model.start(regions), pictures, start, end, max_length)
            b = np.repeat(_rewards(reward, own, np.arange(pictures))[:, None], samples, 1)
        else:
            b = mean_of_others(rewards) if baseline == "others" else np.zeros_like(rewards)
        log_p = sentence_log_p(model, many, captions, start, end, max_length)
    finally:
        model.train(training)
    return Rewarded(policy_loss(log_p, rewards.ravel(), b.ravel()), captions, rewards, b)


def _rewards(reward, captions, pictures):
    found = np.asarray(reward(captions, pictures), np.float64)
    if found.shape != (len(captions),) or not np.isfinite(found).all():
        raise ValueError(
            f"self_critical: reward: expected {len(captions)} finite numbers, got {found.shape} with "
            f"{int(np.isnan(found).sum())} NaN"
        )
    return found
