"""Tokens as published models count them, all with one face: ``encode``, ``decode``, ``encode_batch``.

WordPiece.from_vocab("vocab.txt")                          BERT
GPT2BPE.from_files("vocab.json", "merges.txt")             GPT-2
CLIPBPE.from_file("bpe_simple_vocab_16e6.txt.gz")          CLIP
WordTokenizer.of_scenes("en"), .from_texts(texts)          whole words
"""

from __future__ import annotations

import importlib

_HOME = {
    "CLIPBPE": "clip",
    "GPT2BPE": "gpt2",
    "Tokenizer": "base",
    "WordPiece": "wordpiece",
    "WordTokenizer": "words",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
