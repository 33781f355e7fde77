"""ROUGE-L: the longest common subsequence (Lin, 2004), in the form that captions are scored with."""

from __future__ import annotations

from collections.abc import Sequence

from .ngrams import Caption, paired

BETA = 1.2  # recall counts β² = 1.44 times as much as precision


def lcs_length(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Forward    L[i, j] = L[i−1, j−1] + 1             if a_i = b_j
                         max(L[i−1, j], L[i, j−1])   otherwise;   L[0, ·] = L[·, 0] = 0
    """
    row = [0] * (len(b) + 1)
    for x in a:
        above = row
        row = [0]
        for j, y in enumerate(b, start=1):
            row.append(above[j - 1] + 1 if x == y else max(above[j], row[j - 1]))
    return row[-1]


def rouge_l_per_image(
    candidates: Sequence[Caption], references: Sequence[Sequence[Caption]], beta: float = BETA
) -> list[float]:
    """ROUGE-L of every candidate.

    Forward    P = max_ref LCS / |candidate|,   R = max_ref LCS / |reference|
               F = (1 + β²) P R / (R + β² P);   0 when either is 0                    (Lin 2004, eq. 4)
    Note       the two maxima are taken separately, so P and R may come from different references;
               an empty candidate scores 0
    """
    if not beta > 0:
        raise ValueError(f"rouge_l: beta: expected a positive number, got {beta!r}")
    scores = []
    for candidate, several in paired("rouge_l", candidates, references):
        common = [(lcs_length(reference, candidate), len(reference)) for reference in several]
        precision = max(n for n, _ in common) / max(len(candidate), 1)
        recall = max(n / max(size, 1) for n, size in common)
        if precision == 0 or recall == 0:
            scores.append(0.0)
            continue
        scores.append((1 + beta**2) * precision * recall / (recall + beta**2 * precision))
    return scores


def corpus_rouge_l(
    candidates: Sequence[Caption], references: Sequence[Sequence[Caption]], beta: float = BETA
) -> float:
    """Mean of `rouge_l_per_image`."""
    scores = rouge_l_per_image(candidates, references, beta)
    return sum(scores) / len(scores)
