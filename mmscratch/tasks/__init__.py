"""What a person runs: data, model, loss and metric joined, behind ``mmscratch train TASK``."""

import importlib

__all__ = ["TASKS"]


def _module(name):
    return lambda: importlib.import_module(f"{__name__}.{name}")


TASKS = {
    "attributes": _module("attributes"),
    "bert": _module("pretraining"),
    "caption": _module("captioning"),
    "detection": _module("detection"),
    "digits": _module("digits"),
    "mnist": _module("mnist"),
    "retrieval": _module("retrieval"),
    "self-critical": _module("self_critical_run"),
    "sentiment": _module("sentiment.text"),
    "vqa": _module("vqa"),
}
"""Task name → a function that imports its module, which has ``train`` and ``evaluate``."""
