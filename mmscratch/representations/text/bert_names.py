"""Published BERT weights under our names, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np

__all__ = ["from_hugging_face", "to_hugging_face"]

_OURS = {
    "embeddings.word_embeddings": "embeddings.word",
    "embeddings.position_embeddings": "embeddings.position",
    "embeddings.token_type_embeddings": "embeddings.segment",
    "embeddings.LayerNorm": "embeddings.norm",
    "encoder.layer.#.attention.output.dense": "layers.#.self_attn.out_proj",
    "encoder.layer.#.attention.output.LayerNorm": "layers.#.norm1",
    "encoder.layer.#.intermediate.dense": "layers.#.linear1",
    "encoder.layer.#.output.dense": "layers.#.linear2",
    "encoder.layer.#.output.LayerNorm": "layers.#.norm2",
    "pooler.dense": "pooler",
    "cls.predictions.transform.dense": "words.dense",
    "cls.predictions.transform.LayerNorm": "words.norm",
    "cls.predictions": "words",  # its bias
    "cls.seq_relationship": "follows",
}
"""Their part → ours; # is the number of a layer. All but the last four may stand after "bert."."""
_THEIRS = {ours: theirs for theirs, ours in _OURS.items()}

# Query, key and value are three matrices there, one below the other here.
_SELF, _STACKED = "encoder.layer.#.attention.self.", "layers.#.self_attn.in_proj_"
_QKV = ("query", "key", "value")
_OLD = {"gamma": "weight", "beta": "bias"}  # of norms, in files from before 2019
_COPIES = {
    "cls.predictions.decoder.weight": "embeddings.word.weight",
    "cls.predictions.decoder.bias": "words.bias",
}
_HEADS = ("words.", "follows.")


def from_hugging_face(state: Mapping[str, np.ndarray], heads: bool = False) -> dict[str, np.ndarray]:
    """Names and arrays of BertModel, or of BertForPreTraining and its like, as our modules have them.

    heads      False: the encoder alone, for ``BERT``; True: with the heads, for ``BertForPreTraining``
    Errors     KeyError naming entries that are no part of a BERT, or a projection that is missing;
               ValueError where the head's table is not that of the embeddings (in BERT they are one)
    """
    found, parts, unknown, copies = {}, {}, [], {}
    for name, array in state.items():
        short = name.removeprefix("bert.")
        stem, _, kind = short.rpartition(".")
        kind = _OLD.get(kind, kind)
        stem, layer = _without_number(stem)
        if short in ("embeddings.position_ids", "embeddings.token_type_ids"):
            continue  # 0, 1, 2 … and 0, 0, 0 …
        if short in _COPIES:
            copies[short] = array
        elif stem.startswith(_SELF) and stem.removeprefix(_SELF) in _QKV and kind in ("weight", "bias"):
            stacked = _STACKED.replace("#", layer) + kind
            parts.setdefault(stacked, {})[stem.removeprefix(_SELF)] = array
        elif stem in _OURS and kind in ("weight", "bias"):
            found[f"{_OURS[stem].replace('#', layer)}.{kind}"] = array
        else:
            unknown.append(name)
    if unknown:
        raise KeyError(f"from_hugging_face: no part of a BERT: {', '.join(sorted(unknown)[:5])}")
    for name, three in parts.items():
        missing = [which for which in _QKV if which not in three]
        if missing:
            raise KeyError(f"from_hugging_face: {name} lacks {', '.join(missing)}")
        found[name] = np.concatenate([np.asarray(three[which]) for which in _QKV])
    for theirs, array in copies.items():
        if not np.array_equal(found.setdefault(_COPIES[theirs], array), array):
            raise ValueError(f"from_hugging_face: {theirs} differs from {_COPIES[theirs]}, expected the same")
    if not heads:
        return {k: v for k, v in found.items() if not k.startswith(_HEADS)}
    return {k if k.startswith(_HEADS) else f"bert.{k}": v for k, v in found.items()}


def to_hugging_face(state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The other way: a state of ``BERT`` for BertModel, one of ``BertForPreTraining`` for theirs.

    Errors     KeyError naming an entry that is no part of a BERT
    """
    found = {}
    for name, array in state.items():
        prefix = "bert." if name.startswith("bert.") else ""
        short, layer = _without_number(name.removeprefix("bert."))
        stem, _, kind = short.rpartition(".")
        if short.startswith(_STACKED):
            kind = short.removeprefix(_STACKED)
            for which, part in zip(_QKV, np.split(np.asarray(array), 3), strict=True):
                found[prefix + _SELF.replace("#", layer) + f"{which}.{kind}"] = part
        elif stem in _THEIRS:
            found[f"{prefix}{_THEIRS[stem].replace('#', layer)}.{kind}"] = array
        else:
            raise KeyError(f"to_hugging_face: {name!r} is no part of a BERT")
    return found


def _without_number(name):
    """ "layers.3.norm1" → "layers.#.norm1", "3"."""
    match = re.search(r"(?<=\.)\d+(?=\.)", name)
    if match is None:
        return name, ""
    return name[: match.start()] + "#" + name[match.end() :], match.group()
