"""Data named on the command line: "name:rest".

scenes                          the embedded world
scenes:level=2,lang=zh          with options, which the scenes read themselves
shapeworld:DIR                  a folder
shapeworld:DIR?lang=zh          a folder with options, joined by "&"
coco:DIR   flickr8k:DIR         captions read from a folder
vqa:DIR   easy-vqa:DIR          questions read from a folder
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class DataKind:
    """One name that a SPEC may begin with."""

    loader: str | Callable  # a function, or "module:function", imported when first used
    takes_folder: bool
    help: str

    def function(self) -> Callable:
        if callable(self.loader):
            return self.loader
        module, _, name = self.loader.partition(":")
        return getattr(importlib.import_module(module), name)


@dataclass(frozen=True)
class Spec:
    """A parsed SPEC; `str(spec)` is the text again. Without a folder, the rest is for the loader to read."""

    name: str
    rest: str
    folder: Path | None
    options: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}:{self.rest}" if self.rest else self.name


_KINDS: dict[str, DataKind] = {}


def register(name: str, loader: str | Callable, takes_folder: bool, help: str) -> None:
    """Add a name. `loader(folder or rest, split=…, size=…, seed=…)`."""
    if not name.isascii() or not name or any(c in name for c in ":?=&, "):
        raise ValueError(f"register: name: expected a plain word, got {name!r}")
    if name in _KINDS:
        raise ValueError(f"register: name: {name!r} is already taken")
    _KINDS[name] = DataKind(loader, takes_folder, help)


def known_data() -> dict[str, str]:
    """Name → one line of help, for `--help`."""
    return {name: kind.help for name, kind in sorted(_KINDS.items())}


def parse_spec(text: str) -> Spec:
    """Split "name:rest" into its parts.

    Errors     ValueError for an unknown name (all known ones are listed), a missing folder name, or an option
               that is not key=value or is given twice. Whether the folder exists is the loader's question.
    """
    if not isinstance(text, str):
        raise TypeError(f"parse_spec: text: expected str, got {type(text).__name__}")
    name, _, rest = text.strip().partition(":")
    if name not in _KINDS:
        raise ValueError(f"data: unknown kind {name!r} in {text!r}; known are {', '.join(sorted(_KINDS))}")
    if not _KINDS[name].takes_folder:
        return Spec(name, rest, None)
    place, _, options = rest.partition("?")
    if Path(rest).exists():  # a folder whose own name has a question mark
        place, options = rest, ""
    if not place:
        raise ValueError(f"data: {text!r} names no folder; write {name}:DIR")
    return Spec(name, rest, Path(place).expanduser(), _options(options, text))


def _options(text: str, spec: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for piece in filter(None, (p.strip() for p in text.split("&"))):
        key, equals, value = (p.strip() for p in piece.partition("="))
        if not equals or not key.isidentifier() or not value:
            raise ValueError(f"data: {spec!r}: expected key=value, got {piece!r}")
        if key in options:
            raise ValueError(f"data: {spec!r}: {key!r} is given twice")
        options[key] = value
    return options


def load_spec(spec: str | Spec, **arguments):
    """Read the data that a SPEC names.

    `arguments` (split, size, seed …) are the program's; those that a loader does not take are left out,
    and an option in the SPEC wins over them. One that the loader does not take is an error.
    """
    spec = parse_spec(spec) if isinstance(spec, str) else spec
    function = _KINDS[spec.name].function()
    accepted = list(inspect.signature(function).parameters)[1:]
    unknown = [key for key in spec.options if key not in accepted]
    if unknown:
        raise ValueError(
            f"data: {str(spec)!r}: unknown option {unknown[0]!r}; known are {', '.join(accepted)}"
        )
    given = {k: v for k, v in arguments.items() if k in accepted and v is not None}
    given |= {key: _number(value) for key, value in spec.options.items()}
    return function(spec.rest if spec.folder is None else spec.folder, **given)


def _number(value: str) -> int | str:
    return int(value) if value.removeprefix("-").isdecimal() and value.isascii() else value


register(
    "scenes",
    "mmscratch.data.scene_captions:load_scene_captions",
    False,
    "the embedded world: scenes[:key=value,…]",
)
register(
    "shapeworld",
    "mmscratch.data.shapeworld:load_shapeworld",
    True,
    "ShapeWorld agreement set: shapeworld:DIR",
)
register("coco", "mmscratch.data.coco:load_coco", True, "COCO captions, Karpathy's splits too: coco:DIR")
register("flickr8k", "mmscratch.data.flickr8k:load_flickr8k", True, "Flickr8k captions: flickr8k:DIR")
register("vqa", "mmscratch.data.vqa:load_vqa", True, "questions in the VQA v2 format: vqa:DIR")
register("easy-vqa", "mmscratch.data.easy_vqa:load_easy_vqa", True, "questions of easy-VQA: easy-vqa:DIR")
