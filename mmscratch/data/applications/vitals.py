"""Vital signs over a day, a nurse's note, and who gets worse: with Bayes' rule for each and for both.

y = 1, who gets worse, is half of the patients. Given y, series and note are independent.

    series   x_tc = m_c + y δ_c t/(T − 1) + r_tc,   m_c ~ N(0, τ²) the patient's own level,
             r AR(1): r_t = φ r_{t−1} + √(1 − φ²) ε_t, standardised units of heart rate, breathing, saturation
    note     n words, each drawn from a distribution over words that y chooses

Both log-likelihood ratios are exact: the series of a channel is N(y δ_c ramp, τ² 11ᵀ + φ^|s−t|), the note's
is a sum over its words. What is best with both, with the series alone and with the note alone is therefore
computed.
"""

from __future__ import annotations

import dataclasses

import numpy as np

__all__ = ["CHANNELS", "NEUTRAL", "TOLD", "Patients", "log_ratio", "make_patients", "ramp_covariance"]

CHANNELS = ("heart rate", "breathing", "saturation")
SLOPES = np.array([1.1, 0.9, -1.0])
OWN, LAG = 1.0, 0.6
NEUTRAL = ("patient", "seen", "at", "noon", "by", "nurse", "room", "quiet")
TOLD = {"restless": (0.06, 0.02), "sweating": (0.06, 0.025), "confused": (0.05, 0.02), "eating": (0.02, 0.06),
        "walking": (0.02, 0.055), "cheerful": (0.025, 0.06)}  # fmt: skip
"""Word → how likely it is at each place of a note, of who gets worse and of who does not."""


@dataclasses.dataclass
class Patients:
    """series (N, T, 3) float32, notes: lists of words, target int64 (N,)."""

    series: np.ndarray
    notes: list
    target: np.ndarray

    def __len__(self):
        return len(self.target)


def _words():
    """Words, and their probabilities where y = 1 and y = 0: tuple, (W,), (W,)."""
    told = np.array(list(TOLD.values())).T
    rest = [(1 - row.sum()) / len(NEUTRAL) for row in told]
    words = (*TOLD, *NEUTRAL)
    return words, *(
        np.concatenate([row, np.full(len(NEUTRAL), r)]) for row, r in zip(told, rest, strict=True)
    )


def ramp_covariance(steps):
    """How a channel's mean rises with y, and its covariance: (T,), (T, T)."""
    t = np.arange(steps)
    return t / (steps - 1), OWN**2 + LAG ** np.abs(t[:, None] - t)


def make_patients(count=600, steps=12, words=10, seed=0):
    """Patients, half of whom get worse, in random order.

    Errors     ValueError for an odd or too small count, fewer than two steps, or a note without words
    """
    if count < 2 or count % 2 or steps < 2 or words < 1:
        raise ValueError(
            "make_patients: count, steps, words: expected an even number from 2, at least 2, at least 1; got "
            f"{count}, {steps}, {words}"
        )
    random = np.random.default_rng([seed, 0x417A])
    y = random.permutation(np.arange(count) % 2)
    ramp, covariance = ramp_covariance(steps)
    noise = np.einsum("st,ntc->nsc", np.linalg.cholesky(covariance), random.normal(size=(count, steps, 3)))
    series = noise + y[:, None, None] * ramp[:, None] * SLOPES
    known, worse, better = _words()
    notes = [[known[k] for k in random.choice(len(known), words, p=worse if one else better)] for one in y]
    return Patients(series.astype(np.float32), notes, y.astype(np.int64))


def log_ratio(patients, series=True, note=True):
    """ln p(what is seen | y = 1) − ln p(… | y = 0): float64 (N,); above 0 says "gets worse".

    Forward    series: Σ_c δ_c rampᵀ Σ⁻¹ (x_c − ½ δ_c ramp);  note: Σ_words ln p₁(w) − ln p₀(w)
    Source     the Neyman–Pearson ratio of two Gaussians with one covariance (Fisher's discriminant)
    """
    total = np.zeros(len(patients))
    if series:
        ramp, covariance = ramp_covariance(patients.series.shape[1])
        weight = np.linalg.solve(covariance, ramp)
        along = np.einsum("t,ntc->nc", weight, patients.series.astype(np.float64))
        total += along @ SLOPES - 0.5 * (SLOPES**2).sum() * (weight @ ramp)
    if note:
        known, worse, better = _words()
        worth = dict(zip(known, np.log(worse) - np.log(better), strict=True))
        total += np.array([sum(worth[w] for w in words) for words in patients.notes])
    return total
