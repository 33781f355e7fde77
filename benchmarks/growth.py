"""Time and memory against length, batch, image size and database size, with the fitted exponent.

A point is a row like any other, so it is timed in turns with torch, and its memory is the peak of a process
of its own. In cost ≈ a · size^p the exponent p is the slope of log cost against log size.
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from mmscratch.search import HNSW

from . import memory, neighbours, run
from .case import Case, Row
from .rows import attention, recurrence, search, vgg
from .rows.convolution import step as convolve

__all__ = ["SERIES", "Series", "exponent", "measure", "points"]


@dataclasses.dataclass(frozen=True)
class Series:
    """name and title; what grows; its sizes, rising; place, size → Case, beside torch."""

    name: str
    title: str
    against: str
    sizes: tuple
    setup: Callable

    def rows(self):
        """A row a point."""
        small = functools.partial(self.setup, size=self.sizes[0])
        return [
            Row(
                f"growth/{self.name}/{size}", "Growth", self.title, f"{self.against} {size}",
                functools.partial(self.setup, size=size), small=small,
            )
            for size in self.sizes
        ]  # fmt: skip


def lstm(place, size):
    return recurrence.step(place, "LSTM", b=16, t=size, e=128, h=128)


def attend(place, size):
    return attention.attend(place, (1, 8, size, size, 64), masked=False, backward=True)


def picture(place, size):
    options = {"padding": 1}
    return convolve(place, (4, 32, size, size), (64, 32, 3, 3), options)


def batch(place, size):
    return vgg.forward(place, batch=size, whole=False, side=64)


def database(place, size):
    case = search.topk(place, n=size, queries=16)
    case.peers.pop("faiss", None)
    return case


def graph(place, size):
    """A thousand queries, ef_search 64: what a graph of neighbours costs as it grows."""
    built = HNSW(neighbours.D).build(neighbours.rows(size))
    return Case(lambda: list(built.search(neighbours.queries(), neighbours.K)))


SERIES = (
    Series("lstm", "LSTM step", "length", (8, 16, 32, 64, 128, 256), lstm),
    Series("attention", "attention step", "length", (64, 128, 256, 512, 1024), attend),
    Series("convolution", "3×3 convolution step", "image side", (16, 32, 64, 128, 256), picture),
    Series("vgg", "VGG16 features, 64×64", "batch", (1, 2, 4, 8, 16, 32), batch),
    Series("topk", "cosine top 10", "database", (10_000, 30_000, 100_000, 300_000), database),
    Series("hnsw", "HNSW top 10, 1,000 queries", "database", (2_000, 6_000, 20_000, 60_000), graph),
)


def points():
    """All points of all series, as rows."""
    return [row for series in SERIES for row in series.rows()]


def exponent(sizes, costs):
    """The slope of log cost against log size over the larger half (at least three points), or None."""
    pairs = [(s, c) for s, c in zip(sizes, costs, strict=True) if c > 0]
    pairs = pairs[-max(3, (len(pairs) + 1) // 2) :]
    if len({s for s, _ in pairs}) < 2:
        return None
    x, y = np.log(np.array(pairs, dtype=np.float64)).T
    return float(np.polyfit(x, y, 1)[0])


def measure(series, *, rounds=5, report=lambda row: None):
    """One series → {"against", "sizes", "sides": {side: {"seconds", "bytes" or None, both exponents}}, …}."""
    seconds, unsteady = {"ours": []}, []
    for row in series.rows():
        record = run.measure_row(row, rounds=rounds, budget=3.0)
        if record["error"] is not None:
            raise RuntimeError(f"{row.name}: {record['error']}")
        report(record)
        if not run.trusted(record):
            unsteady.append(row.sizes)
        seconds["ours"].append(record["ours"]["median"])
        for lib, peer in record["peers"].items():
            seconds.setdefault(lib, []).append(peer["median"])
    sides = {}
    for side, values in seconds.items():
        used = memory.measure([row.name for row in series.rows()], side)
        sides[side] = {
            "seconds": values,
            "bytes": used,
            "time_exponent": exponent(series.sizes, values),
            "memory_exponent": None if used is None else exponent(series.sizes, used),
        }
    return {
        "title": series.title, "against": series.against, "sizes": list(series.sizes), "sides": sides,
        "unsteady": unsteady,
    }  # fmt: skip
