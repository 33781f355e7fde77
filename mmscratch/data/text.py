"""Words from sentences: the plain tokenizer for English and Chinese."""

from __future__ import annotations

import re
import unicodedata

LANGUAGES = ("en", "zh")
MAX_WORD = 6  # Chinese characters in one word of spaced text

# letters and digits, held together by hyphens, slashes, and dots between digits: "t-shirt", "and/or", "3.5"
_WORD = re.compile(r"[^\W_]+(?:(?:[-/]|(?<=\d)[.,](?=\d))[^\W_]+)*")
_TOKEN = re.compile(_WORD.pattern + r"|[^\w\s]|_")
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")
_CHARACTER = re.compile(_HAN.pattern + r"|[^\W_" + _HAN.pattern[1:-1] + r"]+|[^\w\s]|_")


def tokenize(text: str, lang: str = "en", punctuation: bool = True) -> list[str]:
    """Split a sentence into words.

    Forward    en: lower case, every punctuation mark a token of its own ("children's" → children ' s)
               zh: split at spaces when the text is already spaced into words (of up to six characters);
               otherwise every Chinese character is a token, and runs of Latin letters or digits stay together
               `punctuation=False` drops the marks, as captions are scored (to the letter as COCO's tools do:
               `data.tokenizers.ptb`)
    Shapes     str → list of str; "" → []
    Errors     TypeError for text that is not str, ValueError for an unknown `lang`
    """
    if not isinstance(text, str):
        raise TypeError(f"tokenize: text: expected str, got {type(text).__name__}")
    if lang not in LANGUAGES:
        raise ValueError(f"tokenize: lang: expected one of {', '.join(LANGUAGES)}, got {lang!r}")
    text = unicodedata.normalize("NFC", text).lower()
    tokens = _TOKEN.findall(text) if lang == "en" else _chinese(text)
    if punctuation:
        return tokens
    return [token for token in tokens if any(c.isalnum() for c in token)]


def _chinese(text: str) -> list[str]:
    pieces = text.split()
    # words are short; a long piece is a clause, and its spaces only separate sentences
    spaced = len(pieces) > 1 and max(len(_HAN.findall(piece)) for piece in pieces) <= MAX_WORD
    if not spaced:
        return _CHARACTER.findall(text)
    # a mark at the edge of a spaced word ("正方形。") is still its own token
    return [token for piece in pieces for token in re.findall(r"[\w]+(?:[-./][\w]+)*|[^\w\s]", piece)]


def language_of(text: str) -> str:
    """ "zh" when the text holds a Chinese character, else "en"."""
    return "zh" if _HAN.search(text) else "en"
