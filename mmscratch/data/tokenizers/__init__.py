"""Tokens as published models count them, all with one face: ``encode``, ``decode``, ``encode_batch``.

WordPiece.from_vocab("vocab.txt")                          BERT
GPT2BPE.from_files("vocab.json", "merges.txt")             GPT-2
CLIPBPE.from_file("bpe_simple_vocab_16e6.txt.gz")          CLIP
WordTokenizer.of_scenes("en"), .from_texts(texts)          whole words
"""

from ...lazy import names

_HOME = {
    "CLIPBPE": "clip",
    "GPT2BPE": "gpt2",
    "Tokenizer": "base",
    "WordPiece": "wordpiece",
    "WordTokenizer": "words",
}
__all__, __getattr__, __dir__ = names(globals(), _HOME)
