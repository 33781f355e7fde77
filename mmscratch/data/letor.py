"""Learning-to-rank files: the text of LibSVM and LETOR (Qin & Liu, 2013), and LightGBM's file of queries.

    2 qid:10 1:0.03 2:0.89 136:1.5 # docid = 42        label, query, feature:value …, a remark
    2 1:0.03 2:0.89 136:1.5                            where a file of queries stands beside it

The file of queries of ``rank.train`` or ``rank.train.gz`` is ``rank.train.query``: one number a line, how
many documents each query has, in the order of the documents. Features that a line does not name are 0.
"""

from __future__ import annotations

import os
from array import array
from pathlib import Path

import numpy as np

from .errors import DataError
from .files import MAX_ARRAY_BYTES, MAX_TEXT_BYTES, decode_text, read_gzipped

__all__ = ["load_letor"]

MAX_FEATURES = 1_000_000
MAX_LABEL = 1000  # 2^1000 is still a number of 64 bits


def load_letor(
    path: str | os.PathLike,
    query: str | os.PathLike | None = None,
    features: int | None = None,
    zero_based: bool = False,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """→ (X, y, groups): what a ranker's ``fit`` takes.

    path        LibSVM text, packed by gzip or not
    query       the file of queries; None: the one beside it, if the lines name no ``qid:``
    features    D; None: the largest number that occurs (a part of a data set may lack the last ones)
    zero_based  is the first feature 0? Else it is 1, as LibSVM and LETOR have it.

    Shapes      X (N, D) float64, y (N,) int64, groups (Q,) int64, documents of each query, Σ groups = N
    Errors      DataError naming the file and the line: no number where one must be, a feature out of range or
                twice, a label that is no whole number ≥ 0, a query that comes back after another one or has
                no document, counts that do not add up, sizes beyond the limits
    """
    labels, queries, rows, columns, values = _read(path, features, zero_based)
    width = features or (max(columns) + 1 if columns else 0)
    if width == 0:
        raise DataError(path, "names no feature")
    if len(labels) * width * 8 > MAX_ARRAY_BYTES:
        raise DataError(
            path, f"is {len(labels):,} × {width:,} numbers, more than {MAX_ARRAY_BYTES:,} bytes hold"
        )
    x = np.zeros((len(labels), width))
    x[np.frombuffer(rows, np.int64), np.frombuffer(columns, np.int64)] = np.frombuffer(values)
    beside = Path(query) if query is not None else _beside(Path(path))
    if queries and query is None:
        groups = _runs(queries, path)
    elif query is None and not beside.exists():
        raise DataError(path, f"has no qid: and there is no {beside.name} beside it")
    else:
        groups = _counts(beside, len(labels))
    return x, np.array(labels, np.int64), groups


def _lines(path):
    text = decode_text(read_gzipped(path, MAX_TEXT_BYTES), path)
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.partition("#")[0].split()
        if fields:
            yield number, fields


def _read(path, features, zero_based):
    """Labels, (line, query) of each, and the entries of X as rows, columns, values."""
    labels, queries = [], []
    rows, columns, values = array("q"), array("q"), array("d")
    limit = features or MAX_FEATURES
    for number, fields in _lines(path):
        where, pairs = f"line {number}", fields[1:]
        if pairs and pairs[0].startswith("qid:"):
            queries.append((number, pairs.pop(0)[4:]))
        if len(queries) not in (0, len(labels) + 1):
            raise DataError(path, f"{where}: some lines name a qid:, others do not")
        seen = set()
        for pair in pairs:
            name, _, text = pair.partition(":")
            column, value = _entry(name, text, pair, path, where)
            column -= not zero_based
            if column < 0:
                raise DataError(path, f"{where}: feature {name}; with zero_based=True numbers begin at 0")
            if column >= limit:
                raise DataError(path, f"{where}: feature {name} is beyond the {limit:,} that are expected")
            if column in seen:
                raise DataError(path, f"{where}: feature {name} is there twice")
            seen.add(column)
            rows.append(len(labels)), columns.append(column), values.append(value)
        labels.append(_label(fields[0], path, where))
    if not labels:
        raise DataError(path, "holds no line")
    return labels, queries, rows, columns, values


def _entry(name, text, pair, path, where):
    try:
        column, value = int(name), float(text)
    except ValueError:
        raise DataError(path, f"{where}: expected feature:value, got {pair[:40]!r}") from None
    if not np.isfinite(value):
        raise DataError(path, f"{where}: feature {name} is {text}, expected a finite number")
    return column, value


def _label(text, path, where):
    try:
        label = float(text)
    except ValueError:
        label = -1.0
    if not 0 <= label <= MAX_LABEL or label != int(label):
        raise DataError(
            path, f"{where}: expected a label, a whole number from 0 to {MAX_LABEL}, got {text[:40]!r}"
        )
    return int(label)


def _beside(path):
    return path.with_name(path.name.removesuffix(".gz") + ".query")


def _runs(queries, path):
    """Lengths of the stretches of one query each."""
    counts, last, ended = [], None, set()
    for number, name in queries:
        if name != last:
            if name in ended:
                raise DataError(path, f"line {number}: query {name[:40]!r} comes back after another one")
            ended.add(name)
            last = name
            counts.append(0)
        counts[-1] += 1
    return np.array(counts, np.int64)


def _counts(path, documents):
    counts = []
    for number, fields in _lines(path):
        if len(fields) != 1 or not fields[0].isdecimal() or not 0 < int(fields[0]) <= documents:
            raise DataError(
                path, f"line {number}: expected a number of documents, got {' '.join(fields)[:40]!r}"
            )
        counts.append(int(fields[0]))
    if sum(counts) != documents:
        raise DataError(path, f"counts {sum(counts):,} documents, the data has {documents:,}")
    return np.array(counts, np.int64)
