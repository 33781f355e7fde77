"""BLEU: modified n-gram precision with a brevity penalty (Papineni et al., 2002)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .ngrams import Caption, ngram_counts, paired, positive

SMOOTHING = ("coco", "none", "add-one")
LENGTHS = ("closest", "shortest", "average")


@dataclass(frozen=True)
class BleuCounts:
    """The sums that BLEU is made of; corpora are added, never averaged."""

    matches: tuple[int, ...]  # clipped n-gram matches, n = 1…N
    guesses: tuple[int, ...]  # n-grams in the candidates
    length: int  # c, tokens in the candidates
    reference_length: float  # r, sum of one length a sentence, by a rule of `LENGTHS`

    def __add__(self, other: BleuCounts) -> BleuCounts:
        return BleuCounts(
            tuple(a + b for a, b in zip(self.matches, other.matches, strict=True)),
            tuple(a + b for a, b in zip(self.guesses, other.guesses, strict=True)),
            self.length + other.length,
            self.reference_length + other.reference_length,
        )


def bleu_counts(
    candidate: Sequence[str],
    references: Sequence[Sequence[str]],
    max_n: int = 4,
    reference_length: str = "closest",
) -> BleuCounts:
    """Counts of one sentence.

    Forward    matches_n = Σ_g min(count_cand(g), max_ref count_ref(g)) over the n-grams g of the candidate
               guesses_n = max(0, c − n + 1)
               r         = closest: the reference length nearest to c; of two equally near, the shorter
                           shortest (NIST), average: of all references
    Note       papers and the COCO evaluation use closest, for corpora and in their scores of one image; the
               scorer inside the COCO tools falls back to average when it is given a single sentence by itself
    """
    if reference_length not in LENGTHS:
        raise ValueError(
            f"bleu: reference_length: expected one of {', '.join(LENGTHS)}, got {reference_length!r}"
        )
    there = [ngram_counts(reference, max_n) for reference in references]
    matches = [0] * max_n
    for gram, count in ngram_counts(candidate, max_n).items():
        matches[len(gram) - 1] += min(count, max(counts.get(gram, 0) for counts in there))
    c = len(candidate)
    lengths = [len(reference) for reference in references]
    r: float = min((abs(n - c), n) for n in lengths)[1]
    if reference_length != "closest":
        r = min(lengths) if reference_length == "shortest" else sum(lengths) / len(lengths)
    return BleuCounts(tuple(matches), tuple(max(0, c - n) for n in range(max_n)), c, r)


def bleu_from_counts(counts: BleuCounts, smoothing: str = "coco") -> list[float]:
    """BLEU-1 … BLEU-N from the sums.

    Forward    BLEU_N = BP · (Π_{n≤N} p_n)^{1/N},  p_n = matches_n / guesses_n
               BP     = 1 if c ≥ r, else e^{1 − r/c}                              (Papineni 2002, §2.3)
    Note       smoothing, for when some p_n is zero:
               none     as printed above; no match of some length → 0
               coco     p_n = (matches_n + 1e-15) / (guesses_n + 1e-9) and c/r likewise: what the COCO caption
                        tools compute; moves a corpus score by about 1e-10, a sentence without a match to ≈ 0
               add-one  p_n = (matches_n + 1) / (guesses_n + 1) for n ≥ 2     (Lin and Och, 2004)
    """
    if smoothing not in SMOOTHING:
        raise ValueError(f"bleu: smoothing: expected one of {', '.join(SMOOTHING)}, got {smoothing!r}")
    product, scores = 1.0, []
    penalty = _brevity_penalty(counts.length, counts.reference_length, smoothing)
    for n, (match, guess) in enumerate(zip(counts.matches, counts.guesses, strict=True), start=1):
        product *= _precision(match, guess, n, smoothing)
        scores.append(product ** (1.0 / n) * penalty)
    return scores


def _precision(match: int, guess: int, n: int, smoothing: str) -> float:
    if smoothing == "coco":
        return (match + 1e-15) / (guess + 1e-9)
    if smoothing == "add-one" and n > 1:
        return (match + 1) / (guess + 1)
    return match / guess if guess else 0.0


def _brevity_penalty(c: int, r: float, smoothing: str) -> float:
    if smoothing == "coco":
        ratio = (c + 1e-15) / (r + 1e-9)
        return math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    if c >= r:
        return 1.0
    return math.exp(1 - r / c) if c else 0.0


def corpus_bleu(
    candidates: Sequence[Caption],
    references: Sequence[Sequence[Caption]],
    max_n: int = 4,
    smoothing: str = "coco",
    reference_length: str = "closest",
) -> list[float]:
    """[BLEU-1, …, BLEU-N] of a corpus, each in 0…1: one candidate and several references per image.

    The counts of all sentences are added before any division (`bleu_counts`, `bleu_from_counts`).
    """
    positive("corpus_bleu", "max_n", max_n)
    pairs = paired("corpus_bleu", candidates, references)
    counts = [bleu_counts(c, r, max_n, reference_length) for c, r in pairs]
    total = counts[0]
    for one in counts[1:]:
        total = total + one
    return bleu_from_counts(total, smoothing)


def bleu_per_image(
    candidates: Sequence[Caption],
    references: Sequence[Sequence[Caption]],
    max_n: int = 4,
    smoothing: str = "coco",
    reference_length: str = "closest",
) -> list[list[float]]:
    """[BLEU-1, …, BLEU-N] of every sentence by itself; their mean is *not* the corpus BLEU."""
    positive("bleu_per_image", "max_n", max_n)
    pairs = paired("bleu_per_image", candidates, references)
    return [bleu_from_counts(bleu_counts(c, r, max_n, reference_length), smoothing) for c, r in pairs]


def sentence_bleu(
    candidate: Caption,
    references: Sequence[Caption],
    max_n: int = 4,
    smoothing: str = "add-one",
    reference_length: str = "closest",
) -> float:
    """BLEU-N of one sentence; smoothed, since a single sentence often has no 4-gram in common."""
    return bleu_per_image([candidate], [references], max_n, smoothing, reference_length)[0][-1]
