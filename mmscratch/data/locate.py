"""Find annotation files and pictures in the folders that people have on disk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from .errors import DataError
from .files import inside

SUBFOLDERS = ("", "annotations", "questions")


def split_files(folder: Path, pattern: str) -> dict[str, Path]:
    """Split name → file, for every file whose whole name matches `pattern`.

    Looked for in the folder, annotations/ and questions/; the pattern's group "split" is the split's name.
    """
    found: dict[str, Path] = {}
    for sub in SUBFOLDERS:
        home = folder / sub
        if home.is_dir():
            for path in sorted(home.iterdir()):
                match = re.fullmatch(pattern, path.name)
                if match:
                    found.setdefault(match["split"], path)
    return found


def match_split(split: str, names: Iterable[str]) -> str | None:
    """The name itself, or the only one that adds a year or "-iid" to it ("train2014", "test-iid")."""
    names = list(names)
    if split in names:
        return split
    dated = [name for name in names if re.fullmatch(re.escape(split) + r"(\d{4}|-iid)", name)]
    return dated[0] if len(dated) == 1 else None


def pick_split(
    what: str, folder: Path, split: str, files: dict[str, Path], expected: str
) -> tuple[str, Path]:
    """The file of a split; DataError when the folder has none, ValueError when it has others."""
    if not files:
        raise DataError(folder, f"has no {expected}")
    name = match_split(split, files)
    if name is None:
        raise ValueError(f"{what}: split: expected one of {', '.join(sorted(files))}, got {split!r}")
    return name, files[name]


def image_paths(folder: Path, names: Sequence[str], source: Path, homes: Sequence[str]) -> list[Path]:
    """The file of each named picture, looked for in the `homes` (sub-folders) in turn.

    Errors     DataError naming the first picture that is in none of them, and how many there are
    """
    places = list(dict.fromkeys(folder / home for home in homes))
    places = [place for place in places if place.is_dir()]
    found, missing = [], []
    for name in names:
        for k, place in enumerate(places):
            path = inside(place, name, source)
            if path.is_file():
                found.append(path)
                places.insert(0, places.pop(k))  # the next one most likely lies there too
                break
        else:
            missing.append(name)
    if missing:
        looked = ", ".join(home or "the folder itself" for home in homes)
        raise DataError(
            folder,
            f"lacks {len(missing)} of {len(names)} pictures named by {source.name}, "
            f"first {missing[0]!r} (looked in {looked})",
        )
    return found
