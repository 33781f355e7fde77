"""What visual question answering reaches: settings × seeds, beside the controls; of the scenes, by family.

    python -m mmscratch.tasks.vqa.table --data easy-vqa:DIR --out runs/table --splits val
        --vary fusion=film fusion=concat fusion=product
    python -m mmscratch.tasks.vqa.table --data easy-vqa:DIR --out runs/table --splits test_even
    python -m mmscratch.tasks.vqa.table --out runs/table --seeds 1 --figure docs/vqa_families.png

Each run lies in a folder of its own under ``--out``: a table that was stopped goes on where it was. Figures
are of the weights that were best on validation; choose on val, look at a test split once.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import sys

from ...data.errors import DataError
from ...train import read_journal
from ..captioning.table import summarise
from ..run import RunError, settings_from, write_json
from .data import load
from .families import blind, claims, draw_families, family_table
from .settings import VQASettings
from .task import evaluate, train

__all__ = ["main"]

SCENES = "scenes:questions=24000"
SPLITS = "test-iid", "test-cogent", "test-count"
OBJECTS = "question=lstm", "encoder=detected", "hidden=64"
QUICK, SLOW = ("lr=0.003", "batch_size=128", "epochs=70"), ("lr=0.002", "batch_size=64", "epochs=70")
CELLS = "question=lstm", "hidden=64", "lr=0.002", "batch_size=64", "epochs=40"
MODELS = {
    "joint": ("model=joint", "fusion=product", *OBJECTS, *QUICK),
    "joint-flat": ("model=joint", "fusion=product", "pool=flat", "width=8", *CELLS),
    "film": ("model=film", *CELLS),
    "san": ("model=san", *OBJECTS, *QUICK),
    "glimpses": ("model=glimpses", *OBJECTS, *QUICK),
    "coattention": ("model=coattention", *OBJECTS, *SLOW),
    "relation": ("model=relation", *OBJECTS, *SLOW),
    "transformer": ("model=transformer", *OBJECTS, *SLOW),
    "supervised": (
        "model=word-glimpses", "supervision=1", "width=8", "hidden=64",
        "lr=0.004", "batch_size=64", "epochs=8",
    ),
    "program": ("model=program", "epochs=24", "batch_size=64"),
}  # fmt: skip
"""Models of the table of the scenes. Most of it is patience: all stay blind for some 5,000 steps."""
NO_ATTENTION = "joint", "joint-flat"
ATTENTION = "san", "glimpses", "coattention", "supervised"

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
        prog="python -m mmscratch.tasks.vqa.table", description="Answers to visual questions, by seeds."
    )
    parser.add_argument("--data", default=SCENES, metavar="SPEC",
                        help=f"easy-vqa:DIR, vqa:DIR or scenes:… (default: {SCENES})")  # fmt: skip
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="DIR", help="where the runs lie")
    parser.add_argument("--vary", nargs="+", metavar="KEY=VALUE[,…]",
                        help=f"a row each; of the scenes {', '.join(MODELS)} too (default)")  # fmt: skip
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all rows")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1")
    parser.add_argument("--splits", nargs="+", metavar="NAME", help="default: val; of the scenes, the tests")
    parser.add_argument("--families", action="store_true", help="a line for each kind of question too")
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    parser.add_argument("--figure", metavar="PNG", help="of the scenes: accuracy by kind of question")
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except (DataError, RunError, OSError) as error:
        print(f"vqa.table: {error}", file=sys.stderr)
        return 2


def _run(args):
    if args.seeds < 1:
        raise RunError("--seeds", f"expected at least 1, got {args.seeds}")
    of_scenes = args.data.startswith("scenes")
    if args.figure and not of_scenes:
        raise RunError("--figure", "is drawn of the scenes' kinds of questions alone")
    rows = {}
    for item in args.vary or (list(MODELS) if of_scenes else [""]):
        settings = list(MODELS[item]) if item in MODELS else list(filter(None, item.split(",")))
        title = item if item in MODELS else ",".join([*args.set, *settings]) or "default"
        rows[title] = [*settings, *args.set] if item in MODELS else [*args.set, *settings]
        settings_from(VQASettings, rows[title])  # a bad one is told before the first is trained
    print_of = _families if of_scenes else _rows
    return print_of(args, rows, args.splits or (list(SPLITS) if of_scenes else ["val"]))


def _rows(args, rows, splits):
    """A line a row and split, controls beside it."""
    head = "".join(f"{column:>{23 if column == 'accuracy' else 17}}" for column in COLUMNS)
    print(f"{'':30} {'split':12}{head}", flush=True)
    record = {}
    for title, settings in rows.items():
        runs = [run_of(args.out, args.data, settings, seed) for seed in range(args.seeds)]
        for split in splits:
            found = [evaluate(run, split=split) for run in runs]
            record.setdefault(title, {})[split] = found
            print(lines_of(title, split, found, args.families), flush=True)
            if args.json:
                write_json(args.json, record)
    return 0


def _families(args, rows, splits):
    """A table a split: a row a kind of question, a column a model, and what the literature claims of them."""
    record = {split: {} for split in splits}
    for title, settings in rows.items():
        runs = [run_of(args.out, args.data, settings, seed) for seed in range(args.seeds)]
        for split in splits:
            record[split][title] = [evaluate(run, split=split) for run in runs]
        seconds = [seconds_of(run) for run in runs]
        print(f"{title}: {', '.join(f'{s:.0f}' for s in seconds)} s of training", file=sys.stderr, flush=True)
        if args.json:
            write_json(args.json, record)
    drawn, trained = {}, load(args.data, "train")
    for split, models in record.items():
        checked = load(args.data, split)
        controls = blind(trained, checked)
        drawn[split] = models, controls
        print(family_table(split, models, controls, len(checked)), flush=True)
        print("\n".join(claims(models, len(checked), NO_ATTENTION, ATTENTION)), end="\n\n", flush=True)
    if args.figure:
        draw_families(args.figure, drawn)
    return 0


def seconds_of(run):
    """How long a run's training took."""
    return [r["seconds"] for r in read_journal(run.folder) if "seconds" in r][-1]


if __name__ == "__main__":
    sys.exit(main())
