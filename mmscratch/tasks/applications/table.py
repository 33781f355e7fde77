"""Applications, each small and measured, with oracle and controls beside it: applications × seeds.

    mmscratch table applications --seeds 3 --json applications.json --figure docs/applications.png

recommendation   matrix factorisation, BPR and VBPR on users whose preferences are known; warm and cold items
tryon            thin-plate splines lay shirts on figures, judged against the true map (--tryon PNG draws
                 some)
content          the next view of a session, by a GRU and by attention over pictures and titles
medical          scans and reports: a grade that both tell, and where the lesion is
molecules        graphs and assays: what neither tells alone
health           vital signs and a note, with one of them missing

Product search by words, pictures, and pictures with a word is ``tasks.search.composed_table``, of a trained
run.

Means over the seeds, the lowest and the highest behind the first figure. Test data is of seeds of its own.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys

from ..captioning.table import summarise
from ..run import RunError, settings_from, write_json
from . import APPLICATIONS, application

__all__ = ["lines_of", "main", "table"]

PIXELS = ("error",)
"""Figures that are no shares."""


def table(name, seeds, settings):
    """{row: [figures of each seed]} of one application."""
    found = {}
    for seed in range(seeds):
        for row, figures in application(name).rows(seed, settings).items():
            found.setdefault(row, []).append(figures)
    return found


def lines_of(name, found):
    """The table of one application, as text."""
    module = application(name)
    lines = [f"\n{module.TITLE}", f"{'':32}" + "".join(f"{column:>21}" for column in module.FIGURES)]
    for row, figures in found.items():
        summary = summarise(figures)
        cells = []
        for column in module.FIGURES:
            if column not in summary:
                cells.append(f"{'–':>21}")
                continue
            shown = [f"{v:.2f}" if column in PIXELS else f"{100 * v:.1f}" for v in summary[column]]
            cells.append(f"{shown[0]} ({shown[1]}–{shown[2]})".rjust(21))
        lines.append(f"{row:32}" + "".join(cells))
    return "\n".join(lines)


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="mmscratch table applications", description="Applications, with oracle and controls."
    )
    parser.add_argument("--applications", nargs="+", default=list(APPLICATIONS), choices=APPLICATIONS,
                        metavar="NAME", help=f"default: {' '.join(APPLICATIONS)}")  # fmt: skip
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1 (default: 3)")
    parser.add_argument(
        "--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings, where one is named"
    )
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    parser.add_argument("--figure", metavar="PNG", help="an overview of all that was run")
    parser.add_argument("--tryon", metavar="PNG", help="figures in shirts, as each warp lays them")
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except (RunError, OSError) as error:
        print(f"table applications: {error}", file=sys.stderr)
        return 2


def _run(args):
    if args.seeds < 1:
        raise RunError("--seeds", f"expected at least 1, got {args.seeds}")
    if args.set and len(args.applications) != 1:
        raise RunError("--set", "expected one --applications NAME, whose settings they are")
    settings = {name: settings_from(application(name).SETTINGS, args.set) for name in args.applications}
    from . import figures

    if args.tryon:
        print(figures.try_on(args.tryon))
    record = {}
    for name, chosen in settings.items():
        found = table(name, args.seeds, chosen)
        record[name] = {"settings": dataclasses.asdict(chosen), "table": found}
        print(lines_of(name, found), flush=True)
        if args.json:
            write_json(args.json, record)
    if args.figure:
        print(figures.overview(args.figure, {name: one["table"] for name, one in record.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
