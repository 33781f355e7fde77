"""Weights that come with the package: a safetensors file, and beside it the recipe that made it."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Mapping

import numpy as np

from ..data.errors import DataError
from ..data.files import field, read_bytes, read_json, write_whole

__all__ = ["read_shipped", "write_shipped"]

MAX_BYTES, MAX_RECIPE = 1 << 30, 1 << 20


def read_shipped(
    path: str | os.PathLike, recipe: str | os.PathLike | None = None
) -> tuple[dict[str, np.ndarray], dict]:
    """The arrays and the recipe.

    recipe     its path; None: the weights' own, ending in .json
    Errors     DataError naming the file: missing, or its sha256 is not the one in the recipe
    """
    from safetensors.numpy import load

    path = pathlib.Path(path)
    data = read_bytes(path, MAX_BYTES)
    beside = _beside(path, recipe)
    made = read_json(beside, MAX_RECIPE, dict)
    told, digest = field(made, "sha256", str, beside, "the recipe"), hashlib.sha256(data).hexdigest()
    if digest != told:
        raise DataError(path, f"sha256 is {digest}, its recipe says {told}")
    return load(data), made


def write_shipped(path: str | os.PathLike, arrays: Mapping[str, np.ndarray], recipe: dict) -> dict:
    """Write both, each whole or not at all; returns the recipe with the ``sha256`` it got."""
    from safetensors.numpy import save

    path = pathlib.Path(path)
    data = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    recipe = {**recipe, "sha256": hashlib.sha256(data).hexdigest()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
    text = json.dumps(recipe, indent=1, ensure_ascii=False) + "\n"
    write_whole(_beside(path, None), text.encode())
    return recipe


def _beside(path, recipe):
    return path.with_suffix(".json") if recipe is None else pathlib.Path(recipe)
