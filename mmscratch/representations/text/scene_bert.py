"""The small BERT that ships with the package, pretrained on sentences of the scenes world."""

from __future__ import annotations

import pathlib

from ...data.tokenizers import WordPiece
from ...weights import read_shipped
from ..blank import Blank
from .bert import BertConfig, BertForPreTraining
from .bert_names import from_hugging_face

__all__ = ["SCENE_BERT", "load_scene_bert"]

SCENE_BERT = pathlib.Path(__file__).parent / "weights" / "scene_bert"


def load_scene_bert(folder=SCENE_BERT):
    """The network with both heads, in evaluation mode, and its tokenizer: ``mmscratch train bert`` made them.

    Errors     FileNotFoundError; ValueError where the weights' sha256 is not the one in recipe.json
    """
    folder = pathlib.Path(folder)
    arrays, _ = read_shipped(folder / "model.safetensors", folder / "recipe.json")
    model = BertForPreTraining(BertConfig.from_json(folder / "config.json"), generator=Blank())
    model.load_state_dict(from_hugging_face(arrays, heads=True))
    return model.eval(), WordPiece.from_vocab(folder / "vocab.txt")
