"""The COCO tools' tokens: against the original, frozen, and rule by rule."""

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from mmscratch.data.tokenizers.ptb import DROPPED, ptb_tokenize, ptb_words

HERE = Path(__file__).resolve()
GOLDEN = json.loads(bytes(np.load(HERE.parents[1] / "goldens" / "captions.npz", allow_pickle=False)["text"]))
CORPUS = HERE.parents[3] / "shared" / "data" / "text_corpora" / "coco_val2014_captions_4733.jsonl.gz"


@pytest.mark.parametrize(("text", "tokens"), GOLDEN["tokens"], ids=lambda v: v[:20] if type(v) is str else "")
def test_tokens_are_the_originals(text, tokens):
    assert ptb_tokenize(text) == tokens


@pytest.mark.skipif(not CORPUS.exists(), reason="needs ../shared/data/text_corpora")
@pytest.mark.parametrize(
    "known", [GOLDEN["captions"][0], pytest.param(GOLDEN["captions"][1], marks=pytest.mark.slow)]
)
def test_every_coco_caption_has_the_originals_tokens(known):
    with gzip.open(CORPUS, "rt", encoding="utf-8") as file:
        captions = [c for line in file for c in json.loads(line)["captions"]][: known["count"]]
    assert len(captions) == known["count"]
    ours = "\n".join(" ".join(ptb_tokenize(c)) for c in captions)
    assert hashlib.sha256(ours.encode()).hexdigest() == known["sha256"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (
            "A close-up of the tub/shower. In the street.A cat",
            "a close-up of the tub/shower in the street.a cat",
        ),
        ("Children's toys aren't here", "children 's toys are n't here"),
        ("He can't; you cannot", "he ca n't you can not"),
        ("Main St. in Mass. and mass. of N. Ave. etc.", "main st. in mass. and mass of n. ave. etc."),
        ("No. 5 or no. ", "no. 5 or no"),
        ("a (red) [b] {c}", "a -lrb- red -rrb- -lsb- b -rsb- -lcb- c -rcb-"),
        ("It reads 6:40PM, 3.5 & 1,000!", "it reads 6:40 pm 3.5 & 1,000"),
        ("wait... - -- no!!!", "wait no !!!"),
        ("", ""),
        (" . , ", ""),
    ],
)
def test_rules(text, tokens):
    assert ptb_tokenize(text) == tokens.split()


def test_words_keep_the_marks_that_tokens_drop():
    assert ptb_words('A "red", ball.') == ["a", "''", "red", "''", ",", "ball", "."]
    assert set(ptb_words("a 'b', c: -- d; e?")) & DROPPED
    with pytest.raises(TypeError, match="expected str, got list"):
        ptb_tokenize(["a"])
