"""Pictures, sentences and questions from files and from the embedded world, on NumPy and Pillow only."""

from __future__ import annotations

import importlib

_HOME = {
    "CaptionBatch": "batches",
    "CaptionBatches": "batches",
    "CaptionSet": "captions",
    "DataError": "errors",
    "ImageFiles": "captions",
    "QuestionSet": "vqa",
    "Vocabulary": "vocabulary",
    "channel_statistics": "image",
    "decode_image": "image",
    "load_coco": "coco",
    "load_flickr8k": "flickr8k",
    "load_karpathy": "coco",
    "load_shapeworld": "shapeworld",
    "load_spec": "spec",
    "load_vqa": "vqa",
    "normalize": "image",
    "parse_spec": "spec",
    "read_image": "image",
    "resize_images": "image",
    "to_float": "image",
    "tokenize": "text",
}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)


def __dir__():
    return sorted({*globals(), *__all__})
