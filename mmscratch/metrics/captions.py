"""All caption metrics at once, under the names of the COCO caption tools.

Strings are cut into words by one of three tokenizers:

words    lower case; letters and digits, held together by "-" and "/" and as in 3.5; marks dropped (default;
         the `tokenize` of `data.text`; in Chinese text without spaces each character is a word)
ptb      what the COCO tools run: Stanford's PTBTokenizer, lower case, their list of marks dropped; its rules
         are written out in `data.tokenizers.ptb`. It differs from words in 1.5 % of COCO's captions, nearly
         all by "children 's" for "children s"; on 1,000 pictures BLEU and ROUGE-L move by 1e-4, CIDEr
         by 6e-4. Take it to compare with a printed figure to the last digit
space    split at spaces and nothing else, as nlg-eval does
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..data.text import language_of, tokenize
from ..data.tokenizers.ptb import ptb_tokenize
from .bleu import bleu_per_image, corpus_bleu
from .cider import DocumentFrequency, cider_d_per_image, cider_per_image, corpus_cider, corpus_cider_d
from .meteor_lite import corpus_meteor_lite, meteor_lite_per_image
from .ngrams import Caption, paired
from .rouge import corpus_rouge_l, rouge_l_per_image

BLEU = ("Bleu_1", "Bleu_2", "Bleu_3", "Bleu_4")
DEFAULT = (*BLEU, "METEOR_lite", "ROUGE_L", "CIDEr")
METRICS = (*DEFAULT, "CIDEr_plain")
"""What `score_captions` knows. "CIDEr" is CIDEr-D: the COCO tools and nlg-eval print it under that name."""


def words(text: str) -> list[str]:
    """The words of a caption in lower case, without marks."""
    return tokenize(text, language_of(text), punctuation=False)


TOKENIZERS: dict[str, Callable[[str], Sequence[str]]] = {
    "words": words,
    "ptb": ptb_tokenize,
    "space": str.split,
}
DEFAULT_TOKENIZER = "words"
_ELSEWHERE = {
    "METEOR": "METEOR needs its own tables of synonyms and paraphrases; METEOR_lite does without",
    "SPICE": "SPICE compares scene graphs, not words: see mmscratch.metrics.spice",
    "CIDEr_D": "CIDEr-D goes by the name CIDEr, as in the COCO tools; CIDEr_plain does not clip",
}


def score_captions(
    candidates: Sequence[Caption],
    references: Sequence[Sequence[Caption]],
    metrics: Iterable[str] | None = None,
    *,
    tokenizer: str = DEFAULT_TOKENIZER,
    frequency: DocumentFrequency | None = None,
) -> dict[str, float]:
    """Scores of a corpus: one candidate and several references an image.

    candidates   strings, or lists of tokens (which are taken as they are)
    references   for each candidate a list of strings or of lists of tokens
    metrics      some of `METRICS`; "Bleu" for all four; None: `DEFAULT`
    tokenizer    of strings: "words", "ptb" or "space", see above
    frequency    document frequencies for CIDEr from elsewhere; None: from these references
    Returns      {"Bleu_1": …, …, "METEOR_lite", "ROUGE_L", "CIDEr"}; all in 0…1, CIDEr in 0…10
    Note         CIDEr of a single image is 0 without `frequency`: every idf is ln 1 − ln 1
    """
    chosen = chosen_metrics(metrics)
    pairs = _tokens(candidates, references, tokenizer)
    scores = {}
    for name in chosen:
        if name in BLEU:
            if name not in scores:
                values = corpus_bleu(*pairs)
                scores |= {n: v for n, v in zip(BLEU, values, strict=True) if n in chosen}
        else:
            scores[name] = _CORPUS[name](*pairs, **_options(name, frequency))
    return {name: float(scores[name]) for name in chosen}


def score_captions_per_image(
    candidates: Sequence[Caption],
    references: Sequence[Sequence[Caption]],
    metrics: Iterable[str] | None = None,
    *,
    tokenizer: str = DEFAULT_TOKENIZER,
    frequency: DocumentFrequency | None = None,
) -> list[dict[str, float]]:
    """`score_captions` of every image by itself; CIDEr's document frequencies are those of all of them.

    Their mean is the corpus score for ROUGE-L and CIDEr, and is not for BLEU and METEOR-lite, which add their
    counts first.
    """
    chosen = chosen_metrics(metrics)
    pairs = _tokens(candidates, references, tokenizer)
    columns: dict[str, list[float]] = {}
    if set(chosen) & set(BLEU):
        columns = dict(zip(BLEU, zip(*bleu_per_image(*pairs), strict=True), strict=True))
    for name in chosen:
        if name not in BLEU:
            columns[name] = _PER_IMAGE[name](*pairs, **_options(name, frequency))
    return [{name: float(columns[name][i]) for name in chosen} for i in range(len(pairs[0]))]


_CORPUS = {
    "METEOR_lite": corpus_meteor_lite,
    "ROUGE_L": corpus_rouge_l,
    "CIDEr": corpus_cider_d,
    "CIDEr_plain": corpus_cider,
}
_PER_IMAGE = {
    "METEOR_lite": meteor_lite_per_image,
    "ROUGE_L": rouge_l_per_image,
    "CIDEr": cider_d_per_image,
    "CIDEr_plain": cider_per_image,
}


def _options(name: str, frequency: DocumentFrequency | None) -> dict:
    return {"frequency": frequency} if name.startswith("CIDEr") else {}


def chosen_metrics(metrics: Iterable[str] | None) -> tuple[str, ...]:
    """The names asked for, in the order of `METRICS`; ValueError naming one that is unknown."""
    if metrics is None:
        return DEFAULT
    asked: list[str] = []
    for name in [metrics] if isinstance(metrics, str) else metrics:
        if name not in (*METRICS, "Bleu"):
            known = f"expected some of {', '.join(METRICS)}, or Bleu for the four"
            raise ValueError(f"metrics: {_ELSEWHERE.get(name) or f'{known}; got {name!r}'}")
        asked += BLEU if name == "Bleu" else [name]
    if not asked:
        raise ValueError("metrics: expected at least one, got none")
    return tuple(name for name in METRICS if name in asked)


def _tokens(candidates, references, tokenizer: str) -> tuple[list, list]:
    if tokenizer not in TOKENIZERS:
        raise ValueError(
            f"score_captions: tokenizer: expected one of {', '.join(TOKENIZERS)}, got {tokenizer!r}"
        )
    split = TOKENIZERS[tokenizer]
    paired("score_captions", candidates, references)  # the errors, before any work

    def cut(caption: Caption):
        return split(caption) if isinstance(caption, str) else caption

    return [cut(c) for c in candidates], [[cut(r) for r in several] for several in references]
