"""All caption metrics at once."""

from __future__ import annotations

from collections.abc import Sequence

from .bleu import corpus_bleu
from .cider import corpus_cider_d
from .ngrams import Caption
from .rouge import corpus_rouge_l


def caption_scores(
    candidates: Sequence[Caption], references: Sequence[Sequence[Caption]]
) -> dict[str, float]:
    """Bleu_1 … Bleu_4, ROUGE_L and CIDEr (meaning CIDEr-D), as the COCO caption tools do."""
    scores = {f"Bleu_{n}": b for n, b in enumerate(corpus_bleu(candidates, references), start=1)}
    scores["ROUGE_L"] = corpus_rouge_l(candidates, references)
    scores["CIDEr"] = corpus_cider_d(candidates, references)
    return scores
