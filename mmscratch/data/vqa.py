"""Visual questions in the VQA v2 file format (Goyal et al., 2017).

    questions    {"questions": [{"question_id", "image_id", "question"}]}
    annotations  {"annotations": [{"question_id", "image_id", "multiple_choice_answer", "answer_type"?,
                 "question_type"?, "answers"?: [{"answer"}]}]}

named v2_OpenEnded_mscoco_SPLIT_questions.json and v2_mscoco_SPLIT_annotations.json as by VQA (or with another
source than mscoco: `mmscratch data scenes --out` writes scenes), or questions_SPLIT.json and
annotations_SPLIT.json; in the folder, annotations/ or questions/.

The picture of an image_id is taken from, in order: an "images" list [{"id", "file_name"}] in the questions
file; the file's "data_type" and "data_subtype", as in COCO_train2014_000000000042.jpg (COCO for mscoco), in
images/SUBTYPE, SUBTYPE and so on; the "images" of captions_SPLIT.json, where no data_subtype is stated.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .captions import ImageFiles, ImageSource
from .coco import CAPTIONS, read_image_records
from .errors import DataError
from .files import MAX_TEXT_BYTES, inside, read_json, require_folder
from .files import field as json_field
from .locate import image_paths, match_split, pick_split, split_files

SPLIT = r"(?P<split>[A-Za-z0-9-]+)"
QUESTIONS = rf"(?:v2_)?(?:OpenEnded_)?(?:[a-z]+_)?{SPLIT}_questions\.json"
ANNOTATIONS = rf"(?:v2_)?(?:[a-z]+_)?{SPLIT}_annotations\.json"
OWN_QUESTIONS = rf"(?:vqa_)?questions_{SPLIT}\.json"
OWN_ANNOTATIONS = rf"(?:vqa_)?annotations_{SPLIT}\.json"
ENDINGS = (".jpg", ".png", ".jpeg")


@dataclass(frozen=True)
class QuestionSet:
    """M questions about N pictures.

    images      an `ImageSource` of N pictures
    image_of    int64 (M,): the picture of each question
    questions   M strings
    answers     M strings, the answer that counts as right; None for a split without answers
    all_answers for each question what every annotator said; None with `answers`
    types       M strings, the kind of question or answer ("" when not stated)
    ids         M question ids
    pairs       int64 (M,): equal numbers for the two halves of a minimal pair; None where there are none
    scenes      the N scene graphs of the pictures; None where they are not known
    supports    for each question the objects of its scene that decide the answer; None with `scenes`
    named       for each question, of each of its nouns in turn, the objects that it stands for; or None
    """

    name: str
    images: ImageSource = field(repr=False)
    image_of: np.ndarray = field(repr=False)
    questions: tuple[str, ...] = field(repr=False)
    answers: tuple[str, ...] | None = field(repr=False)
    all_answers: tuple[tuple[str, ...], ...] | None = field(repr=False)
    types: tuple[str, ...] = field(repr=False)
    ids: tuple = field(repr=False)
    pairs: np.ndarray | None = field(default=None, repr=False)
    scenes: tuple | None = field(default=None, repr=False)
    supports: tuple[tuple[int, ...], ...] | None = field(default=None, repr=False)
    named: tuple[tuple[tuple[int, ...], ...], ...] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.questions)

    def about(self, chosen: np.ndarray) -> QuestionSet:
        """The questions about the pictures of these numbers, and those pictures, in the order given."""
        chosen = np.asarray(chosen, dtype=np.int64)
        new = np.full(len(self.images), -1)
        new[chosen] = np.arange(len(chosen))
        kept = np.flatnonzero(new[self.image_of] >= 0)

        def pick(values):
            return None if values is None else tuple(values[i] for i in kept)

        images = self.images
        return QuestionSet(
            self.name,
            images.subset(chosen) if isinstance(images, ImageFiles) else images[chosen],
            new[self.image_of[kept]],
            pick(self.questions),
            pick(self.answers),
            pick(self.all_answers),
            pick(self.types),
            pick(self.ids),
            None if self.pairs is None else self.pairs[kept],
            None if self.scenes is None else tuple(self.scenes[i] for i in chosen),
            pick(self.supports),
            pick(self.named),
        )


def load_vqa(
    folder: str | os.PathLike,
    split: str = "train",
    size: int | tuple[int, int] | None = None,
    limit: int | None = None,
    max_bytes: int = MAX_TEXT_BYTES,
) -> QuestionSet:
    """Read one split; `limit` takes the first so many questions. Errors as in `load_coco`."""
    folder = require_folder(folder)
    files = {**split_files(folder, QUESTIONS), **split_files(folder, OWN_QUESTIONS)}
    name, path = pick_split("load_vqa", folder, split, files, "questions_SPLIT.json")
    record = read_json(path, max_bytes, dict)
    ids, image_ids, texts = _read_questions(record, path, limit)
    answered = {**split_files(folder, ANNOTATIONS), **split_files(folder, OWN_ANNOTATIONS)}
    notes = match_split(name, answered)
    answers, everyone, types = None, None, ("",) * len(ids)
    if notes is not None:
        answers, everyone, types = _read_answers(answered[notes], ids, image_ids, max_bytes)
    order = list(dict.fromkeys(image_ids))
    subtype = str(record.get("data_subtype") or name)
    homes = (f"images/{subtype}", subtype, f"images/{name}", "images", name, "")
    names = _file_names(record, path, folder, name, order, homes, max_bytes)
    index = {image_id: i for i, image_id in enumerate(order)}
    return QuestionSet(
        "vqa",
        ImageFiles(image_paths(folder, names, path, homes), size),
        np.array([index[i] for i in image_ids], dtype=np.int64),
        tuple(texts),
        answers,
        everyone,
        types,
        tuple(ids),
    )


def _read_questions(record: dict, path: Path, limit: int | None):
    ids, image_ids, texts = [], [], []
    for k, question in enumerate(json_field(record, "questions", list, path, "the file")[:limit]):
        where = f"questions[{k}]"
        ids.append(json_field(question, "question_id", (int, str), path, where))
        image_ids.append(json_field(question, "image_id", (int, str), path, where))
        texts.append(json_field(question, "question", str, path, where).strip())
    if not ids:
        raise DataError(path, "has no question")
    if len(set(ids)) != len(ids):
        raise DataError(path, "has two questions with the same question_id")
    return ids, image_ids, texts


def _read_answers(path: Path, ids: list, image_ids: list, max_bytes: int):
    """(right answers, all answers, types) in the order of the questions."""
    found = {}
    notes = json_field(read_json(path, max_bytes, dict), "annotations", list, path, "the file")
    for k, note in enumerate(notes):
        where = f"annotations[{k}]"
        question_id = json_field(note, "question_id", (int, str), path, where)
        answer = json_field(note, "multiple_choice_answer", str, path, where)
        several = note.get("answers", [{"answer": answer}])
        if not isinstance(several, list) or not several:
            raise DataError(path, f"{where}: 'answers': expected a list with at least one entry")
        said = tuple(
            json_field(a, "answer", str, path, f"{where}.answers[{j}]") for j, a in enumerate(several)
        )
        kind = str(note.get("question_type") or note.get("answer_type") or "")
        found[question_id] = (answer, said, kind, json_field(note, "image_id", (int, str), path, where))
    for question_id, image_id in zip(ids, image_ids, strict=True):
        if question_id not in found:
            raise DataError(path, f"has no answer for question_id {question_id!r}")
        if found[question_id][3] != image_id:
            raise DataError(path, f"question_id {question_id!r} is about another image than in the questions")
    rows = [found[i] for i in ids]
    return tuple(r[0] for r in rows), tuple(r[1] for r in rows), tuple(r[2] for r in rows)


def _file_names(
    record, path: Path, folder: Path, split: str, order: list, homes, max_bytes: int
) -> list[str]:
    captions = split_files(folder, CAPTIONS)
    listed = None
    if "images" in record:
        listed = dict(zip(*read_image_records(record, path), strict=True))
    elif "data_subtype" not in record and match_split(split, captions):
        source = captions[match_split(split, captions)]
        listed = dict(zip(*read_image_records(read_json(source, max_bytes, dict), source), strict=True))
    if listed is None:
        return _numbered(record, path, folder, split, order, homes)
    for image_id in order:
        if image_id not in listed:
            raise DataError(path, f"image_id {image_id!r} is not among the images")
    return [listed[i] for i in order]


def _numbered(record: dict, path: Path, folder: Path, split: str, order: list, homes) -> list[str]:
    """Names by COCO's rule, with the ending that the first picture turns out to have."""
    if not all(isinstance(i, int) for i in order):
        raise DataError(path, "has no list of images, and its image_id are not numbers")
    kind, subtype = str(record.get("data_type") or "mscoco"), str(record.get("data_subtype") or split)
    stem = f"{'COCO' if kind == 'mscoco' else kind}_{subtype}"
    inside(folder, stem, path)
    first = f"{stem}_{order[0]:012d}"
    there = (e for e in ENDINGS for home in homes if (folder / home / (first + e)).is_file())
    ending = next(there, ENDINGS[0])
    return [f"{stem}_{i:012d}{ending}" for i in order]
