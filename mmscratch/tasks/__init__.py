"""What a person runs: data, model, loss and metric joined, behind ``mmscratch train TASK``."""

import importlib

__all__ = ["ALONE", "TASKS"]


def _module(name):
    return lambda: importlib.import_module(f"{__name__}.{name}")


TASKS = {
    "attributes": _module("image.attributes"),
    "bert": _module("text.pretraining"),
    "caption": _module("captioning.task"),
    "detection": _module("image.detection"),
    "digits": _module("audio.digits"),
    "mnist": _module("image.mnist"),
    "retrieval": _module("retrieval.task"),
    "self-critical": _module("captioning.self_critical_run"),
    "sentiment": _module("sentiment.text"),
    "vqa": _module("vqa.task"),
}
"""Task name → a function that imports its module, which has ``train`` and ``evaluate``."""

ALONE = {
    "attributes": "its loss is a mean over the objects of a batch, which a shard does not know",
    "bert": "its loss is a mean over the masked words of a batch, which a shard does not know",
    "detection": "its loss is a mean over the objects of a batch, which a shard does not know",
    "retrieval": "its loss compares every pair of a batch with every other, and a shard has a part of them",
    "self-critical": "its rewards are computed by one process",
    "vqa": "a picture's questions come in numbers that differ, and are not cut into shards yet",
}
"""The tasks that take no ``--distributed``, and why."""
