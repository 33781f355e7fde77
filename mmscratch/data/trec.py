"""The two files of a TREC evaluation: judgements ("qrels") and a run, as trec_eval reads them."""

from __future__ import annotations

import os

from .errors import DataError
from .files import MAX_TEXT_BYTES, read_text

__all__ = ["load_qrels", "load_run"]


def load_qrels(path: str | os.PathLike) -> dict[str, dict[str, int]]:
    """Query → document → judgement, of lines "query iteration document judgement".

    Errors     DataError naming the line that has not four fields, no whole number, or a document twice
    """
    found: dict[str, dict[str, int]] = {}
    for where, (query, _, document, grade) in _rows(path, 4):
        _keep(found.setdefault(query, {}), document, grade, int, path, where)
    return found


def load_run(path: str | os.PathLike) -> dict[str, dict[str, float]]:
    """Query → document → score, of lines "query Q0 document rank score name"; the rank is not looked at.

    Errors     DataError naming the line that has not six fields, no number for a score, or a document twice
    """
    found: dict[str, dict[str, float]] = {}
    for where, (query, _, document, _, score, _) in _rows(path, 6):
        _keep(found.setdefault(query, {}), document, score, float, path, where)
    return found


def _rows(path, fields):
    some = False
    for number, line in enumerate(read_text(path, MAX_TEXT_BYTES).splitlines(), start=1):
        if not line.strip():
            continue
        row = line.split()
        if len(row) != fields:
            raise DataError(path, f"line {number}: expected {fields} fields, got {len(row)}")
        some = True
        yield f"line {number}", row
    if not some:
        raise DataError(path, "holds no line")


def _keep(of, document, text, kind, path, where):
    if document in of:
        raise DataError(path, f"{where}: document {document} is there twice for its query")
    try:
        of[document] = kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise DataError(path, f"{where}: expected {wanted}, got {text!r}") from None
    if of[document] != of[document]:
        raise DataError(path, f"{where}: the score is not a number")
