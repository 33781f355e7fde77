"""COCO captions (Lin et al., 2014; Chen et al., 2015), and the splits of Karpathy and Fei-Fei (2015).

A folder holds one of

    captions_SPLIT.json     {"images": [{"id", "file_name"}], "annotations": [{"id", "image_id", "caption"}]},
                            in the folder or in annotations/; what `mmscratch data scenes --out` writes
    dataset_NAME.json       {"images": [{"filename", "filepath"?, "split", "sentences": [{"raw", "tokens"}]}]}

and the pictures in images/SPLIT, images, SPLIT (train2014 …), the record's "filepath", or the folder itself.
When both are there, dataset_NAME.json is read: its test set is the one that papers report on.
"""

from __future__ import annotations

import os
from pathlib import Path

from .captions import CaptionSet, ImageFiles
from .errors import DataError
from .files import MAX_TEXT_BYTES, field, inside, read_json, require_folder
from .locate import image_paths, pick_split, split_files
from .text import language_of

CAPTIONS = r"captions_(?P<split>[A-Za-z0-9_-]+)\.json"
KARPATHY = r"dataset_(?P<split>[A-Za-z0-9_-]+)\.json"


def load_coco(
    folder: str | os.PathLike,
    split: str = "train",
    size: int | tuple[int, int] | None = None,
    limit: int | None = None,
    max_bytes: int = MAX_TEXT_BYTES,
) -> CaptionSet:
    """Read captioned pictures; the pictures themselves are opened only when a batch needs them.

    split      "train" finds captions_train.json or captions_train2014.json; in a Karpathy file it is its
               records carry the split, and "train+restval" joins two of them
    limit      only the first so many pictures
    max_bytes  refuse a larger annotation file
    Errors     DataError for what is missing, damaged or inconsistent; ValueError for an unknown split
    """
    folder = require_folder(folder)
    karpathy = split_files(folder, KARPATHY)
    if len(karpathy) > 1:
        raise DataError(folder, f"has several of dataset_NAME.json: {', '.join(sorted(karpathy))}")
    if karpathy:
        ((name, path),) = karpathy.items()
        return load_karpathy(path, folder, split, size, limit, max_bytes)
    files = split_files(folder, CAPTIONS)
    name, path = pick_split("load_coco", folder, split, files, "captions_SPLIT.json or dataset_NAME.json")
    ids, names, captions = read_captions(path, max_bytes)
    kept = [i for i, texts in enumerate(captions) if texts][:limit]
    if not kept:
        raise DataError(path, "has no caption")
    paths = image_paths(folder, [names[i] for i in kept], path, _homes(name))
    return _caption_set("coco", paths, size, [captions[i] for i in kept], [ids[i] for i in kept])


def _homes(split: str) -> tuple[str, ...]:
    return (f"images/{split}", "images", split, "")


def _caption_set(name, paths, size, captions, ids) -> CaptionSet:
    captions = tuple(tuple(texts) for texts in captions)
    return CaptionSet(name, language_of(captions[0][0]), ImageFiles(paths, size), captions, tuple(ids))


def read_captions(path: Path, max_bytes: int = MAX_TEXT_BYTES) -> tuple[list, list[str], list[list[str]]]:
    """(image ids, file names, captions of each image) of a COCO captions file, in the order of "images"."""
    record = read_json(path, max_bytes, dict)
    ids, names = read_image_records(record, path)
    index = {image_id: i for i, image_id in enumerate(ids)}
    captions: list[list[str]] = [[] for _ in ids]
    for k, note in enumerate(field(record, "annotations", list, path, "the file")):
        where = f"annotations[{k}]"
        image_id = field(note, "image_id", (int, str), path, where)
        text = field(note, "caption", str, path, where).strip()
        if image_id not in index:
            raise DataError(path, f"{where}: image_id {image_id!r} is not among the images")
        if not text:
            raise DataError(path, f"{where}: the caption is empty")
        captions[index[image_id]].append(text)
    return ids, names, captions


def read_image_records(record: dict, path: Path) -> tuple[list, list[str]]:
    """(ids, file names) from the "images" of a COCO file; every id once."""
    ids, names, seen = [], [], set()
    for k, image in enumerate(field(record, "images", list, path, "the file")):
        where = f"images[{k}]"
        image_id = field(image, "id", (int, str), path, where)
        if image_id in seen:
            raise DataError(path, f"{where}: id {image_id!r} is there twice")
        seen.add(image_id)
        ids.append(image_id)
        names.append(field(image, "file_name", str, path, where))
        inside(path.parent, names[-1], path)
    return ids, names


def load_karpathy(
    path: str | os.PathLike,
    folder: str | os.PathLike | None = None,
    split: str = "train",
    size: int | tuple[int, int] | None = None,
    limit: int | None = None,
    max_bytes: int = MAX_TEXT_BYTES,
) -> CaptionSet:
    """Read one split of a dataset_NAME.json; `folder` is where the pictures are (by default beside it)."""
    path = Path(path)
    folder = require_folder(path.parent if folder is None else folder)
    images = field(read_json(path, max_bytes, dict), "images", list, path, "the file")
    wanted, available = set(split.split("+")), set()
    ids, names, captions, homes = [], [], [], ["images"]
    for k, image in enumerate(images):
        where = f"images[{k}]"
        part = field(image, "split", str, path, where)
        available.add(part)
        if part not in wanted or (limit is not None and len(ids) >= limit):
            continue
        sentences = field(image, "sentences", list, path, where)
        texts = [_sentence(s, path, f"{where}.sentences[{j}]") for j, s in enumerate(sentences)]
        if not texts:
            raise DataError(path, f"{where}: has no sentence")
        captions.append(texts)
        names.append(field(image, "filename", str, path, where))
        ids.append(image.get("cocoid", image.get("imgid", names[-1])))
        if not isinstance(ids[-1], int | str):
            raise DataError(path, f"{where}: cocoid or imgid must be a number or text, is {ids[-1]!r}"[:200])
        home = image.get("filepath")
        if isinstance(home, str) and home:
            inside(folder, home, path)
            homes += [h for h in (f"images/{home}", home) if h not in homes]
    if not wanted <= available:
        known = ", ".join(sorted(available)[:10]) or "none, for the file has no picture"
        raise DataError(path, f"split: expected one of {known}, got {split!r}")
    if len(set(ids)) != len(ids):
        raise DataError(path, "has two pictures with the same id")
    paths = image_paths(
        folder, names, path, [*homes, *_homes(split), "Flicker8k_Dataset", "Flickr8k_Dataset"]
    )
    name = path.stem.removeprefix("dataset_")
    return _caption_set(name, paths, size, captions, ids)


def _sentence(sentence, path, where) -> str:
    """The sentence as written, or its tokens when only those are there."""
    if isinstance(sentence, dict) and "raw" not in sentence:
        tokens = field(sentence, "tokens", list, path, where)
        text = " ".join(str(t) for t in tokens)
    else:
        text = field(sentence, "raw", str, path, where).strip()
    if not text:
        raise DataError(path, f"{where}: is empty")
    return text
