"""Captions to be scored, and their references, from the files that people keep them in.

candidates   [{"image_id", "caption"}]                                 COCO's results, one caption an image
references   {"images": [{"id"}], "annotations": [{"image_id", "caption"}]}    COCO's annotations, several
both         {"IMAGE": ["caption", …]}                                 what the COCO tools hold in memory
             FILE.txt, a sentence a line (nlg-eval's); references may be several files: line n of each
             {"images": [{"image_id", "candidate", "references"}]}     one file with both
             {"hypotheses": {…}, "references": {…}}                    one file with both
             a folder with hyp.txt and ref*.txt                        both

Image ids may be numbers in one file and strings in another: 42 and "42" are the same image. A file with both
may hold its captions cut into words too, under the same names with _tokenized: then those words are taken.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .errors import DataError
from .files import field, read_json, read_text, require_folder

__all__ = ["ScoredCaptions", "load_scored_captions"]

Captions = dict[str, list[str]]  # the id of an image, as a string → its captions


@dataclass(frozen=True)
class ScoredCaptions:
    """Images with a candidate and its references, in the order of the candidates.

    ids          as the candidates' file has them
    unscored     how many images have references but no candidate
    words        the words stand between spaces already: text files, and captions that were given _tokenized
    """

    ids: list
    candidates: list[str]
    references: list[list[str]]
    unscored: int
    words: bool


def load_scored_captions(
    candidates: str | os.PathLike, references: Sequence[str | os.PathLike] = (), as_written: bool = False
) -> ScoredCaptions:
    """Read candidates and references, and bring them together by image.

    references   none: they are in the file (or folder) of the candidates
    as_written   take the captions themselves even where the file has them _tokenized
    Errors       DataError, one line that names the file: not one of the formats, an image twice, a candidate
                 without reference, two text files of different length
    """
    path = Path(candidates)
    if path.is_dir():
        if references:
            raise DataError(path, "is a folder, which holds its own references; expected a file")
        path, references = _folder(path)
    records = {p: None if p.suffix == ".txt" else read_json(p) for p in [path, *map(Path, references)]}
    if not references and not _has_both(records[path]):
        raise DataError(path, "holds no references: they are expected in files of their own")
    references = [Path(p) for p in references] or [path]
    words = not as_written and all(_has_both(r, "_tokenized") for r in records.values())
    end = "_tokenized" if words else ""
    ids, said = _candidates(path, records[path], end)
    meant = _references(records, references, end)
    if all(record is None for record in records.values()):
        _same_lines(path, said, references, meant)
    for key in said:
        if not meant.get(key):
            raise DataError(references[0], f"has no reference for image {key}")
    return ScoredCaptions(
        list(ids.values()),
        [captions[0] for captions in said.values()],
        [meant[key] for key in said],
        sum(bool(captions) and key not in said for key, captions in meant.items()),
        words or records[path] is None,
    )


def _has_both(record, end: str = "") -> bool:
    """Does a file hold candidates and references; with end "_tokenized", both cut into words?"""
    if not isinstance(record, dict):
        return False
    if {f"hypotheses{end}", f"references{end}"} <= record.keys():
        return True
    images, names = record.get("images"), {f"candidate{end}", f"references{end}"}
    return isinstance(images, list) and all(isinstance(i, dict) and names <= i.keys() for i in images)


def _folder(path: Path) -> tuple[Path, list[Path]]:
    found = sorted(require_folder(path).glob("ref*.txt"))
    if not (path / "hyp.txt").is_file() or not found:
        raise DataError(path, "is a folder without hyp.txt and ref*.txt; expected those, or a file")
    return path / "hyp.txt", found


def _same_lines(path: Path, said: Captions, references: Sequence, meant: Captions) -> None:
    """`meant` has a key for every line of the longest file."""
    if len(meant) != len(said):
        raise DataError(
            path, f"has {len(said)} lines, but {', '.join(map(str, references))} {len(meant)}: one each"
        )


def _candidates(path: Path, record, end: str = "") -> tuple[dict[str, object], Captions]:
    """({id as string: id}, {id as string: [caption]}); every image once, one caption each.

    record   what the JSON file holds; None for a text file
    """
    if record is None:
        rows: list = list(enumerate(_lines(path), start=1))
    else:
        rows = _rows(record, path, "candidate", end)
    ids: dict[str, object] = {}
    captions: Captions = {}
    for image, caption in rows:
        if str(image) in ids:
            raise DataError(path, f"has image {image} twice; one caption an image is scored")
        ids[str(image)], captions[str(image)] = image, [caption]
    if not ids:
        raise DataError(path, "holds no caption")
    return ids, captions


def _references(records: Mapping[Path, object], paths: Sequence[Path], end: str = "") -> Captions:
    """{id as string: captions}; of several files the captions of an image are put together."""
    found: Captions = {}
    lengths: dict[int, str] = {}
    for path in paths:
        if records[path] is None:
            lines = _lines(path)
            lengths.setdefault(len(lines), str(path))
            rows: list = list(enumerate(lines, start=1))
        else:
            rows = _rows(records[path], path, "reference", end)
        for image, caption in rows:
            several = found.setdefault(str(image), [])
            if caption:
                several.append(caption)
    if len(lengths) > 1:
        (a, first), (b, second) = list(lengths.items())[:2]
        raise DataError(second, f"has {b} lines, but {first} {a}: one each is expected")
    if not any(found.values()):
        raise DataError(paths[0], "holds no reference")
    return found


def _lines(path: Path) -> list[str]:
    lines = read_text(path).split("\n")
    return [line.strip() for line in (lines[:-1] if lines[-1] == "" else lines)]


def _rows(record, path: Path, role: str, end: str) -> list[tuple[object, str]]:
    """(image id, caption) for each candidate, or each reference, of a JSON file."""
    if isinstance(record, list):
        return _annotations(record, path, "")
    if not isinstance(record, dict):
        raise DataError(path, f"holds a JSON {type(record).__name__}, expected a list or an object")
    if isinstance(record.get("annotations"), list):
        return _coco(record, path)
    images = record.get("images")
    if isinstance(images, list):
        return _together(images, path, role, end)
    if isinstance(record.get("hypotheses"), dict):
        name = ("hypotheses" if role == "candidate" else "references") + end
        return _mapping(field(record, name, dict, path, "the file"), path)
    return _mapping(record, path)


def _annotations(notes: list, path: Path, name: str) -> list[tuple[object, str]]:
    """[{"image_id", "caption"}]."""
    rows = []
    for k, note in enumerate(notes):
        where = f"{name}[{k}]" if name else f"entry {k}"
        image = field(note, "image_id", (int, str), path, where)
        rows.append((image, field(note, "caption", str, path, where).strip()))
    return rows


def _coco(record: dict, path: Path) -> list[tuple[object, str]]:
    """COCO's annotations; where "images" are listed, each once, and no annotation of another."""
    rows = _annotations(record["annotations"], path, "annotations")
    if "images" in record:
        listed: set[str] = set()
        for k, image in enumerate(field(record, "images", list, path, "the file")):
            key = str(field(image, "id", (int, str), path, f"images[{k}]"))
            if key in listed:
                raise DataError(path, f"images[{k}]: id {key} is there twice")
            listed.add(key)
        for k, (image, _) in enumerate(rows):
            if str(image) not in listed:
                raise DataError(path, f"annotations[{k}]: image_id {image} is not among the images")
    return rows


def _together(images: list, path: Path, role: str, end: str) -> list[tuple[object, str]]:
    """[{"image_id", "candidate", "references"}]."""
    rows, seen = [], set()
    for k, image in enumerate(images):
        where = f"images[{k}]"
        key = field(image, "image_id", (int, str), path, where)
        if str(key) in seen:
            raise DataError(path, f"has image {key} twice")
        seen.add(str(key))
        if role == "candidate":
            rows.append((key, field(image, f"candidate{end}", str, path, where).strip()))
        else:
            several = field(image, f"references{end}", list, path, where)
            rows += [(key, _text(r, path, f"{where}.references{end}[{j}]")) for j, r in enumerate(several)]
    return rows


def _mapping(record: dict, path: Path) -> list[tuple[object, str]]:
    """{"IMAGE": "caption" or ["caption", …]}."""
    rows = []
    for image, several in record.items():
        for caption in several if isinstance(several, list) else [several]:
            if isinstance(caption, dict):  # as the COCO tools have them: {"caption": …}
                caption = field(caption, "caption", str, path, f"image {image}")
            rows.append((image, _text(caption, path, f"image {image}")))
    return rows


def _text(caption, path: Path, where: str) -> str:
    if not isinstance(caption, str):
        raise DataError(path, f"{where}: expected a caption, got a JSON {type(caption).__name__}")
    return caption.strip()
