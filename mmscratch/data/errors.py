"""The one exception of the data wing: a file that cannot be used, and why."""

from __future__ import annotations

import os
from pathlib import Path


class DataError(ValueError):
    """A file or folder that cannot be read as what it should be.

    `str(error)` is a single line "PATH: reason", ready to be shown to the person who named the path.
    """

    def __init__(self, path: str | os.PathLike, reason: str):
        self.path = Path(path)
        self.reason = " ".join(str(reason).split())
        super().__init__(f"{_one_line(os.fspath(path))}: {self.reason}")

    def __reduce__(self):
        return DataError, (self.path, self.reason)


def _one_line(path: str) -> str:
    """Control characters in a file name must not break the line; everything printable stays."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in path)
