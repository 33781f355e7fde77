"""Recall against speed, a line a method: ``python -m benchmarks.curve --out docs/search.png``.

Queries go in one batch of a thousand. All points are timed in turns, every round all of them; a point is the
median of its rounds. Building is not timed; ``--keep DIR`` saves built indices there, and finds them again.
"""

import argparse
import json
import time

import numpy as np

from mmscratch.data.files import write_whole
from mmscratch.search import recall

from .figures import _pyplot
from .neighbours import QUERIES, SIDES, D, K, N, queries, rows, truth
from .place import Place, threads

__all__ = ["draw", "main", "measure"]

STYLE = {
    "exact": ("#222222", "*"),
    "IndexFlatIP": ("#222222", "*"),
    "LSH": ("#8a8a3a", "v"),
    "IVF-PQ": ("#3b6fb6", "o"),
    "IVF-PQ 8 bits": ("#3b6fb6", "o"),
    "IVF-PQ 4 bits": ("#3f9fa8", "s"),
    "IVF-PQ 4 bits fast scan": ("#3f9fa8", "s"),
    "HNSW": ("#d0743c", "D"),
}


def measure(n=N, rounds=5, keep=None, faiss=None, report=print):
    """→ [{"library", "method", "points": [{"effort", "recall", "seconds": a query's}]}]."""
    rows(n), queries()
    lines, calls = [], {}
    for side in SIDES:
        if side.maker == "faiss" and faiss is None:
            continue
        index = side.index(n, keep, faiss)
        line = {"library": side.maker, "method": side.name, "points": []}
        for effort in side.efforts:
            call = side.search(index, effort)
            point = {"effort": effort, "recall": recall(call()[1], truth(n)), "times": []}
            calls[len(calls)] = call, point
            line["points"].append(point)
        lines.append(line)
        report(f"{side.maker} {side.name}: built")
    for _ in range(rounds):
        for call, point in calls.values():
            start = time.perf_counter()
            call()
            point["times"].append((time.perf_counter() - start) / QUERIES)
    for _, point in calls.values():
        point["seconds"] = float(np.median(point.pop("times")))
    for line in lines:
        report(f"{line['library']} {line['method']}")
        for p in line["points"]:
            report(f"  {p['effort']:5}   recall@{K} {p['recall']:.4f}   {1e6 * p['seconds']:9.1f} µs a query")
    return lines


def draw(lines, path, n, count):
    """Queries a second against 1 − recall, both on log axes: up and to the right is better."""
    plt = _pyplot()
    figure, axis = plt.subplots(figsize=(7.4, 5.0), dpi=130)
    for line in lines:
        colour, marker = STYLE[line["method"]]
        theirs = line["library"] == "faiss"
        miss = [max(1 - p["recall"], 1e-4) for p in line["points"]]
        axis.plot(
            miss, [1 / p["seconds"] for p in line["points"]], color=colour, marker=marker, lw=1.5,
            ms=9 if marker == "*" else 5, ls="--" if theirs else "-", mfc="white" if theirs else colour,
            label=f"{line['method']}, faiss" if theirs else line["method"],
        )  # fmt: skip
    axis.axvline(0.05, color="#999999", lw=0.8, ls=":")
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(1.1, 0.8e-4)
    ticks = (1, 0.5, 0.1, 0.05, 0.01, 1e-3, 1e-4)
    axis.set_xticks(ticks, ["0", ".5", ".9", ".95", ".99", ".999", "1"])
    axis.set_xticks([], [], minor=True)
    axis.set_xlabel(f"recall@{K} (the scale is of what is missed)")
    axis.set_ylabel("queries a second")
    axis.set_title(
        f"{n:,} vectors of {D} numbers, {QUERIES:,} queries in one batch, {count} thread{'s' * (count > 1)}",
        fontsize=10,
    )
    axis.grid(color="#e2e2e2", lw=0.6)
    axis.legend(fontsize=8, frameon=False, loc="lower left")
    figure.tight_layout()
    figure.savefig(path, metadata={"Software": None})
    plt.close(figure)


def main(arguments=None):
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.curve", description=__doc__.split("\n")[0])
    parser.add_argument("--out", default="docs/search.png", metavar="PNG")
    parser.add_argument("--json", metavar="FILE", help="write the points there too")
    parser.add_argument("--rows", type=int, default=N, metavar="N", help=f"of the database (default: {N})")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--keep", metavar="DIR", help="of built indices")
    args = parser.parse_args(arguments)
    lines = measure(args.rows, args.rounds, args.keep, Place().faiss)
    draw(lines, args.out, args.rows, threads())
    if args.json:
        write_whole(args.json, (json.dumps(lines, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
