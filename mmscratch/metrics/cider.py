"""CIDEr and CIDEr-D: agreement of tf-idf weighted n-grams (Vedantam, Zitnick and Parikh, 2015)."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .ngrams import Caption, as_tokens, ngram_counts, paired, positive

SIGMA = 6.0
MAX_N = 4
SCALE = 10.0


@dataclass(frozen=True)
class DocumentFrequency:
    """In how many images (of `images`) some reference contains an n-gram.

    A score needs many images: with one image every idf is ln 1 − ln 1 = 0, and so is the score.
    """

    images: int
    counts: Mapping[tuple[str, ...], int] = field(repr=False)
    max_n: int = MAX_N

    @classmethod
    def of(cls, references: Sequence[Sequence[Caption]], max_n: int = MAX_N) -> DocumentFrequency:
        positive("DocumentFrequency", "max_n", max_n)
        if len(references) == 0:
            raise ValueError("DocumentFrequency: references: expected at least one image, got none")
        counts: Counter[tuple[str, ...]] = Counter()
        for i, several in enumerate(references):
            seen: set[tuple[str, ...]] = set()
            for reference in several:
                tokens = as_tokens(reference, f"DocumentFrequency: references[{i}]")
                seen.update(ngram_counts(tokens, max_n))
            counts.update(seen)
        return cls(len(references), counts, max_n)

    def idf(self, gram: tuple[str, ...]) -> float:
        """ln N − ln max(1, df)."""
        return math.log(self.images) - math.log(max(1, self.counts.get(gram, 0)))


@dataclass(frozen=True)
class _Vector:
    weights: list[dict[tuple[str, ...], float]]  # one dictionary for each n
    norms: list[float]
    bigrams: int  # the "length" in the Gaussian of CIDEr-D


def _vector(tokens: Sequence[str], df: DocumentFrequency) -> _Vector:
    weights: list[dict[tuple[str, ...], float]] = [{} for _ in range(df.max_n)]
    for gram, tf in ngram_counts(tokens, df.max_n).items():
        weights[len(gram) - 1][gram] = tf * df.idf(gram)
    norms = [math.sqrt(sum(w * w for w in part.values())) for part in weights]
    return _Vector(weights, norms, max(0, len(tokens) - 1))


def _similarity(candidate: _Vector, reference: _Vector, clip: bool) -> list[float]:
    """Cosine for each n; with `clip` a candidate's weight counts at most as much as the reference's."""
    values = []
    for n, part in enumerate(candidate.weights):
        norm = candidate.norms[n] * reference.norms[n]
        dot = 0.0
        for gram, weight in part.items():
            other = reference.weights[n].get(gram, 0.0)
            dot += (min(weight, other) if clip else weight) * other
        values.append(dot / norm if norm > 0 else 0.0)
    return values


def cider_per_image(
    candidates: Sequence[Caption],
    references: Sequence[Sequence[Caption]],
    frequency: DocumentFrequency | None = None,
) -> list[float]:
    """CIDEr of every candidate, in 0…10.

    Forward    g_n(c)  = tf_c · (ln N − ln max(1, df))       for every n-gram of length n
               CIDEr_n = 1/m Σ_j g_n(c)·g_n(s_j) / (‖g_n(c)‖ ‖g_n(s_j)‖)       (Vedantam 2015, eq. 2)
               CIDEr   = 10 · 1/4 Σ_{n=1}^4 CIDEr_n                     (eq. 3; the factor 10 as in eq. 4)
    Note       N and df come from `references` unless a `DocumentFrequency` is given; tf is the plain count,
               since a cosine does not see its scale
    """
    return _scores("cider", candidates, references, frequency, clip=False, sigma=None)


def cider_d_per_image(
    candidates: Sequence[Caption],
    references: Sequence[Sequence[Caption]],
    frequency: DocumentFrequency | None = None,
    sigma: float = SIGMA,
) -> list[float]:
    """CIDEr-D of every candidate, in 0…10: what the COCO caption tools print as "CIDEr".

    Forward    CIDEr-D_n = 10/m Σ_j e^{−(l(c) − l(s_j))² / 2σ²} · min(g_n(c), g_n(s_j))·g_n(s_j)
                                    / (‖g_n(c)‖ ‖g_n(s_j)‖)                     (Vedantam 2015, eq. 4)
               CIDEr-D   = 1/4 Σ_{n=1}^4 CIDEr-D_n
    Note       g_n, N and df as in `cider_per_image`; l is the number of bigrams, which differs from the
               number of words by one on both sides and so leaves the difference as it is
    """
    if not sigma > 0:
        raise ValueError(f"cider_d: sigma: expected a positive number, got {sigma!r}")
    return _scores("cider_d", candidates, references, frequency, clip=True, sigma=sigma)


def _scores(metric, candidates, references, frequency, clip: bool, sigma: float | None) -> list[float]:
    pairs = paired(metric, candidates, references)
    df = frequency or DocumentFrequency.of([several for _, several in pairs])
    scores = []
    for candidate, several in pairs:
        vector = _vector(candidate, df)
        total = 0.0
        for reference in several:
            other = _vector(reference, df)
            value = sum(_similarity(vector, other, clip)) / df.max_n
            if sigma is not None:
                value *= math.exp(-((vector.bigrams - other.bigrams) ** 2) / (2 * sigma**2))
            total += value
        scores.append(SCALE * total / len(several))
    return scores


def corpus_cider(candidates, references, frequency: DocumentFrequency | None = None) -> float:
    """Mean of `cider_per_image`."""
    scores = cider_per_image(candidates, references, frequency)
    return sum(scores) / len(scores)


def corpus_cider_d(
    candidates, references, frequency: DocumentFrequency | None = None, sigma: float = SIGMA
) -> float:
    """Mean of `cider_d_per_image`."""
    scores = cider_d_per_image(candidates, references, frequency, sigma)
    return sum(scores) / len(scores)
