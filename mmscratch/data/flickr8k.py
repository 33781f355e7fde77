"""Flickr8k (Hodosh, Young and Hockenmaier, 2013): 8,000 photographs with five captions each.

    Flickr8k.token.txt                 PICTURE.jpg#0<TAB>caption, one line a caption
    Flickr_8k.trainImages.txt          one picture a line; devImages and testImages likewise
    Flicker8k_Dataset/                 the pictures (spelt so in the archive; Flickr8k_Dataset and images too)

A folder with dataset_flickr8k.json (Karpathy's file) instead of the lists is read by `load_karpathy`.
"""

from __future__ import annotations

import os
from pathlib import Path

from .captions import CaptionSet, ImageFiles
from .coco import KARPATHY, load_karpathy
from .errors import DataError
from .files import read_text, require_folder
from .locate import image_paths, split_files

TOKENS = "Flickr8k.token.txt"
LISTS = {"train": "trainImages", "val": "devImages", "test": "testImages"}
HOMES = ("Flicker8k_Dataset", "Flickr8k_Dataset", "Images", "images", "")


def load_flickr8k(
    folder: str | os.PathLike,
    split: str = "train",
    size: int | tuple[int, int] | None = None,
    limit: int | None = None,
) -> CaptionSet:
    """Read one split ("train", "val" or "test"; "dev" means "val"); pictures are opened when needed."""
    split = "val" if split == "dev" else split
    if split not in LISTS:
        raise ValueError(f"load_flickr8k: split: expected one of {', '.join(LISTS)}, got {split!r}")
    folder = require_folder(folder)
    text = _find(folder, TOKENS)
    if text is None:
        karpathy = split_files(folder, KARPATHY)
        if len(karpathy) == 1:
            return load_karpathy(next(iter(karpathy.values())), folder, split, size, limit)
        raise DataError(folder, f"has no {TOKENS}")
    listing = _find(folder, f"Flickr_8k.{LISTS[split]}.txt")
    if listing is None:
        raise DataError(folder, f"has no Flickr_8k.{LISTS[split]}.txt")
    captions = read_tokens(text)
    names = [line.strip() for line in read_text(listing).splitlines() if line.strip()]
    if len(set(names)) != len(names):
        raise DataError(listing, "names a picture twice")
    names = names[:limit]
    if not names:
        raise DataError(listing, "names no picture")
    without = [name for name in names if name not in captions]
    if without:
        raise DataError(text, f"has no caption for {without[0]!r}, named by {listing.name}")
    paths = image_paths(folder, names, listing, HOMES)
    return CaptionSet(
        "flickr8k", "en", ImageFiles(paths, size), tuple(tuple(captions[n]) for n in names), tuple(names)
    )


def _find(folder: Path, name: str) -> Path | None:
    """The archive of texts unpacks into Flickr8k_text/; some people move the files up."""
    for place in (folder / name, folder / "Flickr8k_text" / name):
        if place.exists():
            return place
    return None


def read_tokens(path: Path) -> dict[str, list[str]]:
    """Picture → captions, in the order of the file."""
    captions: dict[str, list[str]] = {}
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        key, tab, text = line.partition("\t")
        name, mark, count = key.rpartition("#")
        if not tab or not mark or not name or not count.strip().isdigit() or not text.strip():
            raise DataError(path, f"line {number}: expected PICTURE#N<TAB>caption, got {line[:50]!r}")
        captions.setdefault(name, []).append(text.strip())
    return captions
