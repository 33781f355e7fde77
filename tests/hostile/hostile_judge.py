"""One damaged file after another through a reader, and what became of each."""

from __future__ import annotations

import collections
import dataclasses
import hashlib
import resource
import sys
import time
import warnings
from pathlib import Path

import hostile_damage as damage
import numpy as np
from hostile_formats import Format

from mmscratch.data.errors import DataError

SECONDS = 1.0
"""Processor time that one file may take: what a small file makes hang."""
VERDICTS = ("refused", "same", "other", "wrong", "crash", "slow", "memory")
"""refused: our own exception. same: the exact content. other: another content, where the format cannot tell.
wrong: another content where it can. crash: any other exception, or the process died. slow: more than a
second. memory: grew beyond the format's bound."""


@dataclasses.dataclass
class Case:
    """A damaged file: which, its bytes, and whether the format lets a reader know that it is damaged."""

    what: str
    data: bytes
    told: bool


def cases(form: Format, good: bytes, mutations: int, cuts: int, flips: int | None, first: int = 0):
    """All damage of a format, in a fixed order; what leaves the bytes as they were is passed over."""
    everything = (
        (form.cut, damage.cuts(good, cuts)),
        (form.sealed != "none", damage.flips(good, form.header, flips)),
        (form.sealed == "all", damage.mutations(good, form.name, first, mutations, form.tokens)),
    )
    for told, several in everything:
        for what, data in several:
            if data != good:
                yield Case(what, data, told)


def fingerprint(value) -> str:
    """A hash of a value's contents: arrays by dtype, shape and bytes; dicts in any order."""
    found = hashlib.sha256()
    _feed(value, found)
    return found.hexdigest()


def _feed(value, found):
    if isinstance(value, np.ndarray):
        found.update(f"array {value.dtype.str} {value.shape}".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, dict):
        found.update(f"dict {len(value)}".encode())
        for key in sorted(value, key=repr):
            _feed(key, found), _feed(value[key], found)
    elif isinstance(value, list | tuple):
        found.update(f"list {len(value)}".encode())
        for inner in value:
            _feed(inner, found)
    elif dataclasses.is_dataclass(value):
        _feed({f.name: getattr(value, f.name) for f in dataclasses.fields(value)}, found)
    else:
        found.update(f"{type(value).__name__} {value!r}".encode())


def usable(value) -> bool:
    """Can the value be written down: is its text Unicode, with no half of a surrogate pair?"""
    try:
        str(_texts(value)).encode()
        return True
    except UnicodeEncodeError:
        return False


def _texts(value):
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "".join(map(_texts, [*value, *value.values()]))
    if isinstance(value, list | tuple):
        return "".join(map(_texts, value))
    if dataclasses.is_dataclass(value):
        return "".join(_texts(getattr(value, f.name)) for f in dataclasses.fields(value))
    return ""


def grown() -> int:
    """The most memory that this process ever had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


class Reader:
    """A good file of a format in a folder, ready to be replaced by damaged ones."""

    def __init__(self, form: Format, folder: Path):
        self.form, self.folder = form, folder
        folder.mkdir(parents=True, exist_ok=True)
        form.make(folder)
        self.path = folder / form.file
        self.good = self.path.read_bytes()
        self.expected = fingerprint(form.read(folder))  # also the imports and caches of a first time

    def judge(self, case: Case) -> tuple[str, str]:
        """(verdict, what was said)."""
        self.path.write_bytes(case.data)
        peak, began = grown(), time.process_time()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = self.form.read(self.folder)
            verdict, said = self._content(value, case.told), ""
        except DataError as error:
            verdict, said = "refused", str(error)
            if "\n" in said or not str(error.path).startswith(str(self.folder)):
                verdict = "crash"
        except Exception as error:  # what a reader lets through is what is looked for here
            verdict, said = "crash", f"{type(error).__name__}: {error}"
        seconds, more = time.process_time() - began, grown() - peak
        if seconds > SECONDS:
            return "slow", f"{seconds:.1f} s"
        if more > self.form.memory:
            return "memory", f"{more / 1e6:.0f} MB"
        return verdict, said

    def _content(self, value, told):
        if fingerprint(value) == self.expected:
            return "same"
        return "wrong" if told or not usable(value) else "other"


def run(form: Format, folder: Path, mutations: int, cuts: int, flips: int | None, first: int = 0):
    """→ (Counter of verdicts, how many of the damaged files can be told to be so, failures)."""
    reader = Reader(form, folder)
    counts, told, failures = collections.Counter(), 0, []
    for case in cases(form, reader.good, mutations, cuts, flips, first):
        verdict, said = reader.judge(case)
        counts[verdict] += 1
        told += case.told
        if verdict not in ("refused", "same", "other"):
            failures.append(f"{form.name}, {case.what}: {verdict} {said}".strip())
    return counts, told, failures
