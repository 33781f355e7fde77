"""Made-up results for the tests of judging and writing: no measurement stands behind them."""

from benchmarks.run import _derive
from benchmarks.timing import Stats

MACHINE = {
    "cpu": "Some CPU, AVX2", "cores": 4, "threads": 4, "memory": 8_000_000_000, "system": "Linux 1",
    "versions": {"mmscratch": "0.1.0", "numpy": "2.0", "torch": None},
}  # fmt: skip


class Peaks:
    """100 GFLOP/s and 10 GB/s."""

    def of(self, row):
        return 100e9 if row.flops is not None else 10e9


def stats(*values):
    return vars(Stats.of(values))


def record(row, ours, error=None, disturbed=0, unsteady=(), **peers):
    """As ``measure_row`` would give it, for seconds (or bytes) of ours and of each peer."""
    made = {
        "name": row.name, "topic": row.topic, "what": row.what, "sizes": row.sizes, "kind": row.kind,
        "device": row.device, "unit": row.unit, "libraries": list(row.libraries),
        "targets": dict(row.targets), "limit": row.limit, "share_wanted": row.share, "flops": row.flops,
        "moved": row.moved, "ours": stats(ours), "ratio": {}, "rate": None, "share": None, "differs": {},
        "peers": {lib: {"variant": "", **stats(v), "others": {}} for lib, v in peers.items()},
        "disturbed": disturbed, "unsteady": list(unsteady), "bytes": {}, "error": error, "when": "2025-01-02",
    }  # fmt: skip
    _derive(row, made, Peaks())
    return made
