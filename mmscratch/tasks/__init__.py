"""What a person runs: data, model, loss and metric joined, behind ``mmscratch train TASK``."""

import importlib

__all__ = ["TASKS"]


def _module(name):
    return lambda: importlib.import_module(f"{__name__}.{name}")


TASKS = {
    "attributes": _module("attributes"),
    "caption": _module("captioning"),
    "digits": _module("digits"),
}
"""Task name → a function that imports its module, which has ``train`` and ``evaluate``."""
