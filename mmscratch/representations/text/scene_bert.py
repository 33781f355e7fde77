"""The small BERT that ships with the package, pretrained on sentences of the scenes world."""

from __future__ import annotations

import hashlib
import json
import pathlib

from ...data.tokenizers import WordPiece
from ..blank import Blank
from .bert import BertConfig, BertForPreTraining
from .bert_names import from_hugging_face

__all__ = ["SCENE_BERT", "load_scene_bert"]

SCENE_BERT = pathlib.Path(__file__).parent / "weights" / "scene_bert"


def load_scene_bert(folder=SCENE_BERT):
    """The network with both heads, in evaluation mode, and its tokenizer: ``mmscratch train bert`` made them.

    Errors     FileNotFoundError; ValueError where the weights' sha256 is not the one in recipe.json
    """
    from safetensors.numpy import load

    folder = pathlib.Path(folder)
    data = (folder / "model.safetensors").read_bytes()
    recipe = json.loads((folder / "recipe.json").read_text(encoding="utf-8"))
    digest = hashlib.sha256(data).hexdigest()
    if digest != recipe["sha256"]:
        raise ValueError(f"{folder}: sha256 of the weights is {digest}, the recipe says {recipe['sha256']}")
    model = BertForPreTraining(BertConfig.from_json(folder / "config.json"), generator=Blank())
    model.load_state_dict(from_hugging_face(load(data), heads=True))
    return model.eval(), WordPiece.from_vocab(folder / "vocab.txt")
