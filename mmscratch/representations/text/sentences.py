"""Sentences through a published BERT: a vector for each token, or one for the whole sentence.

    encoder = SentenceEncoder.from_folder("all-MiniLM-L6-v2")
    encoder.encode(texts)                                 Features (B, N, D) with a mask
    encoder.vectors(texts, pool="mean", normalize=True)   (B, D)

A folder is as Hugging Face has them: config.json, vocab.txt, model.safetensors, and where they are there
tokenizer_config.json (case, accents) and sentence_bert_config.json (the longest sentence).
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ...autograd import no_grad
from ...data.errors import DataError
from ...data.files import read_bytes, read_json, require_folder
from ...data.tokenizers import WordPiece
from ..blank import Blank
from ..features import Features
from .bert import BERT, MAX_CONFIG_BYTES, BertConfig
from .bert_names import from_hugging_face

__all__ = ["POOLS", "SentenceEncoder"]

POOLS = ("mean", "cls", "pooler")
MAX_WEIGHT_BYTES = 8 << 30


class SentenceEncoder:
    """A tokenizer and a BERT.

    length     at most so many tokens a sentence, marks included; None: as many as the model has positions
    long       what becomes of a longer one: "warn", it is cut (its [SEP] stays) and a UserWarning says how
               many were; "cut", without a word; "error", a ValueError that names it
    Errors     ValueError where the tokenizer has more tokens than the model, or length more than positions
    """

    def __init__(self, model: BERT, tokenizer: WordPiece, length: int | None = None, long: str = "warn"):
        positions = model.config.max_position_embeddings
        if len(tokenizer) > model.config.vocab_size:
            raise ValueError(
                f"SentenceEncoder: tokenizer: has {len(tokenizer):,} tokens, the model knows "
                f"{model.config.vocab_size:,}"
            )
        if length is not None and not 2 <= length <= positions:
            raise ValueError(f"SentenceEncoder: length: expected 2 to {positions}, got {length}")
        if long not in ("warn", "cut", "error"):
            raise ValueError(f"SentenceEncoder: long: expected warn, cut or error, got {long!r}")
        self.model, self.tokenizer = model.eval(), tokenizer
        self.length, self.long = length or positions, long

    @classmethod
    def from_folder(cls, folder: str | os.PathLike, **options) -> SentenceEncoder:
        """A published model.

        Errors     DataError naming the file that is missing, or no part of a BERT
        """
        folder = require_folder(folder)
        config = BertConfig.from_json(folder / "config.json")
        tokenizer = WordPiece.from_vocab(folder / "vocab.txt", **_tokenizer_options(folder))
        weights = folder / "model.safetensors"
        try:
            state = from_hugging_face(_read_safetensors(weights))
            model = BERT(config, pooler="pooler.weight" in state, generator=Blank())
            model.load_state_dict(state)
        except (KeyError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(weights, f"does not fit config.json ({error.args[0]})") from None
        limit = folder / "sentence_bert_config.json"
        if limit.exists() and "length" not in options:
            options["length"] = read_json(limit, MAX_CONFIG_BYTES, dict).get("max_seq_length")
        return cls(model, tokenizer, **options)

    def encode(self, texts: Iterable[str], batch_size: int = 32) -> Features:
        """The last layer's vectors of all tokens, [CLS] and [SEP] among them: Features (B, N, D).

        Errors     TypeError for one str instead of many; ValueError for one that is too long (long="error")
        """
        rows = self._rows(texts)
        d = self.model.config.hidden_size
        values = np.zeros((len(rows), max(map(len, rows), default=0), d), np.float32)
        mask = np.zeros(values.shape[:2], bool)
        for chosen, x, there, _ in self._batches(rows, batch_size):
            n = x.shape[1]
            values[chosen, :n], mask[chosen, :n] = x * there[..., None], there
        return Features(values, mask)

    def vectors(
        self, texts: Iterable[str], pool: str = "mean", normalize: bool = False, batch_size: int = 32
    ) -> np.ndarray:
        """One vector a text: (B, D) float32.

        pool       "mean" of all tokens (Reimers & Gurevych, 2019); "cls", the first token's; "pooler", what
                   BERT asks for the next sentence, tanh(W x_0 + b)
        normalize  to length 1
        Errors     as ``encode``; ValueError for another pool, or "pooler" of a model that has none
        """
        if pool not in POOLS:
            raise ValueError(f"vectors: pool: expected one of {', '.join(POOLS)}, got {pool!r}")
        if pool == "pooler" and self.model.pooler is None:
            raise ValueError("vectors: pool: the model has no pooler; expected mean or cls")
        rows = self._rows(texts)
        found = np.zeros((len(rows), self.model.config.hidden_size), np.float32)
        for chosen, x, there, pooled in self._batches(rows, batch_size):
            if pool == "mean":
                found[chosen] = Features(x, there).mean()
            else:
                found[chosen] = x[:, 0] if pool == "cls" else pooled
        if normalize:
            found /= np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12)
        return found

    def _rows(self, texts):
        """Each text's numbers between [CLS] and [SEP], cut where too long."""
        if isinstance(texts, str):
            raise TypeError("SentenceEncoder: texts: expected many texts, got one str; put it in a list")
        rows = [self.tokenizer.encode(text, special_tokens=True) for text in texts]
        long = [number for number, row in enumerate(rows) if len(row) > self.length]
        if long and self.long == "error":
            raise ValueError(
                f"SentenceEncoder: texts[{long[0]}] has {len(rows[long[0]])} tokens, expected at most "
                f"{self.length}; long='cut' cuts it"
            )
        if long and self.long == "warn":
            warnings.warn(
                f"SentenceEncoder: {len(long)} of {len(rows)} texts are longer than {self.length} tokens "
                f"(texts[{long[0]}]: {len(rows[long[0]])}) and were cut",
                stacklevel=3,
            )
        for number in long:
            rows[number] = [*rows[number][: self.length - 1], rows[number][-1]]
        return rows

    def _batches(self, rows, batch_size):
        """Texts of like length together, for little padding: their places in ``rows``, x, mask, pooled."""
        if batch_size < 1:
            raise ValueError(f"SentenceEncoder: batch_size: expected at least 1, got {batch_size}")
        order = np.argsort([-len(row) for row in rows], kind="stable")
        for start in range(0, len(rows), batch_size):
            chosen = order[start : start + batch_size]
            lengths = np.array([len(rows[i]) for i in chosen])
            there = np.arange(lengths.max()) < lengths[:, None]
            ids = np.full(there.shape, self.tokenizer.pad, np.int64)
            ids[there] = np.concatenate([rows[i] for i in chosen])
            with no_grad():
                x, pooled = self.model(ids, None, there)
            yield chosen, x.numpy(), there, None if pooled is None else pooled.numpy()


def _tokenizer_options(folder):
    path = folder / "tokenizer_config.json"
    if not path.exists():
        return {}
    record = read_json(path, MAX_CONFIG_BYTES, dict)
    return {
        "lowercase": bool(record.get("do_lower_case", True)),
        "strip_accents": record.get("strip_accents"),
    }


def _read_safetensors(path: Path):
    from safetensors import SafetensorError
    from safetensors.numpy import load

    data = read_bytes(path, MAX_WEIGHT_BYTES)
    try:
        return load(data)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DataError(path, f"is not a readable safetensors file ({error})") from None
