"""What two towers reach on the scenes world: settings × seeds, on every split.

    python -m mmscratch.tasks.retrieval.table --out runs/table
        --data scenes:train=12000,level=3,describe=full,count=3-5
        --vary loss=infonce loss=siglip loss=sum loss=hardest text=bow
    python -m mmscratch.tasks.retrieval.table --out runs/relations
        --data scenes:train=12000,val=400,level=2,relations=spatial
        --vary model=scan,pooling=mean,batch_size=64,steps=800,validate_every=400
               text=gru,bidirectional=true,scale_regions=yes,steps=1600,validate_every=400

Each run lies in a folder of its own under ``--out``: a table that was stopped goes on where it was. Figures
are of the weights that were best on validation; a test split is looked at once a run. Means over the seeds,
the lowest and the highest behind R@1; ceilings, chance and controls as ``judge.py`` has them.
"""

from __future__ import annotations

import argparse
import pathlib
import sys

from ...data.errors import DataError
from ...train import read_journal
from ..captioning.table import summarise
from ..run import RunError, settings_from, write_json
from .settings import RetrievalSettings
from .task import evaluate, train

__all__ = ["main"]

SPLITS = ("test-iid", "test-cogent")
COLUMNS = (
    "{a} R@1", "{b} R@1", "{a} R@5", "{b} R@5", "{a} R@10", "{b} R@10", "{a} median rank", "{b} median rank",
    "semantic: {a} R@1", "semantic: {b} R@1", "{a} R@1, before training", "{b} R@1, before training",
    "{a} R@1, shuffled pictures", "{b} R@1, shuffled pictures", "{a} R@1, chance", "{b} R@1, chance",
    "ceiling, truth: {a} R@1", "ceiling, truth: {b} R@1", "ceiling, reading order: {a} R@1",
    "ceiling, reading order: {b} R@1", "relation: true over reversed", "relation: true over swapped",
    "attention: pointing", "attention: pointing, chance", "attention: mass inside",
    "attention: mass inside, chance", "alarm: steps of training", "seconds of training",
)  # fmt: skip
"""Figures of ``evaluate`` that are lines of the table; {a} and {b} stand for the two directions."""


def run_of(folder, data, assignments, seed):
    """The trained run of these settings and this seed: found in its folder, gone on with, or begun."""
    name = "-".join(assignments).replace("/", "_") or "default"
    return train(data, folder / f"{name}-seed{seed}", seed, assignments, resume=True, progress=False)


def figures_of(run, split):
    """Figures of one run on one split, without MAP and NDCG, and how long its training took."""
    seconds = [r["seconds"] for r in read_journal(run.folder) if "seconds" in r]
    return evaluate(run, split=split, lists=False) | {"seconds of training": seconds[-1]}


def lines_of(title, split, summary):
    """The table of one row: a line a figure, its mean over the seeds."""
    ways = list(dict.fromkeys(name.split(" ")[0] for name in summary if "→" in name.split(" ")[0]))
    lines = [f"\n{title} · {split}"]
    for column in COLUMNS:
        name = column.format(a=ways[0], b=ways[1])
        if name not in summary:
            continue
        mean, low, high = summary[name]
        if "R@" in name or name.startswith(("relation", "attention")):
            lines.append(f"  {name:38} {100 * mean:6.2f}   ({100 * low:.2f} – {100 * high:.2f})")
        else:
            lines.append(f"  {name:38} {mean:6.1f}   ({low:.1f} – {high:.1f})")
    return "\n".join(dict.fromkeys(lines))


def main(arguments=None) -> int:
    """Run the command; the exit code: 0, or 2 for a bad option."""
    parser = argparse.ArgumentParser(
        prog="python -m mmscratch.tasks.retrieval.table", description="Two towers on the scenes world."
    )
    parser.add_argument("--data", required=True, metavar="SPEC", help="scenes:…, its level the captions'")
    parser.add_argument("--out", required=True, type=pathlib.Path, metavar="DIR", help="where the runs lie")
    parser.add_argument("--vary", nargs="+", default=[""], metavar="KEY=VALUE[,…]", help="a row each")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of all rows")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="seeds 0 … N − 1")
    parser.add_argument(
        "--splits",
        nargs="+",
        default=list(SPLITS),
        metavar="NAME",
        help="val alone while settings are chosen",
    )
    parser.add_argument("--json", metavar="FILE", help="all figures of all seeds")
    args = parser.parse_args(arguments)
    try:
        return _run(args)
    except (DataError, RunError, OSError) as error:
        print(f"retrieval.table: {error}", file=sys.stderr)
        return 2


def _run(args):
    if args.seeds < 1:
        raise RunError("--seeds", f"expected at least 1, got {args.seeds}")
    rows = [[*args.set, *filter(None, item.split(","))] for item in args.vary]
    for settings in rows:
        settings_from(RetrievalSettings, settings)  # a bad one is told before the first is trained
    record = {}
    for item, settings in zip(args.vary, rows, strict=True):
        runs = [run_of(args.out, args.data, settings, seed) for seed in range(args.seeds)]
        for split in args.splits:
            found = [figures_of(run, split) for run in runs]
            record.setdefault(item or "default", {})[split] = found
            print(lines_of(item or "default", split, summarise(found)), flush=True)
            if args.json:
                write_json(args.json, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
