"""Files that the VQA evaluation reads: results, and the annotations that they are judged by."""

from __future__ import annotations

import os

from .errors import DataError
from .files import MAX_TEXT_BYTES, field, read_json


def load_results(path: str | os.PathLike, max_bytes: int = MAX_TEXT_BYTES) -> dict:
    """[{"question_id": 1, "answer": "yes"}, …] → {question id: answer}.

    Errors     DataError naming the file and the entry: not such a list, empty, or a question answered twice
    """
    found: dict = {}
    for k, entry in enumerate(read_json(path, max_bytes, list)):
        where = f"entry {k}"
        _put(found, entry, field(entry, "answer", str, path, where), path, where)
    if not found:
        raise DataError(path, "has no result")
    return found


def load_annotations(path: str | os.PathLike, max_bytes: int = MAX_TEXT_BYTES) -> dict:
    """{"annotations": [{"question_id", "answers": [{"answer"}], "answer_type"?, "question_type"?}]} →
    {question id: {"answers": [str], "answer_type": str, "question_type": str}}; "" for a type not stated.

    Errors     DataError naming the file and the entry: as above, or fewer than two annotators
    """
    found: dict = {}
    notes = field(read_json(path, max_bytes, dict), "annotations", list, path, "the file")
    for k, note in enumerate(notes):
        where = f"annotations[{k}]"
        several = field(note, "answers", list, path, where)
        said = [field(a, "answer", str, path, f"{where}.answers[{j}]") for j, a in enumerate(several)]
        if len(said) < 2:
            raise DataError(path, f"{where}: expected the answers of at least 2 annotators, got {len(said)}")
        types = {
            key: field(note, key, str, path, where) if key in note else ""
            for key in ("answer_type", "question_type")
        }
        _put(found, note, {"answers": said, **types}, path, where)
    if not found:
        raise DataError(path, "has no annotation")
    return found


def _put(found: dict, entry, value, path, where: str) -> None:
    question_id = field(entry, "question_id", (int, str), path, where)
    if question_id in found:
        raise DataError(path, f"{where}: question_id {question_id!r} is there twice")
    found[question_id] = value
