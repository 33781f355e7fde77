"""easy-VQA (Zhou, 2019): questions about one coloured shape, 64 × 64 pixels, thirteen answers.

    DIR/NAME_questions.json     [["what is the blue shape?", "rectangle", 0], …]: question, answer, image id
    DIR/NAME_images.npz         image_ids (N,), images uint8 (N, H, W, 3)
    DIR/answers.txt             every answer, one a line; may be left out

or as in its own repository, also with data/ before it:

    DIR/NAME/questions.json     the same
    DIR/NAME/images/ID.png
    DIR/NAME/answers.txt        or beside NAME

for any NAME that is there: train, test, test_even, …
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np

from .captions import ImageFiles, ImageSource
from .errors import DataError
from .files import MAX_TEXT_BYTES, read_arrays, read_json, read_text, require_folder
from .vqa import QuestionSet

YES_NO = ("yes", "no")


def load_easy_vqa(
    folder: str | os.PathLike,
    split: str = "train",
    size: int | tuple[int, int] | None = None,
    max_bytes: int = MAX_TEXT_BYTES,
) -> QuestionSet:
    """Read one split: every question, in the file's order; `types` are "yes/no" and "other".

    Pictures are in the order in which they are first asked about; one that nobody asks about is left out.
    `size` is for the layout with files, whose pictures may differ in size.

    Errors     ValueError for a split that the folder does not have (those that it has are listed); DataError
               naming the file: damaged, another shape, a question about a picture that is not there, or an
               answer that answers.txt does not have
    """
    folder = require_folder(folder)
    splits = easy_vqa_splits(folder)
    if not splits:
        raise DataError(
            folder, "has neither NAME_questions.json with NAME_images.npz nor NAME/questions.json"
        )
    if split not in splits:
        raise ValueError(f"load_easy_vqa: split: expected one of {', '.join(splits)}, got {split!r}")
    path = splits[split]
    texts, answers, image_ids = _read_questions(path, max_bytes)
    order = list(dict.fromkeys(image_ids))
    images = _images(path, split, order, size)
    known = _answers_beside(path)
    for k, answer in enumerate(answers):
        if known and answer not in known:
            raise DataError(path, f"entry {k}: answer {answer!r} is not in answers.txt")
    place = {image_id: i for i, image_id in enumerate(order)}
    return QuestionSet(
        "easy-vqa",
        images,
        np.array([place[i] for i in image_ids], dtype=np.int64),
        texts,
        answers,
        tuple((a,) for a in answers),
        tuple("yes/no" if a in YES_NO else "other" for a in answers),
        tuple(range(len(texts))),
    )


def easy_vqa_splits(folder: str | os.PathLike) -> dict[str, Path]:
    """Split name → its file of questions, in either layout; by name."""
    folder = require_folder(folder)
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*_questions.json")):
        name = path.name.removesuffix("_questions.json")
        if name and (folder / f"{name}_images.npz").is_file():
            found[name] = path
    for home in (folder, folder / "data"):
        for path in sorted(home.glob("*/questions.json")):
            if (path.parent / "images").is_dir():
                found.setdefault(path.parent.name, path)
    return dict(sorted(found.items()))


def load_answers(folder: str | os.PathLike, split: str = "train") -> tuple[str, ...]:
    """The answers of answers.txt, in its order; () where there is none."""
    splits = easy_vqa_splits(folder)
    return _answers_beside(splits[split]) if split in splits else ()


def _answers_beside(path: Path) -> tuple[str, ...]:
    homes = (path.parent, path.parent.parent) if path.name == "questions.json" else (path.parent,)
    for home in homes:
        if (home / "answers.txt").is_file():
            lines = [line.strip() for line in read_text(home / "answers.txt", 1 << 20).splitlines()]
            answers = tuple(line for line in lines if line)
            if len(set(answers)) != len(answers):
                raise DataError(home / "answers.txt", "names an answer twice")
            return answers
    return ()


def _read_questions(path: Path, max_bytes: int):
    entries = read_json(path, max_bytes, list)
    if not entries:
        raise DataError(path, "has no question")
    for k, entry in enumerate(entries):
        good = isinstance(entry, list) and len(entry) == 3
        good = good and isinstance(entry[0], str) and isinstance(entry[1], str)
        if not good or not isinstance(entry[2], int) or isinstance(entry[2], bool):
            raise DataError(path, f"entry {k}: expected [question, answer, image id], got {str(entry)[:80]}")
    return tuple(e[0].strip() for e in entries), tuple(e[1].strip() for e in entries), [e[2] for e in entries]


def _images(path: Path, split: str, order: list[int], size) -> ImageSource:
    if path.name != "questions.json":
        return _array(path, path.with_name(f"{split}_images.npz"), order)
    home = path.parent / "images"
    there = {int(p.stem) for p in home.iterdir() if p.suffix == ".png" and re.fullmatch(r"\d+", p.stem)}
    missing = [i for i in order if i not in there]
    if missing:
        raise DataError(
            path, f"asks about {len(missing)} pictures that images/ lacks, first {missing[0]}.png"
        )
    return ImageFiles([home / f"{i}.png" for i in order], size)


def _array(path: Path, archive: Path, order: list[int]) -> np.ndarray:
    arrays = read_arrays(archive)
    if {"image_ids", "images"} - set(arrays):
        raise DataError(archive, f"holds {', '.join(sorted(arrays))}; expected image_ids and images")
    ids, images = arrays["image_ids"], arrays["images"]
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or not images.size:
        raise DataError(archive, f"has images {images.dtype} {images.shape}, expected uint8 (N, H, W, 3)")
    if ids.shape != (len(images),) or ids.dtype.kind not in "iu" or len(np.unique(ids)) != len(ids):
        raise DataError(
            archive, f"has image_ids {ids.dtype} {ids.shape}, expected {len(images)} numbers, each once"
        )
    place = {int(image_id): i for i, image_id in enumerate(ids)}
    missing = [i for i in order if i not in place]
    if missing:
        raise DataError(
            path, f"asks about {len(missing)} pictures that {archive.name} lacks, first {missing[0]}"
        )
    return images[[place[i] for i in order]]
