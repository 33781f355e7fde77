"""A folder of pictures, with or without captions, as a list."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from .coco import CAPTIONS, read_captions
from .errors import DataError
from .files import read_text, require_folder
from .locate import image_paths, split_files

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")
MAX_CAPTION_BYTES = 1 << 16


@dataclass(frozen=True)
class FoundPicture:
    """name: the file's path below the folder, with slashes; captions: of the picture, possibly none."""

    name: str
    captions: tuple[str, ...] = ()


def find_pictures(folder: str | os.PathLike) -> list[FoundPicture]:
    """The pictures of a folder.

    Where the folder (or annotations/ in it) has captions_SPLIT.json in COCO's format, those that the files
    name, in their order, with their captions: what `mmscratch data scenes` exports. Else every picture in the
    folder and below, by name; its captions are the lines of the text file of the same name, if there is one.
    What begins with a dot is left out.

    Errors     DataError where there is no picture, or a caption file is damaged
    """
    folder = require_folder(folder)
    files = split_files(folder, CAPTIONS)
    found = _named(folder, files) if files else _all(folder)
    if not found:
        raise DataError(folder, f"has no picture ({', '.join(ENDINGS)})")
    return found


def _named(folder: Path, files: dict[str, Path]) -> list[FoundPicture]:
    captions: dict[str, list[str]] = {}
    for split, path in files.items():
        _, names, texts = read_captions(path)
        homes = (f"images/{split}", "images", split, "")
        for place, mine in zip(image_paths(folder, names, path, homes), texts, strict=True):
            captions.setdefault(place.relative_to(folder).as_posix(), []).extend(mine)
    return [FoundPicture(name, tuple(dict.fromkeys(texts))) for name, texts in captions.items()]


def _all(folder: Path) -> list[FoundPicture]:
    found = []
    for home, below, names in os.walk(folder):
        below[:] = sorted(name for name in below if not name.startswith("."))
        for name in names:
            path = Path(home) / name
            if path.suffix.lower() in ENDINGS and not name.startswith(".") and path.is_file():
                found.append(FoundPicture(path.relative_to(folder).as_posix(), _beside(path)))
    return sorted(found, key=lambda picture: picture.name)


def _beside(path: Path) -> tuple[str, ...]:
    text = path.with_suffix(".txt")
    if not text.is_file() or not text.stat().st_size:
        return ()
    lines = (line.strip() for line in read_text(text, MAX_CAPTION_BYTES).splitlines())
    return tuple(line for line in lines if line)
