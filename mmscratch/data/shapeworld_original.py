"""ShapeWorld's own files: PNG pictures beside caption.txt and agreement.txt, in folders or a zip archive."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from .archives import check_archive
from .errors import DataError
from .files import MAX_ARRAY_BYTES, MAX_MEMBER_BYTES, check_file, decode_text, read_bytes
from .image import decode_image

ZIP = "original_files.zip"
_WORLD = re.compile(r"world-(\d+)\.(?:png|bmp|jpg|jpeg)$")


@dataclass(frozen=True)
class Source:
    """The files of one configuration, wherever they lie."""

    name: str
    path: Path  # the folder, or the folder's name inside the archive, for errors
    files: tuple[str, ...]
    read: Callable[[str], bytes]


def find_original(folder: Path) -> list[Source]:
    """Every sub-folder with caption.txt and agreement.txt; when there is none, those inside the archive."""
    sources = []
    for captions in sorted(folder.rglob("caption.txt")):
        home = captions.parent
        if (home / "agreement.txt").exists():
            inner = home.relative_to(folder).as_posix()
            name = (folder.name if inner == "." else inner).removeprefix("agreement/")
            files = tuple(p.name for p in home.iterdir())
            sources.append(
                Source(name, home, files, lambda f, home=home: read_bytes(home / f, MAX_MEMBER_BYTES))
            )
    if sources or not (folder / ZIP).exists():
        return sources
    return _in_archive(folder / ZIP)


def _in_archive(path: Path) -> list[Source]:
    check_file(path, MAX_ARRAY_BYTES)
    try:
        with zipfile.ZipFile(path) as archive:
            members = check_archive(path, archive, MAX_ARRAY_BYTES)
    except DataError:
        raise
    except Exception as error:  # zipfile and zlib each have their own set of exceptions
        raise DataError(path, f"is not a readable zip archive ({error})") from None
    homes: dict[str, dict[str, zipfile.ZipInfo]] = {}
    for member in members:
        if not member.is_dir():
            place = PurePosixPath(member.filename)
            homes.setdefault(place.parent.as_posix(), {})[place.name] = member
    sources = []
    for home in sorted(homes):
        files = homes[home]
        if {"caption.txt", "agreement.txt"} <= files.keys():
            name = (path.parent.name if home == "." else home).removeprefix("agreement/")
            sources.append(Source(name, path / home, tuple(files), _member_reader(path, files)))
    return sources


def _member_reader(path: Path, files: dict[str, zipfile.ZipInfo]) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        member = files[name]
        place = path / member.filename
        if member.file_size > MAX_MEMBER_BYTES:
            raise DataError(place, f"has {member.file_size:,} bytes, limit {MAX_MEMBER_BYTES:,}")
        try:
            with zipfile.ZipFile(path) as archive:
                return archive.read(member)
        except Exception as error:  # zlib, CRC, encryption: each its own exception
            raise DataError(place, f"cannot be unpacked ({error})") from None

    return read


def read_original(sources: list[Source]) -> list[tuple]:
    """(name, images, captions, agreement) of every source."""
    return [_read_one(source) for source in sources]


def _read_one(source: Source) -> tuple:
    agreement = _agreement(source)
    captions = _captions(source, [len(labels) for labels in agreement])
    worlds = {int(m.group(1)): f for f in source.files if (m := _WORLD.fullmatch(f))}
    missing = [i for i in range(len(agreement)) if i not in worlds]
    if missing or len(worlds) != len(agreement):
        detail = f"; world-{missing[0]}.png is missing" if missing else ""
        raise DataError(source.path, f"has {len(worlds)} pictures but agreement for {len(agreement)}{detail}")
    images = []
    for i in range(len(agreement)):
        place = source.path / worlds[i]
        image = decode_image(source.read(worlds[i]), place)
        if images and image.shape != images[0].shape:
            raise DataError(place, f"has shape {image.shape}, the pictures before it {images[0].shape}")
        images.append(image)
    return source.name, np.stack(images), captions, agreement


def _agreement(source: Source) -> tuple[tuple[float, ...], ...]:
    place = source.path / "agreement.txt"
    rows = []
    for number, line in enumerate(decode_text(source.read("agreement.txt"), place).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = tuple(float(v) for v in line.split(";"))
        except ValueError:
            raise DataError(
                place, f"line {number}: expected numbers joined by ';', got {line[:40]!r}"
            ) from None
        if not all(0 <= v <= 1 for v in row):
            raise DataError(place, f"line {number}: expected numbers from 0 to 1, got {line[:40]!r}")
        rows.append(row)
    if not rows:
        raise DataError(place, "has no line")
    return tuple(rows)


def _captions(source: Source, sizes: list[int]) -> tuple[tuple[str, ...], ...]:
    """Captions dealt out to the pictures; `sizes` says how many each has."""
    place = source.path / "caption.txt"
    lines = [x.strip() for x in decode_text(source.read("caption.txt"), place).splitlines()]
    lines = [x for x in lines if x]
    if len(lines) != sum(sizes):
        raise DataError(place, f"has {len(lines)} captions, agreement.txt has {sum(sizes)} values")
    ends = np.cumsum(sizes)
    return tuple(tuple(lines[end - n : end]) for end, n in zip(ends, sizes, strict=True))
