"""The command line: ``python -m benchmarks [NAME…]``, from the repository's root."""

import argparse
import pathlib
import subprocess
import sys

__all__ = ["main"]

ROOT = pathlib.Path(__file__).resolve().parents[1]
RESULTS, BARS, GROWTH = ROOT / "benchmarks/RESULTS.md", ROOT / "docs/benchmark.png", ROOT / "docs/growth.png"


def build_parser():
    """All options, with examples."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Every hot path beside what a user would pick instead.",
        epilog="examples: python -m benchmarks 'conv*' lstm/   |   python -m benchmarks --check   |   "
        "python -m benchmarks growth --write",
    )
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="names, beginnings or globs; 'growth': cost against size")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="print the names and what they are")
    parser.add_argument("--check", action="store_true",
                        help="print targets; exit 1 if one is missed by more than 15 %%")  # fmt: skip
    parser.add_argument("--saved", action="store_true", help="measure nothing: take benchmarks/results.json")
    parser.add_argument("--write", action="store_true",
                        help="put the results into results.json, RESULTS.md and the pictures")  # fmt: skip
    parser.add_argument("--memory", action="store_true",
                        help="also measure the peak memory of every timed row (Linux)")  # fmt: skip
    parser.add_argument("--json", metavar="FILE", help="write this run's results there")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--rounds", type=int, default=7, metavar="N", help="of each row (default: 7)")
    parser.add_argument("--budget", type=float, default=15.0, metavar="SECONDS",
                        help="after which a row begins no round beyond the fifth (default: 15)")  # fmt: skip
    return parser


def main(arguments=None):
    """Run the command; the exit code: 0, 1 after a missed target with --check, 2 for a wrong argument."""
    args = build_parser().parse_args(arguments)
    try:
        return run(args)
    except (ValueError, OSError) as e:
        print(f"benchmarks: {e}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("benchmarks: interrupted", file=sys.stderr)
        return 130


def run(args):
    from . import place, store
    from .case import choose
    from .rows import every

    if args.rounds < 1:
        raise ValueError(f"--rounds: expected at least 1, got {args.rounds}")
    if "growth" in args.names:
        if args.names != ["growth"] and not set(args.names[1:]) <= _series_names():
            raise ValueError(f"growth: expected only names of series after it, of {sorted(_series_names())}")
        return grow(args, args.names[1:])
    rows = choose(every(args.device), args.names)
    if args.list:
        for row in rows:
            print(f"{row.name:37} {row.what}{', ' if row.sizes else ''}{row.sizes}")
        return 0
    if args.saved:
        return saved(args, rows, store.load())
    if args.device == "cuda" and place.gpu() is None:
        raise ValueError("--device cuda: no NVIDIA GPU can be used here, nothing was measured; "
                         "where there is one: pip install 'mmscratch[cuda]'")  # fmt: skip
    told = place.missing()
    if told:
        print(f"benchmarks: {told}", file=sys.stderr)
    return measured(args, rows)


def measured(args, rows):
    """Measure the rows, one line each; then what the options ask."""
    from . import machine, report, store
    from .place import Place
    from .run import add_memory, measure_row

    peaks = machine.Peaks(Place(args.device))
    records = []
    for row in rows:
        record = measure_row(row, peaks, rounds=args.rounds, budget=args.budget)
        records.append(record)
        print(report.line(record), flush=True)
    about = machine.describe(args.device)
    if args.memory:
        try:
            add_memory(records)
        except (RuntimeError, OSError, subprocess.SubprocessError) as e:  # times stay as they are
            print(f"memory was not measured: {e}", file=sys.stderr)
    found = {name: value for name, value in vars(peaks).items() if name in ("flops", "copy")}
    results = store.merged(store.empty(), args.device, about, peaks=found, records=records)
    if args.json:
        store.save(args.json, results)
    if args.write:
        write(store.merged(store.load(), args.device, about, peaks=found, records=records))
    return check(records) if args.check else 0


def saved(args, rows, results):
    """The same from what was measured before."""
    from . import report, store

    section = results[args.device]
    if section is None:
        raise ValueError(f"--saved: {store.FILE.name} holds no results for {args.device}")
    names = {row.name for row in rows}
    records = [r for name, r in section["rows"].items() if name in names]
    for record in records:
        print(report.line(record))
    if args.json:
        store.save(args.json, results)
    if args.write:
        write(results)
    missing = sorted(names - set(section["rows"]))
    if missing:
        print(f"not measured: {', '.join(missing)}")
    return max(check(records), int(bool(missing))) if args.check else 0


def check(records):
    """Print every target and how it stands; 1 if one is missed by more than 15 %, or a row failed."""
    from . import report
    from .run import judge

    units = {r["name"]: r["unit"] for r in records}
    verdicts = [v for r in records for v in judge(r)]
    print(f"\n{'row':37} {'beside':6} {'is':>9}  {'target':>10}")
    for v in verdicts:
        print(report.verdict_line(v, units[v.name]))
    for record in records:
        if record["error"] is not None:
            print(f"{record['name']}: {record['error']}")
    print(", ".join(f"{n} {state}" for state, n in report.counts(verdicts).items()))
    return int(any(v.bad for v in verdicts))


def write(results):
    """results.json, RESULTS.md and both pictures."""
    from mmscratch.data.files import write_whole

    from . import figures, report, store
    from .rows import every

    results = {**results, **{d: _in_order(results[d], every(d)) for d in ("cpu", "cuda") if results[d]}}
    store.save(store.FILE, results)
    write_whole(RESULTS, report.markdown(results).encode())
    BARS.parent.mkdir(exist_ok=True)
    cpu = results["cpu"]
    if cpu:
        figures.bars(list(cpu["rows"].values()), cpu["machine"], BARS)
        figures.growth_figure(cpu["growth"], GROWTH)


def _in_order(section, rows):
    """The section's rows in the order of the table; rows that are no more are left out."""
    kept = {row.name: section["rows"][row.name] for row in rows if row.name in section["rows"]}
    return {**section, "rows": kept}


def _series_names():
    from .growth import SERIES

    return {series.name for series in SERIES}


def grow(args, names):
    """Cost against size, for all series or those named."""
    from . import growth, machine, report, store

    chosen = [s for s in growth.SERIES if not names or s.name in names]
    if args.list:
        for series in chosen:
            print(f"{series.name:37} against {series.against}: {', '.join(map(str, series.sizes))}")
        return 0
    about, found = machine.describe(), {}
    for series in chosen:
        found[series.name] = growth.measure(series, report=lambda r: print(report.line(r), flush=True))
        for side, values in found[series.name]["sides"].items():
            time, space = values["time_exponent"], values["memory_exponent"]
            print(f"{series.name}, {side}: time ~ size^{time:.2f}, memory ~ size^{space or float('nan'):.2f}")
    results = store.merged(store.empty(), "cpu", about, growth=found)
    if args.json:
        store.save(args.json, results)
    if args.write:
        write(store.merged(store.load(), "cpu", about, growth=found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
