"""What a row of the table is, and how rows are chosen by name."""

import dataclasses
import fnmatch
from collections.abc import Callable

__all__ = ["Case", "Row", "choose"]

TOLERANCE = 1e-3


@dataclasses.dataclass
class Case:
    """A row made ready: calls without arguments, each returning what it computed (a list of arrays).

    ours     our call, through the public API
    peers    library → variant (layout, mode) → call; the fastest variant stands for the library
    memory   side ("ours" or a library) → call, where memory is asked of another call than the timed
    check    what two sides' results have in common, to be compared; default: all of it
    """

    ours: Callable
    peers: dict = dataclasses.field(default_factory=dict)
    memory: dict = dataclasses.field(default_factory=dict)
    check: Callable = staticmethod(lambda results: results)

    def call(self, side, *, memory=False):
        """The call of one side; a library's first variant."""
        if memory and side in self.memory:
            return self.memory[side]
        return self.ours if side == "ours" else next(iter(self.peers[side].values()))


@dataclasses.dataclass(frozen=True)
class Row:
    """One comparison.

    name, topic, what, sizes     what is compared: ``topic`` heads a table, ``name`` is what the command takes
    setup      place → Case (a ``place.Place`` gives arrays of either library)
    libraries  whom it is beside
    targets    library → the largest ratio ours / theirs that is wanted
    limit      the largest value of ours that is wanted, in seconds or bytes, whoever is beside
    share      the smallest share of the measured peak that is wanted
    flops, moved    floating-point operations of the formula as written; bytes it must read and write
    kind       "time": calls timed in turns; "wall": calls that return seconds; "memory": bytes
    small      as ``setup`` with tiny sizes, for memory: loads code so that it is not counted
    tolerance  largest difference of the results, relative to their largest entry
    """

    name: str
    topic: str
    what: str
    sizes: str
    setup: Callable
    libraries: tuple = ("torch",)
    targets: dict = dataclasses.field(default_factory=dict)
    limit: float | None = None
    share: float | None = None
    flops: float | None = None
    moved: float | None = None
    kind: str = "time"
    device: str = "cpu"
    small: Callable | None = None
    tolerance: float = TOLERANCE

    def __post_init__(self):
        if self.kind not in ("time", "wall", "memory"):
            raise ValueError(f"row {self.name}: kind must be time, wall or memory, got {self.kind!r}")
        if self.flops is not None and self.moved is not None:
            raise ValueError(f"row {self.name}: give flops or moved, the one that bounds it")
        if self.share is not None and self.flops is None and self.moved is None:
            raise ValueError(f"row {self.name}: a share of what? give flops or moved")
        unknown = set(self.targets) - set(self.libraries)
        if unknown:
            raise ValueError(f"row {self.name}: a target beside {sorted(unknown)}, which is not compared")

    @property
    def unit(self):
        return "B" if self.kind == "memory" else "s"


def choose(rows, patterns):
    """The rows that any pattern names: a whole name, a glob, or a beginning; all without patterns.

    Errors     ValueError for a pattern that names no row
    """
    chosen = []
    for pattern in patterns:
        found = [r for r in rows if fnmatch.fnmatchcase(r.name, pattern) or r.name.startswith(pattern)]
        exact = [r for r in found if r.name == pattern]
        if not found:
            raise ValueError(f"no benchmark is named {pattern!r}; --list shows all names")
        chosen += exact or found
    return [r for r in rows if r in chosen] if patterns else list(rows)
