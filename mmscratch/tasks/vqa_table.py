"""What visual question answering reaches: settings × seeds, beside the controls.

    python -m mmscratch.tasks.vqa_table --data easy-vqa:DIR --out runs/table --splits val
        --vary fusion=film fusion=concat fusion=product
    python -m mmscratch.tasks.vqa_table --data easy-vqa:DIR --out runs/table --splits test_even

Each run lies in a folder of its own under ``--out``: a table that was stopped goes on where it was. Figures
are of the weights that were best on validation; choose on val, look at a test split once.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys

from ..data.errors import DataError
from .caption_table import summarise
from .run import RunError, settings_from, write_json
from .vqa import VQASettings, evaluate, train

__all__ = ["main"]

COLUMNS = "accuracy", "majority", "question-only", "image-only", "shuffled images", "pair consistency"


def run_of(folder, data, assignments, seed):
    """The trained run of these settings and this seed: found in its folder, gone on with, or begun."""
    name = re.sub(r"[^\w.=-]+", "_", "-".join(assignments) or "default")
    return train(data, folder / f"{name}-seed{seed}", seed, assignments, resume=True, progress=False)


def lines_of(title, split, found, families=False):
    """A row: the mean over the seeds, of the accuracy the lowest and the highest too; then a line a type."""
    summary = summarise(found)
    cells = []
    for column in COLUMNS:
        if column not in summary:
            cells.append(f"{'–':>17}")
            continue
        mean, low, high = (100 * value for value in summary[column])
        spread = f"{mean:.2f} ({low:.2f}–{high:.2f})" if column == "accuracy" else f"{mean:.2f}"
        cells.append(f"{spread:>{23 if column == 'accuracy' else 17}}")
    lines = [f"{title:30} {split:12}" + "".join(cells)]
    if any("warning" in figures for figures in found):
        lines.append(f"{'':30} {'':12} not better than blind in at least one seed")
    for name, (mean, _, _) in summary.items() if families else ():
        if name.startswith("accuracy, ") and "interval" not in name:
            kind = name.removeprefix("accuracy, ")
            blind = summary[f"question-only, {kind}"][0]
            lines.append(f"  {kind:28} {'':12}{100 * mean:23.2f}{'':17}{100 * blind:17.2f}")
    return "\n".join(lines)


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.vqa_table", description="Answers to visual questions, by seeds."
    )
    parser.add_argument("--data", required=True, metavar="SPEC", help="easy-vqa:DIR, vqa:DIR or scenes:…")
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="DIR", help="where the runs lie")
    parser.add_argument("--vary", nargs="+", default=[""], metavar="KEY=VALUE[,…]", help="a row each")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all rows")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1")
    parser.add_argument("--splits", nargs="+", default=["val"], metavar="NAME", help="default: val")
    parser.add_argument("--families", action="store_true", help="a line for each kind of question too")
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except (DataError, RunError, OSError) as error:
        print(f"vqa_table: {error}", file=sys.stderr)
        return 2


def _run(args):
    if args.seeds < 1:
        raise RunError("--seeds", f"expected at least 1, got {args.seeds}")
    rows = [[*args.set, *filter(None, item.split(","))] for item in args.vary]
    for settings in rows:
        settings_from(VQASettings, settings)  # a bad one is told before the first is trained
    head = "".join(f"{column:>{23 if column == 'accuracy' else 17}}" for column in COLUMNS)
    print(f"{'':30} {'split':12}{head}", flush=True)
    record = {}
    for settings in rows:
        runs = [run_of(args.out, args.data, settings, seed) for seed in range(args.seeds)]
        for split in args.splits:
            found = [evaluate(run, split=split) for run in runs]
            title = ",".join(settings) or "default"
            record.setdefault(title, {})[split] = found
            print(lines_of(title, split, found, args.families), flush=True)
            if args.json:
                write_json(args.json, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
