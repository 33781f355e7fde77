"""ShapeWorld agreement sets: coloured shapes with true and false captions (Kuhnle and Copestake, 2017).

A folder may hold either of two layouts.

    packed      images.npz               "agreement__NAME": uint8 (N, H, W, 3), one array a configuration
                captions_agreement.json  {"agreement/NAME": {"captions": [[…]], "agreement": [[1.0, 0.0, …]]}}
    original    …/NAME/world-0.png, world-1.png …
                …/NAME/caption.txt       one caption a line, a blank line between pictures
                …/NAME/agreement.txt     one line a picture: 1.0;0.0;…
                in sub-folders or inside original_files.zip

The packed pair is used when it is there. Which configurations exist is read from the files.

Split: by picture, 70 % train, 15 % val, 15 % test within every configuration (`split_by_group`), decided over
all captioned configurations of the folder together, before any is left out. Pictures that are (nearly) equal
(`groups_of_duplicates`) are never on two sides. The same folder and seed always give the same split.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .captions import CaptionSet
from .duplicates import fingerprint, groups_of_duplicates, split_by_group
from .errors import DataError
from .files import check_file, field, read_arrays, read_json, require_folder
from .image import resize_images
from .shapeworld_original import find_original, read_original
from .text import LANGUAGES, language_of

ARRAYS, CAPTIONS = "images.npz", "captions_agreement.json"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Configuration:
    """One configuration as it lies on disk."""

    name: str
    images: np.ndarray  # uint8 (N, H, W, 3)
    captions: tuple[tuple[str, ...], ...]
    agreement: tuple[tuple[float, ...], ...]

    @property
    def lang(self) -> str:
        return language_of(" ".join(text for texts in self.captions for text in texts))


def load_shapeworld(
    folder: str | os.PathLike,
    configs: Sequence[str] | str | None = None,
    split: str | None = None,
    seed: int = 0,
    lang: str | None = None,
    size: int | tuple[int, int] | None = None,
) -> CaptionSet:
    """Read captioned pictures from a ShapeWorld folder.

    configs    names such as "existential-full" (or "agreement/existential-full"), a list or joined by commas;
               None takes every configuration in `lang`
    split      "train", "val" or "test"; None or "all" takes every picture
    seed       of the split
    lang       "en" or "zh"; None means "en" when `configs` is None, else whatever the named ones are in
    size       resize to this; needed when the chosen configurations differ in size
    Errors     DataError for files that are missing, damaged or do not fit together;
               ValueError for a configuration, split or language that is not there, listing those that are
    """
    if split not in (None, "all", *SPLITS):
        raise ValueError(f"load_shapeworld: split: expected one of all, {', '.join(SPLITS)}, got {split!r}")
    if lang is not None and lang not in LANGUAGES:
        raise ValueError(f"load_shapeworld: lang: expected one of {', '.join(LANGUAGES)}, got {lang!r}")
    folder = require_folder(folder)
    found = read_configurations(folder)
    chosen, lang = _choose(found, configs, lang)
    part = split_configurations(found, seed)

    images, captions, agreement, ids = [], [], [], []
    for config in chosen:
        keep = np.arange(len(config.images))
        if split in SPLITS:
            keep = np.flatnonzero(part[config.name] == SPLITS.index(split))
        images.append(config.images[keep] if size is None else resize_images(config.images[keep], size))
        captions += [config.captions[i] for i in keep]
        agreement += [config.agreement[i] for i in keep]
        ids += [f"{config.name}/{i}" for i in keep]
    sizes = sorted({i.shape[1:3] for i in images})
    if len(sizes) > 1:
        raise ValueError(f"load_shapeworld: size: needed, the configurations have sizes {sizes}")
    return CaptionSet(
        "shapeworld", lang, np.concatenate(images), tuple(captions), tuple(ids), tuple(agreement)
    )


def split_configurations(found: Sequence[Configuration], seed: int = 0) -> dict[str, np.ndarray]:
    """For each configuration the part (0 train, 1 val, 2 test) of each of its pictures."""
    pictures = [image for config in found for image in config.images]
    strata = [config.name for config in found for _ in config.images]
    marks = [fingerprint(image) for image in pictures]
    part = split_by_group(groups_of_duplicates(pictures), marks, strata, seed=seed)
    ends = np.cumsum([len(config.images) for config in found])
    return {config.name: p for config, p in zip(found, np.split(part, ends[:-1]), strict=True)}


def _choose(found, configs, lang) -> tuple[list[Configuration], str]:
    by_name = {config.name: config for config in found}
    if configs is None:
        lang = lang or "en"
        chosen = [config for config in found if config.lang == lang]
        if not chosen:
            raise ValueError(
                f"load_shapeworld: lang: no configuration in {lang!r} among {', '.join(by_name)}"
            )
        return chosen, lang
    names = configs.split(",") if isinstance(configs, str) else list(configs)
    names = list(dict.fromkeys(n.strip().removeprefix("agreement/") for n in names))
    unknown = [n for n in names if n not in by_name]
    if unknown or not names:
        raise ValueError(f"load_shapeworld: configs: expected some of {', '.join(by_name)}, got {configs!r}")
    chosen = [by_name[n] for n in names]
    languages = sorted({config.lang for config in chosen})
    if len(languages) > 1 or (lang is not None and languages != [lang]):
        raise ValueError(
            f"load_shapeworld: configs: {', '.join(names)} are in {' and '.join(languages)}, "
            f"expected all in {lang or 'one language'}"
        )
    return chosen, languages[0]


def read_configurations(folder: str | os.PathLike) -> list[Configuration]:
    """Every captioned configuration of the folder, by name; sets without captions are passed over."""
    folder = require_folder(folder)
    arrays, captions = folder / ARRAYS, folder / CAPTIONS
    if arrays.exists() and captions.exists():
        found = _read_packed(arrays, captions)
    else:
        sources = find_original(folder)
        if not sources:
            missing = [p.name for p in (arrays, captions) if not p.exists()]
            raise DataError(
                folder,
                f"holds no ShapeWorld set: {' and '.join(missing)} missing, and no caption.txt with labels",
            )
        found = [Configuration(*parts) for parts in read_original(sources)]
    for name in sorted({c.name for c in found}):
        if sum(c.name == name for c in found) > 1:
            raise DataError(folder, f"has the configuration {name!r} twice")
    return sorted(found, key=lambda config: config.name)


def _read_packed(arrays_path, captions_path) -> list[Configuration]:
    check_file(captions_path, 1 << 30)
    table = read_json(captions_path, kind=dict)
    arrays = read_arrays(arrays_path)
    found = []
    for key, record in table.items():
        if not isinstance(record, dict) or "captions" not in record:
            continue
        name = key.removeprefix("agreement/")
        captions, agreement = read_labels(record, captions_path, key)
        array_name = key.replace("/", "__")
        if array_name not in arrays:
            raise DataError(arrays_path, f"has no array {array_name!r}, named by {captions_path.name}")
        images = arrays[array_name]
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise DataError(
                arrays_path, f"{array_name!r}: expected uint8 (N, H, W, 3), got {images.dtype} {images.shape}"
            )
        if len(images) != len(captions):
            raise DataError(
                arrays_path,
                f"{array_name!r} has {len(images)} images, {captions_path.name} captions for {len(captions)}",
            )
        found.append(Configuration(name, images, captions, agreement))
    if not found:
        raise DataError(captions_path, "names no configuration with captions")
    return found


def read_labels(record: dict, path, key: str):
    """Captions and agreement of one configuration, checked to fit each other."""
    captions = field(record, "captions", list, path, key)
    agreement = field(record, "agreement", list, path, key)
    if len(captions) != len(agreement) or not captions:
        raise DataError(path, f"{key}: captions for {len(captions)} images, agreement for {len(agreement)}")
    for i, (texts, labels) in enumerate(zip(captions, agreement, strict=True)):
        if not isinstance(texts, list) or not all(isinstance(t, str) for t in texts):
            raise DataError(path, f"{key}: captions[{i}]: expected a list of strings")
        if not isinstance(labels, list) or not all(
            isinstance(v, (int, float)) and not isinstance(v, bool) and 0 <= v <= 1 for v in labels
        ):
            raise DataError(path, f"{key}: agreement[{i}]: expected a list of numbers from 0 to 1")
        if len(texts) != len(labels):
            raise DataError(path, f"{key}: image {i} has {len(texts)} captions but {len(labels)} agreements")
    return (
        tuple(tuple(texts) for texts in captions),
        tuple(tuple(float(v) for v in labels) for labels in agreement),
    )
