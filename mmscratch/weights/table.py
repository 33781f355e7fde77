"""A file of weights as a table."""

from __future__ import annotations

import os

from .read import open_weights

__all__ = ["describe"]


def describe(path: str | os.PathLike) -> str:
    """Name, shape, dtype and numbers of each array, a line each; then the totals.

    Errors     DataError as ``open_weights``
    """
    entries = list(open_weights(path).values())
    rows = [(_clean(e.name), "×".join(map(str, e.shape)) or "()", e.dtype, f"{e.size:,}") for e in entries]
    rows.insert(0, ("name", "shape", "dtype", "parameters"))
    total = f"{sum(e.size for e in entries):,}"
    rows.append((f"total, {len(entries)} array{'s' * (len(entries) != 1)}", "", "", total))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [
        f"{n:{widths[0]}}  {s:{widths[1]}}  {d:{widths[2]}}  {p:>{widths[3]}}".rstrip() for n, s, d, p in rows
    ]
    lines.insert(1, "─" * (sum(widths) + 6))
    lines.insert(-1, lines[1])
    return "\n".join(lines)


def _clean(name):
    """A name from a foreign file may hold control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in name)
